"""Built-in recordings of six classes of field sound, each synthesised by a model of how it arises.

A recording is a sound (one of `GENERATORS`) as a field recorder captures it (`record`: distance, reverberation,
surroundings, microphone, automatic gain). Every parameter of both is drawn for each recording. The recorder is drawn in
the same way for all classes and the level is set last, so that neither the loudness, nor the length, nor the mean of
any one frequency band reveals the class.

In this package audio is mono, `(samples,)`. Times are in seconds, frequencies in Hz, distances in m, and gains in dB if
a name ends in `_db` and linear otherwise. All randomness comes from the numpy Generator that the caller passes.
"""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import oaconvolve

from yoho.recordings.synthesis.aircraft import aircraft
from yoho.recordings.synthesis.car import car
from yoho.recordings.synthesis.clocks import clocks
from yoho.recordings.synthesis.crowds import crowds
from yoho.recordings.synthesis.footsteps import footsteps
from yoho.recordings.synthesis.rainforest import rainforest
from yoho.recordings.synthesis.signals import Gain, Take, air, band, blend, harmonics, linear, log_uniform, resonances

GENERATORS = {sound.__name__: sound for sound in (rainforest, car, crowds, footsteps, clocks, aircraft)}
CLASSES = tuple(GENERATORS)
CEILING = 0.98  # of full scale: the limiter keeps peaks below it


def synthesise(event_label: str, rng: Generator, *, duration, level, snr, sample_rate) -> np.ndarray:
    """One recording of a class, mono float32 in [-1, 1], (samples,).

    event_label: one of `CLASSES`; duration: range of its length, s, 2 or more (drawn log-uniformly); level: range of
    its RMS, dBFS (drawn uniformly); snr: range of its power over that of its surroundings, dB (drawn uniformly).
    Levels up to -14 are reached within 0.5 dB by limiting peaks, without clipping. Equal states of `rng` give equal
    samples. Raises ValueError for an unknown class.
    """
    if event_label not in GENERATORS:
        raise ValueError(f"no built-in sound for {event_label!r}: choose from {', '.join(GENERATORS)}")
    take = Take(rng, log_uniform(rng, *duration), sample_rate)
    return record(take, GENERATORS[event_label](take), rng.uniform(*snr), rng.uniform(*level)).astype(np.float32)


def reverberated(take: Take, audio: np.ndarray) -> np.ndarray:
    """Audio in a place between open ground and a hall: its echoes are noise that decays, highs first. (samples,)"""
    rng = take.rng
    decay, wall = log_uniform(rng, 0.1, 1.8), rng.uniform(0.002, 0.03)  # s: decay to -60 dB, lag of the first echo
    time = np.arange(int(decay * take.sample_rate)) / take.sample_rate
    bright, dark = rng.standard_normal((2, len(time))) * 10 ** (-3 * time / np.array([[0.5 * decay], [decay]]))
    tail = bright + take.filtered(dark, band(60, 1500, 0, 1))
    echoes = np.r_[np.zeros(int(wall * take.sample_rate)), tail].astype(np.float32)
    wet = oaconvolve(audio, echoes)[: take.samples]
    return blend([audio, wet], [0, rng.uniform(-30, 2)])


def surroundings(take: Take) -> np.ndarray:
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
    return blend([wind, room, mains, stray], [0, *rng.uniform([-15, -45, -20], [6, -8, 0])])


def colouring(rng: Generator) -> Gain:
    """Filter of a microphone and recorder: a tilt, two band edges and a few resonances."""
    edges = band(log_uniform(rng, 20, 250), log_uniform(rng, 5000, 30000), rng.normal(0, 1.2), rng.integers(1, 6))
    centres, widths, peaks_db = log_uniform(rng, 80, 12000, 4), rng.uniform(0.3, 1.2, 4), rng.normal(0, 3, 4)

    def gain(frequency):
        octaves = np.log2(frequency[:, None] / centres)
        return edges(frequency) * linear((peaks_db * np.exp(-((octaves / widths) ** 2))).sum(axis=1))

    return gain


def automatic_gain(audio: np.ndarray, window: int, strength: float) -> np.ndarray:
    """Audio with a smaller dynamic range: its level over `window` samples to the power 1 - `strength`. (samples,)"""
    power = uniform_filter1d(uniform_filter1d(np.square(audio), window), window)
    return audio * (power + 1e-4 * power.max()) ** (-strength / 2)


def limited(audio: np.ndarray, sample_rate: float, level: float) -> np.ndarray:
    """Audio at `level` dBFS (RMS), its peaks held below full scale by a limiter that looks 2 ms ahead. (samples,)

    All blocks of 2 ms share one gain, except that those whose peaks would pass full scale get less. The shared gain
    makes up for that loss, so that impulsive sounds reach the level too.
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
    return held - held.mean()  # limiting peaks of one sign adds an offset


def record(take: Take, event: np.ndarray, snr: float, level: float) -> np.ndarray:
    """A sound `snr` dB above its surroundings as a field recorder captures it, at `level` dBFS (RMS). (samples,)"""
    rng, sample_rate = take.rng, take.sample_rate
    heard = reverberated(take, take.filtered(event, air(log_uniform(rng, 1, 200))))
    place = blend([heard, surroundings(take)], [0, -snr])
    floor = take.noise(band(20, 20000, rng.uniform(-3, 0)))
    taken = blend([take.filtered(place, colouring(rng)), floor], [0, rng.uniform(-70, -35)])
    window = int(log_uniform(rng, 0.1, 1.5) * sample_rate)
    taken = automatic_gain(taken, window, rng.uniform(0, 0.5) * rng.integers(2))
    return limited(taken, sample_rate, level)
