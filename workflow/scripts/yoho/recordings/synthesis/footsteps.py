"""Footsteps on six surfaces."""

import numpy as np

from yoho.recordings.synthesis.signals import Take, blend, linear, log_uniform

# For each surface, the ranges of: pitches of the ground's modes (Hz), their decays to 1/e (s), grains that move under
# the sole in a step, pitches of the grains (Hz), and level of the grains relative to the impact (dB).
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
    return blend([impact, take.scatter(times[step] + shift, crumbs)], [0, rng.uniform(*crunch_db)])


def footsteps(take: Take) -> np.ndarray:
    """One to three people walking or running over one surface, coming nearer or going away. (samples,)"""
    rng = take.rng
    surface = rng.choice(list(SURFACES))
    people = [walker(take, surface) for _ in range(rng.choice([1, 2, 3], p=[0.65, 0.2, 0.15]))]
    steps = blend(people, [0, *rng.uniform(-15, 0, len(people) - 1)])
    return steps * linear(np.linspace(*rng.uniform(-8, 0, 2), len(steps)))
