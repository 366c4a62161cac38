"""The journal of a shard: a line of JSON for each finished file, from which a killed job goes on."""

import json
import os
from typing import NamedTuple

import pandas as pd

from yoho.files import write_whole
from yoho.segmenting.segmenter import COLUMNS, Segmented


class Finished(NamedTuple):
    """What is known of a file after it was segmented.

    name: in the plan; state: of the file, see `Entry`; settings: a digest of the network and all that shapes events;
    written: {form, page, code} of what was written of it; error: one line, None if it was segmented; warnings: lines;
    recorded: (when its first sample was recorded, in ISO format, and its offset from UTC in minutes), or None;
    duration: s; events: rows of onset, offset (s), event_label, score.
    """

    name: str
    state: list
    settings: str
    written: dict
    error: str | None
    warnings: list
    recorded: list | None
    duration: float | None
    events: list

    @property
    def segmented(self):
        """The `Segmented` of the file."""
        return Segmented(self.duration, pd.DataFrame(self.events, columns=COLUMNS))


class Journal:
    """The finished files of a shard, {name: Finished}, kept in a file that grows by whole lines."""

    def __init__(self, path):
        self.path, self.finished, self.clean = path, {}, True
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        for line in content.splitlines(keepends=True):
            try:
                entry = Finished(*json.loads(line))
                self.clean &= entry.name not in self.finished and line.endswith(b"\n")
                self.finished[entry.name] = entry
            except (ValueError, TypeError):  # a line that was not written to its end
                self.clean = False

    def keep(self, names):
        """Forget all files but these."""
        kept = {name: entry for name, entry in self.finished.items() if name in names}
        if len(kept) < len(self.finished) or not self.clean:
            write_whole(self.path, b"".join(map(line_of, kept.values())))
        self.finished, self.clean = kept, True

    def add(self, entry):
        """Add a finished file, which takes the place of an earlier entry of its name."""
        with open(self.path, "ab") as file:
            file.write(line_of(entry))
            file.flush()
            os.fsync(file.fileno())
        self.finished[entry.name] = entry


def line_of(entry):
    """The line of a `Finished`. Its numbers are read again as they were."""
    return json.dumps(entry).encode() + b"\n"
