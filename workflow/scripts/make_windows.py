"""Cut the mixes of a split into windows: targets, and the images of each front end (paper, section 4.2)."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import read_table, write_table
from yoho.windows.cutting import create_array, window_onsets
from yoho.windows.front_ends import build_front_end
from yoho.windows.targets import ENCODINGS


def make_windows(files, made, threads, *, event_labels, hop, length, bins, targets, front_ends):
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
    calls = [(Path(files.audio, name), begins, length) for name, begins in onsets.items()]
    for path, (name, settings) in zip(made.features, front_ends.items(), strict=True):
        front_end = build_front_end(**settings)
        array = create_array(path, (len(windows), front_end.frames(length), front_end.n_mels))
        fill(array, job.spread(front_end.file_images, calls, threads, f"windows, {name}"))
    write_table(windows, made.windows)


def fill(array, blocks):
    """Put blocks, which are parts of it, into an array one after another."""
    start = 0
    for block in blocks:
        array[start : start + len(block)] = block
        start += len(block)


if __name__ == "__main__":
    job.start(snakemake)
    make_windows(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
