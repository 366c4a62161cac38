"""Targets and back to events: by hand, by an oracle that knows the truth, and for outputs without sense."""

import numpy as np
import pandas as pd
import pytest

from yoho.events import COLUMNS, merge_events, read_table, write_table
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import segment_scores
from yoho.windows.cutting import window_onsets
from yoho.windows.targets import Decoder, encode_events, encode_events_as_released, join_in_order

LENGTH, BINS, HOP = 2.56, 9, 1.96
WIDTH = LENGTH / BINS
DECODING = {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin"}


def table(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def windows_of(filename, duration, hop=HOP):
    onsets = window_onsets(duration, LENGTH, hop)
    return pd.DataFrame({"filename": filename, "onset": onsets, "mix_duration": duration})


def decode(outputs, duration=LENGTH, labels=("car", "clocks"), **changes):
    """Events decoded from outputs of the first windows of a mix."""
    windows = windows_of("m.flac", 1000.0).head(len(outputs)).assign(mix_duration=duration)
    return Decoder(labels, LENGTH, **DECODING | changes).events(outputs, windows)


def blank(windows=1, classes=2):
    """Outputs (windows, bins, classes, 3) without any class, to be filled in."""
    return np.zeros((windows, BINS, classes, 3), np.float32)


def flat(outputs):
    return outputs.reshape(*outputs.shape[:2], -1)


# ---- encoding --------------------------------------------------------------------------------------------------------


def test_targets_by_hand():
    """Bins of 1 s, a window at 10 s: car from 11.25 to 13.5 s, clocks from 9 to 10.5 s and from 13.5 s on."""
    events = table(("m", 11.25, 13.5, "car"), ("m", 9.0, 10.5, "clocks"), ("m", 13.5, 20.0, "clocks"))
    expected = [
        # car p, s, e;  clocks p, s, e
        [0, 0, 0, 1, 0, 0.5],
        [1, 0.25, 1, 0, 0, 0],
        [1, 0, 1, 0, 0, 0],
        [1, 0, 0.5, 1, 0.5, 1],
    ]
    targets = encode_events(events, [10.0], ["car", "clocks"], 4.0, 4)
    assert targets.shape == (1, 4, 6) and targets.dtype == np.float32
    np.testing.assert_allclose(targets[0], expected, atol=1e-6)


def test_classes_stand_in_the_order_of_the_labels():
    events = table(("m", 0.0, 4.0, "car"))
    targets = encode_events(events, [0.0], ["clocks", "car"], 4.0, 4)
    np.testing.assert_allclose(targets[0], [[0, 0, 0, 1, 0, 1]] * 4, atol=1e-6)


def test_class_twice_in_one_bin_gives_its_first_start_and_last_end():
    events = table(("m", 0.1, 0.3, "car"), ("m", 0.6, 0.8, "car"))
    np.testing.assert_allclose(encode_events(events, [0.0], ["car"], 4.0, 4)[0, 0], [1, 0.1, 0.8], atol=1e-6)
    np.testing.assert_allclose(encode_events(events[::-1], [0.0], ["car"], 4.0, 4)[0, 0], [1, 0.1, 0.8], atol=1e-6)


def test_start_and_end_are_zero_where_the_class_is_absent():
    events = table(("m", 1.0, 2.0, "car"))
    targets = encode_events(events, window_onsets(30.0, LENGTH, HOP), ["car", "clocks"], LENGTH, BINS)
    targets = targets.reshape(-1, BINS, 2, 3)
    absent = targets[..., 0] == 0
    assert absent.any() and not targets[absent].any()
    assert targets.min() >= 0 and targets.max() <= 1


def test_event_that_only_touches_a_bin_is_not_in_it():
    targets = encode_events(table(("m", 1.0, 2.0, "car")), [0.0], ["car"], 4.0, 4)
    assert targets[0, :, 0].tolist() == [0, 1, 0, 0]


def test_every_window_of_a_mix_is_encoded_as_if_alone():
    rng = np.random.default_rng(0)
    edges = np.sort(rng.uniform(0, 20, 12))
    events = table(*[("m", *pair, rng.choice(["car", "clocks"])) for pair in zip(edges[:-1], edges[1:], strict=True)])
    onsets = window_onsets(20.0, LENGTH, 1.0)
    together = encode_events(events, onsets, ["car", "clocks"], LENGTH, BINS)
    for onset, targets in zip(onsets, together, strict=True):
        np.testing.assert_array_equal(encode_events(events, [onset], ["car", "clocks"], LENGTH, BINS)[0], targets)


def test_no_events_give_empty_targets():
    assert not encode_events(table(), [0.0, 1.96], ["car"], LENGTH, BINS).any()


# ---- encoding as released --------------------------------------------------------------------------------------------


def encode_as_released(*rows):
    """Targets (bins, classes, 3) of a window of 4 s with 4 bins."""
    return encode_events_as_released(table(*rows), [0.0], ["car", "clocks"], 4.0, 4).reshape(4, 2, 3)


def test_released_targets_of_a_mix_differ_by_the_last_bin_and_the_rounding_alone(tmp_path):
    labels = [f"class-{number}" for number in range(6)]
    events, durations = laid(6, 3, 1, tmp_path)
    for name, own in events.groupby("filename"):
        onsets = window_onsets(durations[name], LENGTH, HOP)
        described, released = (
            encode(own, onsets, labels, LENGTH, BINS).reshape(-1, BINS, 6, 3)
            for encode in (encode_events, encode_events_as_released)
        )
        lasting = described[:, -1, :, 2] == 1
        assert lasting.any() and (released[:, -1, :, 2][lasting] == np.float32(0.999996)).all()
        np.testing.assert_allclose(released, described, atol=0.0005 / WIDTH + 1e-6)


def test_class_twice_in_one_bin_gives_the_later_event_as_released():
    for rows in ([0.1, 0.3], [0.6, 0.8]), ([0.6, 0.8], [0.1, 0.3]):
        released = encode_as_released(*[("m", *row, "car") for row in rows])
        later = [1, 0.6, 0.8]  # If it is listed first, the earlier one is joined to it.
        np.testing.assert_allclose(released[0, 0], later, atol=1e-6)


def test_event_listed_late_does_not_bring_the_onset_forward_as_released():
    released = encode_as_released(("m", 1.5, 2.5, "car"), ("m", 0.5, 3.5, "car"))
    np.testing.assert_allclose(released[:, 0], [[0, 0, 0], [1, 0.5, 1], [1, 0, 1], [1, 0, 0.5]], atol=1e-6)


def test_times_count_in_milliseconds_as_released():
    np.testing.assert_allclose(encode_as_released(("m", 0.1234, 0.5678, "clocks"))[0, 1], [1, 0.123, 0.568], atol=1e-7)


def test_what_touches_a_window_is_not_in_it_as_released():
    assert not encode_as_released(("m", 4.0, 5.0, "car"), ("m", -1.0, 0.0, "clocks")).any()


def test_no_events_give_empty_targets_as_released():
    assert not encode_as_released().any() and not encode_as_released(("m", 0.0, 4.0, "birds")).any()


# ---- the oracle ------------------------------------------------------------------------------------------------------


def laid(classes, mixes, seed, folder):
    """(events, durations) of mixes of 1 to 10 s clips, one after another, with times as read from a file."""
    rng = np.random.default_rng(seed)
    rows = []
    for mix in range(mixes):
        onset, duration = 0.0, rng.uniform(55, 127)
        while onset < duration:
            offset = onset + (10 if rng.random() < 0.2 else rng.uniform(1, 10))
            rows.append((f"mix-{mix}", onset, offset, f"class-{rng.integers(classes)}"))
            onset = offset
    write_table(table(*rows), folder / "plan.tsv")
    plan = read_table(folder / "plan.tsv")
    return merge_events(plan), plan.groupby("filename")["offset"].max().to_dict()


def oracle(events, durations, labels, hop):
    """Events decoded from the true targets."""
    windows = pd.concat([windows_of(name, duration, hop) for name, duration in durations.items()], ignore_index=True)
    targets = [
        encode_events(events[events["filename"] == name], own["onset"], labels, LENGTH, BINS)
        for name, own in windows.groupby("filename", sort=False)
    ]
    return Decoder(labels, LENGTH, **DECODING).events(np.concatenate(targets), windows)


@pytest.mark.parametrize("classes", [2, 6, 10])
@pytest.mark.parametrize("hop", [1.0, HOP])
def test_oracle_reaches_a_segment_f1_of_one(tmp_path, classes, hop):
    labels = [f"class-{number}" for number in range(classes)]
    events, durations = laid(classes, 20, classes, tmp_path)
    overall, per_class = segment_scores(events, oracle(events, durations, labels, hop), durations, labels, 1.0)
    assert overall == {"f1": 1.0, "precision": 1.0, "recall": 1.0, "error_rate": 0.0}
    assert (per_class["f1"] == 1).all()


@pytest.mark.parametrize("hair", [0.0, 0.000001, 0.000023, 0.0004, 0.0006])
def test_oracle_is_right_where_an_event_passes_a_whole_second_by_a_hair(hair):
    """An event that ends just after a whole second is active in the next; one that begins just before, in the last."""
    events = table(
        ("m", 0.0, 3.0, "car"),
        ("m", 3.0, 7 + hair, "clocks"),
        ("m", 7 + hair, 12 - hair, "car"),
        ("m", 12 - hair, 60 + hair, "clocks"),
    )
    durations = {"m": 60 + hair}
    overall, _ = segment_scores(
        events, oracle(events, durations, ["car", "clocks"], HOP), durations, ["car", "clocks"], 1
    )
    assert overall["f1"] == 1.0 and overall["error_rate"] == 0.0


@pytest.mark.parametrize("classes", [2, 6, 10])
def test_oracle_reaches_an_event_f1_of_one_by_sed_eval(tmp_path, classes):
    labels = [f"class-{number}" for number in range(classes)]
    events, durations = laid(classes, 5, classes, tmp_path)
    scoring = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5}
    scores = sed_eval_scores(events, oracle(events, durations, labels, HOP), durations, labels, scoring)
    for kind in ("segment", "event"):
        assert (scores[f"{kind}_f1"] == 1).all() and (scores[f"{kind}_error_rate"] == 0).all()


def test_oracle_gives_the_times_back_to_the_millisecond(tmp_path):
    labels = [f"class-{number}" for number in range(6)]
    events, durations = laid(6, 10, 7, tmp_path)
    decoded = oracle(events, durations, labels, HOP)
    assert decoded[["filename", "event_label"]].equals(events[["filename", "event_label"]])
    assert np.abs(decoded[["onset", "offset"]].to_numpy() - events[["onset", "offset"]].to_numpy()).max() < 0.00051


def test_order_of_the_rows_decides_what_is_joined_as_released():
    """Of the cars, the second row begins first, and yet the onset of the first row stands."""
    rows = [("car", 2.0, 3.0), ("clocks", 0.0, 1.0), ("car", 1.0, 2.5), ("car", 3.2, 4.0), ("car", 4.4, 5.0)]
    events = table(*[("m", onset, offset, label) for label, onset, offset in rows])
    joined = join_in_order(events, 0.3)
    assert joined.to_numpy().tolist() == [["m", 0.0, 1.0, "clocks"], ["m", 2.0, 4.0, "car"], ["m", 4.4, 5.0, "car"]]


# ---- decoding --------------------------------------------------------------------------------------------------------


def test_decoding_by_hand():
    outputs = blank(2)
    outputs[0, 3, 0] = [0.9, 0.25, 1.0]
    outputs[0, 4, 0] = [0.8, 0.0, 0.5]
    outputs[1, 8, 1] = [0.7, 0.1, 0.6]
    events = decode(flat(outputs), 100.0)
    expected = table(
        ("m.flac", round(3.25 * WIDTH, 3), round(4.5 * WIDTH, 3), "car"),
        ("m.flac", round(HOP + 8.1 * WIDTH, 3), round(HOP + 8.6 * WIDTH, 3), "clocks"),
    )
    pd.testing.assert_frame_equal(events.round(3), expected)


@pytest.mark.parametrize("presence, count", [(0.49, 0), (0.5, 1), (0.51, 1)])
def test_bin_counts_from_the_threshold_on(presence, count):
    outputs = blank().astype(float)
    outputs[0, 0, 0] = [presence, 0, 1]
    assert len(decode(flat(outputs))) == count


def test_threshold_is_the_one_given():
    outputs = blank()
    outputs[0, 0, 0] = [0.3, 0, 1]
    assert len(decode(flat(outputs), threshold=0.2)) == 1
    assert len(decode(flat(outputs), threshold=0.4)) == 0


def test_bins_of_overlapping_windows_give_one_event():
    outputs = blank(3, 1)
    outputs[...] = [1, 0, 1]
    events = decode(flat(outputs), 2 * HOP + LENGTH, ["car"])
    assert len(events) == 1
    assert events["onset"][0] == 0 and events["offset"][0] == pytest.approx(2 * HOP + LENGTH, abs=1e-3)


@pytest.mark.parametrize("merge_gap, count", [(0.0, 2), (0.2, 2), (0.3, 1)])
def test_gap_between_two_events_of_a_class_is_closed_up_to_the_merge_gap(merge_gap, count):
    outputs = blank()
    outputs[0, 0, 0] = outputs[0, 2, 0] = [1, 0, 1]  # a bin of 0.284 s between them
    outputs[0, 1, 1] = [1, 0, 1]
    events = decode(flat(outputs), merge_gap=merge_gap)
    assert (events["event_label"] == "car").sum() == count
    assert (events["event_label"] == "clocks").sum() == 1


@pytest.mark.parametrize("duration", [1.0, 1.0004, 1.0006, 2.0, 2.559999])
def test_times_are_clipped_to_the_mix(duration):
    outputs = blank()
    outputs[...] = [1, 0, 1]
    events = decode(flat(outputs), duration)
    assert len(events) == 2
    assert (events["onset"] == 0).all()
    assert (events["offset"] <= duration).all() and (events["offset"] > duration - 0.001).all()


def test_what_lies_wholly_past_the_mix_is_dropped():
    outputs = blank()
    outputs[0, 5, 0] = [1, 0, 1]
    assert decode(flat(outputs), 5 * WIDTH - 0.01).empty


@pytest.mark.parametrize("start, end", [(0.8, 0.2), (0.5, 0.5), (1.0, 0.0), (0.5, 0.5000001)])
def test_end_before_or_at_the_start_is_no_event(start, end):
    outputs = blank()
    outputs[0, 4, 0] = [1, start, end]
    assert decode(flat(outputs)).empty


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_constant_outputs_give_no_events_and_no_error(value):
    events = decode(np.full((4, BINS, 6), value, np.float32), 8.0)
    assert events.empty and list(events.columns) == COLUMNS


def test_no_windows_give_no_events():
    events = decode(np.zeros((0, BINS, 6)))
    assert events.empty and list(events.columns) == COLUMNS


def test_random_outputs_give_well_formed_events():
    rng = np.random.default_rng(5)
    windows = pd.concat([windows_of("m1", 30.3), windows_of("m2", 17.7)], ignore_index=True)
    labels = [f"class-{number}" for number in range(6)]
    events = Decoder(labels, LENGTH, **DECODING).events(rng.random((len(windows), BINS, 18)), windows)
    assert (events["onset"] >= 0).all() and (events["onset"] < events["offset"]).all()
    assert (events["offset"] <= events["filename"].map({"m1": 30.3, "m2": 17.7})).all()
    assert set(events["event_label"]) <= set(labels)
    for _, own in events.groupby(["filename", "event_label"]):
        assert (own["onset"].to_numpy()[1:] - own["offset"].to_numpy()[:-1] > 0.3 - 0.001).all()


# ---- decoding as released --------------------------------------------------------------------------------------------


def test_end_counts_from_the_onset_as_released():
    outputs = blank()
    outputs[0, 3, 0] = [0.9, 0.25, 0.5]
    as_described, as_released = (decode(flat(outputs), end_from=end_from) for end_from in ("bin", "onset"))
    assert as_described["offset"][0] == pytest.approx(3.5 * WIDTH, abs=1e-6)
    assert as_released["offset"][0] == round(3.75 * WIDTH, 3)
    assert as_released["onset"][0] == round(as_described["onset"][0], 3)


def test_end_before_the_start_is_an_event_as_released():
    outputs = blank()
    outputs[0, 4, 0] = [1, 0.8, 0.2]
    assert decode(flat(outputs), end_from="bin").empty
    released = decode(flat(outputs), end_from="onset")
    assert released[["onset", "offset"]].to_numpy().tolist() == [[round(4.8 * WIDTH, 3), round(5 * WIDTH, 3)]]


def test_bin_of_the_next_window_does_not_bring_the_onset_forward_as_released():
    outputs = blank(2, 1)
    outputs[0, 8, 0] = [1, 0.5, 0.1]  # from 2.418 s
    outputs[1, 0, 0] = [1, 0.5, 0.9]  # from 2.102 s
    released = decode(flat(outputs), 10.0, ["car"], end_from="onset")
    assert released[["onset", "offset"]].to_numpy().tolist() == [[round(8.5 * WIDTH, 3), round(8.6 * WIDTH, 3)]]


def test_what_lies_past_the_mix_is_clipped_or_dropped_as_released_too():
    outputs = blank()
    outputs[0, :, 0] = [1, 0, 1]
    outputs[0, 5, 1] = [1, 0, 1]
    released = decode(flat(outputs), 4 * WIDTH, end_from="onset")
    assert released[["onset", "offset", "event_label"]].to_numpy().tolist() == [[0.0, round(4 * WIDTH, 3), "car"]]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_nothing_found_gives_an_empty_table_as_released_too(value):
    events = decode(np.full((4, BINS, 6), value, np.float32), 8.0, end_from="onset")
    assert events.empty and list(events.columns) == COLUMNS


def test_end_is_counted_from_the_bin_or_the_onset():
    with pytest.raises(KeyError):
        decode(flat(blank()), end_from="window")
