"""Segment the test mixes of a dataset as a user would, with the untrained ear or with a run, and score the events."""

import json
from pathlib import Path

from yoho import job
from yoho.events import read_table, write_table
from yoho.scoring.queries import Mixes
from yoho.scoring.segmenting import segmented_and_scored
from yoho.scoring.tallies import field_recordings
from yoho.segmenting.segmenter import Segmenter, ear_segmenter


def score_segmenting(files, made, threads, *, names, scoring):
    """names: the sounds of AudioSet for each class of the dataset if the network is the ear, else None."""
    folder = Path(files.network[0]).parent
    thresholds = read_table(files.classes, sep=",")["threshold"] if files.classes else None
    if names:
        segmenter = ear_segmenter(folder, thresholds, names, threads=threads)
    else:
        segmenter = Segmenter.load(folder, threads=threads)
    plan, events, recordings = map(read_table, (files.plan, files.events, files.recordings))
    durations = plan.groupby("filename")["offset"].max().to_dict()
    mixes = Mixes(events, field_recordings(plan, recordings), durations)
    found, scores, tallies = segmented_and_scored(segmenter, files.audio, mixes, scoring)
    write_table(found, made.test_events)
    Path(made.test_scores).write_text(json.dumps({"scores": scores.to_dict("records")}, indent=2) + "\n")
    write_table(tallies, made.test_recordings)


if __name__ == "__main__":
    job.start(snakemake)
    score_segmenting(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
