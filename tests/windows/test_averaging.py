"""Averaged decoding, against a plain loop over cells, in batches of any size; and what its median keeps and drops."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import median_filter

from yoho.windows.averaging import Averager, cell_presence
from yoho.windows.cutting import window_onsets
from yoho.windows.targets import Decoder, encode_events

LABELS = ["rain", "car"]
LENGTH, BINS, HOP = 2.56, 9, 0.64
AVERAGED = {"resolution": 0.01, "edge": 0.1, "median": 1.0}
DECODING = {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin", "averaged": AVERAGED}


def table(onsets, duration, filename="a"):
    return pd.DataFrame({"filename": filename, "onset": onsets, "mix_duration": duration})


def events_of(*rows, filename="a"):
    events = pd.DataFrame(rows, columns=["onset", "offset", "event_label"])
    return events.assign(filename=filename)[["filename", "onset", "offset", "event_label"]]


def encoded(events, duration):
    onsets = window_onsets(duration, LENGTH, HOP)
    return encode_events(events, onsets, LABELS, LENGTH, BINS), onsets


def decode(outputs, windows, **changes):
    averaged = AVERAGED | {key: changes.pop(key) for key in AVERAGED if key in changes}
    return Decoder(LABELS, LENGTH, **DECODING | changes | {"averaged": averaged}).events(outputs, windows)


def plainly(outputs, onsets, duration, threshold, end_from, resolution, edge, median):
    """The events, (label, first cell, end, sum of presence), computed cell by cell as the docstring says."""
    width, reach = LENGTH / BINS, round(median / 2 / resolution)
    cells = max(1, int(np.ceil(duration / resolution - 1e-9)))
    mean = np.zeros((cells, len(LABELS)))
    for cell in range(cells):
        sums = total = 0
        for window, onset in zip(outputs.reshape(len(outputs), BINS, -1, 3), onsets):
            middle = (cell - round(onset / resolution) + 0.5) * resolution
            if 0 < middle < LENGTH:
                weight = 1 - (1 - edge) * abs(middle - LENGTH / 2) / (LENGTH / 2)
                presence, start, end = window[int(middle / width)].T
                at = middle / width % 1
                stop = end if end_from == "bin" else start + end
                sums = sums + weight * np.where((start <= at) & (at < stop), presence, 0)
                total += weight
        mean[cell] = sums / total
    runs = []
    for number, _ in enumerate(LABELS):
        sounds = mean[:, number] >= threshold
        full = min(2 * reach + 1, cells)
        majority = [2 * sum(sounds[max(0, cell - reach) : cell + reach + 1]) > full for cell in range(cells)]
        edges = np.flatnonzero(np.diff([False, *majority, False]))
        runs += [(LABELS[number], *edge, mean[slice(*edge), number].sum()) for edge in edges.reshape(-1, 2)]
    return sorted(runs)


@pytest.mark.parametrize("end_from", ["bin", "onset"])
@pytest.mark.parametrize("duration", [0.004, 1.3, 2.56, 9.999])
@pytest.mark.parametrize(
    "averaged",
    [{"resolution": 0.01, "edge": 0.1, "median": 0.3}, {"resolution": 0.02, "edge": 1, "median": 0}],
)
@pytest.mark.parametrize("batches", [1, 3, 100])
def test_batches_give_what_a_plain_loop_over_cells_gives(end_from, duration, averaged, batches):
    onsets = window_onsets(duration, LENGTH, HOP)
    outputs = np.random.default_rng(0).random((len(onsets), BINS, 6)).astype(np.float32)
    averager, found = Averager(Decoder(LABELS, LENGTH, 0.25, 0.3, end_from, averaged)), []
    for numbers in [part for part in np.array_split(np.arange(len(onsets)), batches) if len(part)]:
        last = numbers[-1] + 1 == len(onsets)
        limit, later = (duration, np.inf) if last else (np.inf, onsets[numbers[-1] + 1])
        events, settled = averager(outputs[numbers], onsets[numbers], limit, later)
        assert (events["offset"] <= settled + 1e-9).all()
        found.append(events)
    found = pd.concat(found).sort_values(["event_label", "onset"])
    rows = []  # An event that lasts over several batches is put together.
    for event in found.itertuples():
        row = [event.event_label, round(event.onset / averaged["resolution"]), event.bins, event.presence]
        if rows and rows[-1][0] == row[0] and rows[-1][1] + rows[-1][2] == row[1]:
            rows[-1][2:] = [rows[-1][2] + row[2], rows[-1][3] + row[3]]
        else:
            rows.append(row)
    wanted = plainly(outputs, onsets, duration, 0.25, end_from, **averaged)
    assert [(label, first, first + cells) for label, first, cells, _ in rows] == [run[:3] for run in wanted]
    np.testing.assert_allclose([row[3] for row in rows], [run[3] for run in wanted], rtol=1e-6)
    assert len(wanted) or duration < 1
    assert found["offset"].max() <= duration or not len(found)


def test_decoding_gives_the_encoded_events_back():
    truth = events_of((0, 3.21, "rain"), (2.5, 8.0, "car"), (5.55, 9.3, "rain"), (11.1, 12.34, "car"))
    outputs, onsets = encoded(truth, 12.34)
    found = decode(outputs, table(onsets, 12.34))
    assert list(found["event_label"]) == list(truth["event_label"])
    np.testing.assert_allclose(found[["onset", "offset"]], truth[["onset", "offset"]], atol=0.0101)


def test_median_drops_events_and_fills_gaps_shorter_than_half_of_it():
    truth = events_of((2.0, 2.4, "rain"), (4.0, 6.0, "car"), (6.4, 9.0, "car"))
    outputs, onsets = encoded(truth, 10.0)
    found = decode(outputs, table(onsets, 10.0), merge_gap=0.0)
    assert list(found["event_label"]) == ["car"]
    np.testing.assert_allclose(found[["onset", "offset"]], [[4.0, 9.0]], atol=0.0101)
    assert list(decode(outputs, table(onsets, 10.0), merge_gap=0.0, median=0)["event_label"]) == ["rain", "car", "car"]


def test_median_drops_short_events_at_the_ends_too():
    truth = events_of((0, 0.3, "rain"), (0, 0.6, "car"), (9.4, 10.0, "rain"), (9.7, 10.0, "car"))
    outputs, onsets = encoded(truth, 10.0)
    found = decode(outputs, table(onsets, 10.0), merge_gap=0.0)
    assert found["event_label"].tolist() == ["car", "rain"]
    np.testing.assert_allclose(found[["onset", "offset"]], [[0, 0.6], [9.4, 10.0]], atol=0.0101)


def test_windows_that_disagree_are_averaged_not_added_up():
    """If one window of four finds a class throughout, the paper's decoding gives an event and this one does not."""
    outputs, onsets = np.zeros((8, BINS, 6), np.float32), HOP * np.arange(8)
    outputs[3] = [0.9, 0, 1, 0, 0, 0] * 1
    windows = table(onsets, 7.04)
    assert decode(outputs, windows).empty
    bins = Decoder(LABELS, LENGTH, **DECODING | {"averaged": None}).events(outputs, windows)
    np.testing.assert_allclose(bins[["onset", "offset"]], [[1.92, 4.48]])


