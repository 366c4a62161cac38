"""Thresholds: the presence from which each class counts, tuned on the validation split."""

from functools import partial

import numpy as np

from yoho.scoring.segments import score_outputs


def tune_thresholds(outputs, windows, reference, event_labels, window_length, decoding, resolution, candidates):
    """The presence from which each class counts: {event_label: the candidate with that class's highest F1}.

    The F1 is segment-based. Of candidates with the same one, as where a class never sounds, the nearest to
    `decoding["threshold"]` is taken, and of two as near the lower. Other arguments as of `score_outputs`.
    """
    usual = decoding["threshold"]
    nearest_first = sorted(candidates, key=lambda candidate: (round(abs(candidate - usual), 9), candidate))
    scored = partial(score_outputs, outputs, windows, reference, event_labels, window_length, resolution=resolution)
    f1 = [scored(decoding=decoding | {"threshold": candidate})[1]["f1"] for candidate in nearest_first]
    return {name: nearest_first[best] for name, best in zip(event_labels, np.argmax(f1, axis=0).tolist())}
