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
the degrees of freedom of `joint_freedom` and `recording_freedom`. Two networks are compared by their differences on the
same seeds and recordings.

Of several quantities, such as the differences between all pairs of classes, the largest is large by chance. The
question whether all of them are near 0 is therefore answered by `p_largest_apart`, from deviates that all quantities
draw jointly (`deviates_of`, or `seed_deviates` if the recordings are held fixed).
"""

from typing import NamedTuple

import numpy as np
from scipy import stats
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
    """Mean of the seeds' scores or paired differences, (seeds,), on fixed recordings.

    The error of one seed is nan. Without any seed the value is nan too.
    """
    values = np.asarray(values, float)
    seeds = len(values)
    value = values.mean() if seeds else np.nan
    error = values.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
    return Estimate(float(value), float(error), max(seeds - 1, 0), seeds, 0)


def over_seeds_and_recordings(counts, score, strata, rng, replicates):
    """Mean over seeds of the score of all recordings; its error covers other seeds and other recordings.

    counts: (seeds, recordings, kinds), such as true positives and references; for a paired difference the kinds of
    both networks, one after the other. score: function from summed counts, (..., kinds), to scores, (...). strata:
    (recordings,), the class of each recording, see `resampling_weights`. replicates: number of resamples.

    With one seed, the error covers other recordings alone, for that seed. If every class has a single recording, or
    without any seed, the error is unknown (nan). Two seeds say little about the error due to seeds: see
    `joint_freedom`. Intervals are also too narrow if a few recordings hold most of the seconds.
    results/reference/first_study/README.md says by how much.
    """
    both = crossed(counts, score, strata, rng, replicates)
    seeds, recordings, _ = np.shape(counts)
    return Estimate(float(both.values), float(both.errors), float(both.freedoms), seeds, recordings)


def estimated(counts, score, strata, claims):
    """`over_seeds_and_recordings` with the `seed` and the `replicates` of the config's claims."""
    return over_seeds_and_recordings(counts, score, strata, np.random.default_rng(claims["seed"]), claims["replicates"])


class Crossed(NamedTuple):
    """Scores of crossed seeds and recordings, and what their variance is due to; `...`: the quantities, if several."""

    scores: np.ndarray  # (seeds, ...): of all recordings
    means: np.ndarray  # (replicates, ...): means over the seeds, as recordings are resampled
    parts: np.ndarray  # (2, ...): variances of the mean over seeds, due to seeds and to recordings
    freedoms: np.ndarray  # (...): degrees of freedom of their sum

    @property
    def values(self):
        """Means over the seeds, (...); nan without any seed."""
        return self.scores.mean(axis=0) if len(self.scores) else np.full(self.scores.shape[1:], np.nan)

    @property
    def errors(self):
        """Standard errors of the means over the seeds, (...); nan where they are unknown."""
        return np.sqrt(self.parts.sum(axis=0))


def crossed(counts, score, strata, rng, replicates):
    """`Crossed` scores: see `over_seeds_and_recordings`. The score may map (..., kinds) to (..., quantities)."""
    counts = np.asarray(counts, float)
    seeds, recordings, _ = counts.shape
    scores = score(counts.sum(axis=1))
    if not seeds or recordings == len(np.unique(strata)):
        unknown = np.full(scores.shape[1:], np.nan)
        return Crossed(scores, np.stack([unknown] * replicates), np.stack([unknown] * 2), np.zeros_like(unknown))
    weights = resampling_weights(strata, rng, replicates)
    resampled = score(np.tensordot(weights, counts, (1, 1)))  # (replicates, seeds, ...)
    means = resampled.mean(axis=1)
    of_seed, of_mean = resampled.var(axis=0, ddof=1).mean(axis=0), means.var(axis=0, ddof=1)
    freedom = recording_freedom(counts, score, strata)
    if seeds == 1:
        return Crossed(scores, means, np.stack([0 * of_mean, of_mean]), freedom)
    # The variance of a mean of S scores is (variance of a score + (S - 1) covariance of two scores) / S.
    between = (seeds * of_mean - of_seed) / (seeds - 1)
    parts = np.stack([scores.var(axis=0, ddof=1) / seeds, np.maximum(between, 0)])
    return Crossed(scores, means, parts, joint_freedom(parts, np.stack([np.full_like(freedom, seeds - 1), freedom])))


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


def recording_freedom(counts, score, strata):
    """Degrees of freedom, (...), of the variance due to recordings; arguments: see `over_seeds_and_recordings`.

    Each class of n recordings adds a variance that has n - 1 degrees of freedom. Satterthwaite's formula gives those of
    their sum, so that the recordings of a class that a quantity does not depend on do not count. The variance that a
    class adds comes from the changes of the mean score as one recording at a time gives way to the mean of its class.
    """
    _, members, numbers = np.unique(strata, return_inverse=True, return_counts=True)
    own = np.eye(len(numbers))[members]  # (recordings, classes)
    sums, class_means = counts.sum(axis=1, keepdims=True), (own / numbers).T @ counts  # (seeds, 1 or classes, kinds)
    changes = (score(sums - counts + class_means[:, members]) - score(sums)).mean(axis=0)
    freedoms = np.maximum(numbers - 1, 1)
    variances = np.tensordot(own * numbers / freedoms, changes**2, (0, 0))  # (classes, ...)
    total, squares = variances.sum(axis=0), np.tensordot(1 / freedoms, variances**2, 1)
    return np.divide(total**2, squares, out=np.full(total.shape, float(len(strata) - len(numbers))), where=squares > 0)


