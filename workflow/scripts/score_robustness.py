"""Segment the mixes of one condition as a user would, with the untrained ear and every network, and score them."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import read_table, write_table
from yoho.scoring.queries import Mixes
from yoho.scoring.segmenting import segmented_and_scored
from yoho.scoring.tallies import field_recordings
from yoho.segmenting.segmenter import Segmenter, ear_segmenter


def score_robustness(files, made, threads, *, labels, names, scoring):
    """labels: of the networks of `files.runs`, in their order; names: see `ear_segmenter`."""
    plan, events, recordings = map(read_table, (files.plan, files.events, files.recordings))
    durations = plan.groupby("filename")["offset"].max().to_dict()
    mixes = Mixes(events, field_recordings(plan, recordings), durations)
    scores, tallies = [], []
    for label, segmenter in job.progress(segmenters(files, labels, names, threads), desc="networks"):
        _, scored, counted = segmented_and_scored(segmenter, files.audio, mixes, scoring)
        scores.append(scored.assign(network=label))
        tallies.append(counted.assign(network=label))
    write_table(pd.concat(scores), made.scores)
    write_table(pd.concat(tallies), made.tallies)


def segmenters(files, labels, names, threads):
    """Yield (label, segmenter) of the untrained ear, if its files are given, and of every run."""
    if files.ear:
        thresholds = read_table(files.classes, sep=",")["threshold"] if files.classes else None
        yield "untrained ear", ear_segmenter(Path(files.ear[0]).parent, thresholds, names, threads=threads)
    for label, path in zip(labels, files.runs, strict=True):
        yield label, Segmenter.load(Path(path).parent, device="cpu", threads=threads)


if __name__ == "__main__":
    job.start(snakemake)
    score_robustness(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
