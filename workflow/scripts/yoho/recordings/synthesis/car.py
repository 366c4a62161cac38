"""Cars: engines on wheels."""

import numpy as np
from scipy import fft

from yoho.recordings.synthesis.signals import (
    Take,
    band,
    blend,
    harmonics,
    linear,
    log_uniform,
    pass_by,
    resonances,
    rms,
)


def engine(take: Take, rpm: np.ndarray) -> np.ndarray:
    """Four-stroke engine turning at `rpm`, (samples,): its cylinders fire in turn, each once in two revolutions.

    Unequal cylinders add half orders to the firing order; exhaust and body resonate; the rush of intake and exhaust
    breathes with the firing. (samples,)
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
    return blend([take.filtered(pulses, lambda f: 0.4 + body(f)), breath], [0, rng.uniform(-25, -5)])


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
        return blend([engine(drive, rpm), rolling(drive)], [0, tyres_db])

    times = np.r_[rng.uniform(0.2, 0.8) * take.duration, take.beats(1 / log_uniform(rng, 5, 15), 0.4)]
    lanes, speeds = distance * rng.uniform(0.8, 1.5, len(times)), speed * rng.uniform(0.8, 1.2, len(times))
    return sum(pass_by(take, vehicle, *way) for way in zip(lanes, speeds, times, strict=True))


def car(take: Take) -> np.ndarray:
    """Cars that pass, or one that idles, changes gears or is heard inside; at times horn or indicator. (samples,)"""
    rng = take.rng
    scene = rng.choice(["passing", "idling", "pulling", "inside"], p=[0.4, 0.15, 0.25, 0.2])
    if scene == "passing":
        layers = [traffic(take)]
    elif scene == "idling":
        layers = [engine(take, rng.uniform(600, 1000) * take.wander(4, 0.97, 1.03))]
    elif scene == "pulling":
        rpm = gear_changes(take)
        layers = [blend([engine(take, rpm) * rpm**0.8, rolling(take)], [0, rng.uniform(-25, -3)])]
    else:
        rpm = rng.uniform(1400, 3500) * take.wander(0.4, 0.85, 1.15)
        through_doors = take.filtered(rolling(take), band(30, log_uniform(rng, 300, 4000), -2, 1))
        layers = [blend([engine(take, rpm), through_doors], [0, rng.uniform(-6, 8)])]
    if rng.random() < 0.15:  # two reeds a third apart
        pitch, length = rng.uniform(330, 480), rng.uniform(0.15, 0.9)
        reeds = [take.notes([pitch * ratio], length, harmonics(rng, 20, -3)) for ratio in (1, rng.uniform(1.18, 1.27))]
        times = rng.uniform(0, 0.7) * take.duration + np.arange(rng.integers(1, 4)) * (length + 0.15)
        layers.append(take.scatter(times, sum(reeds)))
    if scene in ("idling", "inside") and rng.random() < 0.3:  # on and off, 75 to 95 flashes a minute
        clicks = take.ring(log_uniform(rng, 900, 5000, (2, 4)), 0.004, rng.normal(0, 1, (2, 4)), 0.03)
        times = take.beats(rng.uniform(2.5, 3.2), 0.01)
        layers.append(take.scatter(times, clicks[np.arange(len(times)) % 2]))
    return blend(layers, [0, *rng.uniform(-15, -3, len(layers) - 1)])
