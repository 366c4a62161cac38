"""Tabulate the scores of YOHO on images of several front ends, seed by seed, and what each front end costs."""

import numpy as np
import pandas as pd

from yoho import job
from yoho.claims.measures import Arm, overall_score, read_records, score_difference
from yoho.claims.statistics import interval, over_seeds
from yoho.events import read_table
from yoho.figures.tables import write_results

PSDS = ("psds_1", "psds_2")


def tabulate_front_ends(files, table, *, runs, claims, collar):
    found, _ = read_records(files.records)
    names = {"f1": "f1", "event_f1": f"hits_{collar:g}"}
    psds = {run["run"]: averaged_psds(file) for run, file in zip(runs, files.psds, strict=True)}
    costs = read_table(files.costs, sep=",").set_index("front_end")
    rows, first = [], None
    for label, members in pd.DataFrame(runs).groupby("label", sort=False):
        arm = Arm.from_records(label, {row.seed: found[row.run] for row in members.itertuples()})
        by_seed = {own: overall_score(name, arm.kinds)(arm.tallies.sum(axis=1)) for own, name in names.items()}
        by_seed |= {own: np.array([psds[run][own] for run in members["run"]]) for own in PSDS}
        first = first or (arm, by_seed)
        kind = {"label": label, "front_end": members["front_end"].iloc[0]}
        row = kind | {"seed": "mean"} | {own: scores.mean() for own, scores in by_seed.items()}
        for own in by_seed:
            row |= difference(own, names.get(own), (arm, by_seed), first, claims)
        cost = costs.loc[kind["front_end"], ["ms_per_window", "times_real_time", "frames", "bands", "image_kb"]]
        rows.append(row | cost.to_dict() | {"n_seeds": len(arm.seeds), "n_recordings": len(arm.strata)})
        for place, seed in enumerate(arm.seeds):
            rows.append(kind | {"seed": str(seed)} | {own: scores[place] for own, scores in by_seed.items()})
    write_results(table, rows, "%.6f", title="Front ends")


def averaged_psds(file):
    """The PSDS of both scenarios with averaged decoding, from a run's table: {"psds_1": ..., "psds_2": ...}."""
    table = read_table(file, sep=",")
    values = table[table["decoding"] == "averaged"].set_index("scenario")["psds"]
    return {f"psds_{scenario}": values[scenario] for scenario in (1, 2)}


def difference(own, name, side, first, claims):
    """The paired difference of a score to that of the first front end, with its interval; empty for the first one.

    own: the score's name in the table; name: its name in `score_function`, or None for a PSDS, whose interval is over
    seeds alone; side, first: pairs of an arm and {own: scores of its seeds}.
    """
    if side[0] is first[0]:
        return {}
    if name is None:
        estimate = over_seeds(side[1][own] - first[1][own])
    else:
        estimate = score_difference(name, side[0], first[0], claims).crossed
    low, high = interval(estimate, 1 - 2 * claims["level"])
    return {f"{own}_difference": estimate.value, f"{own}_low": low, f"{own}_high": high}


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_front_ends(snakemake.input, snakemake.output.table, **job.params(snakemake))
