"""The power of every equivalence test of the claims, from the config alone."""

from pathlib import Path

from yoho import job
from yoho.claims.power import power_table
from yoho.figures.tables import table_page


def tabulate_power(table, *, claims, seeds):
    power_table(claims, seeds).to_csv(table, index=False, float_format="%.4g")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_power(snakemake.output.table, **job.params(snakemake))
    Path(snakemake.output.page).write_text(table_page("What the seeds can decide", snakemake.output.table))
