"""Tabulate the search: the validation scores of each network at each learning rate, after the last epoch."""

import numpy as np
import pandas as pd

from yoho import job
from yoho.figures.tables import write_results
from yoho.scoring.records import read_record


def tabulate_search(records, table, *, runs):
    ends = {record.about["run"]: record.history.iloc[-1] for record in map(read_record, records)}
    rows = pd.DataFrame([run | scores(ends.get(run["run"], {})) for run in runs])
    mean = rows.groupby(["label", "learning_rate"], sort=False)["f1"].transform("mean")
    best = mean == mean.groupby(rows["label"]).transform("max")
    write_results(table, rows.assign(best=best), "%.6g", title="The search of learning rates")


def scores(end):
    """What the table shows of the last row of a curve; nan for a run without a record."""
    columns = {"windows_seen": "windows_seen", "f1": "f1", "data_loss": "valid_data_loss"}
    return {name: end.get(column, np.nan) for name, column in columns.items()}


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_search(snakemake.input, snakemake.output.table, **job.params(snakemake))
