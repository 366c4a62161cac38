"""Measure how loud each class is in every segment of mixes with overlapping sounds."""

import pandas as pd

from yoho import job
from yoho.events import read_table, write_table
from yoho.mixes.planning import measure_mix


def measure_levels(plan, table, threads, *, sample_rate, gain, resolution):
    """Write the table of `class_levels` for all mixes of a plan, whose clips are mixed again."""
    calls = [(rows, sample_rate, gain, resolution) for _, rows in read_table(plan).groupby("filename")]
    write_table(pd.concat(job.spread(measure_mix, calls, threads, "levels")), table)


if __name__ == "__main__":
    job.start(snakemake)
    measure_levels(snakemake.input.plan, snakemake.output[0], snakemake.threads, **job.params(snakemake))
