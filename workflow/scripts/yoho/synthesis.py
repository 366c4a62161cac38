"""Built-in recordings: six classes of field sound, each built after how it arises.

A recording is a source (one of `GENERATORS`: rain and animals, engines on wheels, talkers, feet, escapements, engines
in the air) as a recorder hears it (`record`: distance, reverberation, background, microphone, automatic gain). Every
parameter of both is drawn per recording. The recorder is drawn alike for all classes and the level is set last, so
that neither loudness, nor length, nor the mean of any one frequency band tells the class.

Audio is mono, `(samples,)`. Times are in seconds, frequencies in Hz, distances in m, gains in dB where a name ends in
`_db` and linear elsewhere. All randomness comes from the numpy Generator that the caller passes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.random import Generator
from scipy import fft
from scipy.ndimage import map_coordinates, maximum_filter1d, uniform_filter1d
from scipy.signal import oaconvolve, resample_poly

SOUND_SPEED = 343.0  # m/s, in air of 20 °C
TABLE = 1 << 15  # points in one period of a tone, a power of two: rounding stays 60 dB below the 30th harmonic
CEILING = 0.98  # of full scale: the limiter keeps peaks below it
Gain = Callable[[np.ndarray], np.ndarray]  # a filter: its real or complex gain by frequency in Hz


# ---- numbers and filters ---------------------------------------------------------------------------------------------


def linear(decibels):
    """Amplitude factor of a gain in dB."""
    return 10 ** (np.asarray(decibels) / 20)


def log_uniform(rng: Generator, low, high, size=None):
    """Draws between `low` and `high`, uniform in the logarithm."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def rms(audio: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(audio))))


def mix(layers: list[np.ndarray], gains_db) -> np.ndarray:
    """Sum of layers, each brought to an RMS of 1 before its gain; silent layers stay silent. (samples,)"""
    gains = [linear(gain) / max(rms(layer), 1e-9) for layer, gain in zip(layers, gains_db, strict=True)]
    return sum(layer * np.float32(gain) for layer, gain in zip(layers, gains, strict=True))


def band(low: float, high: float, slope_db: float = 0.0, order: int = 2) -> Gain:
    """Gain of a band from `low` to `high` Hz, tilted by `slope_db` per octave about 1 kHz; edges as Butterworth's."""

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
    """Gain of so many metres of air: about -0.5 dB per 100 m at 1 kHz, -16 dB at 10 kHz."""
    return lambda frequency: linear(-0.005 * distance * (frequency / 1000) ** 1.5)


def sampled(gain: Gain, size: int, sample_rate: float) -> np.ndarray:
    """A filter at the frequencies of a transform of `size` samples, interpolated from a log grid. (size // 2 + 1,)"""
    grid = np.geomspace(5, sample_rate / 2, 1300)  # a hundredth of an octave
    return np.interp(fft.rfftfreq(size, 1 / sample_rate), grid, gain(grid)).astype(np.complex64)


def filtered(audio: np.ndarray, sample_rate: float, gain: Gain) -> np.ndarray:
    """Audio through a filter. (samples,)"""
    size = fft.next_fast_len(len(audio), real=True)
    spectrum = fft.rfft(audio.astype(np.float32), size) * sampled(gain, size, sample_rate)
    return fft.irfft(spectrum, size)[: len(audio)]


def harmonics(rng: Generator, count: int, slope_db: float) -> np.ndarray:
    """Complex amplitudes of harmonics 1 to `count`: `slope_db` per octave, 4 dB of spread, random phases. (count,)"""
    gains_db = slope_db * np.log2(np.arange(1, count + 1)) + rng.normal(0, 4, count)
    return linear(gains_db) * np.exp(2j * np.pi * rng.random(count))


