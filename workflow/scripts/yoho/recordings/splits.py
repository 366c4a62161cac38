"""Sources of recordings. In the end there is a table with a row per recording:

recording    its name, unique in the dataset
path         the audio file
event_label  the one class it holds; empty where no class sounds: background, named background/KIND/...
group        the original field recording: no group is in two splits
split        train, valid or test
duration     of the file, s
onset, offset   what is used of it, s: near-silent ends are left out
silences     near-silent stretches in between, "first-last first-last ...", s

Built-in recordings come with all of it. The other sources list recording, path, event_label and group; `listen`
finds the times, and ESC-50's folds or `assign_splits` the splits.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yoho import InputError

COLUMNS = ["recording", "path", "event_label", "group", "split", "duration", "onset", "offset", "silences"]
SPLITS = ("train", "valid", "test")
BACKGROUND = ""  # the event_label of recordings in which no class sounds


def background_kind(recordings):
    """The kind of each recording of background, (recordings,): a key of yoho.background.KINDS, or "own"."""
    return recordings["recording"].str.split("/").str[1]


# ---- groups and splits -----------------------------------------------------------------------------------------------


def join_groups(recordings, *keys):
    """Make one group of all groups that share a recording.

    keys: lists of columns; two rows that agree in all columns of a key are the same recording. A row with an empty
    or missing value in one of them agrees with none.
    """
    rows, edges, nodes = np.arange(len(recordings)), [], len(recordings)
    for key in (["group"], *keys):
        values = recordings[list(key)].replace("", np.nan)
        codes = values.groupby(list(key), sort=False).ngroup()
        codes = codes.where(values.notna().all(axis=1), -1).to_numpy(int)
        edges.append((rows[codes >= 0], nodes + codes[codes >= 0]))
        nodes += codes.max(initial=-1) + 1
    first, second = (np.concatenate(ends) for ends in zip(*edges))
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(nodes, nodes))
    _, part = connected_components(graph, directed=False)
    part = pd.Series(part[: len(rows)], index=recordings.index)
    return recordings.assign(group=recordings["group"].groupby(part).transform("min"))


def assign_splits(recordings, fractions, rng):
    """Deal the groups of each class to the splits, by `fractions` of its recordings, every split getting at least one.

    Large groups are dealt first, in a random order where they are of one size. A group that holds several classes is
    dealt once, with the class that has the fewest groups. Raises InputError where a class cannot be in every split.
    """
    shares = np.array([fractions[split] for split in SPLITS], dtype=float)
    classes = [
        (label, members["group"].value_counts(sort=False))
        for label, members in recordings.groupby("event_label", sort=False)
    ]
    splits = {}
    for event_label, sizes in sorted(classes, key=lambda entry: len(entry[1])):
        free = sizes[rng.permutation([group for group in sizes.index if group not in splits])]
        free = free.sort_values(ascending=False, kind="stable")
        dealt = sizes[[group for group in sizes.index if group in splits]]
        have = np.array([sum(size for group, size in dealt.items() if splits[group] == split) for split in SPLITS])
        places = []
        for size in free:
            # One group each first; the rest go where the share is furthest from being met.
            missing = have == 0
            places.append(np.argmax(missing if missing.any() else shares * sizes.sum() / shares.sum() - have))
            have[places[-1]] += size
        # Among groups of one size, which are in a random order, the splits come one after another.
        places = pd.Series(places, free.index, dtype=int).groupby(free.to_numpy()).transform(np.sort)
        splits |= {group: SPLITS[place] for group, place in places.items()}
        if (have == 0).any():
            raise InputError(
                f"class {event_label}: {len(sizes)} group(s) of recordings for {len(SPLITS)} splits"
                f"{', some shared with other classes' if len(dealt) else ''}; "
                "each split needs a group of its own, so give the class more recordings"
            )
    return recordings.assign(split=recordings["group"].map(splits))


def check_recordings(recordings, event_labels):
    """Raise InputError unless every class is in every split, every group in one split, no name double, no background
    a recording of a class."""
    if recordings.empty:
        raise InputError("no recordings at all: check where the dataset's lie, its classes and its folds")
    if (recordings["group"] == "").any():
        nameless = ", ".join(recordings.loc[recordings["group"] == "", "recording"].head())
        raise InputError(f"no group (original field recording) given for: {nameless}")
    if recordings["recording"].duplicated().any():
        twice = ", ".join(recordings.loc[recordings["recording"].duplicated(), "recording"].head())
        raise InputError(f"two recordings of one name: {twice}")
    if "sha256" in recordings:  # recordings that are made have none
        heard = recordings.dropna(subset="sha256")
        of_class = heard.loc[heard["event_label"] != BACKGROUND, "sha256"]
        both = heard.loc[(heard["event_label"] == BACKGROUND) & heard["sha256"].isin(of_class), "path"]
        if not both.empty:
            raise InputError(
                f"background that is also a recording of a class: {', '.join(both.head())}; remove it there"
            )
    splits_of_group = recordings.groupby("group")["split"].nunique()
    if (splits_of_group > 1).any():
        shared = ", ".join(splits_of_group.index[splits_of_group > 1][:5])
        raise InputError(f"groups in more than one split: {shared}; a test would hear what was trained on")
    counts = recordings.groupby(["event_label", "split"]).size()
    for event_label in event_labels:
        for split in SPLITS:
            if (event_label, split) not in counts:
                named = "background" if event_label == BACKGROUND else f"class {event_label}"
                raise InputError(f"{named}: no recording in split {split}; check where its recordings lie")
    return recordings
