"""Cut the mixes of a split into windows: log-mel features and targets (paper 4.2)."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import read_table, write_table
from yoho.windows.front_ends import create_array, frames, mix_features, window_onsets
from yoho.windows.targets import ENCODINGS


def make_windows(files, made, threads, *, event_labels, hop, length, bins, sample_rate, features, targets):
    events = read_table(files.events)
    durations = read_table(files.plan).groupby("filename")["offset"].max()
    onsets = {name: window_onsets(duration, length, hop) for name, duration in durations.items()}
    windows = pd.DataFrame(
        [(name, onset, durations[name]) for name in onsets for onset in onsets[name]],
        columns=["filename", "onset", "mix_duration"],
    )
    shape = (len(windows), frames(length, sample_rate, features["hop_length"]), features["n_mels"])
    all_features = create_array(made.features, shape)
    all_targets = create_array(made.targets, (len(windows), bins, 3 * len(event_labels)))
    calls = [(Path(files.audio, name), onsets[name], length, sample_rate, features) for name in onsets]
    start = 0
    for name, block in zip(onsets, job.spread(mix_features, calls, threads, "windows")):
        stop, own = start + len(block), events[events["filename"] == name]
        all_features[start:stop] = block
        all_targets[start:stop] = ENCODINGS[targets](own, onsets[name], event_labels, length, bins)
        start = stop
    write_table(windows, made.windows)


if __name__ == "__main__":
    job.start(snakemake)
    make_windows(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
