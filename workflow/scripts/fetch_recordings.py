"""Fetch recordings that lie elsewhere into `downloads/`, and list what arrived (paper 4.1).

`downloads/` is kept whatever happens, and so is the copy of the manifest in it: Snakemake deletes the manifest itself
whenever the job starts again.
"""

from pathlib import Path

from yoho import job
from yoho.bbc import fetch_bbc, fetch_esc50
from yoho.download import Web
from yoho.events import write_table


def fetch_recordings(manifest, *, source, settings, web):
    fetch = {"bbc": fetch_bbc, "esc50": fetch_esc50}[source]
    with Web(**web) as opened:
        table = fetch(Path(manifest).parent / "downloads", opened, job.progress, job.tell, **settings)
    write_table(table, Path(manifest).parent / "downloads" / "manifest.tsv")
    write_table(table, manifest)


if __name__ == "__main__":
    job.start(snakemake)
    fetch_recordings(snakemake.output[0], **job.settings(snakemake))
