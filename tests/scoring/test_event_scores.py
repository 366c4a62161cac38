"""Event-based scores by sed_eval: which events match within a collar. And how far true and found events are apart."""

import numpy as np
import pandas as pd
import pytest

from yoho.events import COLUMNS
from yoho.scoring.events import match_events, sed_eval_scores


def table(*rows):
    """Events of file "a": (onset, offset, label)."""
    return pd.DataFrame([("a", *row) for row in rows], columns=COLUMNS).astype({"onset": float, "offset": float})


def score(reference, estimated, labels=("car", "clocks"), collar_share=0.5):
    """Scores over 10 s, a row for all classes and one for each."""
    scoring = {"resolution": 1.0, "collar": 0.2, "collar_share": collar_share}
    return sed_eval_scores(reference, estimated, {"a": 10.0}, labels, scoring)


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


@pytest.mark.parametrize("name", ["None", "none", "dog ", " dog", "NA", "1", "<", "micro"])
def test_class_of_any_name_is_scored_as_another_would_be(name):
    """sed_eval has names of its own for what is no class, and reads names without the spaces at their ends."""
    reference, estimated = [(0, 5, name), (5, 8, "dog")], [(0, 4.5, name), (5, 6, "dog")]
    rows = score(table(*reference), table(*estimated), [name, "dog"])
    plain = score(table((0, 5, "car"), reference[1]), table((0, 4.5, "car"), estimated[1]), ["car", "dog"])
    assert rows["event_label"].to_list() == ["overall", name, "dog"]
    pd.testing.assert_frame_equal(rows.drop(columns="event_label"), plain.drop(columns="event_label"))


# ---- true and found events -------------------------------------------------------------------------------------------


def matched(reference, estimated, collars=(1.0,), collar_share=0.5, coverage=0.5):
    """`match_events` of lists of (onset, offset), as a list."""
    pair = (np.array(events, float).reshape(-1, 2) for events in (reference, estimated))
    tolerances = {"collars": collars, "collar_share": collar_share, "coverage": coverage}
    return match_events(*pair, tolerances).round(9).tolist()


def errors(reference, estimated):
    """Whether each true event is matched, and the errors of its onset and offset, s, of at most 1 s."""
    return [row[:3] for row in matched(reference, estimated)]


def test_errors_are_the_distances_to_the_ends_of_what_was_found():
    """The second true event is missed, and the last found event is false."""
    reference, estimated = [(1, 4), (5, 6), (8, 9)], [(8.25, 8.75), (0.5, 4.125), (20, 21)]
    assert errors(reference, estimated) == [[1, 0.5, 0.125], [0, 0, 0], [1, 0.25, 0.25]]


def test_gap_within_a_found_event_moves_neither_end():
    assert errors([(0, 10)], [(0, 5), (5.4, 10.05)]) == [[1, 0, 0.05]]


def test_true_events_may_share_a_found_one():
    """One found event runs over two true ones, so one end of each is not found: 5.75 s and 5.875 s away, 1 s counts."""
    assert errors([(0, 4), (6, 10)], [(0.125, 9.75)]) == [[1, 0.125, 1], [1, 1, 0.25]]


def test_found_events_that_do_not_overlap_a_true_one_have_no_part_in_its_errors():
    """An onset at 2 and an offset at 8.25 would be nearer than those found, at 2.5 and at 7.5."""
    assert errors([(2, 8)], [(0, 1), (2.5, 7.5), (8.125, 8.25)]) == [[1, 0.5, 0.5]]


def test_fragments_at_the_ends_of_a_true_event_do_not_match_it():
    """They are nearer to its ends than an event that covers it all, but leave 94 % of it unfound."""
    assert errors([(10, 20)], [(9.9, 10.1), (14, 14.2), (19.7, 20.1)]) == [[0, 0, 0]]
    assert errors([(10, 20)], [(9.5, 20.25)]) == [[1, 0.5, 0.25]]


@pytest.mark.parametrize("coverage, match", [(0.25, 1), (0.5, 1), (0.625, 0)])
def test_found_events_together_must_cover_a_share_of_the_true_one(coverage, match):
    """They cover 2 s and 3 s of 10 s."""
    assert matched([(0, 10)], [(-1, 2), (7, 11)], coverage=coverage)[0][0] == match


@pytest.mark.parametrize("collars, largest", [([0.2, 0.5], 0.5), ([2.0, 0.1], 2.0), ([9.0], 3.0)])
def test_errors_are_at_most_the_largest_collar(collars, largest):
    """The found event starts and ends 3 s too late."""
    assert matched([(0, 10)], [(3, 13)], collars)[0][:3] == [1, largest, largest]


def test_events_that_only_touch_are_no_matches():
    assert errors([(0, 2)], [(2, 3)]) == [[0, 0, 0]]


@pytest.mark.parametrize("reference, estimated", [([], []), ([(0, 1)], []), ([], [(0, 1)])])
def test_without_events_on_both_sides_nothing_matches(reference, estimated):
    assert matched(reference, estimated, [0.2]) == [[0, 0, 0, 0]] * len(reference)


def test_hits_are_as_many_as_the_collar_allows():
    """The first found event is near both true ones, the second near the first alone: pairs in order make one hit."""
    reference, estimated = [(1, 1.1), (1.3, 1.4)], [(1.15, 1.25), (0.9, 0.95)]
    assert [row[3:] for row in matched(reference, estimated, [0.1, 0.2, 1.0])] == [[0, 1, 1], [0, 1, 1]]


@pytest.mark.parametrize("offset, share, hits", [(12, 0, [0, 0, 1]), (12, 0.25, [1, 1, 1]), (13, 0.25, [0, 0, 0])])
def test_hit_may_end_off_by_a_share_of_the_true_event(offset, share, hits):
    assert matched([(0, 10)], [(0.125, offset)], [0.125, 1, 2], share)[0][3:] == hits
