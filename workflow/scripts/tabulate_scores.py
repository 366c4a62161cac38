"""Tabulate the test scores of a dataset's runs."""

import json
from pathlib import Path

from yoho import job
from yoho.figures.tables import write_results


def tabulate_scores(files, table, *, dataset, studies):
    results = {Path(file).parent.name: json.loads(Path(file).read_text()) for file in files}
    rows = [
        {"dataset": dataset, "study": study, "label": label, "run": run, "best_epoch": results[run]["best_epoch"]}
        | scores
        for study, runs in studies.items()
        for label, run in runs
        for scores in results[run]["scores"]
    ]
    write_results(table, rows, "%.6f", title="Test scores")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_scores(snakemake.input, snakemake.output.table, **job.params(snakemake))
