"""Tabulate the scores of YOHO on images of several front ends, seed by seed, and what each front end costs."""

import pandas as pd

from yoho import job
from yoho.claims.measures import Arm, overall_score, read_records, score_difference
from yoho.claims.statistics import interval, over_seeds
from yoho.events import read_table
from yoho.figures.tables import write_results


def tabulate_front_ends(files, table, *, runs, claims, collar):
    """Write a row for the mean of each front end, and one for each of its seeds.

    A front end is compared with the first one on the seeds that both have, whose number is `n_seeds`.
    """
    found, _ = read_records(files.records)
    names = {"f1": "f1", "event_f1": f"hits_{collar:g}"}
    psds = {run: averaged_psds(rows) for run, rows in read_table(files.psds, sep=",").groupby("run")}
    costs = read_table(files.costs, sep=",").set_index("front_end")
    rows, first = [], None
    for label, members in pd.DataFrame(runs).groupby("label", sort=False):
        arm = Arm.from_records(label, {row.seed: found[row.run] for row in members.itertuples()})
        scores = {own: overall_score(name, arm.kinds)(arm.tallies.sum(axis=1)) for own, name in names.items()}
        of_runs = pd.DataFrame([psds[run] for run in members["run"]], index=members["seed"])
        scores = pd.DataFrame(scores, index=arm.seeds).join(of_runs)
        first = first or (arm, scores)
        shared = scores.index.intersection(first[1].index)
        apart = (scores - first[1]).loc[shared] if arm is not first[0] else scores[:0]
        kind = {"label": label, "front_end": members["front_end"].iloc[0]}
        row = kind | {"seed": "mean"} | scores.mean().to_dict() | differences(apart, names, (arm, first[0]), claims)
        cost = costs.loc[kind["front_end"], ["ms_per_window", "times_real_time", "frames", "bands", "image_kb"]]
        sizes = {"n_seeds": len(shared), "n_recordings": len(arm.strata)}
        rows.append(row | cost.to_dict() | sizes)
        apart = apart.reindex(arm.seeds).add_suffix("_difference")
        rows += (kind | {"seed": str(seed)} | own.to_dict() for seed, own in scores.join(apart).iterrows())
    counts = dict.fromkeys(("frames", "bands", "n_seeds", "n_recordings"), "Int64")  # whole numbers, or missing
    write_results(table, pd.DataFrame(rows).astype(counts), "%.6f", title="Front ends")


def averaged_psds(table):
    """The PSDS of each scenario with averaged decoding, from a run's rows: {"psds1": ..., "psds2": ...}."""
    values = table[table["decoding"] == "averaged"].set_index("scenario")["psds"]
    return {f"psds{scenario}": value for scenario, value in values.items()}


def differences(apart, names, arms, claims):
    """The mean differences of all scores between two arms, with their intervals, as columns; nan without any seed.

    apart: the differences, a table with a row for each seed that both arms have. names: the scores that come from the
    records, {column: name in `score_function`}. The intervals of the others are over seeds alone.
    """
    found = {}
    for own, values in apart.items():
        tallied = own in names and len(values)
        estimate = score_difference(names[own], *arms, claims).crossed if tallied else over_seeds(values)
        low, high = interval(estimate, 1 - 2 * claims["level"])
        found |= {f"{own}_difference": estimate.value, f"{own}_low": low, f"{own}_high": high}
    return found


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_front_ends(snakemake.input, snakemake.output.table, **job.params(snakemake))
