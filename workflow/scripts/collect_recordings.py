"""Make or find the recordings, one class each, and deal them to the splits (paper 4.1)."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import write_table
from yoho.recordings.background import background_recordings
from yoho.recordings.listening import listen
from yoho.recordings.sources import SOURCES
from yoho.recordings.splits import BACKGROUND, COLUMNS, assign_splits, check_recordings, join_groups


def collect_recordings(made, threads, *, source, settings, listening, splitting, event_labels, background):
    Path(made.audio).mkdir(parents=True, exist_ok=True)
    spread = partial(job.spread, threads=threads, description="recordings")
    recordings = SOURCES[source](made.audio, spread, **settings)
    if listening:
        for event_label in event_labels:
            job.say(f"{event_label}: {(recordings['event_label'] == event_label).sum()} recordings")
        listed = len(recordings)
        recordings = listen(recordings, spread, **listening)
        if len(recordings) < listed:
            job.say(f"{listed - len(recordings)} of {listed} recordings left out, each with a line in the log")
        recordings = join_groups(recordings, ["sha256"])
    if splitting:
        recordings = assign_splits(recordings, splitting["splits"], np.random.default_rng(splitting["seed"]))
    if background:
        quiet = background_recordings(made.audio, spread, **background)
        job.say(f"background: {len(quiet)} recordings")
        recordings = pd.concat([recordings, quiet], ignore_index=True)
        event_labels = [*event_labels, BACKGROUND]
    write_table(check_recordings(recordings, event_labels)[COLUMNS], made.table)


if __name__ == "__main__":
    job.start(snakemake)
    collect_recordings(snakemake.output, snakemake.threads, **job.params(snakemake))
