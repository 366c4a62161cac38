"""Fetch recordings into `downloads/`, and list those that arrived (paper 4.1).

`downloads/` keeps a copy of the manifest, because Snakemake deletes the manifest whenever the job starts again.
"""

import shutil
from importlib import import_module
from pathlib import Path

from yoho import job
from yoho.downloads.web import Web
from yoho.events import write_table


def fetch_recordings(manifest, *, source, settings, web):
    folder = Path(manifest).parent / "downloads"
    with Web(**web) as client:
        fetch = import_module(f"yoho.recordings.{source}").fetch
        table = fetch(folder, client, job.progress, job.say, **settings)
    write_table(table, folder / "manifest.tsv.part")
    shutil.copyfile(folder / "manifest.tsv.part", manifest)
    (folder / "manifest.tsv.part").replace(folder / "manifest.tsv")


if __name__ == "__main__":
    job.start(snakemake)
    fetch_recordings(snakemake.output[0], **job.params(snakemake))
