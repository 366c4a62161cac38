"""PSDS, the polyphonic sound detection score, and its ROC curve (PSD-ROC): a score of all thresholds at once.

The score is that of C. Bilen et al., ICASSP 2020 (doi 10.1109/ICASSP40776.2020.9052995), and its names are the paper's.
The curve has every distinct score as a threshold, as J. Ebbers et al. compute it, ICASSP 2022
(doi 10.1109/ICASSP43922.2022.9747556):

1. At a threshold, each run of cells whose scores reach it is a detection. All runs at all thresholds are found in one
   pass over the cells (`runs`), because a run at a lower threshold contains those at higher ones.
2. A detection is relevant if the true events of its class cover at least the share rho_DTC of it. Otherwise it is a
   false positive. A false positive is also a cross-trigger of another class if that class's events cover at least the
   share rho_CTTC of it. A true event is a true positive if relevant detections cover at least the share rho_GTC of it.
3. The curve of a class has its true positive rate, TPR, over its effective false positive rate, eFPR:
       TPR = true positives / true events
       eFPR = false positives / hours of audio + alpha_CT * mean over the other classes of (cross-triggers / hours of
              that class's true events)
   At an eFPR, a class has the highest TPR that any threshold reaches without more of it. The effective TPR there is the
   mean of the classes' TPR minus alpha_ST times their standard deviation, and at least 0.
4. PSDS is the area under the effective TPR up to e_max, divided by e_max.

A class without true events is left out of the means.
"""

from typing import NamedTuple

import numpy as np

DECIMALS = 6  # of the times, s, that are compared: float arithmetic must not decide whether a share is reached
MOST = 2**21  # operating points of resampled mixes that are computed at once


class Scenario(NamedTuple):
    """What makes a detection right and what it costs; see the module."""

    dtc: float  # rho_DTC
    gtc: float  # rho_GTC
    cttc: float  # rho_CTTC, without effect if alpha_ct is 0
    alpha_ct: float
    alpha_st: float
    e_max: float  # false positives per hour


class Detections(NamedTuple):
    """Detections at all thresholds. Each is found at every threshold that is at most `level` and above `until`."""

    file: np.ndarray  # (detections,), number of the file
    label: np.ndarray  # number of the class
    onset: np.ndarray  # s
    offset: np.ndarray  # s
    level: np.ndarray
    until: np.ndarray


class Truth(NamedTuple):
    """The true events, which do not overlap within a class, and the durations of the files."""

    file: np.ndarray  # (events,), number of the file
    label: np.ndarray  # number of the class
    onset: np.ndarray  # s
    offset: np.ndarray  # s
    durations: np.ndarray  # (files,), s
    classes: int


class Changes(NamedTuple):
    """How the counts of each file and class change as the threshold is lowered, and what they are divided by.

    The rows are sorted by class, and within a class from the highest threshold to the lowest.
    """

    file: np.ndarray  # (changes,)
    label: np.ndarray  # (changes,)
    threshold: np.ndarray  # (changes,)
    counts: np.ndarray  # (changes, 2 + classes): true positives, false positives, cross-triggers of each class
    events: np.ndarray  # (files, classes), number of true events
    hours: np.ndarray  # (files, classes), of true events
    durations: np.ndarray  # (files,), h


# ---- detections ------------------------------------------------------------------------------------------------------


def detections(files):
    """`Detections` from scores. files: pairs of the edges of a file's cells, (cells + 1,), s, and its scores,
    (cells, classes), in the order of the files.
    """
    parts = []
    for file, (edges, scores) in enumerate(files):
        for label, column in enumerate(np.asarray(scores).T):
            first, stop, level, until = runs(column)
            place = np.full(len(first), file), np.full(len(first), label)
            parts.append((*place, edges[first.astype(int)], edges[stop.astype(int)], level, until))
    return Detections(*map(np.concatenate, zip(*parts)))


def runs(scores):
    """The runs of cells that reach a threshold, at all thresholds: first cell, cell after the last, level, until.

    scores: (cells,), finite. A run that is the same at several thresholds appears once.
    """
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    found, open_runs = [], [(0, -np.inf)]  # those that go on, from the lowest level to the highest
    for cell, score in zip([*starts.tolist(), len(scores)], [*scores[starts].tolist(), -np.inf]):
        first = cell
        while open_runs[-1][1] > score:
            first, level = open_runs.pop()
            found.append((first, cell, level, max(open_runs[-1][1], score)))
        if open_runs[-1][1] < score:
            open_runs.append((first, score))
    return np.array(found, float).T