# ---- makers of sound -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Take:
    """What the parts of one recording share: its randomness, its length in seconds, its sample rate in Hz.

    The methods make the sounds that everything else is built of, `(samples,)` unless they say otherwise.
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
        """Course that wanders between `low` and `high`, turning `rate` times a second."""
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

    def tone(self, frequency: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
        """Periodic sound whose fundamental follows `frequency`, (any length,), read from a table of one period.

        amplitudes: complex, of harmonics 1, 2, ...; those that would pass 0.45 sample rates are left out.
        """
        kept = amplitudes[: int(0.45 * self.sample_rate / frequency.max())]
        spectrum = np.zeros(TABLE // 2 + 1, complex)
        spectrum[1 : len(kept) + 1] = kept
        table = (fft.irfft(spectrum, TABLE) * (TABLE / 2)).astype(np.float32)
        phase = np.cumsum(frequency * (TABLE / self.sample_rate), dtype=np.float64) + self.rng.random() * TABLE
        return table[phase.astype(np.int64) & (TABLE - 1)]  # the phase modulo one period

    def ring(self, frequencies: np.ndarray, decays, gains: np.ndarray, seconds: float) -> np.ndarray:
        """Struck bodies: modes that die away by 1/e in `decays`; all of (bodies, modes). (bodies, seconds)"""
        time = (np.arange(max(1, int(seconds * self.sample_rate))) / self.sample_rate).astype(np.float32)
        gains = np.where(frequencies < 0.45 * self.sample_rate, gains, 0).astype(np.float32)
        rates = np.broadcast_to(1 / np.float32(decays), frequencies.shape)
        turns = np.float32(2 * np.pi * frequencies)
        return np.einsum("bm,bmt,bmt->bt", gains, np.exp(-rates[..., None] * time), np.sin(turns[..., None] * time))

    def scatter(self, times: np.ndarray, grains: np.ndarray) -> np.ndarray:
        """Grains added up where they start: one for each of `times`, (times, length), or one for all, (length,)."""
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


Source = Callable[[Take], np.ndarray]  # makes (samples,) of one sound


def delayed(source: np.ndarray, emitted: np.ndarray, sample_rate: float) -> np.ndarray:
    """Source as heard when what arrives at each sample left at the time `emitted`, (samples,). (samples,)"""
    return map_coordinates(source, emitted[None] * sample_rate, np.float32, order=3)


def course(time: np.ndarray, distance: float, speed: float, closest: float) -> tuple[np.ndarray, np.ndarray]:
    """When the sound left that arrives at each `time`, and how far it came, from a source on a straight line.

    Solves c (time - emitted) = way(emitted), where way**2 = distance**2 + (speed (emitted - closest))**2: the source
    has moved on since, which is what raises the pitch by 1 / (1 - speed / c) ahead of it. Both (samples,)
    """
    since = time - closest
    spread = SOUND_SPEED**2 - speed**2
    root = np.sqrt((SOUND_SPEED * speed * since) ** 2 + spread * distance**2)
    emitted = (SOUND_SPEED**2 * since - root) / spread
    return emitted + closest, np.hypot(distance, speed * emitted)


def pass_by(take: Take, build: Source, distance: float, speed: float, closest: float) -> np.ndarray:
    """A source driving or flying past: Doppler shift, 1/r gain, and the highs that the air keeps back on the way.

    build: makes the source's own sound; distance: of the closest point, where the gain is 1; speed: m/s, below that of
    sound; closest: the time at that point, which may lie outside the recording. (samples,)
    """
    emitted, way = course(take.time, distance, speed, closest)
    emitted -= emitted[0]
    near = delayed(build(replace(take, duration=emitted[-1] + 0.01)), emitted, take.sample_rate)
    far = filtered(near, take.sample_rate, air(way.max() - distance))
    share = (way - distance) / (way.max() - distance)
    return ((1 - share) * near + share * far) * (distance / way)


# ---- rainforest ------------------------------------------------------------------------------------------------------


def rain(take: Take) -> np.ndarray:
    """Rain on leaves: a Poisson shower of drops, each ringing briefly as its bubble or leaf does, over the hiss of the
    many too far to tell apart; slow heavy drips from the canopy. (samples,)"""
    rng = take.rng
    drops, drips = rng.poisson(take.duration * log_uniform(rng, [15, 0.5], [700, 8]))
    pitches = (log_uniform(rng, 900, 4000) * rng.lognormal(0, 0.5, (drops, 1))).clip(300, 12000)
    splashes = take.ring(pitches, 8 / pitches, rng.pareto(2.5, (drops, 1)).clip(0, 8), 0.006)
    shower = take.scatter(rng.uniform(0, take.duration, drops), splashes)
    pitches = log_uniform(rng, 200, 1800, (drips, 2))
    plops = take.ring(pitches, 20 / pitches, rng.exponential(1, (drips, 2)), 0.1)
    canopy = take.scatter(rng.uniform(0, take.duration, drips), plops)
    hiss = take.noise(band(log_uniform(rng, 80, 1500), 16000, rng.uniform(-4, 1))) * linear(take.wander(0.5, -4, 2))
    return mix([hiss, shower, canopy], [0, rng.uniform(-12, 8), rng.uniform(-25, 0)])


def stridulation(take: Take, carrier: float, pulse_rate: float) -> np.ndarray:
    """An insect or frog: a carrier sounds in pulses, tooth by tooth, and these come in chirps or a trill. (samples,)"""
    rng = take.rng
    pulses = 0.5 + 0.5 * take.tone(take.wander(3, 0.94, 1.06) * pulse_rate, np.ones(1))
    duty = rng.uniform(0.25, 1.1)  # above 1: a trill without end
    chirp = np.cumsum(take.wander(2, 0.8, 1.2)) * (log_uniform(rng, 0.5, 5) / take.sample_rate) % 1 / duty
    chirps = np.sin(np.pi * chirp.clip(0, 1)) ** 0.5 if duty < 1 else 1.0
    pitch = carrier * take.wander(log_uniform(rng, 0.3, 200), 0.97, 1.03)  # fast: a buzz; slow: a whistle
    return take.tone(pitch, harmonics(rng, 3, -12)) * pulses ** rng.uniform(1, 5) * chirps * take.wander(0.5, 0.3, 1)


def bird(take: Take) -> np.ndarray:
    """A bird that repeats its phrase with pauses: the syrinx sweeps its pitch, syllable by syllable. (samples,)"""
    rng = take.rng
    length, gap = log_uniform(rng, [0.05, 0.02], [0.4, 0.3])
    contours = rng.uniform(*np.sort(log_uniform(rng, 700, 6500, 2)), (rng.integers(1, 4), 4))  # its repertoire
    song = rng.integers(0, len(contours), rng.integers(1, 9))
    place = np.linspace(0, 1, int(length * take.sample_rate))
    trill = 1 + rng.choice([0, 0.04, 0.08]) * np.sin(2 * np.pi * rng.uniform(15, 60) * length * place)
    silence = np.zeros(int(gap * take.sample_rate))
    sweeps = [np.interp(place, np.linspace(0, 1, 4), contours[kind]) * trill for kind in song]
    pitch = np.concatenate([np.r_[sweep, silence + sweep[-1]] for sweep in sweeps])
    swell = np.concatenate([np.r_[np.sin(np.pi * place) ** 0.7 * rng.uniform(0.4, 1), silence] for _ in song])
    phrase = take.tone(pitch, harmonics(rng, 4, rng.uniform(-24, -9))) * swell
    period = min(len(song) * (length + gap) + log_uniform(rng, 0.3, 2.5), take.duration / 2)
    times = take.beats(1 / period, 0.2)
    return take.scatter(times, linear(rng.uniform(-8, 0, (len(times), 1))) * phrase)


def rainforest(take: Take) -> np.ndarray:
    """Rain, insects, birds and frogs; which of them sound, how many, and which leads, is drawn. (samples,)"""
    rng = take.rng

    def singer(low, high, slowest, fastest):
        return stridulation(take, *log_uniform(rng, [low, slowest], [min(high, 0.4 * take.sample_rate), fastest]))

    voices = {  # what makes one of a kind, how many there are at most, how often it is heard beside another lead
        "rain": (lambda: rain(take), 1, 0.4),
        "insects": (lambda: singer(2200, 9500, 12, 180), 3, 0.5),
        "birds": (lambda: bird(take), 4, 0.5),
        "frogs": (lambda: singer(250, 2500, 8, 60), 2, 0.2),
    }
    lead = rng.choice(list(voices), p=[0.35, 0.25, 0.25, 0.15])
    layers, gains_db = [], []
    for name, (voice, most, chance) in voices.items():
        heard = rng.integers(1, most + 1) if name == lead or rng.random() < chance else 0
        layers += [voice() for _ in range(heard)]
        gains_db += [*rng.uniform(*((-4, 0) if name == lead else (-24, -4)), heard)]
    return mix(layers, gains_db)


# ---- car -------------------------------------------------------------------------------------------------------------


def engine(take: Take, rpm: np.ndarray) -> np.ndarray:
    """Four-stroke engine turning at `rpm`, (samples,): its cylinders fire in turn, each once in two revolutions.

    Unequal cylinders give the half orders beside the firing order; exhaust and body resonate; the rush of intake and
    exhaust breathes with the firing. (samples,)
    """
    rng = take.rng
    cylinders = rng.choice([2, 3, 4, 4, 4, 6, 8])
    strengths = rng.normal(1, rng.uniform(0.03, 0.3), cylinders)
    order = np.arange(1, 1500)
    comb = fft.fft(strengths)[order % cylinders] * order ** rng.uniform(-1.3, -0.7)
    pulses = take.tone(rpm / 120, comb * np.exp(1j * rng.normal(0, rng.uniform(0.2, 2), len(order))))
    rush = take.noise(band(150, rng.uniform(1500, 9000), rng.uniform(-6, 0)))
    breath = rush * (1 + rng.uniform(0, 1) * pulses / rms(pulses)).clip(0)
    centres = log_uniform(rng, 60, 2500, 5)
    body = resonances(centres, centres * rng.uniform(0.15, 0.6, 5), linear(rng.uniform(-8, 10, 5)))
    return mix([filtered(pulses, take.sample_rate, lambda f: 0.4 + body(f)), breath], [0, rng.uniform(-25, -5)])


def rolling(take: Take) -> np.ndarray:
    """Tyres and wind: tread noise that peaks near 1 kHz, wind below it, spray above it on a wet road. (samples,)"""
    rng = take.rng
    centre = log_uniform(rng, 500, 1400)
    tread = resonances([centre, centre * 2.1], [centre, centre * 2], [1, 0.4])
    wind, spray = band(20, 4000, rng.uniform(-7, -4)), band(2000, 15000, -2)
    windy, wet = linear(rng.uniform([-15, -40], [3, -3]))
    return take.noise(lambda f: tread(f) + windy * wind(f) + wet * spray(f)) * linear(take.wander(1, -2, 2))


def gear_changes(take: Take) -> np.ndarray:
    """Engine speed of a car that pulls through its gears, lifts off and idles, again and again: rpm, (samples,)."""
    times, speeds = [0.0], [take.rng.uniform(700, 1000)]
    while times[-1] < take.duration:
        for gear in range(take.rng.integers(1, 5)):
            times += [times[-1] + 0.3, times[-1] + 0.3 + take.rng.uniform(0.5, 2.5) * (1 + 0.4 * gear)]
            speeds += [take.rng.uniform(1300, 2200), take.rng.uniform(2400, 5200)]
        times += [times[-1] + take.rng.uniform(0.8, 3), times[-1] + 3.5]
        speeds += [take.rng.uniform(800, 1800), take.rng.uniform(700, 1000)]
    return np.interp(take.time, times, speeds)


def traffic(take: Take) -> np.ndarray:
    """Cars that drive past, one every few seconds, each with its own engine, speed and lane. (samples,)"""
    rng = take.rng
    speed, distance = log_uniform(rng, [6, 3], [35, 25])

    def vehicle(drive):
        rpm = rng.uniform(1300, 3500) * drive.wander(0.7, 0.93, 1.07)
        tyres_db = rng.normal(30 * np.log10(speed / 17), 4)  # rolling noise grows with the cube of speed
        return mix([engine(drive, rpm), rolling(drive)], [0, tyres_db])

    times = np.r_[rng.uniform(0.2, 0.8) * take.duration, take.beats(1 / log_uniform(rng, 5, 15), 0.4)]
    lanes, speeds = distance * rng.uniform(0.8, 1.5, len(times)), speed * rng.uniform(0.8, 1.2, len(times))
    return sum(pass_by(take, vehicle, *way) for way in zip(lanes, speeds, times, strict=True))


def car(take: Take) -> np.ndarray:
    """A car idling, pulling through its gears, heard from inside, or passing by; at times a horn or the indicator's
    relay. (samples,)"""
    rng = take.rng
    scene = rng.choice(["passing", "idling", "pulling", "inside"], p=[0.4, 0.15, 0.25, 0.2])
    if scene == "passing":
        layers = [traffic(take)]
    elif scene == "idling":
        layers = [engine(take, rng.uniform(600, 1000) * take.wander(4, 0.97, 1.03))]
    elif scene == "pulling":
        rpm = gear_changes(take)
        layers = [mix([engine(take, rpm) * rpm**0.8, rolling(take)], [0, rng.uniform(-25, -3)])]
    else:
        rpm = rng.uniform(1400, 3500) * take.wander(0.4, 0.85, 1.15)
        through_doors = filtered(rolling(take), take.sample_rate, band(30, log_uniform(rng, 300, 4000), -2, 1))
        layers = [mix([engine(take, rpm), through_doors], [0, rng.uniform(-6, 8)])]
    if rng.random() < 0.15:  # two reeds a third apart
        pitch, length = rng.uniform(330, 480), rng.uniform(0.15, 0.9)
        reeds = [take.notes([pitch * ratio], length, harmonics(rng, 20, -3)) for ratio in (1, rng.uniform(1.18, 1.27))]
        times = rng.uniform(0, 0.7) * take.duration + np.arange(rng.integers(1, 4)) * (length + 0.15)
        layers.append(take.scatter(times, sum(reeds)))
    if scene in ("idling", "inside") and rng.random() < 0.3:  # on and off, 75 to 95 flashes a minute
        clicks = take.ring(log_uniform(rng, 900, 5000, (2, 4)), 0.004, rng.normal(0, 1, (2, 4)), 0.03)
        times = take.beats(rng.uniform(2.5, 3.2), 0.01)
        layers.append(take.scatter(times, clicks[np.arange(len(times)) % 2]))
    return mix(layers, [0, *rng.uniform(-15, -3, len(layers) - 1)])


# ---- crowds ----------------------------------------------------------------------------------------------------------


def talkers(take: Take, groups: list[tuple]) -> np.ndarray:
    """People who speak at once: glottal pulses with a pitch contour, gated by syllables, each syllable through a vowel.

    groups: how many people, range of their mean pitches (Hz), syllables a second, share of the time between phrases,
    gain in dB. A syllable picks one of `tracts` vocal tracts (four formants; short ones for high voices), so that all
    talkers together need one filter per tract. (samples,)
    """
    rng, tracts = take.rng, 8
    spoken = np.zeros((tracts, take.samples), np.float32)
    for pitches, rate, pause, gain_db in [group[1:] for group in groups for _ in range(group[0])]:
        pitch, pace = log_uniform(rng, *pitches), rate * rng.uniform(0.8, 1.25)
        onsets = np.r_[0, take.beats(pace, 0.3), take.duration]
        phrase = np.sin(2 * np.pi * (rng.uniform(0.2, 0.5) * onsets + rng.random())) > -np.cos(np.pi * pause)
        loudness = phrase * rng.uniform(0.3, 1, len(onsets)) * linear(gain_db) / log_uniform(rng, 1, 5)  # by distance
        knots = np.maximum.accumulate((onsets[:, None] + np.array([0, 0.25, 0.65, 0.95]) / pace).ravel())
        gate = np.interp(take.time, knots, np.outer(loudness, [0.05, 1, 0.7, 0.05]).ravel())
        contour = np.interp(take.time, onsets, pitch * rng.lognormal(0, 0.14, len(onsets)))
        glottis = take.tone(contour, np.arange(1, 150) ** rng.uniform(-1.3, -0.8))
        vowels = rng.integers(0, tracts // 2, len(onsets)) + (pitch > 165) * (tracts // 2)
        vowel = np.repeat(vowels, np.diff((np.r_[onsets, take.duration] * take.sample_rate).astype(int)))
        spoken[vowel[: take.samples], np.arange(take.samples)] += glottis * gate
    length = np.repeat([1.0, 0.85], tracts // 2)
    formants = rng.uniform([260, 850, 2300, 3300], [820, 2300, 3000, 3900], (tracts, 4)) / length[:, None]
    size = fft.next_fast_len(take.samples, real=True)
    vowels = [resonances(centres, 50 + 0.06 * centres, [1, 0.6, 0.35, 0.2]) for centres in formants]
    filters = [sampled(vowel, size, take.sample_rate) for vowel in vowels]
    heard = sum(fft.rfft(line, size) * gain for line, gain in zip(spoken, filters, strict=True))
    return fft.irfft(heard, size)[: take.samples]


def consonants(take: Take, rate: float) -> np.ndarray:
    """Fricatives of all talkers, `rate` a second: bursts of turbulence above 2.5 kHz. (samples,)"""
    times = take.rng.uniform(0, take.duration, take.rng.poisson(rate * take.duration))
    burst = np.hanning(int(take.rng.uniform(0.05, 0.12) * take.sample_rate))
    gate = take.scatter(times, np.outer(take.rng.exponential(1, len(times)), burst))
    return take.noise(band(take.rng.uniform(2500, 4500), 9000)) * gate


def applause(take: Take) -> np.ndarray:
    """Clapping hands: each person near their own rate, each clap a burst through the cavity of the palms. (samples,)"""
    rng, hands = take.rng, 16
    cavities = log_uniform(rng, 600, 2800, (hands, 1)) * rng.uniform(0.9, 4, (hands, 4))
    claps = take.ring(cavities, log_uniform(rng, 0.001, 0.005, (hands, 4)), rng.normal(0, 1, (hands, 4)), 0.015)
    times = [take.beats(rng.uniform(2.5, 5), 0.08) for _ in range(int(log_uniform(rng, 6, 60)))]
    nearness = np.concatenate([np.full(len(own), 1 / log_uniform(rng, 1, 8)) for own in times])
    return take.scatter(np.concatenate(times), claps[rng.integers(0, hands, len(nearness))] * nearness[:, None])


def crowds(take: Take) -> np.ndarray:
    """Babble of 8 to 56 talkers, near and far; laughs, shouts or applause at times. (samples,)"""
    rng = take.rng
    groups = [(rng.integers(4, 8), (85, 260), rng.uniform(3.5, 5.5), rng.uniform(0.2, 0.6), 0)]
    if rng.random() < 0.35:  # laughs: a breath in bursts, five a second
        groups.append((rng.integers(1, 3), (180, 450), rng.uniform(4.5, 6), 0.75, rng.uniform(0, 12)))
    if rng.random() < 0.3:  # shouts and cheers: long high vowels
        groups.append((rng.integers(1, 5), (220, 600), rng.uniform(0.8, 2), 0.6, rng.uniform(-3, 12)))
    factor = max(1, int(take.sample_rate) // 22050)  # voices end below 11 kHz: half the rate will do
    babble = talkers(Take(rng, take.duration + 0.01, take.sample_rate / factor), groups)
    for _ in range(rng.integers(1, 4)):  # those further back speak as the near ones do, at another time
        babble = babble + np.float32(linear(rng.uniform(-10, 2))) * np.roll(babble, rng.integers(len(babble)))
    layers = [resample_poly(babble, factor, 1)[: take.samples], consonants(take, log_uniform(rng, 8, 60))]
    gains_db = [0, rng.uniform(-30, -8)]
    if rng.random() < 0.3:
        layers.append(applause(take))
        gains_db.append(rng.uniform(-10, 14))
    return mix(layers, gains_db)


# ---- footsteps -------------------------------------------------------------------------------------------------------

# What a foot excites: modes of the ground (Hz, seconds to 1/e), grains that move under the sole (number in a step, Hz),
# and how loud the grains are beside the impact (dB)
SURFACES = {
    "wood": ((70, 900), (0.012, 0.06), (2, 15), (800, 4000), (-30, -15)),
    "concrete": ((150, 3500), (0.002, 0.012), (5, 40), (1500, 8000), (-25, -6)),
    "gravel": ((60, 300), (0.005, 0.02), (40, 200), (1200, 9000), (0, 15)),
    "leaves": ((60, 250), (0.004, 0.015), (60, 250), (2500, 14000), (3, 18)),
    "snow": ((60, 200), (0.005, 0.02), (100, 300), (300, 3500), (5, 18)),
    "grass": ((50, 180), (0.01, 0.03), (80, 300), (800, 9000), (0, 12)),
}


def gait(take: Take) -> tuple[np.ndarray, float]:
    """Times of footfalls, left and right in turn, with short halts, (steps,), and the time from heel to toe.

    A walk has 1.5 to 2.3 steps a second and rolls over the foot; a run has 2.3 to 3.2 and lands almost flat.
    """
    rng = take.rng
    walk, run = rng.uniform([1.5, 0.05], [2.3, 0.14]), rng.uniform([2.3, 0.015], [3.2, 0.04])
    cadence, roll = walk if rng.random() < 0.75 else run
    times = take.beats(cadence, rng.uniform(0.015, 0.06))
    times = times + rng.uniform(-0.06, 0.06) / cadence * (np.arange(len(times)) % 2)  # a slight limp
    halts = rng.uniform(0, take.duration, rng.poisson(take.duration / 15))
    return times[(np.abs(times[:, None] - halts) > rng.uniform(0.4, 1)).all(axis=1)], roll


def walker(take: Take, surface: str) -> np.ndarray:
    """One person: heel and toe strike the ground's modes, and grains shift while the foot rolls. (samples,)"""
    rng = take.rng
    modes, decays, grains, grain_pitches, crunch_db = SURFACES[surface]
    times, roll = gait(take)
    weight = rng.lognormal(0, 0.2, (len(times), 1))
    foot = np.arange(len(times)) % 2

    pitches = log_uniform(rng, *modes, (4, 9)) * np.array([[1], [1.05], [1.2], [1.25]])  # heels, then toes
    hardness = (pitches / modes[0]) ** -rng.uniform(0, 0.8)  # a soft sole does not excite the high modes
    strikes = take.ring(pitches, log_uniform(rng, *decays, (4, 9)), hardness * rng.normal(0, 1, (4, 9)), 0.25)
    toes = take.scatter(times + roll, weight * strikes[2 + foot])
    impact = take.scatter(times, weight * strikes[foot]) + rng.uniform(0.2, 0.9) * toes

    step = np.repeat(np.arange(len(times)), rng.poisson(log_uniform(rng, *grains), len(times)))
    shift = rng.gamma(rng.uniform(1, 2.5), rng.uniform(0.4, 0.8), len(step)) * roll
    pitches = log_uniform(rng, *grain_pitches, (len(step), 1))
    force = weight[step] * rng.pareto(2.5, pitches.shape).clip(0, 10)
    crumbs = take.ring(pitches, rng.uniform(3, 8) / pitches, force, 0.006)
    return mix([impact, take.scatter(times[step] + shift, crumbs)], [0, rng.uniform(*crunch_db)])


