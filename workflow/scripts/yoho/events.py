"""Events: classes and the times at which they sound, in the tab-separated form of the DCASE challenges.

A table of events has the columns `filename, onset, offset, event_label`, times in seconds.
"""

import numpy as np
import pandas as pd

# If pyarrow is installed, pandas would keep texts in it. It takes longer for small tables, and a file's name may hold
# bytes that it refuses.
pd.options.mode.string_storage = "python"

COLUMNS = ["filename", "onset", "offset", "event_label"]

# Columns of text: names that a user chooses, which may look like a number or a missing value (007, NA, true), and texts
# that may be empty in every row.
TEXT = ["filename", "event_label", "recording", "recording_label", "path", "group", "split", "silences"]
TEXT += ["dataset", "label", "network", "difference", "most_named", "query", "kind", "classes", "error", "shard"]

# s: events with a smaller gap touch, because tables hold times to the microsecond.
TOUCH = 1.5e-6


def read_table(path, sep="\t"):
    """Read a table of the workflow. Columns of TEXT hold text alone; elsewhere an empty field, and no other, is nan.

    Every table of the workflow is read by this function, so that no name is taken for a number or for a missing value.
    """
    table = pd.read_csv(path, sep=sep, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    return table.fillna({name: "" for name in TEXT if name in table})


def write_table(table, path):
    """Write a tab-separated table, with times to the microsecond."""
    table.to_csv(path, sep="\t", index=False, float_format="%.6f", lineterminator="\n")


def merge_events(events, gap=0.0, sums=()):
    """Join events of one file and one label that overlap, touch or lie at most `gap` seconds apart.

    sums: further columns, which are added up when events are joined. Returns a table sorted by file, onset and label.
    The true events of a mix need this too, because two clips of one class in a row sound as one event.
    """
    columns = [*COLUMNS, *sums]
    if events.empty:
        return events[columns].reset_index(drop=True)
    events = events.sort_values(["filename", "event_label", "onset"], kind="stable")
    onset, offset = events["onset"].to_numpy(float), events["offset"].to_numpy(float)
    lane = events.groupby(["filename", "event_label"], sort=False).ngroup().to_numpy()
    # Each file and label is a lane. The lanes follow one another on one time axis, so one running maximum suffices.
    shift = lane * (offset.max() - onset.min() + gap + 1.0)
    reach = np.maximum.accumulate(offset + shift)
    first = np.flatnonzero(np.r_[True, onset[1:] + shift[1:] > reach[:-1] + gap + TOUCH])
    joined = {name: np.add.reduceat(events[name].to_numpy(), first) for name in sums}
    merged = events.iloc[first][columns].assign(offset=np.maximum.reduceat(offset, first), **joined)
    return merged.sort_values(["filename", "onset", "event_label"], kind="stable", ignore_index=True)
