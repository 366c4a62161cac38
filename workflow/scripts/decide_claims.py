"""Decide every claim of the paper; write the verdicts as a table and as a page."""

from pathlib import Path

import pandas as pd

from yoho import InputError, job
from yoho.claims.history import stood_since
from yoho.claims.measures import Arm, read_records, training_row
from yoho.claims.page import Findings, claims_page
from yoho.claims.verdicts import Evidence, claims_table
from yoho.events import read_table
from yoho.figures.tables import markdown_page, write_results
from yoho.provenance import digest


def decide_claims(
    files, made, *, arms, cells, networks, claims, dataset, source, bins, data, configs, test, grid, refused
):
    if not arms or networks["proposed"][1] == "none":
        raise InputError(
            "claims.networks: baseline, vggish and proposed must be labels of studies.networks.runs,"
            " and the proposed network must have a mask"
        )
    records, elsewhere = read_records(files.records, test or digest([files.plan, files.events]))
    entries = [*arms.values(), *(cell[side] for cell in cells for side in ("masked", "plain"))]
    planned = {run: seed for entry in entries for seed, run in entry["runs"].items()}
    arms = {role: Arm.of_runs(records, **entry) for role, entry in arms.items()}
    cells = [(cell["label"], *(Arm.of_runs(records, **cell[side]) for side in ("masked", "plain"))) for cell in cells]
    sizes = read_table(files.networks, sep=",")
    speeds = read_table(files.speeds, sep=",") if files.speeds else None
    table = claims_table(claims, dataset, Evidence(arms, cells, sizes, networks, source, bins, speeds))
    write_results(made.table, table, "%.9g")  # enough for the sizes of networks
    compared = {arm.label: arm for arm in [*arms.values(), *(arm for _, *pair in cells for arm in pair)]}
    found = Findings(
        verdicts=table,
        power=read_table(files.power, sep=","),
        trainings=pd.DataFrame([training_row(arm, claims) for arm in compared.values()]),
        runs={run: record.about for run, record in records.items() if run in planned},
        planned=len(planned),
        left_out=refused | dict.fromkeys(elsewhere, "test mixes"),
        stood=stood_since(claims, grid, configs),
        source=source,
        data=data,
    )
    page = claims_page(found, claims)
    Path(made.page).write_text(page)
    Path(made.html).write_text(markdown_page(page))


if __name__ == "__main__":
    job.start(snakemake)
    decide_claims(snakemake.input, snakemake.output, **job.params(snakemake))