def footsteps(take: Take) -> np.ndarray:
    """One to three people walking or running over one surface, coming nearer or going away. (samples,)"""
    rng = take.rng
    surface = rng.choice(list(SURFACES))
    people = [walker(take, surface) for _ in range(rng.choice([1, 2, 3], p=[0.65, 0.2, 0.15]))]
    steps = mix(people, [0, *rng.uniform(-15, 0, len(people) - 1)])
    return steps * linear(np.linspace(*rng.uniform(-8, 0, 2), len(steps)))


# ---- clocks ----------------------------------------------------------------------------------------------------------


def ticking(take: Take, rate: float) -> np.ndarray:
    """Escapement that beats `rate` times a second: tick and tock in turn, each of two to four impacts within
    milliseconds (unlocking, impulse, drop) that ring wheels and plates, and through these the case. (samples,)"""
    rng = take.rng
    times = take.beats(rate, 0.002)
    side = np.arange(len(times)) % 2
    times = times + side * rng.uniform(-0.12, 0.12) / rate  # out of beat: the clock does not hang straight
    base = log_uniform(rng, 500, 3500) * (rate / 3) ** 0.4  # small movements tick faster and higher
    part = np.repeat([0, 1, 2], [24, 6, 4])  # wheels, plates, case
    pitches = log_uniform(rng, np.array([base, base, 120])[part], np.array([12 * base, 5 * base, 1200])[part])
    decays = log_uniform(rng, np.array([4e-4, 2e-3, 5e-3])[part], np.array([2e-3, 1e-2, 4e-2])[part])
    gains = rng.normal(0, 1, (2, len(part))) * linear(rng.uniform([-1, -12, -25], [1, 0, 0]))[part]
    strikes = take.ring(np.tile(pitches, (2, 1)), decays, gains, 0.15)
    lags = np.r_[0, rng.uniform(0.002, 0.025, rng.integers(1, 4))]
    weights = rng.uniform(0.2, 1, len(lags))[:, None, None] * rng.lognormal(0, 0.08, (len(lags), len(times), 1))
    return sum(take.scatter(times + lag, weight * strikes[side]) for lag, weight in zip(lags, weights, strict=True))


