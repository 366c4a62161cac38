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

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yoho import InputError
from yoho.archives import unpack
from yoho.audio import write_audio
from yoho.synthesis import synthesise

COLUMNS = ["recording", "path", "event_label", "group", "split", "duration", "onset", "offset", "silences"]
SPLITS = ("train", "valid", "test")
BACKGROUND = ""  # the event_label of recordings in which no class sounds
MANIFEST = ["id", "event_label", "group", "duration", "address", "licence", "retrieved", "sha256", "size", "file"]


def synthetic_recordings(folder, spread, *, event_labels, per_class, duration, level, snr, sample_rate, splits, seed):
    """Built-in recordings (see yoho.synthesis), written to `folder` as FLAC. Each is its own group.

    spread: `job.spread` or a function like it; duration: [shortest, longest], s; level: [quietest, loudest],
    dBFS; snr: [lowest, highest] level over the background, dB; splits: share of each class's recordings.
    """
    rows = [
        {"recording": f"{event_label}-{index:03d}", "event_label": event_label, "seed": (seed, position, index)}
        for position, event_label in enumerate(event_labels)
        for index in range(per_class)
    ]
    paths = [str(Path(folder) / f"{row['recording']}.flac") for row in rows]
    calls = [
        (row["event_label"], row["seed"], duration, level, snr, sample_rate, path) for row, path in zip(rows, paths)
    ]
    lengths = list(spread(write_synthetic, calls))
    recordings = pd.DataFrame(rows).drop(columns="seed").assign(path=paths, duration=lengths, onset=0.0, offset=lengths)
    recordings = recordings.assign(group=recordings["recording"], silences="")
    return assign_splits(recordings, splits, np.random.default_rng(seed))


def write_synthetic(event_label, seed, duration, level, snr, sample_rate, path):
    """Make one built-in recording; returns its length in seconds."""
    samples = synthesise(event_label, np.random.default_rng(seed), duration, level, snr, sample_rate)
    write_audio(path, samples, sample_rate)
    return len(samples) / sample_rate


def esc50_recordings(folder, spread, *, path, classes, folds, unpacked):
    """Recordings of a folder or .zip in the ESC-50 layout: `audio/` and `meta/esc50.csv`. Group = `src_file`.

    A .zip is unpacked into `folder`, within the limits `unpacked` = {most, ratio} of yoho.archives. classes: list of
    {event_label, categories}; folds: the folds of each split.
    Raises InputError for a missing file or column, a category that the collection lacks, a bad archive.
    """
    root = Path(path)
    if root.suffix == ".zip":
        unpack(path, folder, esc50_member, **unpacked)
        root = Path(folder)
    meta = root / "meta" / "esc50.csv"
    if not meta.is_file():
        raise InputError(f"{meta}: no such file; `path` must be a folder or .zip that holds audio/ and meta/esc50.csv")
    try:
        table = pd.read_csv(meta, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{meta}: cannot be read as a table ({str(error).strip()})") from error
    if missing := {"filename", "fold", "category", "src_file"} - set(table.columns):
        raise InputError(f"{meta}: no column {', '.join(sorted(missing))}; the ESC-50 layout has them")
    if (table["filename"] == "").any():
        raise InputError(f"{meta}: a row without a filename")
    label_of = {category: entry["event_label"] for entry in classes for category in entry["categories"]}
    if unknown := set(label_of) - set(table["category"]):
        known = ", ".join(sorted(set(table["category"])))
        raise InputError(f"classes: no category {', '.join(sorted(unknown))} in {meta}; it has: {known}")
    split_of = {str(fold): split for split, members in folds.items() for fold in members}
    table = table.assign(event_label=table["category"].map(label_of), split=table["fold"].map(split_of))
    table = table.dropna(subset=["event_label", "split"])
    # Columns of the collection's own, a duration say, are none of ours.
    return table[["event_label", "split"]].assign(
        recording=table["filename"].map(lambda name: Path(name).stem),
        path=[str(root / "audio" / name) for name in table["filename"]],
        group=table["src_file"],
    )


def esc50_member(member):
    """Where a member of an ESC-50 archive goes: `audio/` and `meta/`, wherever in the archive they lie."""
    return Path(*member.parts[-2:]) if member.parent.name in ("audio", "meta") else None


def folder_recordings(folder, spread, *, path, event_labels):
    """Recordings of `path`/CLASS/...: a subfolder of a class is one group, a file beside it a group of its own.

    Hidden files are passed over; every other one counts as a recording.
    Raises InputError for a class without a folder.
    """
    rows = []
    for event_label in event_labels:
        root = Path(path, event_label)
        if not root.is_dir():
            raise InputError(f"{root}: no such folder; a class is a folder of its recordings")
        rows += [
            (f"{event_label}/{name}", file, event_label, f"{event_label}/{group}")
            for name, file, group in files_of(root)
        ]
    return pd.DataFrame(rows, columns=["recording", "path", "event_label", "group"])


def files_of(root):
    """Name, path and group of every file under a folder but hidden ones: a subfolder is one group, a file its own."""
    for entry in sorted(Path(root).iterdir()):
        for file in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            name = file.relative_to(root)
            if not file.is_dir() and not any(part.startswith(".") for part in name.parts):
                yield str(name), str(file), entry.name


def bbc_recordings(folder, spread, *, path):
    """Recordings of a manifest (see yoho.bbc), whose files lie in `downloads/` beside it."""
    table = read_manifest(path)
    paths = [str(Path(path).parent / "downloads" / name) for name in table["file"]]
    return table[["id", "event_label", "group"]].rename(columns={"id": "recording"}).assign(path=paths)


def read_manifest(path):
    """A manifest, all of it text. Raises InputError where the file is none."""
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a manifest ({str(error).strip()})") from error
    if missing := set(MANIFEST) - set(table.columns):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; a manifest.tsv has them")
    return table


SOURCES = {
    "synthetic": synthetic_recordings,
    "bbc": bbc_recordings,
    "esc50": esc50_recordings,
    "folder": folder_recordings,
}


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
