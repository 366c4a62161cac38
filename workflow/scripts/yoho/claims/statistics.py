"""Statistics behind a verdict: how sure is a score, or a difference of two scores, given few seeds and recordings.

There are two units of replication. The training seed: another run of the same settings gives another network.
The field recording: other recordings of the same classes give other scores. A mix or a second is neither, as the
seconds that one recording sounds in succeed and fail together. Every seed is tested on the same recordings, so
that the two units are crossed:

    score of a seed on a recording = mean + seed effect + recording effect + interaction

`over_seeds` holds the recordings fixed: it speaks of other runs on these very recordings. `over_recordings` lets
both vary, and its variance is that of the two-way random-effects analysis,

    variance of the mean = s^2 / S + max(c, 0) = (MS_seed + MS_recording - MS_interaction) / (S R)

(the second equality for a mean of S seeds on R recordings with c >= 0), where s^2 is the variance between the
seeds' scores, which contains the seed effect and the interaction, and c is the mean covariance between two
seeds' scores as the recordings are resampled, which contains the recording effect alone. Intervals and p-values
are Student's, value +- t error, with the degrees of freedom of `joint_freedom`. Two networks are compared by
their paired difference: same seeds, same recordings.
"""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.integrate import quad
from statsmodels.stats.multitest import multipletests


class Estimate(NamedTuple):
    """A score or a difference of scores, and how sure it is. An `error` of nan: nothing is known of that."""

    value: float
    error: float  # standard error
    freedom: float  # degrees of freedom of that error
    seeds: int
    recordings: int  # 0 where the recordings are held fixed


# ---- estimates -------------------------------------------------------------------------------------------------------


def over_seeds(values):
    """Mean of one score, or one paired difference, per seed: values (seeds,). The recordings are held fixed.

    One seed has no error (nan).
    """
    values = np.asarray(values, float)
    seeds = len(values)
    error = values.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
    return Estimate(float(values.mean()), float(error), seeds - 1, seeds, 0)


def over_recordings(counts, score, strata, rng, replicates):
    """Mean over seeds of the score of all recordings, with the error due to both.

    counts: (seeds, recordings, kinds), such as hits, wanted, found and errors, and for a paired difference
    those of both networks one after the other; score: function of summed counts, (..., kinds) -> (...);
    strata: (recordings,) the class of each recording, see `resample`; replicates: how often to resample.
    One seed gives the error due to recordings alone, for that seed. Where every class has but one recording
    there is no error (nan). Two seeds tell little of the error due to seeds: see `joint_freedom`. A few
    recordings that hold most of the seconds tell little too: for 32 recordings whose lengths have a logarithm
    of standard deviation 1, an interval of 95 % held the truth in 92.5 % of cases; for lengths of 10 to 60 s, 94.5 %.
    """
    counts = np.asarray(counts, float)
    seeds, recordings, _ = counts.shape
    scores = score(counts.sum(axis=1))
    weights = resample(strata, rng, replicates)
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


def resample(strata, rng, replicates):
    """Weights of recordings resampled within their class: (replicates, recordings).

    Of the n recordings of a class n - 1 are drawn with replacement and weighted n / (n - 1): classes keep their
    balance, and the variance of a sum is unbiased. The only recording of a class always stays, as if other
    recordings of its class would score the same.
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
    """Degrees of freedom of a sum of estimated variances: parts (terms,), of freedoms (terms,).

    1 / freedom is the mean of 1 / freedoms weighted by the parts. Satterthwaite weighs by their squares, which
    is too bold for a part of few degrees of freedom that may come out small by chance. At worst, when most of
    the variance is due to the seeds, intervals of 95 % (99 %) on 40 recordings hold the truth in this share of
    cases; at best the former do in 96.5 %:

        seeds                 2              3              5              10
        these           90.9 (95.0) %  94.3 (98.0) %  95.0 (99.0) %  95.0 (99.0) %
        Satterthwaite's 87.5 (92.0) %  92.3 (96.6) %  94.2 (98.3) %  94.9 (98.9) %
    """
    if not parts.any():
        return float(freedoms.min())
    return float(parts.sum() / (parts / freedoms).sum())


# ---- intervals and tests ---------------------------------------------------------------------------------------------


def interval(estimate, level):
    """(low, high) that hold the true value with confidence `level`; (nan, nan) where there is no error."""
    if np.isnan(estimate.error):
        return np.nan, np.nan
    if estimate.error == 0:
        return estimate.value, estimate.value
    half = float(stats.t.isf((1 - level) / 2, estimate.freedom)) * estimate.error
    return estimate.value - half, estimate.value + half


def p_above(estimate, margin):
    """One-sided p-value of "the true value is at most `margin`"; nan where there is no error."""
    if np.isnan(estimate.error):
        return np.nan
    if estimate.error == 0:
        return float(estimate.value <= margin)
    return float(stats.t.sf((estimate.value - margin) / estimate.error, estimate.freedom))


def p_difference(estimate):
    """Two-sided p-value of "the true value is 0"; nan where there is no error."""
    return float(np.minimum(2 * p_above(estimate._replace(value=abs(estimate.value)), 0), 1))


def p_equivalent(estimate, margin):
    """p-value of "the true value is `margin` or more away from 0": two one-sided tests; nan where there is no error."""
    mirrored = estimate._replace(value=-estimate.value)
    return float(np.maximum(p_above(estimate, -margin), p_above(mirrored, -margin)))


def holm(p):
    """Holm's adjusted p-values: (tests,). A test without a p-value (nan) stays so, and still counts as a test."""
    p = np.asarray(p, float)
    if not p.size:
        return p
    return np.where(np.isnan(p), np.nan, multipletests(np.nan_to_num(p, nan=1), method="holm")[1])


# ---- how many seeds an equivalence takes -----------------------------------------------------------------------------


def equivalence_power(margin, deviation, seeds, level):
    """Probability that `p_equivalent` of `over_seeds` stays below `level` where two networks are truly equal.

    deviation: true standard deviation of the paired differences, in units of the margin. Exact for normal
    differences: equivalence is found where |mean| < margin - t s / sqrt(seeds), integrated over s.
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
    """Smallest number of seeds whose `equivalence_power` reaches `power`; nan where `most` seeds do not."""
    numbers = range(2, most + 1)
    # Power grows with the seeds wherever it is above 0.05, so that they can be searched by halves.
    found = bisect_left(numbers, power, key=lambda seeds: equivalence_power(margin, deviation, seeds, level))
    return numbers[found] if found < len(numbers) else np.nan


# ---- learning curves -------------------------------------------------------------------------------------------------


def epochs_to_converge(f1, share):
    """First epoch, from 1, at which a run's F1 (epochs,) reaches `share` of its own largest; nan where that is 0."""
    f1 = np.asarray(f1, float)
    return int(np.argmax(f1 >= share * f1.max())) + 1 if f1.max() > 0 else np.nan


def trained(f1, floor, rise):
    """Whether a run's F1 (epochs,) has become high and flat: bool.

    Over the last quarter of its epochs the mean is at least `floor`, and the straight line through them rises
    or falls by at most `rise`. Fewer than 8 epochs are too few to tell: False.
    """
    f1 = np.asarray(f1, float)
    if len(f1) < 8:
        return False
    last = f1[-int(np.ceil(len(f1) / 4)) :]
    slope = np.polyfit(np.arange(len(last)), last, 1)[0]
    return bool(last.mean() >= floor and abs(slope) * (len(last) - 1) <= rise)