def bell(take: Take, times: np.ndarray, pitches: np.ndarray, decay: float) -> np.ndarray:
    """Bell struck at `times` with `pitches`, (strokes,): inharmonic partials, the high ones dying sooner. (samples,)"""
    partials = np.array([0.5, 1, 1.19, 1.5, 2, 2.52, 2.98, 4.1, 5.4]) * take.rng.uniform(0.98, 1.02, 9)
    gains = take.rng.uniform(0.2, 1, 9) * partials ** -take.rng.uniform(0, 1.2)
    bells, which = np.unique(pitches, return_inverse=True)
    rings = take.ring(bells[:, None] * partials, decay / partials, gains, min(4 * decay, take.duration))
    return take.scatter(times, rings[which])


def striking(take: Take) -> np.ndarray:
    """What a clock does at its hour: it chimes, rings its alarm, calls as a cuckoo, or beeps. (samples,)"""
    rng = take.rng
    way = rng.choice(["chime", "alarm", "cuckoo", "beeper"])
    start = rng.uniform(0, take.duration * 0.4)
    strokes = np.arange(rng.integers(2, 13))
    if way == "chime":
        melody = np.array([1, 1.125, 1.26, 0.75])[rng.integers(0, rng.choice([1, 4]), len(strokes))]
        times = start + strokes * rng.uniform(0.6, 2)
        return bell(take, times, log_uniform(rng, 200, 900) * melody, log_uniform(rng, 0.4, 1.5))
    if way == "alarm":  # a hammer between two bells
        times = start + replace(take, duration=rng.uniform(1.5, 6)).beats(rng.uniform(12, 28), 0.03)
        bells = log_uniform(rng, 1200, 3500) * np.array([1, rng.uniform(1, 1.2)])
        return bell(take, times, bells[np.arange(len(times)) % 2], log_uniform(rng, 0.05, 0.3))
    if way == "cuckoo":  # two pipes a third apart, blown by bellows
        pipes = rng.uniform(550, 800) / np.array([1, rng.choice([1.19, 1.26])])
        call = take.notes(pipes, rng.uniform(0.2, 0.35), harmonics(rng, 5, -18))
        return take.scatter(start + strokes * rng.uniform(1, 1.6), call)
    length = rng.uniform(0.04, 0.12)
    beep = take.notes(np.full(rng.integers(1, 5), rng.uniform(1800, 4200)), length, harmonics(rng, 8, -8))
    return take.scatter(start + strokes * rng.uniform(0.5, 1.2), beep)


