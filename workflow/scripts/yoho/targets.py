"""Targets of a window and back: 9 bins x [presence, start, end] per class (paper, section 4.2).

Encoding and decoding stand side by side: `decode_outputs(encode_events(...))` gives the events back.
"""

import numpy as np
import pandas as pd

from yoho.events import merge_events


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


def decode_outputs(outputs, windows, event_labels, window_length, threshold, merge_gap):
    """Events that a network's outputs stand for.

    outputs: (windows, bins, 3 * classes) in [0, 1]; windows: a table with a row per window: filename,
    onset (s) and mix_duration (s). A bin counts where its presence reaches `threshold`; its event lasts
    from bin + start to bin + end. Times are clipped to the mix, events of one class at most `merge_gap`
    seconds apart are joined; times are rounded to the microsecond that tables hold.
    """
    outputs = np.asarray(outputs, dtype=float)
    count, bins, _ = outputs.shape
    presence, start, end = np.moveaxis(outputs.reshape(count, bins, len(event_labels), 3), -1, 0)
    window, position, label = np.nonzero(presence >= threshold)
    width = window_length / bins
    bin_onset = windows["onset"].to_numpy(float)[window] + position * width
    duration = windows["mix_duration"].to_numpy(float)[window]
    events = pd.DataFrame(
        {
            "filename": windows["filename"].to_numpy()[window],
            "onset": bin_onset + start[window, position, label] * width,
            "offset": np.minimum(bin_onset + end[window, position, label] * width, duration),
            "event_label": np.asarray(event_labels, dtype=object)[label],
        }
    )
    events = merge_events(events[events["offset"] > events["onset"]], merge_gap).round({"onset": 6, "offset": 6})
    return events[events["offset"] > events["onset"]].reset_index(drop=True)
