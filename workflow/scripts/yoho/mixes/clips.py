"""Clips: the slices of recordings that mixes are made of (paper, section 4.1)."""

from itertools import product

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.recordings.splits import BACKGROUND, SPLITS


def pool_recordings(recordings, split, pool, one_size, seed=None):
    """The recordings from which the mixes of a split are drawn.

    pool: "split" for the split's own (described), or "shared" for all recordings in every split (released), so that the
    test uses recordings of the training. one_size: the shared pool holds only as many recordings of each class as the
    training split has. The pool then has the size of that split, and differs from it only in what is shared. With a
    seed (numbers), its recordings are drawn at random from all splits; without one, they are taken first from test
    and validation, then from training. Raises InputError for a split without recordings.
    """
    if split not in set(recordings["split"]):
        raise InputError(f"no recording in split {split}; its mixes cannot be made")
    if pool == "split":
        return recordings[recordings["split"] == split]
    if not one_size:
        return recordings
    sizes = recordings[recordings["split"] == "train"].groupby("event_label").size()
    if seed is None:
        ordered = recordings.sort_values("split", key=lambda splits: splits.map(SPLITS[::-1].index), kind="stable")
    else:
        ordered = recordings.iloc[np.random.default_rng(seed).permutation(len(recordings))]
    rank = ordered.groupby("event_label").cumcount()
    return ordered[rank < ordered["event_label"].map(sizes)]


def cut_clips(recordings, longest, shortest, slices):
    """The clips of `slice_recordings` without silent ones. Raises InputError for a class that has no clip left."""
    clips = slice_recordings(recordings, longest, shortest, slices)
    print(f"{clips['silent'].sum()} of {len(clips)} clips are silent and left out")
    clips = clips[~clips["silent"]].drop(columns="silent").reset_index(drop=True)
    if lost := sorted(set(recordings["event_label"]) - set(clips["event_label"])):
        raise InputError(f"class {', '.join(lost)}: every recording is too short for `slices: {slices}`")
    return clips


def slice_recordings(recordings, longest, shortest, slices):
    """Slice the used part of each recording into clips of at most `longest` seconds (paper: 10 s).

    slices: "all" (described; a last clip below `shortest` seconds is dropped unless it is the only one) or "last"
    (released). Returns a row for each clip: event_label, recording, path, source_onset, source_offset (s), silent.
    """
    rows = []
    for row in recordings.itertuples():
        edges = {"all": all_slices, "last": last_slice}[slices](row.onset, row.offset, longest, shortest)
        # The released code ignores silences.
        silences = [stretch.split("-") for stretch in row.silences.split()] if slices == "all" else []
        for onset, offset in edges:
            silent = any(float(first) - 1e-3 <= onset and offset <= float(last) + 1e-3 for first, last in silences)
            rows.append((row.event_label, row.recording, row.path, onset, offset, silent))
    columns = ["event_label", "recording", "path", "source_onset", "source_offset", "silent"]
    return pd.DataFrame(rows, columns=columns).astype({"silent": bool})


def all_slices(onset, offset, longest, shortest):
    """Described: every slice (onset, offset) between two times, s."""
    edges = np.append(np.arange(onset, offset - 1e-6, longest), offset)
    slices = list(zip(edges[:-1], edges[1:]))
    return slices[:1] + [(first, last) for first, last in slices[1:] if last - first >= shortest]


def last_slice(onset, offset, longest, shortest):
    """Released: only the last slice, because each slice of a recording overwrote the one before.

    A fractional last second is dropped; a part shorter than one second has no slice.
    """
    seconds = int(offset - onset + 1e-6)
    starts = [onset + start for start in np.arange(0, seconds, longest)]
    return [(start, onset + seconds) for start in starts[-1:]]


def describe_dataset(recordings, longest, shortest, slices, event_labels):
    """Table of what a dataset holds and of the clips for its mixes, with a row for each class and split.

    Its columns: event_label (a class or "overall"), split (one or "all"), recordings, groups, clips, silent (clips that
    are left out), hours of the recordings and clip_hours. A group that holds several classes counts once overall.
    Background has rows named "background" at the end, if there is any; "overall" does not include it.
    """
    clips = slice_recordings(recordings, longest, shortest, slices)
    clips = clips.assign(
        split=clips["recording"].map(recordings.set_index("recording")["split"]),
        hours=(clips["source_offset"] - clips["source_onset"]) / 3600,
    )
    rows = []
    names = {name: [name] for name in event_labels} | {"overall": event_labels}
    if (recordings["event_label"] == BACKGROUND).any():
        names["background"] = [BACKGROUND]
    for (event_label, labels), split in product(names.items(), [*SPLITS, "all"]):
        splits = SPLITS if split == "all" else [split]
        own, cut = (
            table[table["event_label"].isin(labels) & table["split"].isin(splits)] for table in (recordings, clips)
        )
        used = cut[~cut["silent"]]
        counts = (len(own), own["group"].nunique(), len(used), cut["silent"].sum())
        rows.append((event_label, split, *counts, own["duration"].sum() / 3600, used["hours"].sum()))
    columns = ["event_label", "split", "recordings", "groups", "clips", "silent", "hours", "clip_hours"]
    return pd.DataFrame(rows, columns=columns)
