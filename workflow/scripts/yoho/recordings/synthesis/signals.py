"""The building blocks of built-in sounds: levels, filters, `Take`, and sounds that move past a microphone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.random import Generator
from scipy import fft
from scipy.ndimage import map_coordinates

Gain = Callable[[np.ndarray], np.ndarray]  # a filter: its real or complex gain by frequency in Hz
Sound = Callable[["Take"], np.ndarray]  # makes (samples,) of one sound

TABLE = 1 << 15  # points in one period of a tone, a power of two; rounding errors are 60 dB below the 30th harmonic
SOUND_SPEED = 343.0  # m/s, in air of 20 °C


def linear(decibels):
    """Amplitude factor of a gain in dB."""
    return 10 ** (np.asarray(decibels) / 20)


def log_uniform(rng: Generator, low, high, size=None):
    """Draws between `low` and `high` whose logarithms are uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def rms(audio: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(audio))))


def blend(layers: list[np.ndarray], gains_db) -> np.ndarray:
    """Sum of layers, each brought to an RMS of 1 before its gain; silent layers stay silent. (samples,)"""
    gains = [linear(gain) / max(rms(layer), 1e-9) for layer, gain in zip(layers, gains_db, strict=True)]
    return sum(layer * np.float32(gain) for layer, gain in zip(layers, gains, strict=True))


def harmonics(rng: Generator, count: int, slope_db: float) -> np.ndarray:
    """Complex amplitudes of harmonics 1 to `count`: `slope_db` per octave, 4 dB of spread, random phases. (count,)"""
    gains_db = slope_db * np.log2(np.arange(1, count + 1)) + rng.normal(0, 4, count)
    return linear(gains_db) * np.exp(2j * np.pi * rng.random(count))


def band(low: float, high: float, slope_db: float = 0.0, order: int = 2) -> Gain:
    """Gain of a band from `low` to `high` Hz with Butterworth edges, tilted by `slope_db` per octave about 1 kHz."""

    def gain(frequency):
        edges = (1 + (low / frequency) ** (2 * order)) * (1 + (frequency / high) ** (2 * order))
        return linear(slope_db * np.log2(frequency / 1000)) / np.sqrt(edges)

    return gain


def resonances(centres, widths, gains) -> Gain:
    """Complex gain of damped resonators side by side, each with its centre and width in Hz and its gain."""

    def gain(frequency):
        frequency = frequency[:, None]
        damping = 1j * frequency * np.asarray(widths)
        return (np.asarray(gains) * damping / (np.square(centres) - frequency**2 + damping)).sum(axis=1)

    return gain


def air(distance: float) -> Gain:
    """Gain of `distance` metres of air: about -0.5 dB per 100 m at 1 kHz, -16 dB at 10 kHz."""
    return lambda frequency: linear(-0.005 * distance * (frequency / 1000) ** 1.5)


def sampled(gain: Gain, size: int, sample_rate: float) -> np.ndarray:
    """A filter at the frequencies of a transform of `size` samples, interpolated from a log grid. (size // 2 + 1,)"""
    grid = np.geomspace(5, sample_rate / 2, 1300)  # a hundredth of an octave
    return np.interp(fft.rfftfreq(size, 1 / sample_rate), grid, gain(grid)).astype(np.complex64)


