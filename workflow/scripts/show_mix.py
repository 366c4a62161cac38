"""Show a test mix as a page to listen to, with its true events and those that each network found."""

import math
from pathlib import Path

from yoho import job
from yoho.events import read_table
from yoho.segmenting.page import TRUTH, write_page


def show_mix(files, page, mix, *, runs, event_labels):
    tables = {Path(file).parent.name: read_table(file) for file in files.predictions}
    tracks = {TRUTH: read_table(files.events)} | {label: tables[run] for label, run in runs.items()}
    name = f"{mix}.flac"
    tracks = {track: events[events["filename"] == name] for track, events in tracks.items()}
    audio = Path(files.audio, name)
    write_page(page, audio, tracks, event_labels, title=f"Test mix {mix}", self_contained=math.inf)


if __name__ == "__main__":
    job.start(snakemake)
    show_mix(snakemake.input, snakemake.output[0], snakemake.wildcards.mix, **job.params(snakemake))
