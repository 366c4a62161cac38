"""Draw the mixes of a split and write their audio and true events (paper 4.1)."""

from pathlib import Path

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import merge_events, read_table, write_table
from yoho.mixing import cut_segments, plan_mix, render_mix
from yoho.sources import SPLITS, check_recordings


def make_mixes(files, made, split, threads, *, mixes, seed, sample_rate, duration, longest_segment, shortest_segment):
    recordings = read_table(files.recordings)
    check_recordings(recordings, recordings["event_label"].unique())
    segments = cut_segments(recordings[recordings["split"] == split], longest_segment, shortest_segment)
    plans = []
    for index in range(mixes):
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        plans.append(plan_mix(segments, f"{split}-{index:04d}.flac", duration, longest_segment, sample_rate, rng))
    write_table(pd.concat(plans), made.plan)
    write_table(merge_events(pd.concat(plans)), made.events)
    Path(made.audio).mkdir(parents=True, exist_ok=True)
    calls = [(rows, Path(made.audio, rows["filename"].iloc[0]), sample_rate) for rows in plans]
    list(job.spread(render_mix, calls, threads, f"{split} mixes"))


if __name__ == "__main__":
    job.start(snakemake)
    make_mixes(
        snakemake.input,
        snakemake.output,
        snakemake.wildcards.split,
        snakemake.threads,
        **job.settings(snakemake),
    )
