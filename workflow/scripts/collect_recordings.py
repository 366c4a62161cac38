"""Make or find the recordings, one class each, and deal them to the splits (paper 4.1)."""

from functools import partial
from pathlib import Path

from yoho import job
from yoho.events import write_table
from yoho.sources import COLUMNS, SOURCES, check_recordings


def collect_recordings(made, threads, *, source, settings, event_labels):
    Path(made.audio).mkdir(parents=True, exist_ok=True)
    spread = partial(job.spread, threads=threads, description="recordings")
    recordings = SOURCES[source](made.audio, spread, **settings)
    write_table(check_recordings(recordings, event_labels)[COLUMNS], made.table)


if __name__ == "__main__":
    job.start(snakemake)
    collect_recordings(snakemake.output, snakemake.threads, **job.settings(snakemake))
