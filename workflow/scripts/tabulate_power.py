"""Tabulate the power of every equivalence test of the claims, which depends on the config alone."""

from yoho import job
from yoho.claims.statistics import power_table
from yoho.figures.tables import write_results


def tabulate_power(table, *, claims, seeds):
    write_results(table, power_table(claims, seeds), "%.4g", title="What the seeds can decide")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_power(snakemake.output.table, **job.params(snakemake))
