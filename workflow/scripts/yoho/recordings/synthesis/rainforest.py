"""Rainforest: rain, insects, birds and frogs."""

import numpy as np

from yoho.recordings.synthesis.signals import Take, band, blend, harmonics, linear, log_uniform


def rain(take: Take) -> np.ndarray:
    """Rain on leaves: a Poisson shower of drops that ring briefly like a bubble or a leaf, the hiss of distant drops,
    and slow heavy drips from the canopy. (samples,)"""
    rng = take.rng
    drops, drips = rng.poisson(take.duration * log_uniform(rng, [15, 0.5], [700, 8]))
    pitches = (log_uniform(rng, 900, 4000) * rng.lognormal(0, 0.5, (drops, 1))).clip(300, 12000)
    splashes = take.ring(pitches, 8 / pitches, rng.pareto(2.5, (drops, 1)).clip(0, 8), 0.006)
    shower = take.scatter(rng.uniform(0, take.duration, drops), splashes)
    pitches = log_uniform(rng, 200, 1800, (drips, 2))
    plops = take.ring(pitches, 20 / pitches, rng.exponential(1, (drips, 2)), 0.1)
    canopy = take.scatter(rng.uniform(0, take.duration, drips), plops)
    hiss = take.noise(band(log_uniform(rng, 80, 1500), 16000, rng.uniform(-4, 1))) * linear(take.wander(0.5, -4, 2))
    return blend([hiss, shower, canopy], [0, rng.uniform(-12, 8), rng.uniform(-25, 0)])


def stridulation(take: Take, carrier: float, pulse_rate: float) -> np.ndarray:
    """An insect or frog: a carrier sounds in pulses, tooth by tooth, which form chirps or a trill. (samples,)"""
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
    """Rain, insects, birds and frogs, one of which leads; the kinds and numbers that sound are drawn. (samples,)"""
    rng = take.rng

    def singer(low, high, slowest, fastest):
        return stridulation(take, *log_uniform(rng, [low, slowest], [min(high, 0.4 * take.sample_rate), fastest]))

    voices = {  # function that makes one, largest number of them, probability that they sound without leading
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
    return blend(layers, gains_db)
