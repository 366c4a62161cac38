"""Pool the test scores of networks over several datasets, such as the rotations of a cross-validation."""

from itertools import product

import pandas as pd

from yoho import job
from yoho.claims.measures import Arm, measure, overall_score, score_function
from yoho.claims.statistics import interval
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.tallies import OVERALL


def tabulate_pooled(files, table, *, datasets, networks, event_labels, scoring, claims):
    """networks: {label: [folder of a run, one for each seed]}; each folder lies in the folder of every dataset."""
    truth = {
        name: (read_table(events), read_table(plan)) for name, events, plan in zip(datasets, files.events, files.plans)
    }
    order = [(*place, name) for name, folders in networks.items() for place in product(folders, datasets)]
    predictions, tallies = (
        dict(zip(order, map(read_table, paths), strict=True)) for paths in (files.predictions, files.tallies)
    )
    rows = []
    for label, folders in networks.items():
        reference, found, durations = [], [], {}
        for folder, dataset in product(folders, datasets):
            prefix = f"{folder}/{dataset}/"
            events, plan = truth[dataset]
            reference.append(events.assign(filename=prefix + events["filename"]))
            own = predictions[folder, dataset, label]
            found.append(own.assign(filename=prefix + own["filename"]))
            durations |= (plan.groupby(prefix + plan["filename"])["offset"].max()).to_dict()
        scores = sed_eval_scores(pd.concat(reference), pd.concat(found), durations, event_labels, **scoring)
        seeds = [pd.concat([tallies[folder, name, label] for name in datasets]) for folder in folders]
        arm = Arm.from_tables(label, seeds, [])
        for row in scores.to_dict("records"):
            low, high = interval(estimate(arm, row["event_label"], claims), 1 - claims["level"])
            sizes = {"seeds": len(folders), "recordings": len(arm.strata)}
            rows.append({"network": label} | sizes | row | {"segment_f1_low": low, "segment_f1_high": high})
    write_results(table, rows, "%.6f", title="Test scores, pooled")


def estimate(arm, event_label, claims):
    """The segment-based F1 of a class, or overall, over seeds and recordings."""
    if event_label == OVERALL:
        return measure(overall_score("f1"), [arm], claims).crossed
    place = 1 + arm.event_labels.index(event_label)
    return measure(lambda sums: score_function("f1")(sums)[..., place], [arm], claims).crossed


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_pooled(snakemake.input, snakemake.output.table, **job.params(snakemake))