def test_files_are_averaged_separately():
    first, second = events_of((0, 5.0, "rain")), events_of((0, 4.0, "car"), filename="b")
    (one, onsets), (two, others) = encoded(first, 5.0), encoded(second, 4.0)
    windows = pd.concat([table(onsets, 5.0), table(others, 4.0, "b")], ignore_index=True)
    found = decode(np.concatenate([one, two]), windows)
    assert found.to_dict("records") == pd.concat([first, second]).to_dict("records")


def test_each_class_has_its_threshold():
    outputs = np.tile(np.float32([0.6, 0, 1]), (3, BINS, 2))
    assert list(decode(outputs, table(HOP * np.arange(3), 3.84), threshold=[0.7, 0.5])["event_label"]) == ["car"]


def test_a_cell_has_the_presence_of_its_bin_between_start_and_end():
    outputs = np.tile(np.float32([0.5, 0.25, 0.5]), (1, 2, 1))
    outputs[0, 1, 0] = 0.75
    np.testing.assert_array_equal(cell_presence(outputs, 8, "bin")[0, :, 0], [0, 0.5, 0, 0, 0, 0.75, 0, 0])
    np.testing.assert_array_equal(cell_presence(outputs, 8, "onset")[0, :, 0], [0, 0.5, 0.5, 0, 0, 0.75, 0.75, 0])


# ---- frames: windows that do not overlap, from start to end of each bin ----------------------------------------------

FRAMES = {"resolution": 0.04, "edge": 1, "median": 0.4}


def on_frames(presence):
    """Outputs of windows of 64 frames, (windows, 64, 6), from a presence of each frame, (windows * 64, 2)."""
    whole = np.stack([presence, np.zeros_like(presence), np.ones_like(presence)], axis=-1)
    return whole.reshape(-1, 64, 6)


def test_frames_are_decoded_by_a_threshold_and_a_median_over_eleven_of_them():
    presence = np.random.default_rng(0).random((256, 2))
    found = decode(on_frames(presence), table(LENGTH * np.arange(4), 4 * LENGTH), merge_gap=0, **FRAMES)
    for number, label in enumerate(LABELS):
        kept = median_filter((presence[:, number] >= 0.5).astype(int), 11, mode="constant")
        edges = np.flatnonzero(np.diff(np.pad(kept, 1))).reshape(-1, 2) * 0.04
        assert len(edges) > 5
        own = found.loc[found["event_label"] == label, ["onset", "offset"]]
        np.testing.assert_allclose(own.to_numpy(), edges, atol=1e-6)


def test_targets_of_frames_are_the_frames_in_which_events_sound():
    events = events_of((0.5, 3.0, "rain"), (1.0, 1.01, "car"), (4.0, 5.12, "car"))
    targets = encode_events(events, [0.0, 2.56], LABELS, LENGTH, 64).reshape(128, 2, 3)
    edges = 0.04 * np.arange(128)[:, None] + [0.0, 0.04]
    for number, label in enumerate(LABELS):
        own = events[events["event_label"] == label]
        sounds = [any((own["onset"] < end - 1e-9) & (own["offset"] > start + 1e-9)) for start, end in edges]
        assert targets[:, number, 0].tolist() == sounds
    rain = decode(on_frames(targets[..., 0]), table([0.0, 2.56], 5.12), merge_gap=0, **FRAMES).iloc[0]
    assert rain.onset == pytest.approx(0.48) and rain.offset == pytest.approx(3.0)
