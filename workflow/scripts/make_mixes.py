"""Draw the mixes of a split and write their audio and true events (paper 4.1)."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import merge_events, read_table, write_table
from yoho.mixing import cut_segments, deal_segments, draw_segments, plan_mix, pool_recordings, render_mix
from yoho.sources import SPLITS, check_recordings


def make_mixes(files, made, split, threads, *, mixes, seed, sample_rate, mixing, pool, one_size, slices, draw):
    recordings = read_table(files.recordings)
    check_recordings(recordings, recordings["event_label"].unique())
    chosen = pool_recordings(recordings, split, pool, one_size)
    segments = cut_segments(chosen, mixing["longest_segment"], mixing["shortest_segment"], slices)
    draws = {
        "deal": partial(deal_segments, duration=mixing["duration"], longest=mixing["longest_segment"]),
        "replace": partial(draw_segments, count=mixing["drawn_segments"]),
    }
    plans = []
    for index in range(mixes):
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        plans.append(plan_mix(segments, f"{split}-{index:04d}.flac", sample_rate, partial(draws[draw], rng=rng)))
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
