"""Crowds: talkers, laughs, shouts and applause."""

import numpy as np
from scipy import fft
from scipy.signal import resample_poly

from yoho.recordings.synthesis.signals import Take, band, blend, linear, log_uniform, resonances, sampled


def talkers(take: Take, groups: list[tuple]) -> np.ndarray:
    """People who speak at once: glottal pulses with a pitch contour, gated by syllables and filtered to vowels.

    groups: (number of people, range of their mean pitches in Hz, syllables a second, share of the time in pauses, gain
    in dB). A syllable picks one of `tracts` vocal tracts (four formants; short ones for high voices), so that all
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
    factor = max(1, int(take.sample_rate) // 22050)  # voices have nothing above 11 kHz, so a rate near 22 kHz will do
    babble = talkers(Take(rng, take.duration + 0.01, take.sample_rate / factor), groups)
    for _ in range(rng.integers(1, 4)):  # talkers further back repeat the near ones at another time
        babble = babble + np.float32(linear(rng.uniform(-10, 2))) * np.roll(babble, rng.integers(len(babble)))
    layers = [resample_poly(babble, factor, 1)[: take.samples], consonants(take, log_uniform(rng, 8, 60))]
    gains_db = [0, rng.uniform(-30, -8)]
    if rng.random() < 0.3:
        layers.append(applause(take))
        gains_db.append(rng.uniform(-10, 14))
    return blend(layers, gains_db)
