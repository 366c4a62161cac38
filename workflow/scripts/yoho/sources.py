"""Sources of recordings. Each gives a table with a row per recording:

recording    its name, unique in the dataset
path         the audio file
event_label  the one class it holds
group        the original field recording: no group is in two splits
split        train, valid or test
duration     of the file, s
onset, offset   what is used of it, s: near-silent ends are left out
"""

import zipfile
import zlib
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import soundfile

from yoho import InputError
from yoho.synthesis import synthesise

COLUMNS = ["recording", "path", "event_label", "group", "split", "duration", "onset", "offset"]
SPLITS = ("train", "valid", "test")


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
    recordings["group"] = recordings["recording"]
    return assign_splits(recordings, splits, np.random.default_rng(seed))


def write_synthetic(event_label, seed, duration, level, snr, sample_rate, path):
    """Make one built-in recording; returns its length in seconds."""
    samples = synthesise(event_label, np.random.default_rng(seed), duration, level, snr, sample_rate)
    write_audio(path, samples, sample_rate)
    return len(samples) / sample_rate


def esc50_recordings(folder, spread, *, path, classes, folds, trim_db):
    """Recordings of a folder or .zip in the ESC-50 layout: `audio/` and `meta/esc50.csv`. Group = `src_file`.

    A .zip is unpacked into `folder`. classes: list of {event_label, categories}; folds: the folds of each
    split; trim_db: leading and trailing parts more than this below the loudest are near-silent.
    Raises InputError for a missing file or column, a category that the collection lacks, a bad recording.
    """
    root = unpack_esc50(path, folder) if str(path).endswith(".zip") else Path(path)
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
    table = table.assign(
        recording=table["filename"].map(lambda name: Path(name).stem),
        path=[str(root / "audio" / name) for name in table["filename"]],
        group=table["src_file"],
    )
    ranges = spread(sounding_range, [(path, trim_db) for path in table["path"]])
    table[["duration", "onset", "offset"]] = np.array(list(ranges)).reshape(-1, 3)
    return table


def unpack_esc50(path, folder):
    """Unpack `audio/` and `meta/` of an ESC-50 archive into `folder`, wherever in the archive they lie."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                parts = Path(member.filename).parts
                if not member.is_dir() and len(parts) >= 2 and parts[-2] in ("audio", "meta"):
                    target = Path(folder, *parts[-2:])
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(member))
    except (OSError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be unpacked ({error}); is it a whole .zip of ESC-50?") from error
    return Path(folder)


SOURCES = {"synthetic": synthetic_recordings, "esc50": esc50_recordings}


def read_audio(path, onset=0.0, offset=None):
    """Mono samples (samples,) float32 of a file between two times in seconds, and its sample rate.

    Channels are averaged. Raises InputError where the file is missing, unreadable, empty or not finite.
    """
    try:
        with soundfile.SoundFile(path) as file:
            file.seek(min(round(onset * file.samplerate), file.frames))
            frames = -1 if offset is None else round((offset - onset) * file.samplerate)
            samples, sample_rate = file.read(frames, dtype="float32", always_2d=True), file.samplerate
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read as audio ({error}); replace or remove it") from error
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


def sounding_range(path, trim_db):
    """Length of a recording and the onset and offset of what sounds in it, all in seconds.

    Leading and trailing frames more than `trim_db` below the loudest frame are left out.
    Raises InputError as `read_audio` does, and where the recording is silent throughout.
    """
    samples, sample_rate = read_audio(path)
    if not np.any(samples):
        raise InputError(f"{path}: is silent throughout; replace or remove it")
    frame = max(1, round(0.046 * sample_rate))
    _, (first, last) = librosa.effects.trim(samples, top_db=trim_db, frame_length=frame, hop_length=max(1, frame // 4))
    return len(samples) / sample_rate, first / sample_rate, last / sample_rate


def assign_splits(recordings, fractions, rng):
    """Deal the groups of each class to the splits, by `fractions` per split, every split getting at least one.

    Raises InputError where a class has fewer groups than there are splits.
    """
    shares = np.array([fractions[split] for split in SPLITS], dtype=float)
    splits = {}
    for event_label, members in recordings.groupby("event_label", sort=False):
        groups = rng.permutation(members["group"].unique())
        if len(groups) < len(SPLITS):
            raise InputError(
                f"class {event_label}: {len(groups)} group(s) of recordings for {len(SPLITS)} splits; "
                "each split needs a group of its own, so give the class more recordings"
            )
        # One group each first; the rest go where the share is furthest from being met.
        counts = np.ones(len(SPLITS), int)
        while counts.sum() < len(groups):
            counts[np.argmax(shares * len(groups) / shares.sum() - counts)] += 1
        splits |= dict(zip(groups, np.repeat(SPLITS, counts)))
    return recordings.assign(split=recordings["group"].map(splits))


def check_recordings(recordings, event_labels):
    """Raise InputError unless every class is in every split, every group in one split, and no name is double."""
    if recordings.empty:
        raise InputError("no recordings at all: check `path`, `classes` and `folds` of the dataset")
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
                raise InputError(f"class {event_label}: no recording in split {split}; check its categories and folds")
    return recordings
