"""A folder of the user's, with a folder for each class, as a source of recordings."""

from pathlib import Path

import pandas as pd

from yoho import InputError


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
