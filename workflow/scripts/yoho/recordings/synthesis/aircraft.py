"""Aircraft: engines in the air."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from yoho.recordings.synthesis.car import engine
from yoho.recordings.synthesis.signals import (
    SOUND_SPEED,
    Sound,
    Take,
    band,
    blend,
    course,
    delayed,
    harmonics,
    linear,
    log_uniform,
    pass_by,
)


def jet(take: Take) -> np.ndarray:
    """Jet engine: the exhaust's mixing noise, broad about a few hundred Hz, and the fan's whine and buzz. (samples,)"""
    rng = take.rng
    peak = log_uniform(rng, 90, 800)
    roar = take.noise(band(peak, peak * 4, rng.uniform(-3, 0), 1)) * linear(take.wander(rng.uniform(1, 8), -3, 3))
    shaft = rng.uniform(50, 160) * take.wander(0.3, 0.98, 1.02)
    buzz = take.tone(shaft, harmonics(rng, 50, -4))
    whine = take.tone(shaft * rng.integers(18, 38), harmonics(rng, 3, -8))
    hiss = take.noise(band(1000, 12000, -3))
    return blend([roar, hiss, buzz, whine], [0, *rng.uniform([-25, -35, -28], [-3, -8, 0])])


def propeller(take: Take) -> np.ndarray:
    """One or two propellers on piston engines: blade-passing tone with harmonics, firing cylinders, wash. (samples,)"""
    rng = take.rng
    rpm, blades = rng.uniform(1500, 2700) * take.wander(0.4, 0.98, 1.02), rng.integers(2, 5)
    spectrum = harmonics(rng, 40, rng.uniform(-7, -3))
    layers, gains_db = [take.noise(band(150, 6000, rng.uniform(-6, -2)))], [rng.uniform(-16, 0)]
    for _ in range(rng.choice([1, 2], p=[0.65, 0.35])):
        speed = rpm * rng.uniform(0.985, 1.0)
        layers += [take.tone(speed / 60 * blades, spectrum), engine(take, speed)]
        gains_db += [0, rng.uniform(-14, 0)]
    return blend(layers, gains_db)


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
    return blend(layers, [0, *rng.uniform([-8, -25, -40], [6, -4, -12])])


def cabin(take: Take) -> np.ndarray:
    """Inside an airliner: the boundary layer's noise through the wall, fan tones, the hiss of the air. (samples,)"""
    rng = take.rng
    wall = take.noise(band(40, log_uniform(rng, 300, 2000), rng.uniform(-4, 0), 1))
    hiss = take.noise(band(800, 9000, -1))
    fan = take.tone(rng.uniform(70, 180) * take.wander(0.2, 0.995, 1.005), harmonics(rng, 6, -6))
    return blend([wall, hiss, fan], [0, *rng.uniform([-20, -20], [0, -2])])


def fly_over(take: Take, build: Sound, distance: float, speed: float) -> np.ndarray:
    """An aircraft overhead with its echo from the ground: a comb filter that follows the angle of sight. (samples,)"""
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
