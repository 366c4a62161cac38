"""Tabulate the test scores of every network under every condition, and how far they differ from the clean ones."""

import numpy as np

from yoho import job
from yoho.claims.statistics import estimated, interval
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.scoring.segments import COUNTS
from yoho.scoring.tallies import OVERALL, f1

SCORES = {"segment_precision": "precision", "segment_recall": "recall", "event_f1": "event_f1"}
CLEAN = "clean"  # the condition with which the others are compared


def tabulate_robustness(files, table, *, conditions, claims):
    """Write a row for each condition and network; intervals are over recordings, for the given trainings.

    conditions: in the order of the files. The difference is F1 minus that of the clean mixes, paired by recording.
    """
    tables = dict(zip(conditions, zip(map(read_table, files.scores), map(read_table, files.tallies), strict=True)))
    rows = []
    for condition, (scores, tallies) in tables.items():
        for row in scores[scores["event_label"] == OVERALL].to_dict("records"):
            network = row["network"]
            (counts, strata), (clean, _) = (counts_of(each, network) for each in (tallies, tables[CLEAN][1]))
            own = {"f1": (counts, f1), "f1_difference": (np.hstack([counts, clean]), f1_difference)}
            found = {name: bounded(name, *pair, strata, claims) for name, pair in own.items()}
            others = {name: row[score] for score, name in SCORES.items()}
            sizes = {"recordings": len(counts)}
            rows.append(
                {"condition": condition, "network": network} | sizes | found["f1"] | others | found["f1_difference"]
            )
    write_results(table, rows, "%.6f", title="Robustness")


def counts_of(tallies, network):
    """COUNTS of a network by recording, (recordings, kinds), and the classes of the recordings, (recordings,)."""
    chosen = tallies[(tallies["network"] == network) & (tallies["event_label"] == OVERALL)].sort_values("recording")
    return chosen[COUNTS].to_numpy(float), chosen["recording_label"].to_numpy()


def f1_difference(sums):
    """F1 of the first COUNTS minus that of those which follow, (..., 2 * kinds)."""
    return f1(sums[..., : len(COUNTS)]) - f1(sums[..., len(COUNTS) :])


def bounded(name, counts, score, strata, claims):
    """A score and the bounds of its interval with the confidence 1 - 2 `level`, as columns of the table."""
    estimate = estimated(counts[None], score, strata, claims)
    low, high = interval(estimate, 1 - 2 * claims["level"])
    return {name: estimate.value, f"{name}_low": low, f"{name}_high": high}


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_robustness(snakemake.input, snakemake.output.table, **job.params(snakemake))