def listed_detections(tables, thresholds):
    """`Detections` from events that were found at a few thresholds.

    tables: for each threshold arrays file, label, onset and offset; thresholds: ascending. Events without length are no
    detections.
    """
    parts = []
    for table, level, until in zip(tables, thresholds, [-np.inf, *thresholds]):
        lasting = table[3] > table[2]
        levels = np.full((2, lasting.sum()), [[level], [until]], float)
        parts.append((*(column[lasting] for column in table), *levels))
    return Detections(*map(np.concatenate, zip(*parts)))


# ---- counts ----------------------------------------------------------------------------------------------------------


def changes(found, truth, scenario):
    """The `Changes` of the counts of `Detections` in a scenario."""
    files, classes = len(truth.durations), truth.classes
    lanes = found.file * classes + found.label
    order = np.argsort(lanes, kind="stable")
    empty = np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros((0, 2 + classes))
    parts = [empty]
    for rows in np.split(order, np.flatnonzero(np.diff(lanes[order])) + 1) if len(order) else []:
        lane = Detections(*(part[rows] for part in found))
        here = truth.file == lane.file[0]
        events = Truth(*(part[here] for part in truth[:4]), truth.durations, classes)
        thresholds, counts = lane_counts(lane, events, scenario)
        steps = np.diff(counts, axis=0, prepend=0)
        kept = steps.any(axis=1)
        place = np.full((kept.sum(), 2), [lane.file[0], lane.label[0]]).T
        parts.append((*place, thresholds[kept], steps[kept]))
    file, label, threshold, counts = map(np.concatenate, zip(*parts))
    order = np.lexsort((-threshold, label))
    events, hours = np.zeros((2, files, classes))
    np.add.at(events, (truth.file, truth.label), 1)
    np.add.at(hours, (truth.file, truth.label), (truth.offset - truth.onset) / 3600)
    return Changes(file[order], label[order], threshold[order], counts[order], events, hours, truth.durations / 3600)


def lane_counts(lane, events, scenario):
    """The counts of one class in one file at each threshold, from the highest on: thresholds, counts (see `Changes`).

    lane: the `Detections` there; events: the `Truth` of the file, with the events of all classes.
    """
    label, need = lane.label[0], np.round(scenario.gtc * (events.offset - events.onset), DECIMALS)
    overlap = np.minimum(lane.offset[:, None], events.offset) - np.maximum(lane.onset[:, None], events.onset)
    overlap = np.maximum(overlap, 0)  # (detections, events)
    covered = np.round(overlap @ np.eye(events.classes)[events.label], DECIMALS)  # (detections, classes)
    length = lane.offset - lane.onset
    relevant = covered[:, label] >= np.round(scenario.dtc * length, DECIMALS)
    crossing = ~relevant[:, None] & (covered >= np.round(scenario.cttc * length, DECIMALS)[:, None])
    crossing[:, label] = False
    own = events.label == label
    values = np.column_stack([~relevant, crossing, relevant[:, None] * overlap[:, own]])
    # A detection is added at its level, and taken away where another run contains it.
    thresholds = np.concatenate([lane.level, lane.until])
    order = np.argsort(-thresholds, kind="stable")
    thresholds, sums = thresholds[order], np.cumsum(np.concatenate([values, -values])[order], axis=0)
    last = np.append(thresholds[1:] < thresholds[:-1], True) & np.isfinite(thresholds)
    thresholds, sums = thresholds[last], sums[last]
    shares = np.round(sums[:, 1 + events.classes :], DECIMALS)
    return thresholds, np.column_stack([(shares >= need[own]).sum(axis=1), np.round(sums[:, : 1 + events.classes])])


# ---- curve and score -------------------------------------------------------------------------------------------------


def operating_points(counts, scenario, weights):
    """TPR and eFPR of each class at each threshold: both (resamples, points), and the points' classes, (points,).

    counts: `Changes`; weights: how often each file counts, (resamples, files).
    """
    file, label, classes = counts.file, counts.label, counts.events.shape[1]
    events = weights @ counts.events  # (resamples, classes)
    costs = counts.counts[:, 1] / (weights @ counts.durations)[:, None]  # (resamples, changes), per hour
    if scenario.alpha_ct:
        others = np.maximum((events > 0).sum(axis=1, keepdims=True) - 1, 1)
        per_hour = np.divide(1, weights @ counts.hours, out=np.zeros(events.shape), where=events > 0)
        costs += scenario.alpha_ct * (per_hour / others) @ counts.counts[:, 2:].T
    last = np.append((label[1:] != label[:-1]) | (counts.threshold[1:] != counts.threshold[:-1]), True)[: len(label)]
    rates, false_rates = [], []
    for number in range(classes):
        rows, ends = label == number, last[label == number]
        own = weights[:, file[rows]]
        found = np.cumsum(own * counts.counts[rows, 0], axis=1)[:, ends]
        rates.append(found / np.maximum(events[:, [number]], 1))
        false_rates.append(np.cumsum(own * costs[:, rows], axis=1)[:, ends])
    return np.concatenate(rates, axis=1), np.concatenate(false_rates, axis=1), label[last]


