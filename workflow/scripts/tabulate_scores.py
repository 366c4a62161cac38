"""Tabulate the test scores of a dataset's runs."""

import json
from pathlib import Path

import pandas as pd

from yoho import job
from yoho.figures.tables import table_page


def tabulate_scores(files, table, *, dataset, studies):
    results = {Path(file).parent.name: json.loads(Path(file).read_text()) for file in files}
    rows = [
        {"dataset": dataset, "study": study, "label": label, "run": run, "best_epoch": results[run]["best_epoch"]}
        | scores
        for study, runs in studies.items()
        for label, run in runs
        for scores in results[run]["scores"]
    ]
    pd.DataFrame(rows).to_csv(table, index=False, float_format="%.6f")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_scores(snakemake.input, snakemake.output.table, **job.params(snakemake))
    Path(snakemake.output.page).write_text(table_page("Test scores", snakemake.output.table))