def clocks(take: Take) -> np.ndarray:
    """One to four clocks, from the grandfather's one beat a second to a pocket watch's five; some strike. (samples,)"""
    rng = take.rng
    count = rng.choice([1, 2, 3, 4], p=[0.6, 0.2, 0.1, 0.1])
    layers = [ticking(take, log_uniform(rng, 1, 5)) for _ in range(count)]
    gains_db = [0, *rng.uniform(-12, 0, count - 1)]
    if rng.random() < 0.4:
        layers.append(striking(take))
        gains_db.append(rng.uniform(-8, 10))
    return mix(layers, gains_db)


# ---- aircraft --------------------------------------------------------------------------------------------------------


def jet(take: Take) -> np.ndarray:
    """Jet engine: the exhaust's mixing noise, broad about a few hundred Hz, and the fan's whine and buzz. (samples,)"""
    rng = take.rng
    peak = log_uniform(rng, 90, 800)
    roar = take.noise(band(peak, peak * 4, rng.uniform(-3, 0), 1)) * linear(take.wander(rng.uniform(1, 8), -3, 3))
    shaft = rng.uniform(50, 160) * take.wander(0.3, 0.98, 1.02)
    buzz = take.tone(shaft, harmonics(rng, 50, -4))
    whine = take.tone(shaft * rng.integers(18, 38), harmonics(rng, 3, -8))
    hiss = take.noise(band(1000, 12000, -3))
    return mix([roar, hiss, buzz, whine], [0, *rng.uniform([-25, -35, -28], [-3, -8, 0])])


