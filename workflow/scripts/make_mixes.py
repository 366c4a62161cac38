"""Draw the mixes of a split and write their audio and true events (paper 4.1)."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import merge_events, read_table, write_table
from yoho.mixes.clips import cut_clips, pool_recordings
from yoho.mixes.overlap import Overlap
from yoho.mixes.planning import Background, Drawing, render_mix
from yoho.recordings.splits import BACKGROUND, SPLITS, check_recordings


def make_mixes(
    files,
    made,
    split,
    threads,
    *,
    mixes,
    seed,
    sample_rate,
    mixing,
    pool,
    one_size,
    pool_seed,
    slices,
    draw,
    background,
    overlap,
):
    recordings = read_table(files.recordings)
    check_recordings(recordings, recordings["event_label"].unique())
    is_background = recordings["event_label"] == BACKGROUND
    chosen = pool_recordings(recordings[~is_background], split, pool, one_size, pool_seed)
    clips = cut_clips(chosen, mixing["longest_clip"], mixing["shortest_clip"], slices)
    quiet = recordings[is_background & (recordings["split"] == split)]
    stretches = Background(quiet, clips, **background) if background else None
    lengths = (mixing["duration"], mixing["longest_clip"], mixing["drawn_clips"])
    drawing = Drawing(draw, mixing["dealt"], *lengths, stretches, Overlap(**overlap) if overlap else None)
    filenames = [f"{split}-{index:04d}.flac" for index in range(mixes)]
    plans = list(drawing.plan(clips, filenames, [seed, SPLITS.index(split)], sample_rate))
    plan = pd.concat(plans)
    write_table(plan, made.plan)
    write_table(merge_events(plan[plan["event_label"] != BACKGROUND]), made.events)
    Path(made.audio).mkdir(parents=True, exist_ok=True)
    gain = overlap["gain"] if overlap else None
    calls = [(rows, Path(made.audio, rows["filename"].iloc[0]), sample_rate, gain) for rows in plans]
    list(job.spread(render_mix, calls, threads, f"{split} mixes"))


if __name__ == "__main__":
    job.start(snakemake)
    make_mixes(snakemake.input, snakemake.output, snakemake.wildcards.split, snakemake.threads, **job.params(snakemake))
