"""Thresholds of classes, tuned on outputs whose best threshold is known."""

import numpy as np
import pandas as pd
import pytest

from yoho.events import COLUMNS
from yoho.scoring.segments import Scorer
from yoho.scoring.thresholds import tune_thresholds
from yoho.windows.targets import Decoder

LABELS = ["car", "clocks", "crowds"]
ONE_SECOND = pd.DataFrame({"filename": "a", "onset": np.arange(10.0), "mix_duration": 10.0})


def table(*rows):
    """Events of file "a": (onset, offset, label)."""
    return pd.DataFrame([("a", *row) for row in rows], columns=COLUMNS).astype({"onset": float, "offset": float})


def outputs_of(*presences):
    """Outputs of ten windows of one bin of a second each, from the presence of each class: (10, 1, 3 * classes)."""
    whole = [(presence, np.zeros(10), np.ones(10)) for presence in presences]
    return np.array(whole, np.float32).transpose(2, 0, 1).reshape(10, 1, -1)


def scorer(reference, labels=LABELS, threshold=0.5):
    return Scorer(ONE_SECOND, reference, Decoder(labels, 1.0, threshold, merge_gap=0.3, end_from="bin"), 1.0)


def test_each_class_gets_the_threshold_that_separates_it():
    """The presence of car is 0.3 while it sounds and 0.15 otherwise, of clocks 0.9 and 0.75; crowds never sound."""
    first, last = np.arange(10) < 5, np.arange(10) >= 5
    outputs = outputs_of(np.where(first, 0.3, 0.15), np.where(last, 0.9, 0.75), np.full(10, 0.05))
    reference = table((0, 5, "car"), (5, 10, "clocks"))
    thresholds = tune_thresholds(scorer(reference), outputs, [0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.95])
    assert thresholds == {"car": 0.2, "clocks": 0.8, "crowds": 0.5}
    # With these thresholds nothing is missed and there is no false event.
    overall, _ = scorer(reference, threshold=list(thresholds.values()))(outputs)
    assert overall["f1"] == 1
    overall, _ = scorer(reference)(outputs)
    assert overall["f1"] < 0.7


@pytest.mark.parametrize(
    "usual, candidates, chosen",
    [
        (0.5, [0.1, 0.3, 0.45, 0.9], 0.45),
        (0.2, [0.1, 0.3, 0.45, 0.9], 0.1),  # equally near as 0.3, and lower
        (0.2, [0.3, 0.1, 0.45, 0.9], 0.1),
        (0.8, [0.1, 0.3, 0.45, 0.9], 0.45),  # 0.9 misses everything
    ],
)
def test_of_thresholds_with_equal_f1_the_nearest_to_the_usual_one_is_taken(usual, candidates, chosen):
    outputs = outputs_of(np.full(10, 0.6), np.zeros(10), np.zeros(10))
    found = tune_thresholds(scorer(table((0, 10, "car")), threshold=usual), outputs, candidates)
    assert found["car"] == chosen


def test_threshold_of_a_class_does_not_depend_on_the_others():
    """Of random outputs, each class has the threshold that is best if it is decoded and scored by itself."""
    rng = np.random.default_rng(0)
    outputs = outputs_of(*rng.random((3, 10)))
    reference = table((0, 4, "car"), (3, 8, "clocks"), (7, 10, "crowds"))
    candidates = [0.2, 0.4, 0.6, 0.8]
    found = tune_thresholds(scorer(reference), outputs, candidates)
    for number, label in enumerate(LABELS):
        own = outputs[..., 3 * number : 3 * number + 3]
        own_reference = reference[reference["event_label"] == label]
        f1 = {}
        for candidate in candidates:
            overall, _ = scorer(own_reference, [label], candidate)(own)
            f1[candidate] = overall["f1"]
        assert f1[found[label]] == max(f1.values()) > min(f1.values())
