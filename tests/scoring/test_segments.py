"""Segment-based scores, against sed_eval: of random tables, of degenerate ones, and never NaN."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sed_eval

from yoho.events import COLUMNS
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import COUNTS, SCORES, Scorer, activity, segment_counts, segment_scores
from yoho.windows.targets import Decoder, encode_events

LABELS = ["car", "clocks", "crowds"]
SCORING = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5}


def table(*rows):
    """Events of file "a" unless a row names another: (onset, offset, label[, file])."""
    rows = [(*(row[3:] or ("a",)), *row[:3]) for row in rows]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"onset": float, "offset": float})


def by_sed_eval(reference, estimated, durations, labels, resolution):
    """(overall, {class: scores}) of sed_eval's SegmentBasedMetrics, NaN counted as 0."""
    metrics = sed_eval.sound_event.SegmentBasedMetrics(labels, time_resolution=resolution)
    for name, duration in durations.items():
        pair = (events[events["filename"] == name].to_dict("records") for events in (reference, estimated))
        metrics.evaluate(*pair, evaluated_length_seconds=duration)

    def scores(found):
        values = {"f1": found["f_measure"]["f_measure"], "error_rate": found["error_rate"]["error_rate"]}
        values |= {name: found["f_measure"][name] for name in ("precision", "recall")}
        return {name: float(np.nan_to_num(value)) for name, value in values.items()}

    class_wise = metrics.results_class_wise_metrics()
    return scores(metrics.results_overall_metrics()), {label: scores(class_wise[label]) for label in labels}


def compare(reference, estimated, durations, labels=LABELS, resolution=1.0):
    """Assert that scores are those of sed_eval if these are defined, and finite in any case."""
    overall, per_class = segment_scores(reference, estimated, durations, labels, resolution)
    expected, expected_per_class = by_sed_eval(reference, estimated, durations, labels, resolution)
    rows = {"overall": overall} | {row["event_label"]: row for row in per_class.to_dict("records")}
    assert per_class["event_label"].to_list() == labels
    for name, wanted in ({"overall": expected} | expected_per_class).items():
        for score in SCORES:
            # Without references sed_eval divides by the machine epsilon.
            if wanted[score] < 1e6:
                assert rows[name][score] == pytest.approx(wanted[score], abs=1e-9), (name, score)
            assert np.isfinite(rows[name][score]), (name, score)


def random_table(rng, count, durations, labels, grid):
    """Random events, on a grid of times or off it. Some reach past the end of their file; some have no length."""
    names = rng.choice(list(durations), count)
    onset = rng.uniform(0, 1, count) * [durations[name] * 1.1 for name in names]
    length = rng.exponential(2, count) * (rng.random(count) > 0.1)
    events = pd.DataFrame({"filename": names, "onset": onset, "offset": onset + length})
    if grid:
        events[["onset", "offset"]] = (events[["onset", "offset"]] / grid).round() * grid
    return events.assign(event_label=rng.choice(labels, count))


# ---- segment-based scores against sed_eval ---------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("grid", [None, 0.1, 0.5, 1.0])
def test_random_tables_score_as_by_sed_eval(resolution, grid):
    rng = np.random.default_rng([int(10 * resolution), int(10 * (grid or 0))])
    for _ in range(6):
        durations = {f"mix-{number}": round(rng.uniform(3, 15), rng.integers(0, 4)) for number in range(4)}
        reference, estimated = (random_table(rng, rng.integers(1, 25), durations, LABELS, grid) for _ in range(2))
        compare(reference, estimated, durations, resolution=resolution)


def test_likely_prediction_scores_as_by_sed_eval():
    """The estimate is the reference with shifted edges, missed events and false ones."""
    rng = np.random.default_rng(0)
    durations = {"a": 60.0, "b": 44.3}
    reference = random_table(rng, 40, durations, LABELS, None)
    estimated = reference.sample(frac=0.8, random_state=0)
    shift = rng.normal(0, 0.3, len(estimated))
    estimated = estimated.assign(
        onset=(estimated["onset"] + shift).clip(lower=0), offset=(estimated["offset"] + shift).clip(lower=0)
    )
    estimated = pd.concat([estimated, random_table(rng, 5, durations, LABELS, None)])
    compare(reference, estimated, durations)
    overall, _ = segment_scores(reference, estimated, durations, LABELS, 1.0)
    assert 0.5 < overall["f1"] < 0.98


