"""Tables of an archive in Parquet: those of each shard, which are then joined shard by shard."""

import os
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from yoho.segmenting.streams import one_line

# time: wall-clock time at the recorder; utc_offset: what it is ahead of UTC, in minutes. Both are null if unknown.
WHEN = [("time", pa.timestamp("us")), ("utc_offset", pa.int16())]
EVENTS = pa.schema(
    [
        ("filename", pa.string()),
        ("onset", pa.float64()),
        ("offset", pa.float64()),
        ("event_label", pa.string()),
        ("score", pa.float64()),
        *WHEN,
    ]
)
FILES = pa.schema(
    [
        ("filename", pa.string()),
        ("duration", pa.float64()),
        *WHEN,
        ("events", pa.int32()),
        ("warnings", pa.string()),
        ("error", pa.string()),
    ]
)


def shown(name):
    """A file's name in tables: control characters, backslashes and bytes that are no UTF-8 are escaped."""
    return readable(name.replace("\\", "\\\\"))


def readable(text):
    """A text with its control characters and bytes that are no UTF-8 escaped."""
    return one_line(text).encode("utf-8", "backslashreplace").decode()


def events_table(finished):
    """The table EVENTS of some `Finished`. `time` is that of an event's onset."""
    columns = {name: [] for name in EVENTS.names}
    for entry in finished:
        time, utc_offset = began(entry)
        for onset, offset, label, score in entry.events:
            at = time and time + timedelta(seconds=onset)
            for name, value in zip(columns, (shown(entry.name), onset, offset, label, score, at, utc_offset)):
                columns[name].append(value)
    return pa.table(columns, EVENTS)


def files_table(finished):
    """The table FILES of some `Finished`. `time` is that of a file's first sample."""
    rows = [
        (
            shown(entry.name),
            entry.duration,
            *began(entry),
            len(entry.events),
            readable("; ".join(entry.warnings)),
            readable(entry.error or ""),
        )
        for entry in finished
    ]
    return pa.table(dict(zip(FILES.names, map(list, zip(*rows)) if rows else [[] for _ in FILES.names])), FILES)


def began(entry):
    """(time, offset from UTC) of the first sample of a file; None each if unknown."""
    time, utc_offset = entry.recorded or (None, None)
    return time and datetime.fromisoformat(time), utc_offset


def write_table(table, path):
    """Write one table."""
    with written(path, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def written(path, schema):
    """A writer of a Parquet file, which gets its name when it is complete."""
    part = Path(f"{path}.part")
    with open(part, "wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            yield writer
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_tables(paths):
    """Yield the table of every Parquet file."""
    for path in paths:
        yield pq.read_table(path)
