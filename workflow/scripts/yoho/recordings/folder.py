"""The user's own folder as a source: it holds a folder of recordings for each class."""

import os
from collections import Counter
from pathlib import Path

from yoho import InputError
from yoho.folders import is_users, remark, walk
from yoho.recordings.source import Source, not_found


def entries(path, passed_over=None):
    """The user's visible entries in a folder, sorted by name; none if it is no folder or cannot be read.

    passed_over: a Counter of the others, as in `yoho.folders.walk`.
    """
    root = Path(path)
    found = root.iterdir() if os.path.isdir(root) and os.access(root, os.R_OK | os.X_OK) else ()
    return [entry for entry in sorted(found) if is_users(entry.name, passed_over)]


def event_labels(recordings):
    """The names of the visible folders in `path`; none if `path` is not a folder."""
    return [entry.name for entry in entries(recordings["path"]) if os.path.isdir(entry)]


def mistakes(where, recordings, made):
    """See `Source`."""
    path = Path(recordings["path"])
    if not os.path.isdir(path):
        yield not_found(f"{where}.path", "folder", path)
    elif not os.access(path, os.R_OK | os.X_OK):
        yield f"{where}.path: {path.resolve()} cannot be read; change its permissions"
    elif broken := [entry for entry in entries(path) if not os.path.exists(entry)]:
        yield f"{where}.path: {broken[0]} leads to a place that is missing or cannot be read; mend or remove it"
    elif not event_labels(recordings):
        yield f"{where}.path: no folder in {path.resolve()}; each class is a folder of its recordings"


def files(recordings):
    """Every visible file in a class's folder."""
    root = Path(recordings["path"])
    return [str(file) for event_label in event_labels(recordings) for file in walk(root / event_label).files]


def collect(folder, spread, *, path, event_labels):
    """List the recordings of `path`/CLASS/...: recording, path, event_label and group.

    Each subfolder of a class is one group; each file beside the subfolders is a group of its own. Every file that is
    visible counts as a recording; a line says which were passed over. Raises InputError for a class without a folder.
    """
    import pandas as pd

    from yoho import job
    from yoho.recordings.splits import grouped_files

    rows = []
    passed_over = Counter()
    if beside := [entry for entry in entries(path, passed_over) if not os.path.isdir(entry)]:
        passed_over["files in no folder of a class"] = len(beside)
    for line in remark(path, passed_over):
        job.say(line)
    for event_label in event_labels:
        root = Path(path, event_label)
        if not os.path.isdir(root):
            raise InputError(f"{root}: no such folder; each class is a folder of its recordings")
        for name, file, group in grouped_files(root):
            rows.append((f"{event_label}/{name}", file, event_label, f"{event_label}/{group}"))
    return pd.DataFrame(rows, columns=["recording", "path", "event_label", "group"])


SOURCE = Source(
    event_labels=event_labels,
    mistakes=mistakes,
    files=files,
    paths=("path",),
    collect_settings=lambda recordings, folder, shared: {
        "path": recordings["path"],
        "event_labels": event_labels(recordings),
    },
    origin="your own recordings",
    licence="that of the user's own recordings",
    limit="Trained on its user's own recordings: only the user knows how varied they are.",
)
