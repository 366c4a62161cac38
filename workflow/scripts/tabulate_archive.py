"""Gather the tables of an archive's shards: all events, all files, those that failed, classes, and a calendar."""

import json
from pathlib import Path

from yoho import InputError, job
from yoho.archives.gathering import gather
from yoho.events import read_table


def tabulate_archive(plan, events, files, output, certain):
    folder, plan = Path(output).parent, json.loads(Path(plan).read_text())
    totals = gather(list(zip(events, files)), folder, plan["faults"], certain)
    if not totals["files"]:
        first = read_table(folder / "failed.csv", sep=",")["error"].iloc[0]
        raise InputError(f"{plan['audio']}: no file could be segmented; the first error: {first}")
    job.say(f"{plan['audio']}: {totals['files']:,} files, {totals['events']:,} events, {totals['failed']:,} failed")


if __name__ == "__main__":
    job.start(snakemake)
    files = snakemake.input
    tabulate_archive(files.plan, files.events, files.files, snakemake.output[0], snakemake.params.certain)
