"""From events to the targets of windows and back: 9 bins x [presence, start, end] per class (paper, section 4.2).

Encoding and decoding stand side by side: `Decoder(...).events` gives back the events that `encode_events` encoded. So
do the two readings: what the paper describes, and what its authors' notebooks compute ("released").
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoho.events import COLUMNS, TOUCH, merge_events
from yoho.windows.averaging import averaged_events

# Type in which times are computed, by `end_from`.
PRECISION = {"bin": np.float64, "onset": np.float32}

# Columns that are added up when events are joined.
SUMS = ("presence", "bins")


def encode_events(events, onsets, event_labels, window_length, bins):
    """Targets of the windows of one mix, from its true events.

    events: table with onset, offset (s) and event_label; onsets: of the windows, (windows,), s; window_length: s.
    Returns (windows, bins, 3 * classes) float32. Each class, in the order of `event_labels`, has [presence, start,
    end]; start and end are fractions of the bin, and all three are 0 if the class is absent. If a class sounds twice
    within a bin, the bin holds the first start and the last end.
    """
    width = window_length / bins
    edges = np.asarray(onsets)[:, None] + width * np.arange(bins)
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


def encode_events_as_released(events, onsets, event_labels, window_length, bins):
    """Targets as the released notebooks write them; arguments and result as in `encode_events`.

    There are four differences. Each window joins its events of one class in the order of the table (`join_in_order`).
    Times are rounded to the millisecond, and fractions to 1e-6. An event that lasts to the window's end stops 1e-6 s
    before it, so that the last bin's end is at most 0.999996. If a class sounds twice within a bin, the bin holds the
    later event.
    """
    width = window_length / bins
    edges = width * np.arange(bins)
    begins = np.asarray(onsets)[:, None]
    onset, offset = (events[time].to_numpy(float) - begins for time in ("onset", "offset"))
    listed = events["event_label"].isin(event_labels).to_numpy()
    window, event = np.nonzero(listed & (offset > 0) & (onset <= window_length))
    sounding = pd.DataFrame(
        {
            "filename": window,  # Each window is joined as if it were a file.
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
    targets = np.zeros((len(begins), bins, len(event_labels), 3), np.float32)
    targets[window, position, label, 0] = 1
    targets[window, position, label, 1] = start[row, position].clip(min=0).round(6)
    targets[window, position, label, 2] = end[row, position].clip(max=1).round(6)
    return targets.reshape(len(begins), bins, -1)


def join_in_order(events, gap, sums=()):
    """Join events as `merge_events` does, but in the order of the rows, as the released notebooks do.

    A row is joined to the previous row of its file and class if it begins at most `gap` seconds after that one's end.
    It can move the end of the joined event, but not its onset, even if it begins earlier.
    """
    onset = events.groupby(["filename", "event_label"])["onset"].cummax()
    return merge_events(events.assign(onset=onset), gap, sums)


@dataclass(frozen=True)
class Decoder:
    """How a network's outputs become events.

    window_length: s; threshold: presence from which a bin counts, one number or (classes,); merge_gap: events of one
    class at most this far apart are joined, s; averaged: settings of the averaged decoding (`averaging`), or None for
    the paper's, which makes an event of every bin that counts.

    end_from: "bin", as described, or "onset", as released. As described, an event lasts from bin + start to bin + end,
    and its times are rounded to the microsecond that tables hold. As released, it lasts until its onset + end, events
    are joined by `join_in_order`, and times are single-precision and rounded to the millisecond, so that an event
    may have no length. Averaged decoding joins and rounds as described.
    """

    event_labels: list
    window_length: float
    threshold: float | np.ndarray
    merge_gap: float
    end_from: str
    averaged: dict | None = None

    @property
    def as_released(self):
        """Whether events are joined and rounded as released."""
        return self.end_from == "onset" and self.averaged is None

    def events(self, outputs, windows):
        """Table of the events in a network's outputs.

        outputs: (windows, bins, 3 * classes) in [0, 1]; windows: a table with a row per window: filename, onset (s)
        and mix_duration (s), to which times are clipped.
        """
        found = self.bins(outputs, windows) if self.averaged is None else averaged_events(self, outputs, windows)
        return self.rounded(self.joined(found))[COLUMNS]

    def bins(self, outputs, windows):
        """An event for every bin that counts, in the order of windows and bins; arguments as in `events`.

        The table has two more columns: the event's `presence`, and `bins`, which is 1.
        """
        precision = PRECISION[self.end_from]
        outputs = np.asarray(outputs, precision)
        count, bins, _ = outputs.shape
        presence, start, end = np.moveaxis(outputs.reshape(count, bins, len(self.event_labels), 3), -1, 0)
        window, position, label = np.nonzero(presence >= self.threshold)
        width = self.window_length / bins
        bin_onset = (windows["onset"].to_numpy(float)[window] + position * width).astype(precision)
        onset = bin_onset + start[window, position, label] * width
        offset = (bin_onset if self.end_from == "bin" else onset) + end[window, position, label] * width
        duration = windows["mix_duration"].to_numpy(float)[window]
        return pd.DataFrame(
            {
                "filename": windows["filename"].to_numpy()[window],
                "onset": onset,
                "offset": np.minimum(offset, duration),
                "event_label": pd.array(np.asarray(self.event_labels, dtype=object)[label], dtype="str"),
                "presence": presence[window, position, label].astype(float),
                "bins": 1,
            }
        )

    def joined(self, events):
        """Join events of bins, or joined events followed by those of later bins; `presence` and `bins` become sums."""
        if self.as_released:
            # The gap has no tolerance here: single precision decides when it is exactly `merge_gap`.
            return join_in_order(events[events["offset"] >= events["onset"]], self.merge_gap - TOUCH, SUMS)
        return merge_events(events[events["offset"] > events["onset"]], self.merge_gap, SUMS)

    def rounded(self, events):
        """Events with rounded times. As described, events whose length becomes 0 are dropped."""
        if self.as_released:
            # Single precision decides how a time near half a millisecond is rounded.
            times = events[["onset", "offset"]].astype(np.float32).round(3)
            return events.assign(**times.astype(float).round(3))
        events = events.round({"onset": 6, "offset": 6})
        return events[events["offset"] > events["onset"]].reset_index(drop=True)


# Names in the config's `readings`.
ENCODINGS = {"exact": encode_events, "rounded": encode_events_as_released}
