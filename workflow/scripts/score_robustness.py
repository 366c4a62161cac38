"""Segment the mixes of one condition as a user would, with the untrained ear and every network, and score them."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import write_table
from yoho.scoring.found import Mixes, segmented_and_scored
from yoho.segmenting.tested import tested_segmenter


def score_robustness(files, made, threads, *, labels, names, scoring):
    """labels: of the networks of `files.runs`, in their order; names: see `tested_segmenter`."""
    mixes, scores, tallies = Mixes.read(files), [], []
    for label, segmenter in job.progress(segmenters(files, labels, names, threads), desc="networks"):
        _, scored, counted = segmented_and_scored(segmenter, files.audio, mixes, scoring)
        scores.append(scored.assign(network=label))
        tallies.append(counted.assign(network=label))
    write_table(pd.concat(scores), made.scores)
    write_table(pd.concat(tallies), made.tallies)


def segmenters(files, labels, names, threads):
    """Yield (label, segmenter) of the untrained ear, if its files are given, and of every run."""
    if files.ear:
        yield "untrained ear", tested_segmenter(Path(files.ear[0]).parent, files.classes, names, threads=threads)
    for label, path in zip(labels, files.runs, strict=True):
        yield label, tested_segmenter(Path(path).parent, threads=threads)


if __name__ == "__main__":
    job.start(snakemake)
    score_robustness(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
