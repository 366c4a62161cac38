"""A test mix to listen to, above its true events and those that each network found."""

from pathlib import Path

import soundfile

from yoho import job
from yoho.events import read_table
from yoho.figures.mix_page import mix_page


def show_mix(files, page, mix, *, runs, event_labels):
    tables = {Path(file).parent.name: read_table(file) for file in files.found}
    rows = {"true": read_table(files.events)} | {label: tables[run] for label, run in runs.items()}
    own = {name: events[events["filename"] == f"{mix}.flac"] for name, events in rows.items()}
    samples, sample_rate = soundfile.read(Path(files.audio, f"{mix}.flac"), dtype="float32")
    Path(page).write_text(mix_page(f"Test mix {mix}", samples, sample_rate, own, event_labels))


if __name__ == "__main__":
    job.start(snakemake)
    show_mix(snakemake.input, snakemake.output[0], snakemake.wildcards.mix, **job.params(snakemake))