def effective_curves(counts, scenario, weights):
    """Effective TPR over eFPR: both (resamples, points), ascending in eFPR.

    The effective TPR holds from its eFPR up to the next one, and is 0 before the first. Thresholds whose eFPR is above
    e_max in all resamples are left out. Arguments as in `operating_points`.
    """
    rates, false_rates, label = operating_points(counts, scenario, weights)
    near = (false_rates <= scenario.e_max).any(axis=0)  # few thresholds, if the scores are good
    rates, false_rates, label = rates[:, near], false_rates[:, near], label[near]
    order = np.argsort(false_rates, axis=1, kind="stable")
    rates, false_rates = (np.take_along_axis(part, order, axis=1) for part in (rates, false_rates))
    sums = np.zeros((2, *rates.shape))
    for number in range(counts.events.shape[1]):
        best = np.maximum.accumulate(np.where(label[order] == number, rates, 0), axis=1)
        sums += best, best**2
    mean, square = sums / np.maximum((weights @ counts.events > 0).sum(axis=1, keepdims=True), 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return np.maximum(mean - scenario.alpha_st * deviation, 0), false_rates


def psds(counts, scenario, weights=None):
    """PSDS of each resample, (resamples,), or of all files, a number; nan without any true event.

    counts: `Changes`; weights: how often each file counts, (resamples, files).
    """
    if weights is None:
        return psds(counts, scenario, np.ones((1, len(counts.durations))))[0]
    rates, false_rates = effective_curves(counts, scenario, weights)
    reach = np.minimum(false_rates, scenario.e_max)
    widths = np.diff(reach, axis=1, append=np.full((len(reach), 1), scenario.e_max))
    area = (rates * widths).sum(axis=1) / scenario.e_max
    return np.where((weights @ counts.events).any(axis=1), area, np.nan)


def interval(counts, scenario, rng, replicates, level):
    """Interval of PSDS over resampled files with the confidence 1 - 2 `level`: (low, high).

    The files are drawn with replacement, `replicates` times. (nan, nan) if there is a single file or no true event.
    """
    files = len(counts.durations)
    if files == 1 or not counts.events.any():
        return np.nan, np.nan
    weights = rng.multinomial(files, np.full(files, 1 / files), size=replicates)
    parts = np.array_split(weights, min(replicates, 1 + replicates * len(counts.label) // MOST))
    values = np.concatenate([psds(counts, scenario, part) for part in parts])
    return tuple(np.quantile(values[~np.isnan(values)], [level, 1 - level]))


def curves(counts, scenario):
    """Yield the corners of the effective curve, and then of each class's curve: pairs (eFPR, TPR), from 0 to e_max.

    From each corner on, the curve has the corner's TPR. Only the last corner may have the TPR of the one before it.
    """
    whole = np.ones((1, len(counts.durations)))
    (rates,), (false_rates,), label = operating_points(counts, scenario, whole)
    (effective,), (reach,) = effective_curves(counts, scenario, whole)
    yield corners(reach, effective, scenario.e_max)
    for number in range(counts.events.shape[1]):
        own, found = false_rates[label == number], rates[label == number]
        order = np.argsort(own, kind="stable")
        yield corners(own[order], np.maximum.accumulate(found[order]), scenario.e_max)


def corners(reach, rates, most):
    """The points from 0 to `most` at which a step curve changes, and its end; reach: ascending."""
    reach = np.round(reach, DECIMALS)  # so that sums in another order are the same place
    inside = reach <= most
    rates = np.append(0, rates[inside])
    reach, rates = np.concatenate([[0], reach[inside], [most]]), np.append(rates, rates[-1])
    lasting = np.append(reach[1:] > reach[:-1], True)  # of several points at one place, the last
    reach, rates = reach[lasting], rates[lasting]
    changed = np.diff(rates, prepend=-1) != 0
    changed[-1] = True
    return reach[changed], rates[changed]
