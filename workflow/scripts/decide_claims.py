"""Decide every claim of the paper; write the verdicts as a table and as a page."""

from pathlib import Path

import pandas as pd

from yoho import InputError, job
from yoho.claims.measures import Arm
from yoho.claims.page import claims_page
from yoho.claims.verdicts import Evidence, claims_table
from yoho.events import read_table
from yoho.figures.tables import markdown_page, write_results


def decide_claims(files, made, *, arms, networks, cells, claims, dataset, source, bins):
    if not arms or networks["proposed"][1] == "none":
        raise InputError(
            "claims.networks: baseline, vggish and proposed must be labels of studies.networks.runs,"
            " and the proposed network must have a mask"
        )
    tallies = {Path(file).parent.name: read_table(file) for file in files.recordings}
    histories = {Path(file).parent.name: pd.read_csv(file) for file in files.histories}

    def arm(label, runs):
        return Arm.from_tables(label, [tallies[run] for run in runs], [histories[run] for run in runs])

    evidence = Evidence(
        arms={role: arm(**entry) for role, entry in arms.items()},
        cells=[(cell["label"], arm(**cell["masked"]), arm(**cell["plain"])) for cell in cells],
        sizes=pd.read_csv(files.networks, keep_default_na=False),
        networks=networks,
        source=source,
        bins=bins,
    )
    table = claims_table(claims, dataset, evidence)
    write_results(made.table, table, "%.6g")
    page = claims_page(table, pd.read_csv(files.power), claims)
    Path(made.page).write_text(page)
    Path(made.html).write_text(markdown_page(page))


if __name__ == "__main__":
    job.start(snakemake)
    decide_claims(snakemake.input, snakemake.output, **job.params(snakemake))
