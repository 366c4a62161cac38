"""Tabulate how the test scores change when a single difference is switched from described to released."""

import numpy as np
import pandas as pd

from yoho import job
from yoho.claims.measures import Arm, score_difference
from yoho.claims.statistics import holm, interval, p_difference
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.scoring.segments import Scorer
from yoho.scoring.tallies import field_recordings, recording_tallies
from yoho.windows.targets import Decoder


def tabulate_audit(files, table, *, audit, claims, event_labels, window_length, scoring):
    windows, reference = read_table(files.windows), read_table(files.events)
    plan = field_recordings(read_table(files.plan), read_table(files.recordings))
    targets = np.load(files.targets)
    outputs = dict(zip(audit["runs"], (np.load(file)["outputs"] for file in files.outputs)))

    def tallies(run, decoding):
        scorer = Scorer(windows, reference, Decoder(event_labels, window_length, **decoding), scoring["resolution"])
        events = scorer.decoder.events(outputs[run], windows)
        return recording_tallies(scorer, outputs[run], targets, events, plan, tolerances=scoring)

    rows = []
    for label, pairs in pd.DataFrame(audit["pairs"]).groupby("label", sort=False):
        described, released = (
            Arm.from_tables(reading, [tallies(*pair) for pair in zip(pairs[reading], pairs[f"{reading}_decoding"])], [])
            for reading in ("described", "released")
        )
        row = {"difference": label, "run": pairs["released"].iloc[0].rpartition("-seed")[0]}
        for name in ("f1", "error_rate"):
            found = score_difference(name, released, described, claims)
            low, high = interval(found.crossed, 1 - claims["level"])
            row |= {f"{name}_effect": found.crossed.value, f"{name}_low": low, f"{name}_high": high}
            row |= {f"{name}_p": p_difference(found.crossed)}
        units = "recordings" if found.crossed.seeds == 1 else "seeds and recordings"
        sizes = {"n_seeds": found.crossed.seeds, "n_recordings": found.crossed.recordings}
        rows.append(row | sizes | {"interval_over": units})
    # A reader searches all rows for differences: Holm's method adjusts the p-values of all of them together.
    adjusted = {name: holm([row[name] for row in rows]) for name in ("f1_p", "error_rate_p")}
    title = "Effect of each difference between the readings"
    write_results(table, pd.DataFrame(rows).assign(**adjusted), "%.6f", title=title)


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_audit(snakemake.input, snakemake.output.table, **job.params(snakemake))
