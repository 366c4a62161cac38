"""Segment the test mixes of a dataset with the untrained ear by all queries of a table, at several thresholds."""

import json
from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import COLUMNS, read_table, write_table
from yoho.segmenting.segmenter import AT_ONCE, Segmenter, ear_segmenter, gathered


def score_referring(files, target, threads, *, thresholds):
    """Write the events of all queries, whose event_label is the query, with the threshold at which they were found.

    The network is applied once to each mix. A query that is refused finds nothing.
    """
    answers = json.loads(Path(files.answers).read_text())
    classes = {row["query"]: list(row["classes"]) for row in answers if row["classes"]}
    levels = read_table(files.classes, sep=",")["threshold"] if files.classes else None
    ear = ear_segmenter(Path(files.ear[0]).parent, levels, classes, threads=threads)
    segmenters = {level: Segmenter(ear.predictor, ear.description, level, threads=threads) for level in thresholds}
    found = []
    for name in job.progress(read_table(files.plan)["filename"].unique(), desc="mixes"):
        batches = ear.batches(*ear.read(Path(files.audio, name)), AT_ONCE)
        windows = list(gathered(ear.windows(batches, threads, ahead=threads)))
        for threshold, segmenter in segmenters.items():
            events = [events for _, events in segmenter.decoded(windows)]
            found += [table.assign(filename=name, threshold=threshold) for table in events]
    write_table(pd.concat(found)[[*COLUMNS, "threshold"]], target)


if __name__ == "__main__":
    job.start(snakemake)
    score_referring(snakemake.input, snakemake.output[0], snakemake.threads, **job.params(snakemake))
