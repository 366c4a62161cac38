"""Scores: segment-based and event-based F1 and error rate, as sed_eval defines them (paper, section 3.3).

Equation 3 of the paper lacks its factor 2; here F1 = 2 P R / (P + R). A score that is undefined (a class
that is never found, an empty prediction) counts 0, never NaN.
"""

import numpy as np
import pandas as pd

from yoho.windows.targets import decode_outputs

SCORES = ["f1", "precision", "recall", "error_rate"]
COUNTS = ["hits", "wanted", "found", "errors"]


def activity(events, filenames, event_labels, resolution, segments):
    """Which class is active in which segment: (files, segments, classes) bool.

    A segment of `resolution` seconds is active where an event reaches into it, as in sed_eval.
    Raises ValueError for a file or label that is not listed.
    """
    rolls = np.zeros((len(filenames), segments + 1, len(event_labels)), int)
    file = pd.Index(filenames).get_indexer(events["filename"])
    label = pd.Index(event_labels).get_indexer(events["event_label"])
    if (file < 0).any() or (label < 0).any():
        raise ValueError(f"events of unknown files or labels: {events[(file < 0) | (label < 0)].head()}")
    # floor(t * 1 / resolution), not t // resolution: bit for bit what sed_eval does.
    first = np.floor(events["onset"].to_numpy(float) * 1 / resolution).astype(int).clip(0, segments)
    last = np.ceil(events["offset"].to_numpy(float) * 1 / resolution).astype(int).clip(0, segments)
    lasting = last > first
    np.add.at(rolls, (file[lasting], first[lasting], label[lasting]), 1)
    np.subtract.at(rolls, (file[lasting], last[lasting], label[lasting]), 1)
    return rolls.cumsum(axis=1)[:, :-1] > 0


def segment_scores(reference, estimated, durations, event_labels, resolution):
    """Segment-based scores over all files at once: (overall, class-wise).

    reference, estimated: tables of events; durations: {filename: evaluated length, s}. What lies beyond a
    file's evaluated length does not count. Overall: {f1, precision, recall, error_rate}, micro-averaged;
    class-wise: a table with a row per class. Equals sed_eval's SegmentBasedMetrics, with 0 for NaN.
    """
    counts = segment_counts(reference, estimated, durations, event_labels, resolution)
    sums = {name: count.sum(axis=(0, 1)) for name, count in counts.items()}
    overall = rates(*(sums[name][0] for name in COUNTS))
    per_class = rates(*(sums[name][1:] for name in COUNTS))
    return overall, pd.DataFrame({"event_label": event_labels} | per_class)


def segment_counts(reference, estimated, durations, event_labels, resolution):
    """What a score is the ratio of, for every segment: {name of COUNTS: (files, segments, 1 + classes)}.

    First all classes together, then one by one; 0 beyond a file's evaluated length. Arguments as above.
    """
    filenames = list(durations)
    lengths = np.array([int(np.ceil(duration * 1 / resolution)) for duration in durations.values()])
    segments = int(lengths.max(initial=0))
    inside = (np.arange(segments) < lengths[:, None])[..., None]
    truth = activity(reference, filenames, event_labels, resolution, segments) & inside
    guess = activity(estimated, filenames, event_labels, resolution, segments) & inside
    hits, wanted, found = (np.dstack([roll.sum(axis=-1), roll]) for roll in (truth & guess, truth, guess))
    # Substitutions, deletions and insertions are counted segment by segment (Mesaros et al. 2016).
    return dict(zip(COUNTS, (hits, wanted, found, np.maximum(wanted, found) - hits)))


def rates(hits, wanted, found, errors):
    """F1, precision, recall and error rate from the sums of COUNTS, 0 where undefined."""
    return {
        "f1": 2 * hits / np.maximum(wanted + found, 1),
        "precision": hits / np.maximum(found, 1),
        "recall": hits / np.maximum(wanted, 1),
        "error_rate": errors / np.maximum(wanted, 1),
    }


def score_outputs(outputs, windows, reference, event_labels, window_length, decoding, resolution):
    """Segment-based scores of raw outputs: decode, merge, count. See `decode_outputs` and `segment_scores`."""
    estimated = decode_outputs(outputs, windows, event_labels, window_length, **decoding)
    return segment_scores(reference, estimated, mix_durations(windows), event_labels, resolution)


def mix_durations(windows):
    """{filename: length of the mix, s} of a table of windows."""
    return dict(zip(windows["filename"], windows["mix_duration"]))
