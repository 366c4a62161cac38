"""Draw the mixes of a split and write their audio and true events (paper 4.1)."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import merge_events, read_table, write_table
from yoho.mixes.clips import cut_segments, pool_recordings
from yoho.mixes.planning import Background, deal_segments, draw_segments, plan_mix
from yoho.mixes.rendering import render_mix
from yoho.recordings.splits import BACKGROUND, SPLITS, check_recordings


def make_mixes(
    files, made, split, threads, *, mixes, seed, sample_rate, mixing, pool, one_size, slices, draw, background
):
    recordings = read_table(files.recordings)
    check_recordings(recordings, recordings["event_label"].unique())
    is_background = recordings["event_label"] == BACKGROUND
    chosen = pool_recordings(recordings[~is_background], split, pool, one_size)
    segments = cut_segments(chosen, mixing["longest_segment"], mixing["shortest_segment"], slices)
    quiet = recordings[is_background & (recordings["split"] == split)]
    stretches = Background(quiet, segments, **background) if background else None
    draws = {
        "deal": partial(deal_segments, duration=mixing["duration"], longest=mixing["longest_segment"]),
        "replace": partial(draw_segments, count=mixing["drawn_segments"]),
    }
    plans = []
    for index in range(mixes):
        seeds = [seed, SPLITS.index(split), index]
        # Draws of its own: the segments come in the same order as without background.
        among = partial(stretches.among, rng=np.random.default_rng([*seeds, 1])) if background else iter
        drawn = partial(draws[draw], rng=np.random.default_rng(seeds), with_background=among)
        plans.append(plan_mix(segments, f"{split}-{index:04d}.flac", sample_rate, drawn))
    plan = pd.concat(plans)
    write_table(plan, made.plan)
    write_table(merge_events(plan[plan["event_label"] != BACKGROUND]), made.events)
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
        **job.params(snakemake),
    )
