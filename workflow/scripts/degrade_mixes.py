"""Degrade the test mixes of a dataset as one condition of users' files, and move their true events accordingly."""

from pathlib import Path

import numpy as np

from yoho import job
from yoho.audio import read_audio
from yoho.events import read_table, write_table
from yoho.robustness.degradations import degrade, write_degraded


def degrade_mixes(files, made, threads, *, condition, seed):
    """condition: `kind` and settings of `degrade`; seed: of the random draws, which are the same in all conditions."""
    tables = {name: read_table(files[name]) for name in ("plan", "events")}
    names = list(tables["plan"]["filename"].unique())
    Path(made.audio).mkdir(parents=True, exist_ok=True)
    calls = [(Path(files.audio, name), made.audio, condition, (seed, index)) for index, name in enumerate(names)]
    written, factors = zip(*job.spread(degrade_mix, calls, threads, "degraded mixes"))
    written, factors = dict(zip(names, written)), dict(zip(names, factors))
    for name, table in tables.items():
        times = table[["onset", "offset"]].mul(table["filename"].map(factors), axis=0)
        write_table(table.assign(filename=table["filename"].map(written), **times), made[name])


def degrade_mix(path, folder, condition, seed):
    """Degrade the audio of one mix and write it to a folder; returns the file's name and the factor of its times."""
    degraded = degrade(*read_audio(path), np.random.default_rng(seed), **condition)
    return write_degraded(Path(folder, path.stem), degraded).name, degraded.time_factor


if __name__ == "__main__":
    job.start(snakemake)
    degrade_mixes(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
