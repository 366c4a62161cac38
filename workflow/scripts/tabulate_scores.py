"""Tabulate the test scores of a dataset's runs."""

import json
from pathlib import Path

from yoho import job
from yoho.events import read_table
from yoho.figures.tables import write_results


def tabulate_scores(files, table, *, dataset, studies):
    results = {Path(file).parent.name: json.loads(Path(file).read_text()) for file in files.scores}
    psds = {Path(file).parent.name: psds_columns(read_table(file, sep=",")) for file in files.psds}
    rows = [
        {"dataset": dataset, "study": study, "label": label, "run": run, "best_epoch": results[run]["best_epoch"]}
        | scores
        | (psds[run] if scores["event_label"] == "overall" else {})
        for study, runs in studies.items()
        for label, run in runs
        for scores in results[run]["scores"]
    ]
    write_results(table, rows, "%.6f", title="Test scores")


def psds_columns(table):
    """The columns of a run's PSDS: with an interval for the averaged decoding, and without for `bins`."""
    columns = {}
    for decoding, rows in table.set_index("scenario").groupby("decoding"):
        for scenario, row in rows.iterrows():
            if decoding == "averaged":
                columns |= {f"psds{scenario}": row["psds"]}
                columns |= {f"psds{scenario}_{side}": row[side] for side in ("low", "high")}
            else:
                columns |= {f"psds{scenario}_{decoding}": row["psds"]}
    return columns


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_scores(snakemake.input, snakemake.output.table, **job.params(snakemake))
