"""Targets of a window and back: 9 bins x [presence, start, end] per class (paper, section 4.2).

Encoding and decoding stand side by side: `decode_outputs(encode_events(...))` gives the events back. So do
the two readings: as described, in the paper's words, and as released, what its authors' notebooks compute.
"""

import numpy as np
import pandas as pd

from yoho.events import COLUMNS, TOUCH, merge_events
from yoho.windows.averaging import decode_averaged

# In what times are computed, by `end_from`.
PRECISION = {"bin": np.float64, "onset": np.float32}

# What joined events add up.
SUMS = ("presence", "bins")


def encode_events(events, window_onsets, event_labels, window_length, bins):
    """Targets of the windows of one mix, from its true events.

    events: table with onset, offset (s) and event_label; window_onsets: (windows,), s.
    Returns (windows, bins, 3 * classes) float32: per class [presence, start, end] in the order of
    `event_labels`, start and end as fractions of the bin, 0 where the class is absent. Where one class
    sounds twice within a bin, the bin holds the first start and the last end.
    """
    width = window_length / bins
    edges = np.asarray(window_onsets)[:, None] + width * np.arange(bins)
    targets = np.zeros((len(edges), bins, len(event_labels), 3), np.float32)
    for index, event_label in enumerate(event_labels):
        sounding = events[events["event_label"] == event_label]
        if sounding.empty:
            continue
        start = (sounding["onset"].to_numpy()[:, None, None] - edges) / width
        end = (sounding["offset"].to_numpy()[:, None, None] - edges) / width
        present = (np.minimum(end, 1) - np.maximum(start, 0)) > 1e-6
        targets[:, :, index, 0] = present.any(axis=0)
        targets[:, :, index, 1] = np.where(present, start, 1).min(axis=0).clip(0, 1) * present.any(axis=0)
        targets[:, :, index, 2] = np.where(present, end, 0).max(axis=0).clip(0, 1)
    return targets.reshape(len(edges), bins, -1)


def encode_events_as_released(events, window_onsets, event_labels, window_length, bins):
    """Targets as the released notebooks write them: arguments and shape as of `encode_events`.

    What differs: events of one class are joined in the order of the table (`join_in_order`), in each window
    anew; times are rounded to the millisecond and fractions to 1e-6; what lasts to the window's end stops
    1e-6 s before it, so that the last bin's end is 0.999996 at most; where one class sounds twice within a
    bin, the bin holds the later event.
    """
    width = window_length / bins
    edges = width * np.arange(bins)
    window_onsets = np.asarray(window_onsets)[:, None]
    onset, offset = events["onset"].to_numpy(float) - window_onsets, events["offset"].to_numpy(float) - window_onsets
    listed = events["event_label"].isin(event_labels).to_numpy()
    window, event = np.nonzero(listed & (offset > 0) & (onset <= window_length))
    sounding = pd.DataFrame(
        {
            "filename": window,  # each window is joined as if it were a file of its own
            "onset": onset[window, event].clip(min=0),
            "offset": offset[window, event].clip(max=window_length),
            "event_label": events["event_label"].to_numpy()[event],
        }
    )
    sounding = join_in_order(sounding, 0.0).round(3)
    start = (sounding["onset"].to_numpy()[:, None] - edges) / width
    end = (sounding["offset"].to_numpy()[:, None].clip(max=window_length - 1e-6) - edges) / width
    row, position = np.nonzero((end > 0) & (start < 1))
    window = sounding["filename"].to_numpy()[row]
    label = pd.Index(event_labels).get_indexer(sounding["event_label"])[row]
    targets = np.zeros((len(window_onsets), bins, len(event_labels), 3), np.float32)
    targets[window, position, label, 0] = 1
    targets[window, position, label, 1] = start[row, position].clip(min=0).round(6)
    targets[window, position, label, 2] = end[row, position].clip(max=1).round(6)
    return targets.reshape(len(window_onsets), bins, -1)