def propeller(take: Take) -> np.ndarray:
    """Propellers on piston engines: blade-passing tone and harmonics, firing cylinders, wash; two beat against each
    other. (samples,)"""
    rng = take.rng
    rpm, blades = rng.uniform(1500, 2700) * take.wander(0.4, 0.98, 1.02), rng.integers(2, 5)
    spectrum = harmonics(rng, 40, rng.uniform(-7, -3))
    layers, gains_db = [take.noise(band(150, 6000, rng.uniform(-6, -2)))], [rng.uniform(-16, 0)]
    for _ in range(rng.choice([1, 2], p=[0.65, 0.35])):
        speed = rpm * rng.uniform(0.985, 1.0)
        layers += [take.tone(speed / 60 * blades, spectrum), engine(take, speed)]
        gains_db += [0, rng.uniform(-14, 0)]
    return mix(layers, gains_db)


def helicopter(take: Take) -> np.ndarray:
    """Helicopter: blades slap as each cuts the vortex of the one before, 10 to 28 times a second, and chop the rotor's
    noise; the tail rotor hums, the turbine whines. (samples,)"""
    rng = take.rng
    passing = rng.uniform(10, 28) * take.wander(0.3, 0.99, 1.01)
    orders = np.arange(1, 120)
    slap = take.tone(passing, np.exp(-orders / log_uniform(rng, 8, 60)) * orders**0.5)
    chop = uniform_filter1d(np.abs(slap) / np.abs(slap).max(), int(take.sample_rate / 150))
    rotor = take.noise(band(80, log_uniform(rng, 800, 6000), rng.uniform(-5, -1))) * (rng.uniform(0.03, 0.25) + chop)
    tail = take.tone(passing * rng.uniform(3.5, 6.5), harmonics(rng, 20, -5))
    turbine = take.tone(passing * rng.uniform(250, 450), harmonics(rng, 2, -10))
    layers = [slap * linear(take.wander(0.5, -6, 0)), rotor, tail, turbine]
    return mix(layers, [0, *rng.uniform([-8, -25, -40], [6, -4, -12])])