def test_class_wise_scores_of_two_and_ten_classes_score_as_by_sed_eval():
    rng = np.random.default_rng(1)
    for count in (2, 10):
        labels = [f"class-{number}" for number in range(count)]
        durations = {"a": 20.0, "b": 12.5}
        compare(*(random_table(rng, 30, durations, labels, None) for _ in range(2)), durations, labels)


def test_sed_eval_scores_agree_with_the_vectorised_ones():
    rng = np.random.default_rng(3)
    durations = {"a": 20.0, "b": 31.7}
    reference, estimated = (random_table(rng, 30, durations, LABELS, None) for _ in range(2))
    rows = sed_eval_scores(reference, estimated, durations, LABELS, SCORING).set_index("event_label")
    overall, per_class = segment_scores(reference, estimated, durations, LABELS, 1.0)
    assert rows.index.to_list() == ["overall", *LABELS]
    for score in SCORES:
        assert rows.loc["overall", f"segment_{score}"] == pytest.approx(overall[score])
        assert rows.loc[LABELS, f"segment_{score}"].to_list() == pytest.approx(per_class[score].to_list())


DEGENERATE = {
    "both empty": ([], [], 10),
    "empty prediction": ([(0, 5, "car")], [], 10),
    "empty reference": ([], [(0, 5, "car"), (2, 4, "clocks")], 10),
    "event of no length within a second": ([(0, 5, "car")], [(6.5, 6.5, "car")], 10),
    "event of no length at a whole second": ([(0, 5, "car")], [(6, 6, "car")], 10),
    "reference of no length": ([(3.5, 3.5, "car")], [(3, 4, "car")], 10),
    "prediction past the evaluated length": ([(0, 5, "car")], [(0, 25, "car")], 10),
    "prediction wholly past the evaluated length": ([(0, 5, "car")], [(12, 25, "car")], 10),
    "reference past the evaluated length": ([(8, 14, "car")], [(8, 10, "car")], 10),
    "evaluated length between whole seconds": ([(0, 9.3, "car")], [(0, 9.9, "car"), (9, 9.3, "clocks")], 9.3),
    "events end with the evaluated length": ([(0, 9.3, "car")], [(0, 9.3, "car")], 9.3),
    "evaluated length beyond all events": ([(0, 2, "car")], [(1, 3, "car")], 100.5),
    "evaluated length below a second": ([(0, 0.4, "car")], [(0.2, 0.4, "clocks")], 0.4),
    "overlapping events of one class": ([(0, 5, "car"), (3, 8, "car")], [(0, 8, "car"), (1, 2, "car")], 10),
    "same event twice": ([(0, 5, "car"), (0, 5, "car")], [(0, 5, "car")], 10),
    "all classes at once": ([(0, 5, label) for label in LABELS], [(2, 7, label) for label in LABELS], 10),
    "one class taken for another": ([(0, 5, "car")], [(0, 5, "clocks")], 10),
    "onset on the last second": ([(9, 10, "car")], [(9.999, 10, "car")], 10),
    "hair past a whole second": ([(0, 5.000001, "car")], [(0, 5, "car")], 10),
}