def joint_freedom(parts, freedoms):
    """Degrees of freedom, (...), of a sum of estimated variances, parts (terms, ...), each with its own freedoms.

    1 / freedom is the mean of 1 / freedoms, weighted by the parts. Satterthwaite's formula weights them by the squared
    parts. Its intervals are too narrow if a part with few degrees of freedom is small by chance:
    results/reference/first_study/README.md compares the two.
    """
    total, weighted = parts.sum(axis=0), (parts / freedoms).sum(axis=0)
    return np.divide(total, weighted, out=np.array(freedoms.min(axis=0), float), where=total > 0)


# ---- several quantities at once --------------------------------------------------------------------------------------


def seed_deviates(scores, rng, replicates):
    """As `deviates_of`, on fixed recordings, from the scores of the seeds: (seeds, quantities)."""
    scores = np.asarray(scores, float)
    seeds, quantities = scores.shape
    of_seeds = scores.var(axis=0, ddof=1) / seeds if seeds > 1 else np.full(quantities, np.nan)
    parts = np.stack([of_seeds, np.zeros(quantities)])
    fixed = Crossed(scores, np.zeros((replicates, quantities)), parts, np.full(quantities, max(seeds - 1, 0)))
    return deviates_of(fixed, rng)


def deviates_of(both, rng):
    """How far the quantities of `Crossed` scores may be from the truth by chance: values, errors and their deviates.

    values, errors: (quantities,). A deviate is the distance of an estimate from the truth in units of its error;
    deviates: (replicates, quantities). They share the resampled recordings and the weights of the seeds, so that they
    are correlated as the estimates are. A deviate is the sum of a part due to seeds and a part due to recordings, which
    have the variances `both.parts`, in units of the error. The part due to seeds gives each seed a normal weight,
    because few seeds that are drawn with replacement have only few different means. Dividing by the root of a chi-
    square variate per degree of freedom gives each deviate Student's distribution.

    Each quantity has a chi-square variate of its own, because its error is estimated from its own scores. A common
    variate, as in the multivariate t distribution, stands for a pooled error: with three seeds, it would find classes
    apart that are equal in 28 % of cases instead of 5 %.
    """
    replicates, seeds = len(both.means), len(both.scores)
    residuals = (both.scores - both.values) / np.sqrt(max(seeds * (seeds - 1), 1))
    due_to_seeds = rng.standard_normal((replicates, seeds)) @ residuals
    due_to_recordings = standardised(both.means) * np.sqrt(both.parts[1])
    freedoms = np.maximum(both.freedoms, 1)
    spread = np.sqrt(rng.chisquare(freedoms, both.means.shape) / freedoms)
    return both.values, both.errors, ratio(due_to_seeds + due_to_recordings, both.errors) / spread


def standardised(values):
    """Values, (replicates, quantities), with mean 0 and standard deviation 1, or 0 where they are constant."""
    return ratio(values - values.mean(axis=0), values.std(axis=0, ddof=1))


def ratio(values, units):
    """Values, (replicates, quantities), in units (quantities,), or 0 where the unit is 0."""
    return np.divide(values, units, out=np.zeros(values.shape), where=units != 0)


def p_largest_apart(values, errors, deviates, margin):
    """p-value of "all true values are within `margin` of 0", from `deviates_of`; nan if an error is unknown.

    It is the share of replicates in which the largest deviate, of either sign, reaches the largest distance of a value
    from the margin, in units of its error. The data count as a replicate (Phipson and Smyth, Statistical Applications
    in Genetics and Molecular Biology 9, 2010, article 39), so that the p-value is never 0.
    """
    if np.isnan(errors).any():
        return np.nan
    apart = np.maximum(np.abs(values) - margin, 0)
    largest = np.divide(apart, errors, out=np.where(apart > 0, np.inf, 0), where=errors > 0).max()
    return float((1 + np.sum(np.abs(deviates).max(axis=1) >= largest)) / (1 + len(deviates)))


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


def smallest_margin(estimate, level):
    """Margin above which `p_equivalent` is below `level`; nan if the error is unknown.

    It is the end of the interval with confidence 1 - 2 `level` that is farther from 0.
    """
    return float(np.max(np.abs(interval(estimate, 1 - 2 * level))))


def holm(p):
    """p-values adjusted by Holm's method, (tests,). A test without a p-value (nan) counts as a test and stays nan."""
    p = np.asarray(p, float)
    if not p.size:
        return p
    return np.where(np.isnan(p), np.nan, multipletests(np.nan_to_num(p, nan=1), method="holm")[1])
