"""Thresholds: the presence from which each class counts, tuned on the validation split."""

from dataclasses import replace

import numpy as np


def tune_thresholds(scorer, outputs, candidates):
    """The threshold of each class: {event_label: the candidate with that class's highest segment-based F1}.

    scorer: a `segments.Scorer`; outputs: (windows, bins, 3 * classes). Of candidates with equal F1, as for a class
    that never sounds, the one nearest to the decoder's own threshold is taken, and of two equally near the lower one.
    """
    decoder = scorer.decoder
    nearest_first = sorted(candidates, key=lambda candidate: (round(abs(candidate - decoder.threshold), 9), candidate))
    f1 = []
    for candidate in nearest_first:
        _, per_class = replace(scorer, decoder=replace(decoder, threshold=candidate))(outputs)
        f1.append(per_class["f1"])
    return {name: nearest_first[best] for name, best in zip(decoder.event_labels, np.argmax(f1, axis=0).tolist())}
