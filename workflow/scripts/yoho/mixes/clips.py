"""Clips: the slices of recordings that mixes are made of (paper, section 4.1)."""

from itertools import product

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.recordings.splits import BACKGROUND, SPLITS


def pool_recordings(recordings, split, pool, one_size):
    """The recordings that the mixes of a split are drawn from.

    pool: "split", the split's own (described), or "shared", all recordings for every split (released), so
    that what is tested was trained on. one_size: the shared pool is cut to as many recordings of each class
    as the training split has - the test and validation recordings first, then training ones - so that it can
    be compared with that split: what changes is what is shared, not how much there is.
    """
    if pool == "split":
        return recordings[recordings["split"] == split]
    if not one_size:
        return recordings
    size = recordings[recordings["split"] == "train"].groupby("event_label").size()
    held_out_first = recordings.sort_values("split", key=lambda splits: splits.map(SPLITS[::-1].index), kind="stable")
    rank = held_out_first.groupby("event_label").cumcount()
    return held_out_first[rank < held_out_first["event_label"].map(size)]


def cut_segments(recordings, longest, shortest, slices):
    """The segments of some recordings that are used: `slice_recordings` without the silent ones, which are counted.

    Raises InputError for a class that is left without a segment.
    """
    segments = slice_recordings(recordings, longest, shortest, slices)
    print(f"{segments['silent'].sum()} of {len(segments)} segments are silent and left out")
    segments = segments[~segments["silent"]].drop(columns="silent").reset_index(drop=True)
    if lost := sorted(set(recordings["event_label"]) - set(segments["event_label"])):
        raise InputError(f"class {', '.join(lost)}: every recording is too short for `slices: {slices}`")
    return segments


def slice_recordings(recordings, longest, shortest, slices):
    """Cut what sounds in each recording into segments of at most `longest` seconds (paper: 10 s).

    slices: "all" (described; a rest below `shortest` seconds is dropped unless it is all there is) or "last"
    (released). Returns a row per segment: event_label, recording, path, source_onset, source_offset (s), silent.
    """
    rows = []
    for row in recordings.itertuples():
        edges = {"all": all_slices, "last": last_slice}[slices](row.onset, row.offset, longest, shortest)
        # The released code knows no silence.
        silences = [stretch.split("-") for stretch in row.silences.split()] if slices == "all" else []
        for onset, offset in edges:
            silent = any(float(first) - 1e-3 <= onset and offset <= float(last) + 1e-3 for first, last in silences)
            rows.append((row.event_label, row.recording, row.path, onset, offset, silent))
    columns = ["event_label", "recording", "path", "source_onset", "source_offset", "silent"]
    return pd.DataFrame(rows, columns=columns).astype({"silent": bool})


def describe_dataset(recordings, longest, shortest, slices, event_labels):
    """A row per class and split: what a dataset holds and what its mixes are made from.

    Returns event_label (a class or "overall"), split (one or "all"), recordings, groups, segments, silent (segments
    left out), hours of the recordings and segment_hours. A group that holds several classes counts once overall.
    Where there is background, of which "overall" takes no notice, it has rows of that name at the end.
    """
    segments = slice_recordings(recordings, longest, shortest, slices)
    segments = segments.assign(
        split=segments["recording"].map(recordings.set_index("recording")["split"]),
        hours=(segments["source_offset"] - segments["source_onset"]) / 3600,
    )
    rows = []
    names = {name: [name] for name in event_labels} | {"overall": event_labels}
    if (recordings["event_label"] == BACKGROUND).any():
        names["background"] = [BACKGROUND]
    for (event_label, labels), split in product(names.items(), [*SPLITS, "all"]):
        splits = SPLITS if split == "all" else [split]
        own, cut = (
            table[table["event_label"].isin(labels) & table["split"].isin(splits)] for table in (recordings, segments)
        )
        used = cut[~cut["silent"]]
        counts = (len(own), own["group"].nunique(), len(used), cut["silent"].sum())
        rows.append((event_label, split, *counts, own["duration"].sum() / 3600, used["hours"].sum()))
    columns = ["event_label", "split", "recordings", "groups", "segments", "silent", "hours", "segment_hours"]
    return pd.DataFrame(rows, columns=columns)


def all_slices(onset, offset, longest, shortest):
    """Described: every slice (onset, offset) of what sounds between two times."""
    edges = np.append(np.arange(onset, offset - 1e-6, longest), offset)
    slices = list(zip(edges[:-1], edges[1:]))
    return slices[:1] + [(first, last) for first, last in slices[1:] if last - first >= shortest]


def last_slice(onset, offset, longest, shortest):
    """Released: the last slice alone, since each slice of a recording overwrote the one before.

    A fractional last second is dropped; under one second there is no slice.
    """
    seconds = int(offset - onset + 1e-6)
    first = [onset + start for start in np.arange(0, seconds, longest)]
    return [(start, onset + seconds) for start in first[-1:]]
