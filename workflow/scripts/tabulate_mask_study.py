"""Tabulate the mask study (paper, section 4.3.3): F1, data loss and epochs to converge of every run."""

import pandas as pd

from yoho import job
from yoho.claims.measures import Arm, overall_score
from yoho.claims.statistics import epochs_to_converge, is_trained
from yoho.events import read_table
from yoho.figures.tables import write_results


def tabulate_mask_study(files, table, *, runs, bins, claims):
    rows = []
    for run, history, recordings in zip(runs, files.histories, files.recordings):
        f1 = pd.read_csv(history)["f1"]
        sums = Arm.from_tables("", [read_table(recordings)], []).tallies[0].sum(axis=0)
        scores = {
            "f1": float(overall_score("f1")(sums)),
            "error_rate": float(overall_score("error_rate")(sums)),
            "data_loss": float(overall_score("data_loss", bins)(sums)),
            "best_validation_f1": f1.max(),
            "epochs_to_converge": epochs_to_converge(f1, claims["converged"]),
            "trained": is_trained(f1, **claims["trained"]),
        }
        rows.append(run | scores)
    write_results(table, rows, "%.6f", title="The mask study, run by run")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_mask_study(snakemake.input, snakemake.output.table, **job.params(snakemake))
