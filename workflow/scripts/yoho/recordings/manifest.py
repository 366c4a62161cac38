"""Manifests: tables of what was fetched, from where and when.

id           of the recording, or of the archive
event_label, group   as in the table of recordings; empty for an archive
duration     s
address, licence   the address that it was fetched from, and its licence
retrieved    UTC, ISO 8601
sha256, size   of the file; size in bytes
file         its name in the folder of downloads
"""

from yoho.recordings.tables import read_foreign_table

MANIFEST_COLUMNS = ["id", "event_label", "group", "duration", "address", "licence"]
MANIFEST_COLUMNS += ["retrieved", "sha256", "size", "file"]


def read_manifest(path):
    """Read a manifest as text. Raises InputError if the file is not a manifest."""
    return read_foreign_table(path, MANIFEST_COLUMNS, "a manifest", sep="\t")
