"""Cut the mixes of a split into windows: log-mel features and targets (paper 4.2)."""

from pathlib import Path

import pandas as pd
from yoho import job
from yoho.events import read_table, write_table
from yoho.features import create_array, frames, mix_features, window_onsets
from yoho.targets import encode_events


def make_windows(plan, events, audio, outputs, threads, *, event_labels, hop, length, bins, sample_rate, settings):
    events = read_table(events)
    durations = read_table(plan).groupby("filename")["offset"].max()
    onsets = {filename: window_onsets(duration, length, hop) for filename, duration in durations.items()}
    windows = pd.DataFrame(
        [(name, onset, durations[name]) for name in onsets for onset in onsets[name]],
        columns=["filename", "onset", "mix_duration"],
    )
    features = create_array(
        outputs.features, (len(windows), frames(length, sample_rate, settings["hop_length"]), settings["n_mels"])
    )
    targets = create_array(outputs.targets, (len(windows), bins, 3 * len(event_labels)))
    calls = [(Path(audio, name), onsets[name], length, sample_rate, settings) for name in onsets]
    start = 0
    for name, block in zip(onsets, job.spread(mix_features, calls, threads, f"{Path(audio).parent.name} windows")):
        stop = start + len(block)
        features[start:stop] = block
        targets[start:stop] = encode_events(events[events["filename"] == name], onsets[name], event_labels, length, bins)
        start = stop
    write_table(windows, outputs.windows)


if __name__ == "__main__":
    job.start(snakemake)
    make_windows(
        snakemake.input.plan,
        snakemake.input.events,
        snakemake.input.audio,
        snakemake.output,
        snakemake.threads,
        event_labels=snakemake.params.event_labels,
        hop=snakemake.params.hop,
        sample_rate=snakemake.params.sample_rate,
        settings=snakemake.params.features,
        **snakemake.params.window,
    )
