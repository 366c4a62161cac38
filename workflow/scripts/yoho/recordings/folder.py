"""The user's own folder as a source: it holds a folder of recordings for each class."""

from pathlib import Path

from yoho import InputError
from yoho.recordings.source import Source, not_found


def event_labels(recordings):
    """The names of the folders in `path`, without hidden ones; none if `path` is not a folder."""
    root = Path(recordings["path"])
    folders = (entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else ()
    return sorted(entry.name for entry in folders if not entry.name.startswith("."))


def mistakes(where, recordings, made):
    """See `Source`."""
    path = Path(recordings["path"])
    if not path.is_dir():
        yield not_found(f"{where}.path", "folder", path)
    elif not event_labels(recordings):
        yield f"{where}.path: no folder in {path.resolve()}; each class is a folder of its recordings"


def files(recordings):
    """Every file in a class's folder."""
    return [str(file) for file in sorted(Path(recordings["path"]).glob("[!.]*/**/*")) if file.is_file()]


def collect(folder, spread, *, path, event_labels):
    """List the recordings of `path`/CLASS/...: recording, path, event_label and group.

    Each subfolder of a class is one group; each file beside the subfolders is a group of its own. Every file that is
    not hidden counts as a recording. Raises InputError for a class without a folder.
    """
    import pandas as pd

    from yoho.recordings.splits import grouped_files

    rows = []
    for event_label in event_labels:
        root = Path(path, event_label)
        if not root.is_dir():
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
