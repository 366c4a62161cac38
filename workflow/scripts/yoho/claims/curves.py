"""Learning curves: validation F1 against the number of training windows that a network has seen."""

import numpy as np

from yoho.claims.statistics import interval, over_seeds


def gain_per_doubling(f1, windows_seen, learning_rates):
    """Change of F1 if the number of windows seen is doubled, estimated from the end of a learning curve.

    All three arguments have one value per epoch. A lower learning rate makes any curve flat, so only epochs at the
    highest rate count, and of these the ones in the last half of the windows that were seen at it. The gain is the
    slope of the straight line that is fitted to F1 against log2(windows seen). Where a curve gains less with every
    doubling, as most do, the slope of the last doubling is more than the next one would bring. With fewer than 4 such
    epochs, as under a rate that falls in every epoch, the gain is nan.
    """
    f1, windows_seen, rates = (np.asarray(values, float) for values in (f1, windows_seen, learning_rates))
    at_full_rate = rates == rates.max()
    last = at_full_rate & (windows_seen > windows_seen[at_full_rate].max() / 2)
    if last.sum() < 4:
        return np.nan
    doublings = np.log2(windows_seen[last])
    doublings -= doublings.mean()
    return float(doublings @ f1[last] / (doublings @ doublings))


def gain_over_seeds(curves):
    """`Estimate` over seeds of `gain_per_doubling`; curves: a history per seed."""
    return over_seeds(
        [gain_per_doubling(curve["f1"], curve["windows_seen"], curve["learning_rate"]) for curve in curves]
    )


def trained(curves, floor, gain, level):
    """Whether networks, one history per seed, have learned, and would not change with more windows: yes, no or unclear.

    The answer is no if F1 ends below `floor` with any seed: such a network has learned nothing, and its curve is flat.
    Otherwise it is judged by the interval of `gain_over_seeds` with the coverage 1 - 2 `level`. The answer is yes if
    the whole interval lies within `gain` of 0, and no if it lies wholly outside. Otherwise, and if the interval is
    unknown, as with a single seed, it is unclear. A yes is therefore wrong with a probability of `level` at most.
    """
    if any(curve["f1"].iloc[-1] < floor for curve in curves):
        return "no"
    low, high = interval(gain_over_seeds(curves), 1 - 2 * level)
    if max(-low, high) <= gain:
        return "yes"
    return "no" if low > gain or high < -gain else "unclear"


def area_under_curve(f1, windows_seen):
    """Mean F1 over the windows seen, from the first to the last epoch, by trapezoids; nan with a single epoch."""
    f1, windows_seen = np.asarray(f1, float), np.asarray(windows_seen, float)
    if len(f1) < 2:
        return np.nan
    return float(np.trapezoid(f1, windows_seen) / (windows_seen[-1] - windows_seen[0]))