@pytest.mark.parametrize("resolution", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_tables_score_as_by_sed_eval(name, resolution):
    reference, estimated, duration = DEGENERATE[name]
    compare(table(*reference), table(*estimated), {"a": duration}, resolution=resolution)


def test_file_without_events_counts_with_its_evaluated_length():
    reference, estimated = table((0, 3, "car")), table((0, 3, "car"), (1, 4, "car", "b"))
    compare(reference, estimated, {"a": 5.0, "b": 7.5, "c": 4.0})
    overall, _ = segment_scores(reference, estimated, {"a": 5.0, "b": 7.5, "c": 4.0}, LABELS, 1.0)
    assert overall["error_rate"] == pytest.approx(3 / 3)


def test_shorter_file_is_not_scored_up_to_the_longest():
    reference, estimated = table((0, 3, "car"), (0, 20, "car", "b")), table((0, 15, "car"), (0, 20, "car", "b"))
    compare(reference, estimated, {"a": 4.0, "b": 20.0})
    overall, _ = segment_scores(reference, estimated, {"a": 4.0, "b": 20.0}, LABELS, 1.0)
    assert overall["precision"] == pytest.approx(23 / 24)


def test_scores_by_hand():
    """Ten seconds: car sounds in seconds 0-4 and is found in 2-5; clocks in 5-9, found in 5-6 and, falsely, in 0."""
    reference = table((0, 5, "car"), (5, 10, "clocks"))
    estimated = table((2, 6, "car"), (5, 7, "clocks"), (0.5, 0.6, "clocks"))
    overall, per_class = segment_scores(reference, estimated, {"a": 10.0}, LABELS, 1.0)
    assert overall["precision"] == pytest.approx(5 / 7)
    assert overall["recall"] == pytest.approx(5 / 10)
    assert overall["f1"] == pytest.approx(2 * 5 / 17)
    # Second 0: clocks for car, a substitution; 1: a deletion; 5: an insertion; 7, 8, 9: deletions.
    assert overall["error_rate"] == pytest.approx(6 / 10)
    car, clocks, crowds = per_class.to_dict("records")
    assert (car["precision"], car["recall"]) == pytest.approx((3 / 4, 3 / 5))
    assert (clocks["precision"], clocks["recall"]) == pytest.approx((2 / 3, 2 / 5))
    assert [crowds[score] for score in SCORES] == [0, 0, 0, 0]


# ---- counts of every segment -----------------------------------------------------------------------------------------


def test_counts_by_hand():
    """Five seconds of one file and three of another; first all classes together, then car, clocks and crowds."""
    reference = table((0, 3, "car"), (2, 5, "clocks"), (0, 2, "crowds", "b"))
    estimated = table((0, 2, "car"), (1.5, 4, "crowds"), (1, 9, "crowds", "b"))
    counts = segment_counts(reference, estimated, {"a": 5.0, "b": 2.4}, LABELS, 1.0)
    assert list(counts) == COUNTS
    assert {count.shape for count in counts.values()} == {(2, 5, 4)}
    by_name = {name: count[0].T.astype(int).tolist() for name, count in counts.items()}
    assert by_name["true_positives"] == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0] * 5, [0] * 5]
    assert by_name["references"] == [[1, 1, 2, 1, 1], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0] * 5]
    assert by_name["predictions"] == [[1, 2, 1, 1, 0], [1, 1, 0, 0, 0], [0] * 5, [0, 1, 1, 1, 0]]
    # Of all classes: an insertion; a substitution and a deletion; a substitution; a deletion.
    assert by_name["errors"] == [[0, 1, 2, 1, 1], [0, 0, 1, 0, 0], [0, 0, 1, 1, 1], [0, 1, 1, 1, 0]]
    # The other file ends within its third second.
    assert counts["predictions"][1, :, 0].tolist() == [0, 1, 1, 0, 0]
    assert counts["errors"][1, :, 0].tolist() == [1, 0, 1, 0, 0]


@pytest.mark.parametrize("resolution", [1.0, 0.5])
def test_scores_are_ratios_of_the_sums_of_counts(resolution):
    rng = np.random.default_rng(4)
    durations = {"a": 20.0, "b": 31.7, "c": 0.4}
    reference, estimated = (random_table(rng, 40, durations, LABELS, None) for _ in range(2))
    counts = segment_counts(reference, estimated, durations, LABELS, resolution)
    overall, per_class = segment_scores(reference, estimated, durations, LABELS, resolution)
    true_positives, references, predictions, errors = (counts[name].sum(axis=(0, 1)) for name in COUNTS)
    assert [overall["f1"], *per_class["f1"]] == pytest.approx(2 * true_positives / (references + predictions))
    assert [overall["precision"], *per_class["precision"]] == pytest.approx(true_positives / predictions)
    assert [overall["recall"], *per_class["recall"]] == pytest.approx(true_positives / references)
    assert [overall["error_rate"], *per_class["error_rate"]] == pytest.approx(errors / references)
    for name in ("true_positives", "references", "predictions"):
        np.testing.assert_array_equal(counts[name][..., 0], counts[name][..., 1:].sum(axis=-1))


def test_nothing_is_counted_past_the_end_of_a_file():
    whole = table((0, 50, "car"), (0, 50, "car", "b"))
    counts = segment_counts(whole, whole, {"a": 3.0, "b": 7.2}, LABELS, 1.0)
    for count in (counts["true_positives"], counts["references"], counts["predictions"]):
        assert count[..., 0].sum(axis=1).tolist() == [3, 8]
    assert not counts["errors"].any()


