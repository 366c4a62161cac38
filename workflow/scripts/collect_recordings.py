"""Make or find the recordings, one class each, and deal them to the splits (paper 4.1)."""

from functools import partial
from pathlib import Path

from yoho import job
from yoho.events import write_table
from yoho.sources import COLUMNS, SOURCES, check_recordings


def collect_recordings(source, settings, event_labels, audio, table, threads):
    Path(audio).mkdir(parents=True, exist_ok=True)
    spread = partial(job.spread, threads=threads, description="recordings")
    recordings = SOURCES[source](audio, spread, **settings)
    write_table(check_recordings(recordings, event_labels)[COLUMNS], table)


if __name__ == "__main__":
    job.start(snakemake)
    collect_recordings(
        snakemake.params.source,
        snakemake.params.settings,
        snakemake.params.event_labels,
        snakemake.output.audio,
        snakemake.output.table,
        snakemake.threads,
    )
