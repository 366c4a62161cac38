"""Statistics behind a verdict: how certain is a score, or a difference of two scores, given few seeds and recordings?

There are two units of replication: the training seed, because training again gives another network, and the field
recording, because other recordings of the same classes give other scores. Mixes and seconds are not independent
samples, because the seconds in which one recording sounds tend to succeed and fail together. Every seed is tested on
the same recordings, so the two units are crossed:

    score of a seed on a recording = mean + seed effect + recording effect + interaction

`over_seeds` holds the recordings fixed: its estimate is about other trainings, tested on these very recordings.
`over_seeds_and_recordings` lets both vary. Its variance is that of the two-way random-effects analysis,

    variance of the mean = s^2 / S + max(c, 0) = (MS_seed + MS_recording - MS_interaction) / (S R)

(the second equality holds for a mean of S seeds on R recordings with c >= 0). Here s^2 is the variance between the
seeds' scores, which contains the seed effect and the interaction; c is the mean covariance between two seeds' scores
as the recordings are resampled, which contains only the recording effect. Intervals and p-values are Student's, with
the degrees of freedom of `joint_freedom`. Two networks are compared by their differences on the same seeds and
recordings.
"""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.integrate import quad
from statsmodels.stats.multitest import multipletests


class Estimate(NamedTuple):
    """A score, or a difference of scores, with its standard error, which is nan if it is unknown."""

    value: float
    error: float
    freedom: float  # degrees of freedom of the error
    seeds: int
    recordings: int  # 0 if the recordings are held fixed


# ---- estimates -------------------------------------------------------------------------------------------------------


def over_seeds(values):
    """Mean of the seeds' scores or paired differences, (seeds,), on fixed recordings; the error of one seed is nan."""
    values = np.asarray(values, float)
    seeds = len(values)
    error = values.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
    return Estimate(float(values.mean()), float(error), seeds - 1, seeds, 0)


def over_seeds_and_recordings(counts, score, strata, rng, replicates):
    """Mean over seeds of the score of all recordings; its error covers other seeds and other recordings.

    counts: (seeds, recordings, kinds), such as true positives and references; for a paired difference the kinds of
    both networks, one after the other. score: function from summed counts, (..., kinds), to scores, (...). strata:
    (recordings,), the class of each recording, see `resampling_weights`. replicates: number of resamples.

    With one seed, the error covers other recordings alone, for that seed. If every class has a single recording, the
    error is unknown (nan). Two seeds say little about the error due to seeds: see `joint_freedom`. Intervals are also
    too narrow if a few recordings hold most of the seconds. results/reference/study/README.md says by how much.
    """
    counts = np.asarray(counts, float)
    seeds, recordings, _ = counts.shape
    scores = score(counts.sum(axis=1))
    weights = resampling_weights(strata, rng, replicates)
    covariance = np.cov(score(np.tensordot(weights, counts, (1, 1))), rowvar=False).reshape(seeds, seeds)
    recording_freedom = recordings - len(np.unique(strata))
    if recording_freedom == 0:
        error, freedom = np.nan, 0
    elif seeds == 1:
        error, freedom = np.sqrt(covariance[0, 0]), recording_freedom
    else:
        between = (covariance.sum() - covariance.trace()) / (seeds * (seeds - 1))
        parts = np.array([scores.var(ddof=1) / seeds, max(between, 0)])
        error, freedom = np.sqrt(parts.sum()), joint_freedom(parts, np.array([seeds - 1, recording_freedom]))
    return Estimate(float(scores.mean()), float(error), float(freedom), seeds, recordings)