def cabin(take: Take) -> np.ndarray:
    """Inside an airliner: the boundary layer's noise through the wall, fan tones, the hiss of the air. (samples,)"""
    rng = take.rng
    wall = take.noise(band(40, log_uniform(rng, 300, 2000), rng.uniform(-4, 0), 1))
    hiss = take.noise(band(800, 9000, -1))
    fan = take.tone(rng.uniform(70, 180) * take.wander(0.2, 0.995, 1.005), harmonics(rng, 6, -6))
    return mix([wall, hiss, fan], [0, *rng.uniform([-20, -20], [0, -2])])


def fly_over(take: Take, build: Source, distance: float, speed: float) -> np.ndarray:
    """An aircraft overhead and its echo from the ground, whose lag falls with the angle of sight: a moving comb."""
    closest = take.rng.uniform(0, 1) * take.duration
    direct = pass_by(take, build, distance, speed, closest)
    _, way = course(take.time, distance, speed, closest)
    lag = 2 * take.rng.uniform(0.3, 3) * (distance / way) / SOUND_SPEED  # 2 h sin(angle) / c, microphone at height h
    return direct + take.rng.uniform(0.3, 0.9) * delayed(direct, take.time - lag, take.sample_rate)


def aircraft(take: Take) -> np.ndarray:
    """Jet, propeller plane or helicopter, overhead or running on the spot, or the cabin of an airliner. (samples,)"""
    rng = take.rng
    crafts = [(jet, 60, 160), (propeller, 35, 100), (helicopter, 20, 80), (cabin, 0, 0)]
    craft, slowest, fastest = crafts[rng.choice(4, p=[0.35, 0.27, 0.28, 0.1])]
    if craft is cabin or rng.random() < 0.2:
        return craft(take)
    speed = log_uniform(rng, slowest, fastest)
    return fly_over(take, craft, speed * log_uniform(rng, 0.8, 5), speed)  # the distance is 0.8 to 5 s of flight


GENERATORS: dict[str, Source] = {
    "rainforest": rainforest,
    "car": car,
    "crowds": crowds,
    "footsteps": footsteps,
    "clocks": clocks,
    "aircraft": aircraft,
}
CLASSES = tuple(GENERATORS)


# ---- the recorder ----------------------------------------------------------------------------------------------------


def reverberated(take: Take, audio: np.ndarray) -> np.ndarray:
    """Audio in a place between open ground and a hall: its echoes are noise that dies away, highs first. (samples,)"""
    rng = take.rng
    decay, wall = log_uniform(rng, 0.1, 1.8), rng.uniform(0.002, 0.03)  # to -60 dB; the first reflection
    time = np.arange(int(decay * take.sample_rate)) / take.sample_rate
    bright, dark = rng.standard_normal((2, len(time))) * 10 ** (-3 * time / np.array([[0.5 * decay], [decay]]))
    tail = bright + filtered(dark, take.sample_rate, band(60, 1500, 0, 1))
    echoes = np.r_[np.zeros(int(wall * take.sample_rate)), tail].astype(np.float32)
    wet = oaconvolve(audio, echoes)[: take.samples]
    return mix([audio, wet], [0, rng.uniform(-30, 2)])


