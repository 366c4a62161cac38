"""Score the untrained ear on the test mixes of a dataset, whose classes stand for sounds of AudioSet."""

import json
from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import read_table, write_table
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import Scorer
from yoho.scoring.tallies import field_recordings, recording_tallies
from yoho.segmenting.segmenter import ear_segmenter


def score_ear(files, made, threads, *, names, scoring):
    thresholds = read_table(files.classes, sep=",")["threshold"] if files.classes else None
    segmenter = ear_segmenter(Path(files.ear[0]).parent, thresholds, names, threads=threads)
    plan, reference, recordings = (read_table(files[name]) for name in ("plan", "events", "recordings"))
    durations = plan.groupby("filename")["offset"].max().to_dict()
    found = [segmenter.file(Path(files.audio, name)).events.assign(filename=name) for name in durations]
    events = pd.concat(found)[["filename", "onset", "offset", "event_label"]]
    write_table(events, made.test_events)
    scores = sed_eval_scores(reference, events, durations, list(names), scoring)
    Path(made.test_scores).write_text(json.dumps({"scores": scores.to_dict("records")}, indent=2) + "\n")
    mixes = pd.DataFrame({"filename": durations.keys(), "mix_duration": durations.values()})
    scorer = Scorer(mixes, reference, segmenter.decoder(), scoring["resolution"])
    plan = field_recordings(plan, recordings)
    write_table(recording_tallies(scorer, None, None, events, plan, tolerances=scoring), made.test_recordings)


if __name__ == "__main__":
    job.start(snakemake)
    score_ear(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
