"""Power of the equivalence tests: what a number of seeds can show. It is known before any training."""

from bisect import bisect_left

import numpy as np
import pandas as pd
from scipy import stats
from scipy.integrate import quad

COLUMNS = ["claim", "measure", "margin", "expected_deviation", "n_seeds", "power", "seeds_needed", "enough"]


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
    return pd.DataFrame(rows, columns=COLUMNS)