def background(take: Take) -> np.ndarray:
    """What else a microphone hears: wind and far traffic in gusts, room tone, mains hum, stray knocks. (samples,)"""
    rng = take.rng
    low, high, turns = log_uniform(rng, [20, 2000, 0.2], [150, 20000, 3])
    wind = take.noise(band(low, high, rng.uniform(-8, 0))) * linear(take.wander(turns, -rng.uniform(1, 10), 0))
    centres = log_uniform(rng, 100, 6000, 3)
    room = take.noise(resonances(centres, centres * rng.uniform(0.3, 1.5, 3), np.ones(3)))
    mains = take.tone(np.full(take.samples, rng.choice([50.0, 60.0])), harmonics(rng, 20, rng.uniform(-8, -2)))
    knocks = rng.poisson(rng.choice([0, 0.1, 0.5]) * take.duration)
    modes = log_uniform(rng, 60, 2500, (knocks, 5))
    thuds = take.ring(modes, rng.uniform(5, 20) / modes, rng.normal(0, 1, modes.shape), 0.15)
    stray = take.scatter(rng.uniform(0, take.duration, knocks), thuds)
    return mix([wind, room, mains, stray], [0, *rng.uniform([-15, -45, -20], [6, -8, 0])])


def colouring(rng: Generator) -> Gain:
    """Filter of a microphone and recorder: a tilt, both ends of the band, and a few resonances."""
    edges = band(log_uniform(rng, 20, 250), log_uniform(rng, 5000, 30000), rng.normal(0, 1.2), rng.integers(1, 6))
    centres, widths, peaks_db = log_uniform(rng, 80, 12000, 4), rng.uniform(0.3, 1.2, 4), rng.normal(0, 3, 4)

    def gain(frequency):
        octaves = np.log2(frequency[:, None] / centres)
        return edges(frequency) * linear((peaks_db * np.exp(-((octaves / widths) ** 2))).sum(axis=1))

    return gain


def automatic_gain(audio: np.ndarray, window: int, strength: float) -> np.ndarray:
    """Audio evened out: its level over `window` samples is raised to the power 1 - `strength`, 0 to 1. (samples,)"""
    power = uniform_filter1d(uniform_filter1d(np.square(audio), window), window)
    return audio * (power + 1e-4 * power.max()) ** (-strength / 2)


def limited(audio: np.ndarray, sample_rate: float, level: float) -> np.ndarray:
    """Audio at `level` dBFS (RMS), its peaks held below full scale by a limiter that looks 2 ms ahead. (samples,)

    All blocks of 2 ms share one gain, but those whose peaks would pass full scale get less; the shared gain makes up
    for what these lose, so that impulsive sounds reach the level too.
    """
    block = int(0.002 * sample_rate)
    blocks = np.pad(audio, (0, -len(audio) % block)).reshape(-1, block)
    highest = CEILING / np.maximum(maximum_filter1d(np.abs(blocks).max(axis=1), 3), 1e-9)
    power = np.square(blocks).sum(axis=1) / len(audio)
    below, above = 0.0, highest.max()
    for _ in range(50):  # bisection
        shared = (below + above) / 2
        quiet = power @ np.square(np.minimum(shared, highest)) < linear(level) ** 2
        below, above = (shared, above) if quiet else (below, shared)
    centres = (np.arange(len(blocks)) + 0.5) * block
    held = audio * np.interp(np.arange(len(audio)), centres, np.minimum(shared, highest))
    return held - held.mean()  # less gain for peaks of one sign leaves an offset


def record(take: Take, event: np.ndarray, snr: float, level: float) -> np.ndarray:
    """A sound `snr` dB above its background as a field recorder keeps it, at `level` dBFS (RMS). (samples,)"""
    rng, sample_rate = take.rng, take.sample_rate
    heard = reverberated(take, filtered(event, sample_rate, air(log_uniform(rng, 1, 200))))
    place = mix([heard, background(take)], [0, -snr])
    floor = take.noise(band(20, 20000, rng.uniform(-3, 0)))
    taken = mix([filtered(place, sample_rate, colouring(rng)), floor], [0, rng.uniform(-70, -35)])
    window = int(log_uniform(rng, 0.1, 1.5) * sample_rate)
    taken = automatic_gain(taken, window, rng.uniform(0, 0.5) * rng.integers(2))
    return limited(taken, sample_rate, level)


def synthesise(
    event_label: str,
    rng: Generator,
    duration: tuple[float, float],
    level: tuple[float, float],
    snr: tuple[float, float],
    sample_rate: int,
) -> np.ndarray:
    """One recording of a class, mono float32 in [-1, 1], (samples,).

    event_label: one of `CLASSES`; duration: range of its length, s, 2 or more (drawn log-uniform); level: range of its
    RMS, dBFS (drawn uniform; up to -14 it is reached within 0.5 dB, by limiting peaks and never by clipping); snr:
    range of its power over the background's, dB (drawn uniform); sample_rate: Hz. Equal states of `rng` give equal
    samples. Raises ValueError for an unknown class.
    """
    if event_label not in GENERATORS:
        raise ValueError(f"no built-in sound for {event_label!r}: choose from {', '.join(GENERATORS)}")
    take = Take(rng, log_uniform(rng, *duration), sample_rate)
    return record(take, GENERATORS[event_label](take), rng.uniform(*snr), rng.uniform(*level)).astype(np.float32)