def join_in_order(events, gap, sums=()):
    """`merge_events` as the released notebooks do it: in the order of the rows, not of the onsets.

    A row that begins before the last one of its file and class has ended, or at most `gap` seconds after, adds
    to its end alone: the earlier row's onset stands, even where the later row begins before it.
    """
    onset = events.groupby(["filename", "event_label"])["onset"].cummax()
    return merge_events(events.assign(onset=onset), gap, sums)


def decode_outputs(outputs, windows, event_labels, window_length, threshold, merge_gap, end_from, averaged=None):
    """Events that a network's outputs stand for: `decode_bins`, `join_bins` and `round_times`, one after another.

    outputs: (windows, bins, 3 * classes) in [0, 1]; windows: a table with a row per window: filename,
    onset (s) and mix_duration (s). A bin counts where its presence reaches `threshold`, one for all classes or
    (classes,), one for each; its event lasts from bin + start to bin + end. Times are clipped to the mix, events of
    one class at most `merge_gap` seconds apart are joined; times are rounded to the microsecond that tables hold.

    That is `end_from` "bin", as described. "onset" is as released: the event lasts until its onset + end,
    events are joined by `join_in_order`, bin after bin, and times are single-precision and rounded to the
    millisecond, which may leave an event no length.

    averaged: constants of the averaged decoding, which is then done in place of `decode_bins`: see `averaging`.
    """
    if averaged is None:
        events = decode_bins(outputs, windows, event_labels, window_length, threshold, end_from)
    else:
        events = decode_averaged(outputs, windows, event_labels, window_length, threshold, end_from, averaged)
        end_from = "bin"  # its events have both times already
    return round_times(join_bins(events, merge_gap, end_from), end_from)[COLUMNS]


def decode_bins(outputs, windows, event_labels, window_length, threshold, end_from):
    """An event for every bin that counts, in the order of windows and bins; arguments as of `decode_outputs`.

    Beside the columns of events: its `presence`, and `bins`, 1.
    """
    precision = PRECISION[end_from]
    outputs = np.asarray(outputs, precision)
    count, bins, _ = outputs.shape
    presence, start, end = np.moveaxis(outputs.reshape(count, bins, len(event_labels), 3), -1, 0)
    window, position, label = np.nonzero(presence >= threshold)
    width = window_length / bins
    bin_onset = (windows["onset"].to_numpy(float)[window] + position * width).astype(precision)
    onset = bin_onset + start[window, position, label] * width
    offset = (bin_onset if end_from == "bin" else onset) + end[window, position, label] * width
    duration = windows["mix_duration"].to_numpy(float)[window]
    return pd.DataFrame(
        {
            "filename": windows["filename"].to_numpy()[window],
            "onset": onset,
            "offset": np.minimum(offset, duration),
            "event_label": pd.array(np.asarray(event_labels, dtype=object)[label], dtype="str"),
            "presence": presence[window, position, label].astype(float),
            "bins": 1,
        }
    )


def join_bins(events, merge_gap, end_from):
    """Join the events of bins, or of such that were joined before followed by those of later bins.

    `presence` and `bins` become sums. See `decode_outputs`.
    """
    if end_from == "onset":
        # A gap without tolerance: single precision decides where it is just `merge_gap`.
        return join_in_order(events[events["offset"] >= events["onset"]], merge_gap - TOUCH, SUMS)
    return merge_events(events[events["offset"] > events["onset"]], merge_gap, SUMS)


def round_times(events, end_from):
    """Events with their times rounded, and without those that this leaves no length. See `decode_outputs`."""
    if end_from == "onset":
        # Single precision: near half a millisecond it decides.
        times = events[["onset", "offset"]].astype(np.float32).round(3)
        return events.assign(**times.astype(float).round(3))
    events = events.round({"onset": 6, "offset": 6})
    return events[events["offset"] > events["onset"]].reset_index(drop=True)


# Names in the config's `readings`.
ENCODINGS = {"exact": encode_events, "rounded": encode_events_as_released}
