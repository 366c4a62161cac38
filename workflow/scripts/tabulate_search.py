"""Tabulate the search: the validation scores of each network at each learning rate, after the last epoch."""

import pandas as pd

from yoho import job
from yoho.figures.tables import write_results
from yoho.scoring.records import read_record


def tabulate_search(files, table, *, runs):
    rows = []
    for run, file in zip(runs, files):
        last = read_record(file).history.iloc[-1]
        rows.append(
            run | {"windows_seen": int(last["windows_seen"]), "f1": last["f1"], "data_loss": last["valid_data_loss"]}
        )
    rows = pd.DataFrame(rows)
    mean = rows.groupby(["label", "learning_rate"], sort=False)["f1"].transform("mean")
    best = mean == mean.groupby(rows["label"]).transform("max")
    write_results(table, rows.assign(best=best), "%.6g", title="The search of learning rates")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_search(snakemake.input, snakemake.output.table, **job.params(snakemake))
