"""Tables from outside the workflow; manifests, which are tables of what was fetched, from where and when.

The columns of a manifest:

id           of the recording, or of the archive
event_label, group   as in the table of recordings; empty for an archive
duration     s
address, licence   the address that it was fetched from, and its licence
retrieved    UTC, ISO 8601
sha256, size   of the file; size in bytes
file         its name in the folder of downloads
"""

import pandas as pd

from yoho import InputError

MANIFEST_COLUMNS = ["id", "event_label", "group", "duration", "address", "licence"]
MANIFEST_COLUMNS += ["retrieved", "sha256", "size", "file"]


def read_manifest(path):
    """Read a manifest as text. Raises InputError if the file is not a manifest."""
    return read_foreign_table(path, MANIFEST_COLUMNS, "a manifest", sep="\t")


def read_foreign_table(path, columns, kind, sep=","):
    """Read a table as text. Raises InputError, which names its `kind`, if it is unreadable or lacks a column."""
    try:
        table = pd.read_csv(path, sep=sep, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as {kind} ({str(error).strip()})"
            f"{'; save it as UTF-8' if isinstance(error, UnicodeError) else ''}"
        ) from error
    if missing := set(columns) - set(table.columns):
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}, which {kind} must have; its first line names "
            f"{', '.join(table.columns[:9])}, and {'commas' if sep == ',' else 'tabs'} must separate its columns"
        )
    return table
