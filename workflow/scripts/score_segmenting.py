"""Segment the test mixes of a dataset as a user would, with the untrained ear or with a run, and score the events."""

import json
from pathlib import Path

from yoho import job
from yoho.events import write_table
from yoho.scoring.found import Mixes, segmented_and_scored
from yoho.segmenting.tested import tested_segmenter


def score_segmenting(files, made, threads, *, names, scoring):
    """names: the sounds of AudioSet for each class of the dataset if the network is the ear, else None."""
    segmenter = tested_segmenter(Path(files.network[0]).parent, files.classes, names, threads=threads)
    found, scores, tallies = segmented_and_scored(segmenter, files.audio, Mixes.read(files), scoring)
    write_table(found, made.test_events)
    Path(made.test_scores).write_text(json.dumps({"scores": scores.to_dict("records")}, indent=2) + "\n")
    write_table(tallies, made.test_recordings)


if __name__ == "__main__":
    job.start(snakemake)
    score_segmenting(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
