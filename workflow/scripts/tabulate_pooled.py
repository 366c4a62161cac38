"""Pool the test scores of networks over several datasets, such as the rotations of a cross-validation."""

from itertools import product

import numpy as np
import pandas as pd

from yoho import InputError, job
from yoho.claims.statistics import estimated, interval
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import COUNTS
from yoho.scoring.tallies import f1


def tabulate_pooled(files, table, *, datasets, networks, event_labels, scoring, claims):
    """Write a row for each network and class, and one for all classes together.

    networks: {label: [folder of a run, one for each seed]}; each folder lies in the folder of every dataset. The scores
    come from the counts of all datasets and seeds. The mean of the seeds' F1 has an interval, over other seeds and
    other recordings.
    """
    if not datasets:
        raise InputError("scoring.pooled: names no dataset; list the datasets whose test scores are to be pooled")
    truth = {name: [read_table(path) for path in paths] for name, *paths in zip(datasets, files.events, files.plans)}
    pairs = zip(map(read_table, files.predictions), map(read_table, files.tallies), strict=True)
    rows = []
    for label, folders in networks.items():
        reference, found, durations, tallies = [], [], {}, {folder: [] for folder in folders}
        for folder, dataset in product(folders, datasets):
            (events, plan), (predictions, counts) = truth[dataset], next(pairs)
            prefix = f"{folder}/{dataset}/"
            reference.append(events.assign(filename=prefix + events["filename"]))
            found.append(predictions.assign(filename=prefix + predictions["filename"]))
            durations |= plan.groupby(prefix + plan["filename"])["offset"].max().to_dict()
            tallies[folder].append(counts.assign(recording=f"{dataset}/" + counts["recording"]))
        scores = sed_eval_scores(pd.concat(reference), pd.concat(found), durations, event_labels, scoring)
        seeds = [pd.concat(tables) for tables in tallies.values()]
        for row in scores.to_dict("records"):
            estimate = mean_f1(seeds, row["event_label"], claims)
            low, high = interval(estimate, 1 - claims["level"])
            sizes = {"seeds": estimate.seeds, "recordings": estimate.recordings}
            bounds = {"mean_segment_f1": estimate.value, "low": low, "high": high}
            rows.append({"network": label} | sizes | row | bounds)
    write_results(table, rows, "%.6f", title="Test scores, pooled")


def mean_f1(tallies, event_label, claims):
    """The `Estimate` of the mean segment-based F1 of seeds; tallies: for each a table of `recording_tallies`."""
    tables = [table[table["event_label"] == event_label].sort_values("recording") for table in tallies]
    counts = np.stack([table[COUNTS].to_numpy(float) for table in tables])
    return estimated(counts, f1, tables[0]["recording_label"].to_numpy(), claims)


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_pooled(snakemake.input, snakemake.output.table, **job.params(snakemake))