# ---- never NaN -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEGENERATE)
def test_no_score_is_ever_undefined_or_huge(name):
    reference, estimated, duration = DEGENERATE[name]
    reference, estimated = table(*reference), table(*estimated)
    overall, per_class = segment_scores(reference, estimated, {"a": duration}, LABELS, 1.0)
    by_package = sed_eval_scores(reference, estimated, {"a": duration}, LABELS, SCORING)
    numbers = np.concatenate([list(overall.values()), per_class[SCORES].to_numpy().ravel()])
    for values in (numbers, by_package.drop(columns="event_label").to_numpy().ravel()):
        assert np.isfinite(values).all() and (values >= 0).all() and (values <= 100).all()


def test_class_that_is_never_found_counts_zero():
    overall, per_class = segment_scores(
        table((0, 5, "car"), (5, 9, "clocks")), table((0, 5, "car")), {"a": 10}, LABELS, 1
    )
    assert per_class.set_index("event_label").loc["clocks", SCORES].to_list() == [0, 0, 0, 1]
    assert overall["f1"] == pytest.approx(2 * 5 / 14)


def test_empty_prediction_scores_zero():
    overall, per_class = segment_scores(table((0, 5, "car")), table(), {"a": 10.0}, LABELS, 1.0)
    assert overall == {"f1": 0, "precision": 0, "recall": 0, "error_rate": 1}
    assert (per_class["f1"] == 0).all()


def test_no_files_score_zero():
    overall, per_class = segment_scores(table(), table(), {}, LABELS, 1.0)
    assert set(overall.values()) == {0} and (per_class[SCORES] == 0).all(axis=None)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [(0, 5, "dog"), (0, 5, "car", "another file"), (0, 5, "")])
def test_unknown_label_or_file_is_refused(wrong):
    sound = table((0, 5, "car"))
    with pytest.raises(ValueError, match="unknown"):
        segment_scores(sound, table((0, 5, "car"), wrong), {"a": 10.0}, LABELS, 1.0)
    with pytest.raises(ValueError, match="unknown"):
        segment_scores(table(wrong), sound, {"a": 10.0}, LABELS, 1.0)


# ---- activity, and raw outputs --------------------------------------------------------------------------------------


def test_activity_by_hand():
    events = table((0.5, 2.0, "car"), (1.5, 1.6, "clocks"), (3.0, 9.0, "crowds"))
    active = activity(events, ["a", "b"], LABELS, 1.0, 4)
    assert active.shape == (2, 4, 3) and not active[1].any()
    assert active[0].astype(int).T.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


def test_raw_outputs_are_decoded_merged_and_counted():
    onsets = np.arange(5) * 1.96
    windows = pd.DataFrame({"filename": "a", "onset": onsets, "mix_duration": 10.0})
    reference = table((0, 4, "car"), (4, 10, "clocks"))
    decoder = Decoder(LABELS, 2.56, threshold=0.5, merge_gap=0.3, end_from="bin")
    outputs = encode_events(reference, onsets, LABELS, 2.56, 9)
    overall, per_class = Scorer(windows, reference, decoder, 1.0)(outputs)
    assert overall["f1"] == 1 and per_class["f1"].to_list() == [1, 1, 0]
    overall, _ = Scorer(windows, reference, replace(decoder, threshold=0.7), 1.0)(outputs * 0.6)
    assert overall["f1"] == 0


@pytest.mark.parametrize("end_from, seconds", [("bin", 1), ("onset", 2)])
def test_end_counts_from_where_the_decoder_says(end_from, seconds):
    """A bin of a second: the event lasts from 0.5 to 0.9 s, or from 0.5 to 1.4 s."""
    windows = pd.DataFrame({"filename": ["a"], "onset": [0.0], "mix_duration": [4.0]})
    outputs = np.array([[[1, 0.5, 0.9], [0, 0, 0], [0, 0, 0]]])
    decoder = Decoder(["car"], 3.0, threshold=0.5, merge_gap=0.3, end_from=end_from)
    overall, _ = Scorer(windows, table((0, 4, "car")), decoder, 1.0)(outputs)
    assert overall["precision"] == 1 and overall["recall"] == seconds / 4


def test_length_of_each_mix_is_taken_from_its_windows():
    windows = pd.DataFrame({"filename": ["a", "a", "b"], "onset": [0, 1.96, 0], "mix_duration": [4.5, 4.5, 2.0]})
    assert Scorer(windows, table(), None, 1.0).durations == {"a": 4.5, "b": 2.0}