@dataclass(frozen=True)
class Take:
    """What the parts of one recording share: its random generator, its length in seconds, its sample rate in Hz.

    The methods make the building blocks of its sounds, `(samples,)` unless stated otherwise.
    """

    rng: Generator
    duration: float
    sample_rate: float

    @property
    def samples(self) -> int:
        return int(self.duration * self.sample_rate)

    @cached_property
    def time(self) -> np.ndarray:
        return np.arange(self.samples) / self.sample_rate

    def wander(self, rate: float, low: float, high: float) -> np.ndarray:
        """Curve that wanders between `low` and `high` and turns `rate` times a second."""
        knots = self.rng.uniform(low, high, int(np.ceil(self.duration * rate)) + 2)
        return np.interp(self.time * rate + self.rng.random(), np.arange(len(knots)), knots).astype(np.float32)

    def beats(self, rate: float, jitter: float) -> np.ndarray:
        """Times of a beat of `rate` Hz whose intervals vary by the fraction `jitter`. (beats,)"""
        intervals = self.rng.normal(1, jitter, int(self.duration * rate * 1.5) + 4).clip(0.3) / rate
        times = np.cumsum(intervals) - self.rng.random() / rate
        return times[(times >= 0) & (times < self.duration)]

    def noise(self, gain: Gain) -> np.ndarray:
        """Gaussian noise through a filter, RMS 1, drawn as its spectrum."""
        size = fft.next_fast_len(self.samples, real=True)
        spectrum = self.rng.standard_normal(2 * (size // 2 + 1), dtype=np.float32).view(np.complex64)
        audio = fft.irfft(spectrum * sampled(gain, size, self.sample_rate), size)[: self.samples]
        return audio / rms(audio)

    def filtered(self, audio: np.ndarray, gain: Gain) -> np.ndarray:
        """Audio through a filter, (any length,)."""
        size = fft.next_fast_len(len(audio), real=True)
        spectrum = fft.rfft(audio.astype(np.float32), size) * sampled(gain, size, self.sample_rate)
        return fft.irfft(spectrum, size)[: len(audio)]

    def tone(self, frequency: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
        """Periodic sound whose fundamental follows `frequency`, (any length,), read from a table of one period.

        amplitudes: complex, of harmonics 1, 2, ...; harmonics above 0.45 sample rates are left out.
        """
        kept = amplitudes[: int(0.45 * self.sample_rate / frequency.max())]
        spectrum = np.zeros(TABLE // 2 + 1, complex)
        spectrum[1 : len(kept) + 1] = kept
        table = (fft.irfft(spectrum, TABLE) * (TABLE / 2)).astype(np.float32)
        phase = np.cumsum(frequency * (TABLE / self.sample_rate), dtype=np.float64) + self.rng.random() * TABLE
        return table[phase.astype(np.int64) & (TABLE - 1)]  # the phase modulo one period

    def ring(self, frequencies: np.ndarray, decays, gains: np.ndarray, seconds: float) -> np.ndarray:
        """Struck bodies: modes that decay to 1/e in `decays` seconds; all (bodies, modes). Returns (bodies, samples)"""
        time = (np.arange(max(1, int(seconds * self.sample_rate))) / self.sample_rate).astype(np.float32)
        gains = np.where(frequencies < 0.45 * self.sample_rate, gains, 0).astype(np.float32)
        rates = np.broadcast_to(1 / np.float32(decays), frequencies.shape)
        turns = np.float32(2 * np.pi * frequencies)
        return np.einsum("bm,bmt,bmt->bt", gains, np.exp(-rates[..., None] * time), np.sin(turns[..., None] * time))

    def scatter(self, times: np.ndarray, grains: np.ndarray) -> np.ndarray:
        """The sum of grains that start at `times`: one grain for each, (times, length), or one for all, (length,)."""
        grains = np.broadcast_to(grains, (len(times), np.shape(grains)[-1]))
        starts = np.floor(np.asarray(times) * self.sample_rate).astype(np.int64)
        inside = (starts >= 0) & (starts < self.samples)
        index = starts[inside, None] + np.arange(grains.shape[1])
        heard = np.bincount(index.ravel(), grains[inside].ravel(), self.samples + grains.shape[1])
        return heard[: self.samples].astype(np.float32)

    def notes(self, pitches, length: float, spectrum: np.ndarray) -> np.ndarray:
        """Steady notes of `length` seconds in a row, with soft edges: a pipe, a reed, a buzzer. (notes * length,)"""
        swell = np.sin(np.pi * np.linspace(0, 1, int(length * self.sample_rate))) ** 0.3
        return self.tone(np.repeat(pitches, len(swell)), spectrum) * np.tile(swell, len(pitches))


def delayed(source: np.ndarray, emitted: np.ndarray, sample_rate: float) -> np.ndarray:
    """A sound as it is heard if each sample was emitted at the time `emitted`, (samples,). Returns (samples,)."""
    return map_coordinates(source, emitted[None] * sample_rate, np.float32, order=3)


def course(time: np.ndarray, distance: float, speed: float, closest: float) -> tuple[np.ndarray, np.ndarray]:
    """When the sound that arrives at each `time` left a source on a straight line, and how far it went; (samples,).

    Solves c (time - emitted) = way(emitted), with way**2 = distance**2 + (speed (emitted - closest))**2. Ahead of the
    source, this raises the pitch by the factor 1 / (1 - speed / c).
    """
    since = time - closest
    spread = SOUND_SPEED**2 - speed**2
    root = np.sqrt((SOUND_SPEED * speed * since) ** 2 + spread * distance**2)
    emitted = (SOUND_SPEED**2 * since - root) / spread
    return emitted + closest, np.hypot(distance, speed * emitted)


def pass_by(take: Take, build: Sound, distance: float, speed: float, closest: float) -> np.ndarray:
    """A source that drives or flies past: Doppler shift, 1/r gain, and the absorption of highs by the air. (samples,)

    build: makes the source's own sound; distance: of the closest point, at which the gain is 1; speed: below that of
    sound, m/s; closest: the time at that point, which may be outside the recording.
    """
    emitted, way = course(take.time, distance, speed, closest)
    emitted -= emitted[0]
    near = delayed(build(replace(take, duration=emitted[-1] + 0.01)), emitted, take.sample_rate)
    far = take.filtered(near, air(way.max() - distance))
    share = (way - distance) / (way.max() - distance)
    return ((1 - share) * near + share * far) * (distance / way)
