"""Segment the test mixes of a dataset as a user would, with the untrained ear or with a run, and score the events."""

import json
from pathlib import Path

import pandas as pd

from yoho import InputError, job
from yoho.events import COLUMNS, read_table, write_table
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.queries import Mixes
from yoho.scoring.segments import Scorer
from yoho.scoring.tallies import field_recordings, recording_tallies
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


def segmented_and_scored(segmenter, folder, mixes, scoring):
    """What a `Segmenter` finds in the audio of `Mixes` in a folder: tables of events, `sed_eval_scores` and tallies.

    Raises InputError if the network does not know a class that sounds in the mixes.
    """
    event_labels = segmenter.event_labels
    if unknown := sorted(set(mixes.events["event_label"]) - set(event_labels)):
        raise InputError(f"{folder}: {', '.join(unknown)}: not among the classes of the network; train it on these")
    found = [segmenter.file(Path(folder, name)).events.assign(filename=name) for name in mixes.durations]
    events = pd.concat(found)[COLUMNS]
    scores = sed_eval_scores(mixes.events, events, mixes.durations, event_labels, scoring)
    windows = pd.DataFrame({"filename": mixes.durations.keys(), "mix_duration": mixes.durations.values()})
    scorer = Scorer(windows, mixes.events, segmenter.decoder(), scoring["resolution"])
    return events, scores, recording_tallies(scorer, None, None, events, mixes.plan, tolerances=scoring)


if __name__ == "__main__":
    job.start(snakemake)
    score_segmenting(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