def resampling_weights(strata, rng, replicates):
    """Weights of recordings that are resampled within their class: (replicates, recordings).

    Of the n recordings of a class, n - 1 are drawn with replacement, each with the weight n / (n - 1). The classes
    keep their balance, and the variance of a sum is unbiased. The only recording of a class is always kept, as if
    other recordings of its class had the same score.
    """
    strata = np.asarray(strata)
    weights = np.ones((replicates, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        if n > 1:
            weights[:, members] = rng.multinomial(n - 1, np.full(n, 1 / n), replicates) * n / (n - 1)
    return weights


def joint_freedom(parts, freedoms):
    """Degrees of freedom of a sum of estimated variances; parts: the variances, freedoms: of each, (terms,).

    1 / freedom is the mean of 1 / freedoms, weighted by the parts. Satterthwaite's formula weights them by the squared
    parts. Its intervals are too narrow if a part with few degrees of freedom is small by chance:
    results/reference/study/README.md compares the two.
    """
    if not parts.any():
        return float(freedoms.min())
    return float(parts.sum() / (parts / freedoms).sum())


# ---- intervals and tests ---------------------------------------------------------------------------------------------


def interval(estimate, level):
    """Confidence interval (low, high) with confidence `level`; (nan, nan) if the error is unknown."""
    if np.isnan(estimate.error):
        return np.nan, np.nan
    if estimate.error == 0:
        return estimate.value, estimate.value
    half = float(stats.t.isf((1 - level) / 2, estimate.freedom)) * estimate.error
    return estimate.value - half, estimate.value + half


def p_above(estimate, margin):
    """One-sided p-value of "the true value is at most `margin`"; nan if the error is unknown."""
    if np.isnan(estimate.error):
        return np.nan
    if estimate.error == 0:
        return float(estimate.value <= margin)
    return float(stats.t.sf((estimate.value - margin) / estimate.error, estimate.freedom))


def p_difference(estimate):
    """Two-sided p-value of "the true value is 0"; nan if the error is unknown."""
    return float(np.minimum(2 * p_above(estimate._replace(value=abs(estimate.value)), 0), 1))


def p_equivalent(estimate, margin):
    """p-value of "the true value is at least `margin` from 0", by two one-sided tests; nan if the error is unknown."""
    negated = estimate._replace(value=-estimate.value)
    return float(np.maximum(p_above(estimate, -margin), p_above(negated, -margin)))


def holm(p):
    """p-values adjusted by Holm's method, (tests,). A test without a p-value (nan) counts as a test and stays nan."""
    p = np.asarray(p, float)
    if not p.size:
        return p
    return np.where(np.isnan(p), np.nan, multipletests(np.nan_to_num(p, nan=1), method="holm")[1])


# ---- power: what a number of seeds can show, known before any training -----------------------------------------------


def equivalence_power(margin, deviation, seeds, level):
    """Probability that `p_equivalent` of `over_seeds` is below `level` if two networks are truly equal.

    deviation: true standard deviation of the paired differences, in the unit of the margin. The result is exact for
    normal differences: equivalence is found if |mean| < margin - t s / sqrt(seeds), which is integrated over s.
    """
    if seeds < 2:
        return 0.0
    if deviation == 0:
        return float(margin > 0)
    spread = stats.chi(seeds - 1, scale=1 / np.sqrt(seeds - 1))  # of s / deviation
    t, reach = stats.t.isf(level, seeds - 1), margin * np.sqrt(seeds) / deviation
    low, high = spread.ppf(1e-10), min(spread.isf(1e-10), reach / t)
    if high <= low:
        return 0.0
    return float(quad(lambda s: (2 * stats.norm.cdf(reach - t * s) - 1) * spread.pdf(s), low, high)[0])


def seeds_needed(margin, deviation, level, power, most=1000):
    """Smallest number of seeds with an `equivalence_power` of at least `power`; nan if `most` seeds are too few."""
    numbers = range(2, most + 1)
    # Above 0.05, power grows with the number of seeds, so a binary search finds the smallest number.
    place = bisect_left(numbers, power, key=lambda seeds: equivalence_power(margin, deviation, seeds, level))
    return numbers[place] if place < len(numbers) else np.nan


def power_table(claims, seeds):
    """Table of the power of every equivalence test of the claims; seeds: {claim: number of seeds}.

    The power is that of a single test over seeds alone, for networks that are trained to the end. For a claim it is an
    upper bound, because several tests must be significant at once, over recordings as well.
    """
    margins = {"C1": {"f1": claims["C1"]["margin"]}, "C5": claims["C5"]["margin"], "C6": {"f1": claims["C6"]["margin"]}}
    rows = []
    for claim, measures in margins.items():
        for name, margin in measures.items():
            deviation = claims["expected_deviation"][name]
            power = equivalence_power(margin, deviation, seeds[claim], claims["level"])
            needed = seeds_needed(margin, deviation, claims["level"], claims["power"])
            rows.append([claim, name, margin, deviation, seeds[claim], power, needed, power >= claims["power"]])
    columns = ["claim", "measure", "margin", "expected_deviation", "n_seeds", "power", "seeds_needed", "enough"]
    return pd.DataFrame(rows, columns=columns)


# ---- learning curves -------------------------------------------------------------------------------------------------


def epochs_to_converge(f1, share):
    """First epoch, counted from 1, in which F1 (epochs,) reaches `share` of its maximum; nan if the maximum is 0."""
    f1 = np.asarray(f1, float)
    return int(np.argmax(f1 >= share * f1.max())) + 1 if f1.max() > 0 else np.nan


def is_trained(f1, floor, rise):
    """Whether F1 (epochs,) is high and flat at its end: bool.

    Over the last quarter of the epochs, its mean must be at least `floor`, and the straight line fitted to it must rise
    or fall by at most `rise`. With fewer than 8 epochs the answer is False.
    """
    f1 = np.asarray(f1, float)
    if len(f1) < 8:
        return False
    last = f1[-int(np.ceil(len(f1) / 4)) :]
    slope = np.polyfit(np.arange(len(last)), last, 1)[0]
    return bool(last.mean() >= floor and abs(slope) * (len(last) - 1) <= rise)
