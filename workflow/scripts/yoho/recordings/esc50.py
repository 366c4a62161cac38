"""The paper's own recordings: six classes of BBC Sound Effects, found by rules, each named in a manifest.

A manifest is a table with a row per recording: id, event_label, group, duration (s), address, licence, retrieved
(UTC), sha256, size (bytes), file (its name in the folder), and, as the library describes it, category, description,
band and cd_name. From a kept manifest the same recordings are fetched again without a search.
"""

from pathlib import Path

import pandas as pd

from yoho import InputError
from yoho.recordings.archives import check_zip, unpack
from yoho.recordings.download import File, download
from yoho.recordings.manifest import MANIFEST

ESC50 = "https://github.com/karolpiczak/ESC-50/"
ESC50_LICENCE = "CC BY-NC 3.0; each clip has its own, see its attribution"


def fetch_esc50(folder, web, progress, tell, *, address, name):
    """Fetch the archive of ESC-50 as `name`; returns a manifest of that file. InputError where it cannot be had."""
    licence = ESC50_LICENCE if address.startswith(ESC50) else "that of its source"
    tell(f"ESC-50, licence: {licence}: {address}")
    (fetched,) = download(web, [File(address, name)], folder, progress, check_zip)
    if fetched.error:
        raise InputError(fetched.fault)
    row = fetched._asdict() | {"id": "ESC-50", "file": name, "licence": licence}
    return pd.DataFrame([row]).reindex(columns=MANIFEST)


def esc50_recordings(folder, spread, *, path, classes, folds, unpacked):
    """Recordings of a folder or .zip in the ESC-50 layout: `audio/` and `meta/esc50.csv`. Group = `src_file`.

    A .zip is unpacked into `folder`, within the limits `unpacked` = {most, ratio} of `unpack`. classes: list of {event_label,
    categories}; folds: the folds of each split.
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
