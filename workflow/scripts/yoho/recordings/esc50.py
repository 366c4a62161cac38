"""ESC-50, and other collections in its layout, as a source: `audio/` and `meta/esc50.csv` in a folder or .zip."""

import hashlib
import os
from pathlib import Path

from yoho import InputError
from yoho.recordings.source import Source, class_labels, not_found, repeated

ESC50 = "https://github.com/karolpiczak/ESC-50/"
LICENCE = "CC BY-NC 3.0; each clip has its own, see its attribution"


def mistakes(where, recordings, made):
    """See `Source`."""
    if "path" in recordings and not os.path.exists(recordings["path"]):
        yield not_found(f"{where}.path", "folder or .zip", recordings["path"])
    if ("path" in recordings) == ("address" in recordings):
        yield f"{where}: give either path, if ESC-50 is on this machine, or address, to fetch it"
    if repeated(fold for folds in recordings["folds"].values() for fold in folds):
        yield f"{where}.folds: a fold occurs twice: {recordings['folds']}"
    if repeated(class_labels(recordings)):
        yield f"{where}.classes: an event_label occurs twice"
    if repeated(category for entry in recordings["classes"] for category in entry["categories"]):
        yield f"{where}.classes: a category occurs twice"


def files(recordings):
    """The archive, or the files of the layout; none if the collection is fetched."""
    if "path" not in recordings:
        return []
    path = Path(recordings["path"])
    found = [path] if path.suffix == ".zip" else [path / "meta" / "esc50.csv", *sorted(path.glob("audio/*"))]
    return [str(file) for file in found if os.path.isfile(file)]


def archive_name(recordings):
    """Name of the fetched archive, which differs for every address."""
    return f"ESC-50-{hashlib.sha256(recordings['address'].encode()).hexdigest()[:8]}.zip"


def fetch_settings(recordings, shared):
    """See `Source`."""
    if "address" not in recordings:
        return None
    return {"address": recordings["address"], "name": archive_name(recordings)}


def collect_settings(recordings, folder, shared):
    """See `Source`."""
    path = f"{folder}/downloads/{archive_name(recordings)}" if "address" in recordings else recordings["path"]
    chosen = {key: recordings[key] for key in ("classes", "folds")}
    return {"path": path, **chosen, "unpacked": shared["downloads"]["unpacked"]}


def fetch(folder, web, progress, say, *, address, name):
    """Fetch the archive as `name`; returns a manifest of this one file. Raises InputError if that fails."""
    import pandas as pd

    from yoho.downloads.download import File, download_files
    from yoho.recordings.archives import check_zip
    from yoho.recordings.manifest import MANIFEST_COLUMNS

    licence = LICENCE if address.startswith(ESC50) else "that of its source"
    say(f"ESC-50, licence: {licence}: {address}")
    (fetched,) = download_files(web, [File(address, name)], folder, progress, check_zip)
    if fetched.error:
        raise InputError(fetched.fault)
    row = fetched._asdict() | {"id": "ESC-50", "file": name, "licence": licence}
    return pd.DataFrame([row]).reindex(columns=MANIFEST_COLUMNS)


def collect(folder, spread, *, path, classes, folds, unpacked):
    """List the recordings of a collection: recording, path, event_label, group (its `src_file`) and split.

    A .zip is unpacked into `folder` within the limits `unpacked` = {most, ratio} of `unpack`. classes: list of
    {event_label, categories}; folds: {split: its folds}. Raises InputError for a missing file or column, a category
    that the collection lacks, or a bad archive.
    """
    root = Path(path)
    if root.suffix == ".zip":
        from yoho.recordings.archives import unpack

        unpack(path, folder, place_of_member, **unpacked)
        root = Path(folder)
    meta = root / "meta" / "esc50.csv"
    table = read_meta(meta)
    label_of = {category: entry["event_label"] for entry in classes for category in entry["categories"]}
    if unknown := set(label_of) - set(table["category"]):
        known = ", ".join(sorted(set(table["category"])))
        raise InputError(f"classes: no category {', '.join(sorted(unknown))} in {meta}; it has: {known}")
    split_of = {str(fold): split for split, members in folds.items() for fold in members}
    table = table.assign(event_label=table["category"].map(label_of), split=table["fold"].map(split_of))
    table = table.dropna(subset=["event_label", "split"])
    # The collection's own columns are left out, because they may have the names of ours.
    return table[["event_label", "split"]].assign(
        recording=table["filename"].map(lambda name: Path(name).stem),
        path=[str(root / "audio" / name) for name in table["filename"]],
        group=table["src_file"],
    )


def place_of_member(member):
    """The path of an unpacked member of `audio/` or `meta/`, wherever in the archive these lie; None for any other."""
    return Path(*member.parts[-2:]) if member.parent.name in ("audio", "meta") else None


def read_meta(path):
    """Read a collection's table as text. Raises InputError if it is missing or lacks a column or a file name."""
    from yoho.recordings.manifest import read_foreign_table

    if not path.is_file():
        raise InputError(f"{path}: no such file; `path` must be a folder or .zip that holds audio/ and meta/esc50.csv")
    table = read_foreign_table(path, ("filename", "fold", "category", "src_file"), "a table in the ESC-50 layout")
    if (table["filename"] == "").any():
        raise InputError(f"{path}: a row has no filename; add it or remove the row")
    return table


SOURCE = Source(
    event_labels=class_labels,
    mistakes=mistakes,
    files=files,
    paths=("path",),
    fetch_settings=fetch_settings,
    collect_settings=collect_settings,
    origin="a collection's recordings",
    licence="CC BY-NC for ESC-50, whose clips also have licences of their own; other collections in its layout have "
    "theirs",
    limit="Trained on clips of at most 5 s: it never heard long, slowly changing sounds.",
    splits=False,
)
