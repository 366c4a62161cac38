"""Checks that an event is as frequent as its stated rate."""

import numpy as np
from scipy import stats


def band(runs, rate):
    """Bounds of the number of `runs` in which an event of this rate happens, with a probability of 99.8 %."""
    return stats.binom.ppf([0.001, 0.999], runs, rate)


def assert_rate(happened, rate):
    """Assert that an event, happened (runs,) bool, is about as frequent as its rate."""
    low, high = band(len(happened), rate)
    assert low <= np.sum(happened) <= high, f"{np.mean(happened):.4f} instead of {rate}"
