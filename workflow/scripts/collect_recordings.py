"""Make or find the recordings, and deal them to the splits (paper 4.1)."""

from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import write_table
from yoho.recordings.background import background_recordings
from yoho.recordings.listening import examine_recordings
from yoho.recordings.splits import BACKGROUND, RECORDING_COLUMNS, assign_splits, check_recordings, join_groups


def collect_recordings(made, threads, *, source, settings, listening, splitting, event_labels, background):
    Path(made.audio).mkdir(parents=True, exist_ok=True)
    spread = partial(job.spread, threads=threads, description="recordings")
    recordings = import_module(f"yoho.recordings.{source}").collect(made.audio, spread, **settings)
    if listening:
        for event_label in event_labels:
            job.say(f"{event_label}: {(recordings['event_label'] == event_label).sum()} recordings")
        usable = examine_recordings(recordings, spread, **listening)
        if left_out := len(recordings) - len(usable):
            job.say(f"{left_out} of {len(recordings)} recordings left out, each with a line in the log")
        recordings = join_groups(usable, ["sha256"])
    if splitting:
        recordings = assign_splits(recordings, splitting["splits"], np.random.default_rng(splitting["seed"]))
    if background:
        quiet = background_recordings(made.audio, spread, **background)
        job.say(f"background: {len(quiet)} recordings")
        recordings = pd.concat([recordings, quiet], ignore_index=True)
        event_labels = [*event_labels, BACKGROUND]
    write_table(check_recordings(recordings, event_labels)[RECORDING_COLUMNS], made.table)


if __name__ == "__main__":
    job.start(snakemake)
    collect_recordings(snakemake.output, snakemake.threads, **job.params(snakemake))
