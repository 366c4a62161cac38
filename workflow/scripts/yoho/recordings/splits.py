"""Groups and splits: which recordings belong together, and which ones train, validate or test a network."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yoho import InputError, job
from yoho.folders import remark, walk

RECORDING_COLUMNS = ["recording", "path", "event_label", "group", "split", "duration", "onset", "offset", "silences"]
SPLITS = ("train", "valid", "test")
BACKGROUND = ""  # the event_label of recordings that hold no class


def background_kind(recordings):
    """The kind of each recording of background, (recordings,): a key of `background.KINDS`, or "own"."""
    return recordings["recording"].str.split("/").str[1]


def join_groups(recordings, *keys):
    """Merge groups that share a recording.

    keys: lists of columns; two rows that agree in all columns of a key are the same recording. A row with an empty or
    missing value in one of these columns agrees with no other.
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
    """Deal the groups of each class, so that every split gets at least one, and about its fraction of the recordings.

    fractions: {split: number}; a split whose fraction is 0 gets nothing. Large groups are dealt first, and groups of
    the same size in random order. A group that holds several classes is dealt once, with the class that has the fewest
    groups. Raises InputError if a class cannot be in every split.
    """
    used = [split for split in SPLITS if fractions[split]]
    shares = np.array([fractions[split] for split in used], dtype=float)
    classes = [
        (label, members["group"].value_counts(sort=False))
        for label, members in recordings.groupby("event_label", sort=False)
    ]
    splits = {}
    for event_label, sizes in sorted(classes, key=lambda entry: len(entry[1])):
        free = sizes[rng.permutation([group for group in sizes.index if group not in splits])]
        free = free.sort_values(ascending=False, kind="stable")
        dealt = sizes[[group for group in sizes.index if group in splits]]
        held = np.array([sum(size for group, size in dealt.items() if splits[group] == split) for split in used])
        places = []
        for size in free:
            # Every split gets one group first; then each group goes to the split that is furthest below its share.
            empty = held == 0
            places.append(np.argmax(empty if empty.any() else shares * sizes.sum() / shares.sum() - held))
            held[places[-1]] += size
        # Groups of the same size are in random order; the first of them go to train, the next to valid, then to test.
        places = pd.Series(places, free.index, dtype=int).groupby(free.to_numpy()).transform(np.sort)
        splits |= {group: used[place] for group, place in places.items()}
        if (held == 0).any():
            raise InputError(
                f"class {event_label}: {len(sizes)} group(s) of recordings for {len(used)} splits"
                f"{', some shared with other classes' if len(dealt) else ''}; "
                "each split needs a group of its own, so give the class more recordings"
            )
    return recordings.assign(split=recordings["group"].map(splits))


def check_recordings(recordings, event_labels):
    """Raise InputError unless every class is in every split, every group is in only one split, every name is unique,
    and no recording of background also belongs to a class. Returns the table.

    A table whose classes are in the training split alone is a pool for training, and needs no other split.
    """
    if recordings.empty:
        raise InputError("no recordings: check the dataset's path, its classes and its folds")
    if (recordings["group"] == "").any():
        ungrouped = ", ".join(recordings.loc[recordings["group"] == "", "recording"].head())
        raise InputError(f"recordings without a group (original field recording): {ungrouped}")
    if recordings["recording"].duplicated().any():
        twice = ", ".join(recordings.loc[recordings["recording"].duplicated(), "recording"].head())
        raise InputError(f"two recordings with the same name: {twice}; rename one of them")
    if "sha256" in recordings:
        check_background(recordings)
    splits_of_group = recordings.groupby("group")["split"].nunique()
    if (splits_of_group > 1).any():
        shared = ", ".join(splits_of_group.index[splits_of_group > 1][:5])
        raise InputError(f"groups in more than one split: {shared}; the test would use what a network was trained on")
    counts = recordings.groupby(["event_label", "split"]).size()
    of_class = recordings[recordings["event_label"] != BACKGROUND]
    splits = ["train"] if (of_class["split"] == "train").all() else SPLITS
    for event_label in event_labels:
        for split in splits:
            if (event_label, split) not in counts:
                named = "background" if event_label == BACKGROUND else f"class {event_label}"
                raise InputError(f"{named}: no recording in split {split}; check its recordings and their splits")
    return recordings


def check_background(recordings):
    """Raise InputError if a recording of background also belongs to a class, by its sha256."""
    digested = recordings.dropna(subset="sha256")  # synthesised recordings have none
    of_class = digested.loc[digested["event_label"] != BACKGROUND, "sha256"]
    both = digested.loc[(digested["event_label"] == BACKGROUND) & digested["sha256"].isin(of_class), "path"]
    if not both.empty:
        raise InputError(f"background that also belongs to a class: {', '.join(both.head())}; remove these files")


def grouped_files(root):
    """List the name, path and group of every visible file in a folder; a subfolder is one group.

    Broken links and subfolders that cannot be read are listed too, because they are bad recordings. A line says what is
    passed over. Raises InputError if the folder itself cannot be read.
    """
    root = Path(root)
    walked = walk(root)
    if root in walked.faults:
        raise InputError(f"{root}: cannot be read ({walked.faults[root]})")
    for line in remark(root, walked.passed_over):
        job.say(line)
    named = ((file.relative_to(root), file) for file in sorted([*walked.files, *walked.faults]))
    return [(str(name), str(file), name.parts[0]) for name, file in named]
