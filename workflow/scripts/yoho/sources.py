"""Sources of recordings. In the end there is a table with a row per recording:

recording    its name, unique in the dataset
path         the audio file
event_label  the one class it holds
group        the original field recording: no group is in two splits
split        train, valid or test
duration     of the file, s
onset, offset   what is used of it, s: near-silent ends are left out
silences     near-silent stretches in between, "first-last first-last ...", s

Built-in recordings come with all of it. The other sources list recording, path, event_label and group; `listen`
finds the times, and ESC-50's folds or `assign_splits` the splits.
"""

import hashlib
import re
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import pandas as pd
import soundfile
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yoho import InputError
from yoho.archives import unpack
from yoho.synthesis import synthesise

COLUMNS = ["recording", "path", "event_label", "group", "split", "duration", "onset", "offset", "silences"]
SPLITS = ("train", "valid", "test")
MANIFEST = ["id", "event_label", "group", "duration", "address", "licence", "retrieved", "sha256", "size", "file"]

BLOCK = 2**19  # frames that are read at a time: a recording may be hours long
LONG = 3600  # s, from which a recording's length is remarked upon
SHOWN = 20  # bad recordings that an error lists; the log has all
CONTAINERS = {".wav": ("WAV", "WAVEX", "RF64"), ".aif": ("AIFF",), ".aiff": ("AIFF",)}
CONTAINERS |= {".flac": ("FLAC",), ".ogg": ("OGG",), ".mp3": ("MP3",)}


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
        table = pd.read_csv(meta, dtype=str, keep_default_na=False)
    except ValueError as error:
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
    return table.assign(
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
        for entry in sorted(root.iterdir()):
            for file in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
                name = file.relative_to(path)
                if not file.is_dir() and not any(part.startswith(".") for part in name.parts):
                    rows.append((str(name), str(file), event_label, f"{event_label}/{entry.name}"))
    return pd.DataFrame(rows, columns=["recording", "path", "event_label", "group"])


def bbc_recordings(folder, spread, *, path):
    """Recordings of a manifest (see yoho.bbc), whose files lie in `downloads/` beside it."""
    table = read_manifest(path)
    paths = [str(Path(path).parent / "downloads" / name) for name in table["file"]]
    return table.rename(columns={"id": "recording"})[["recording", "event_label", "group"]].assign(path=paths)


def read_manifest(path):
    """A manifest, all of it text. Raises InputError where the file is none."""
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
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


# ---- audio files -----------------------------------------------------------------------------------------------------


@contextmanager
def opened(path):
    """An audio file to read. Raises InputError where it is missing or unreadable, also while it is being read."""
    try:
        # A name that ends in .raw is a TypeError.
        file = soundfile.SoundFile(path)
    except (OSError, RuntimeError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as audio ({error}); replace or remove it") from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path}: cannot be read to its end ({error}); replace or remove it") from error


def read_audio(path, onset=0.0, offset=None):
    """Mono samples (samples,) float32 of a file between two times in seconds, and its sample rate.

    Channels are averaged. Raises InputError where the file is missing, unreadable, empty or not finite.
    """
    with opened(path) as file:
        file.seek(min(round(onset * file.samplerate), file.frames))
        frames = -1 if offset is None else round((offset - onset) * file.samplerate)
        samples, sample_rate = file.read(frames, dtype="float32", always_2d=True), file.samplerate
    if not len(samples):
        raise InputError(f"{path}: holds no audio{f' after {onset:.3f} s' if onset else ''}; replace or remove it")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds samples that are not numbers; replace or remove it")
    return samples.mean(axis=1), sample_rate


def write_audio(path, samples, sample_rate):
    """Write mono samples as 16-bit FLAC. Raises InputError where the file cannot be written, on a full disk say."""
    try:
        soundfile.write(path, samples, sample_rate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: cannot be written ({error}); is the disk full?") from error


class Heard(NamedTuple):
    """What is found in a recording, times in seconds; `error` says why it cannot be used, `remark` what is unusual."""

    duration: float = np.nan
    onset: float = np.nan
    offset: float = np.nan
    silences: str = ""
    sha256: str = ""
    remark: str = ""
    error: str = ""


def listen(recordings, spread, *, bad, trim_db, shortest, sample_rate):
    """Hear every recording; returns the table with what was `Heard`, and prints a line for each that is unusual.

    bad: "stop", or "leave_out" recordings that cannot be used; the others are those of `hear`.
    Raises InputError, where it stops, with a line for each of them.
    """
    calls = [(path, trim_db, shortest, sample_rate) for path in recordings["path"]]
    heard = pd.DataFrame(list(spread(hear, calls)), columns=Heard._fields, index=recordings.index)
    for line in heard.loc[heard["remark"] != "", "remark"]:
        print(line)
    lines = heard.loc[heard["error"] != "", "error"].unique().tolist()
    if lines and bad == "stop":
        raise InputError(listed(lines))
    for line in lines:
        print(f"left out: {line}")
    return recordings.join(heard.drop(columns=["remark", "error"]))[heard["error"] == ""]


def listed(lines):
    """A message of one line, or of many with how many they are; all are printed, few are shown."""
    if len(lines) == 1:
        return lines[0]
    print(*lines, sep="\n")
    more = [f"and {len(lines) - SHOWN} more, in the log"] if len(lines) > SHOWN else []
    return "\n".join([f"{len(lines)} recordings cannot be used:", *lines[:SHOWN], *more])


def hear(path, trim_db, shortest, sample_rate):
    """What is `Heard` in one recording. It is read in blocks, so that its length does not matter.

    trim_db: parts more than this below the loudest frame (46 ms) are near-silent; shortest: of the silences that are
    noted, s; sample_rate: of the mixes, Hz.
    """
    try:
        with opened(path) as file:
            rate = file.samplerate
            frame = max(1, round(0.046 * rate))
            hop = max(1, frame // 4)
            levels, length = frame_levels(file, frame, hop)
            faults = {"holds no audio": not length, "is cut off": is_cut(file, length)}
            faults |= {"holds samples that are not numbers": not np.isfinite(levels).all()}
            faults |= {"is silent throughout": not levels.any()}
            if fault := next((fault for fault, found in faults.items() if found), None):
                raise InputError(f"{path}: {fault}; replace or remove it")
            remark = remarks(file, length / rate, sample_rate)
        with open(path, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except InputError as error:
        return Heard(error=str(error))
    loud = np.flatnonzero(librosa.amplitude_to_db(levels, ref=np.max, top_db=None) > -trim_db)
    ends = np.minimum((loud + 1) * hop, length) / rate
    silences = " ".join(
        f"{first:.3f}-{last:.3f}"
        for first, last in zip(ends[:-1], loud[1:] * hop / rate)
        if last - first >= max(shortest, hop / rate)
    )
    return Heard(length / rate, loud[0] * hop / rate, ends[-1], silences, digest, remark)


def frame_levels(file, frame, hop):
    """Root mean square of each frame, channels averaged, and how many samples were read.

    Frame k is centred on sample k * hop, as librosa's are, with zeros before the first sample and after the last.
    """
    levels, rest, length = [], np.zeros(frame // 2, np.float32), 0
    while True:
        block = file.read(BLOCK, dtype="float32", always_2d=True).mean(axis=1)
        length += len(block)
        last = not len(block)
        rest = np.concatenate([rest, np.zeros(frame // 2, np.float32) if last else block])
        if count := max(0, (len(rest) - frame) // hop + 1):
            levels.append(librosa.feature.rms(y=rest, frame_length=frame, hop_length=hop, center=False)[0])
            rest = rest[count * hop :]
        if last:
            return np.concatenate([*levels, np.zeros(0, np.float32)]), length


def is_cut(file, length):
    """Whether a file of which `length` samples could be read says that it has more, or lacks its end."""
    if file.format == "OGG":
        with open(file.name, "rb") as content:
            content.seek(max(0, Path(file.name).stat().st_size - 65307))  # a page is no longer
            tail = content.read()
        page = tail[tail.rfind(b"OggS") :]
        return len(page) < 6 or not page[5] & 4  # the flag of the last page
    sizes = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    # All ones: written as it came, its length not known beforehand.
    announced, there = map(int, sizes.groups()) if sizes else (0, 0)
    # The length of an MP3 without a header that tells it is an estimate, which a frame or two may miss.
    lacking = 0.02 * file.frames if file.format in ("MP3", "MPEG") else 0
    return length < file.frames - lacking or there < announced < 2**32 - 1


def remarks(file, duration, sample_rate):
    """A line on what is unusual about a recording and how it is used all the same; empty where nothing is."""
    found = {
        f"{file.samplerate} Hz, resampled to {sample_rate}": file.samplerate < sample_rate,
        f"{file.channels} channels, averaged": file.channels > 2,
        f"{duration / 3600:.1f} hours long, read in parts": duration > LONG,
        f"{file.format} in spite of its name, read as such": file.format
        not in CONTAINERS.get(Path(file.name).suffix.lower(), [file.format]),
    }
    found = [remark for remark, holds in found.items() if holds]
    return f"{file.name}: used, though {'; '.join(found)}" if found else ""


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
    """Raise InputError unless every class is in every split, every group in one split, and no name is double."""
    if recordings.empty:
        raise InputError("no recordings at all: check where the dataset's lie, its classes and its folds")
    if (recordings["group"] == "").any():
        nameless = ", ".join(recordings.loc[recordings["group"] == "", "recording"].head())
        raise InputError(f"no group (original field recording) given for: {nameless}")
    if recordings["recording"].duplicated().any():
        twice = ", ".join(recordings.loc[recordings["recording"].duplicated(), "recording"].head())
        raise InputError(f"two recordings of one name: {twice}")
    splits_of_group = recordings.groupby("group")["split"].nunique()
    if (splits_of_group > 1).any():
        shared = ", ".join(splits_of_group.index[splits_of_group > 1][:5])
        raise InputError(f"groups in more than one split: {shared}; a test would hear what was trained on")
    counts = recordings.groupby(["event_label", "split"]).size()
    for event_label in event_labels:
        for split in SPLITS:
            if (event_label, split) not in counts:
                raise InputError(f"class {event_label}: no recording in split {split}; check where its recordings lie")
    return recordings
