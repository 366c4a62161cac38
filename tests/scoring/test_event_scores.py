"""Event-based scores by sed_eval: which events match within a collar."""

import pandas as pd
import pytest

from yoho.events import COLUMNS
from yoho.scoring.events import sed_eval_scores


def table(*rows):
    """Events of file "a": (onset, offset, label)."""
    return pd.DataFrame([("a", *row) for row in rows], columns=COLUMNS).astype({"onset": float, "offset": float})


def score(reference, estimated, labels=("car", "clocks"), collar_share=0.5):
    """Scores over 10 s, a row for all classes and one for each."""
    settings = {"resolution": 1.0, "collar": 0.2, "collar_share": collar_share}
    return sed_eval_scores(reference, estimated, {"a": 10.0}, labels, **settings)


@pytest.mark.parametrize("shift, share, count", [(0.19, 0.0, 1), (0.21, 0.0, 0), (0.19, 0.5, 1), (0.21, 0.5, 0)])
def test_event_counts_within_the_collar_of_its_onset(shift, share, count):
    reference, estimated = table((1, 6, "car")), table((1 + shift, 6, "car"))
    rows = score(reference, estimated, collar_share=share)
    assert rows["event_f1"][0] == count and rows["event_f1"][1] == count


@pytest.mark.parametrize("shift, share, count", [(0.3, 0.0, 0), (0.3, 0.5, 1), (2.4, 0.5, 1), (2.6, 0.5, 0)])
def test_offset_may_be_off_by_a_share_of_the_event(shift, share, count):
    reference, estimated = table((1, 6, "car")), table((1, 6 + shift, "car"))
    rows = score(reference, estimated, collar_share=share)
    assert rows["event_f1"][0] == count


def test_touching_events_of_one_class_are_one_event():
    reference, estimated = table((0, 3, "car"), (3, 6, "car"), (6, 8, "clocks")), table((0, 6, "car"), (6, 8, "clocks"))
    rows = score(reference, estimated)
    assert rows["event_f1"][0] == 1 and rows["segment_f1"][0] == 1


def test_unknown_label_is_refused():
    with pytest.raises(ValueError, match="dog"):
        score(table((0, 5, "car")), table((0, 5, "dog")))
