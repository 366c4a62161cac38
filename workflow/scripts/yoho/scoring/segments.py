"""Segment-based F1 and error rate, as sed_eval defines them (paper, section 3.3).

Equation 3 of the paper lacks its factor 2; here F1 = 2 P R / (P + R). An undefined score, such as the precision of an
empty prediction, is 0 and never NaN.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoho.windows.targets import Decoder

SCORES = ["f1", "precision", "recall", "error_rate"]
COUNTS = ["true_positives", "references", "predictions", "errors"]


@dataclass(frozen=True)
class Scorer:
    """Segment-based scores of a network's outputs for the windows of some mixes.

    windows: table of filename, onset and mix_duration (s); reference: table of the true events; resolution: length of
    a segment, s.
    """

    windows: pd.DataFrame
    reference: pd.DataFrame
    decoder: Decoder
    resolution: float

    def __call__(self, outputs):
        """Scores of outputs (windows, bins, 3 * classes), as `segment_scores` returns them."""
        estimated = self.decoder.events(outputs, self.windows)
        return segment_scores(self.reference, estimated, self.durations, self.decoder.event_labels, self.resolution)

    @property
    def durations(self):
        """{filename: length of the mix, s}."""
        return dict(zip(self.windows["filename"], self.windows["mix_duration"]))


def activity(events, filenames, event_labels, resolution, segments):
    """Which class is active in which segment: (files, segments, classes) bool.

    A class is active in a segment of `resolution` seconds if one of its events reaches into it, as in sed_eval.
    Raises ValueError for a file or label that is not listed.
    """
    rolls = np.zeros((len(filenames), segments + 1, len(event_labels)), int)
    file = pd.Index(filenames).get_indexer(events["filename"])
    label = pd.Index(event_labels).get_indexer(events["event_label"])
    if (file < 0).any() or (label < 0).any():
        raise ValueError(f"events of unknown files or labels: {events[(file < 0) | (label < 0)].head()}")
    # Computed as in sed_eval, bit for bit; t // resolution can differ.
    first = np.floor(events["onset"].to_numpy(float) * 1 / resolution).astype(int).clip(0, segments)
    last = np.ceil(events["offset"].to_numpy(float) * 1 / resolution).astype(int).clip(0, segments)
    lasting = last > first
    np.add.at(rolls, (file[lasting], first[lasting], label[lasting]), 1)
    np.subtract.at(rolls, (file[lasting], last[lasting], label[lasting]), 1)
    return rolls.cumsum(axis=1)[:, :-1] > 0


def segment_scores(reference, estimated, durations, event_labels, resolution):
    """Segment-based scores over all files at once: (overall, class-wise).

    reference, estimated: tables of events; durations: {filename: evaluated length, s}, beyond which nothing counts;
    resolution: length of a segment, s. Overall: {f1, precision, recall, error_rate}, micro-averaged; class-wise: a
    table with a row per class. Equals sed_eval's SegmentBasedMetrics, with 0 for NaN.
    """
    counts = segment_counts(reference, estimated, durations, event_labels, resolution)
    sums = {name: count.sum(axis=(0, 1)) for name, count in counts.items()}
    overall = rates(*(sums[name][0] for name in COUNTS))
    per_class = rates(*(sums[name][1:] for name in COUNTS))
    return overall, pd.DataFrame({"event_label": event_labels} | per_class)


def segment_counts(reference, estimated, durations, event_labels, resolution):
    """Counts of every segment, from which scores are computed: {name in COUNTS: (files, segments, 1 + classes)}.

    The first column holds all classes together. Counts after a file's end are 0. Arguments as in `segment_scores`.
    """
    filenames = list(durations)
    lengths = np.array([int(np.ceil(duration * 1 / resolution)) for duration in durations.values()])
    segments = int(lengths.max(initial=0))
    inside = (np.arange(segments) < lengths[:, None])[..., None]
    truth = activity(reference, filenames, event_labels, resolution, segments) & inside
    guess = activity(estimated, filenames, event_labels, resolution, segments) & inside
    true_positives, references, predictions = (
        np.dstack([roll.sum(axis=-1), roll]) for roll in (truth & guess, truth, guess)
    )
    # Errors are the substitutions, deletions and insertions of each segment (Mesaros et al. 2016).
    errors = np.maximum(references, predictions) - true_positives
    return dict(zip(COUNTS, (true_positives, references, predictions, errors)))


def rates(true_positives, references, predictions, errors):
    """F1, precision, recall and error rate from sums of COUNTS; an undefined one is 0."""
    return {
        "f1": 2 * true_positives / np.maximum(references + predictions, 1),
        "precision": true_positives / np.maximum(predictions, 1),
        "recall": true_positives / np.maximum(references, 1),
        "error_rate": errors / np.maximum(references, 1),
    }
