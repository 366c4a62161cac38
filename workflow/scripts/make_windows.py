"""Cut the mixes of a split into windows: their onsets and their targets (paper, section 4.2)."""

import pandas as pd

from yoho import job
from yoho.events import read_table, write_table
from yoho.windows.cutting import create_array, fill, window_onsets
from yoho.windows.targets import ENCODINGS


def make_windows(files, made, *, event_labels, hop, length, bins, targets):
    events = read_table(files.events)
    durations = read_table(files.plan).groupby("filename")["offset"].max()
    onsets = {name: window_onsets(duration, length, hop) for name, duration in durations.items()}
    windows = pd.DataFrame(
        [(name, onset, durations[name]) for name in onsets for onset in onsets[name]],
        columns=["filename", "onset", "mix_duration"],
    )
    encoded = (
        ENCODINGS[targets](events[events["filename"] == name], begins, event_labels, length, bins)
        for name, begins in onsets.items()
    )
    fill(create_array(made.targets, (len(windows), bins, 3 * len(event_labels))), encoded)
    write_table(windows, made.windows)


if __name__ == "__main__":
    job.start(snakemake)
    make_windows(snakemake.input, snakemake.output, **job.params(snakemake))
