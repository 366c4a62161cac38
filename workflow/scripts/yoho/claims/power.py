"""Power of the claims' tests: what a number of seeds can show, and deviations between finished seeds.

The power is that of a single test over seeds alone, for networks that are trained to the end. For a claim it is an
upper bound, because several tests must be significant at once, over recordings as well.
"""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.integrate import quad

COVERAGE = 0.8  # of the interval of a deviation

# ---- power -----------------------------------------------------------------------------------------------------------


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


def noninferiority_power(margin, deviation, seeds, level):
    """Probability that `p_above` of `over_seeds` for -`margin` is below `level` if two networks are truly equal.

    As `equivalence_power`, but with one one-sided test, whose statistic has the noncentral t distribution.
    """
    if seeds < 2:
        return 0.0
    if deviation == 0:
        return float(margin > 0)
    return float(stats.nct.sf(stats.t.isf(level, seeds - 1), seeds - 1, margin * np.sqrt(seeds) / deviation))


def seeds_needed(margin, deviation, level, power, power_of=equivalence_power, *, most=1000):
    """Smallest number of seeds with a power of at least `power`; nan if `most` seeds are too few.

    power_of: `equivalence_power` or `noninferiority_power`.
    """
    numbers = range(2, most + 1)
    # Above 0.05, power grows with the number of seeds, so a binary search finds the smallest number.
    place = bisect_left(numbers, power, key=lambda seeds: power_of(margin, deviation, seeds, level))
    return numbers[place] if place < len(numbers) else np.nan


# ---- deviations ------------------------------------------------------------------------------------------------------


class Deviation(NamedTuple):
    """A standard deviation between seeds and its interval with confidence `COVERAGE`; nan with too few seeds."""

    seeds: int
    value: float
    low: float
    high: float


def deviation_between(differences):
    """`Deviation` of paired differences, (seeds,), in their unit; it does not depend on their mean.

    The interval is exact for normal differences: (seeds - 1) s^2 / sigma^2 has a chi-square distribution.
    """
    differences = np.asarray(differences, float)
    seeds = len(differences)
    if seeds < 2:
        return Deviation(seeds, np.nan, np.nan, np.nan)
    value, tail = differences.std(ddof=1), (1 - COVERAGE) / 2
    low, high = value * np.sqrt((seeds - 1) / stats.chi2.isf([tail, 1 - tail], seeds - 1))
    return Deviation(seeds, float(value), float(low), float(high))


# ---- table -----------------------------------------------------------------------------------------------------------


def tests_of(claims):
    """Yield the tests that hold if networks are equal: claim, measure, margin and the function that gives the power.

    C3, C4 and C8 have margins too, but what they state depends on how far networks or classes truly are apart.
    """
    yield "C1", "f1", claims["C1"]["margin"], equivalence_power
    for claim in ("C5", "C6"):
        for measure, margin in claims[claim]["margin"].items():
            yield claim, measure, margin, equivalence_power
    yield "C7", "f1", claims["C7"]["margin"], noninferiority_power


def power_table(claims, seeds, differences):
    """Table of the power of `tests_of` the claims, and of the deviations between the seeds that are there.

    seeds: {claim: number of planned seeds}. differences: {(claim, measure): paired differences of the
    seeds, (seeds,)}; the deviation of one that is missing or empty is nan.
    """
    rows = []
    for claim, measure, margin, power_of in tests_of(claims):
        deviation, level = claims["expected_deviation"][measure], claims["level"]
        power = power_of(margin, deviation, seeds[claim], level)
        needed = seeds_needed(margin, deviation, level, claims["power"], power_of)
        row = [claim, measure, margin, deviation, seeds[claim], power, needed, power >= claims["power"]]
        rows.append([*row, *deviation_between(differences.get((claim, measure), []))])
    columns = ["claim", "measure", "margin", "expected_deviation", "n_seeds", "power", "seeds_needed", "enough"]
    return pd.DataFrame(rows, columns=[*columns, "seeds_there", "deviation", "low", "high"])
