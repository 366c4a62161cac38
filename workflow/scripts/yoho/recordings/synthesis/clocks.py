"""Clocks: escapements, bells, cuckoos and beepers."""

from dataclasses import replace

import numpy as np

from yoho.recordings.synthesis.signals import Take, blend, harmonics, linear, log_uniform


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
    """Bell struck at `times` with `pitches`, (strokes,): inharmonic partials; high ones decay faster. (samples,)"""
    partials = np.array([0.5, 1, 1.19, 1.5, 2, 2.52, 2.98, 4.1, 5.4]) * take.rng.uniform(0.98, 1.02, 9)
    gains = take.rng.uniform(0.2, 1, 9) * partials ** -take.rng.uniform(0, 1.2)
    bells, which = np.unique(pitches, return_inverse=True)
    rings = take.ring(bells[:, None] * partials, decay / partials, gains, min(4 * decay, take.duration))
    return take.scatter(times, rings[which])


def striking(take: Take) -> np.ndarray:
    """A clock that strikes: it chimes, rings its alarm, calls like a cuckoo, or beeps. (samples,)"""
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
    return blend(layers, gains_db)
