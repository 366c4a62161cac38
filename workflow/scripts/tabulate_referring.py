"""Tabulate how well queries find the sounds that they mean, over the test mixes of several datasets."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import job
from yoho.claims.statistics import interval, over_seeds_and_recordings
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.scoring.found import Mixes
from yoho.scoring.queries import against_other_classes, false_alarms, query_counts
from yoho.scoring.tallies import f1, field_recordings

PAIR = ["synonym", "sentence"]  # kinds that are also summed up together


def tabulate_referring(files, table, *, datasets, thresholds, scoring, claims):
    """Write a row for every query, and rows of means over the queries of each kind, of each class, and of all.

    The first threshold is that of queries. The counts of all datasets are added up. Intervals cover other recordings,
    and those of means also other queries: the queries take the place of seeds in `over_seeds_and_recordings`.
    """
    answers = pd.DataFrame(json.loads(Path(files.answers).read_text()))
    own = dict(zip(answers["query"], answers["event_label"]))
    labels = {label: label for label in own.values()}
    mixes, found, fixed = pooled_mixes(files, datasets), pooled(files.found, datasets), pooled(files.fixed, datasets)
    fixed = fixed[fixed["event_label"].isin(labels)]
    found = {level: found[np.isclose(found["threshold"], level)] for level in thresholds}
    counts = {level: query_counts(mixes, events, own, scoring) for level, events in found.items()}
    counts_of_class = dict(zip(labels, query_counts(mixes, fixed, labels, scoring)))
    counts_of_fixed = np.stack([counts_of_class[label] for label in own.values()])
    scores = scores_table(answers, counts, counts_of_fixed)
    shuffled, chance = against_other_classes(mixes, found[thresholds[0]], own, scoring["resolution"])
    minutes, alarms = false_alarms(mixes, fixed, labels)
    scores = scores.assign(shuffled_f1=answers["query"].map(shuffled), chance_f1=answers["query"].map(chance))
    scores = scores.assign(absent_minutes=answers["event_label"].map(minutes))
    scores["fixed_alarms"] = answers["event_label"].map(alarms) / scores["absent_minutes"]
    for level, events in found.items():
        rate = answers["query"].map(false_alarms(mixes, events, own)[1]) / scores["absent_minutes"]
        scores[f"alarms_at_{level:g}"] = rate.mask(scores["refused"] == 1)  # only queries that are answered count
    strata = mixes.plan.drop_duplicates("recording").sort_values("recording")["event_label"].to_numpy()
    crossed = np.concatenate([counts[thresholds[0]][..., :3], counts_of_fixed[..., :3]], axis=-1)
    rows = [summary(scores, members, names, (crossed, strata, claims)) for names, members in parts(scores)]
    write_results(table, rows, "%.4f", title="Queries in words")


def pooled(paths, datasets):
    """The tables of several datasets joined; the names of files start with that of their dataset."""
    tables = [read_table(path) for path in paths]
    return pd.concat([table.assign(filename=f"{name}/" + table["filename"]) for name, table in zip(datasets, tables)])


def pooled_mixes(files, datasets):
    """The `Mixes` of all datasets; the names of recordings start with that of their dataset too."""
    plans = []
    for name, plan, recordings in zip(datasets, files.plans, files.recordings):
        plan = field_recordings(read_table(plan), read_table(recordings))
        names = {column: f"{name}/" + plan[column].astype(str) for column in ("filename", "recording")}
        plans.append(plan.assign(**names))
    plan = pd.concat(plans)
    return Mixes(pooled(files.events, datasets), plan, plan.groupby("filename")["offset"].max().to_dict())


def scores_table(answers, counts, counts_of_fixed):
    """The table of queries with their scores; counts: {threshold: (queries, recordings, kinds)}."""
    sums = {level: each.sum(axis=1) for level, each in counts.items()}
    first, of_fixed = next(iter(sums.values())), counts_of_fixed.sum(axis=1)
    table = answers[["query", "event_label", "kind"]].assign(
        refused=[int(not classes) for classes in answers["classes"]],
        classes=["; ".join(f"{name} ({near:.2f})" for name, near in each.items()) for each in answers["classes"]],
        event_f1=f1(first[:, 3:]),
        fixed_f1=f1(of_fixed[:, :3]),
    )
    of_query = dict(zip(table["query"], f1(first[:, :3])))
    table["name_f1"] = table["event_label"].str.replace("_", " ").map(of_query)
    return table.assign(**{f"f1_at_{level:g}": f1(each[:, :3]) for level, each in sums.items()})


def parts(table):
    """Yield what each row of the result is about, and the places of its queries in the table."""
    for place, row in table.iterrows():
        yield {"part": "query"} | row[["query", "event_label", "kind", "classes"]].to_dict(), [place]
    empty = {"query": "", "event_label": "", "kind": "", "classes": ""}
    asked = table[table["kind"] != ""]
    for kind, rows in asked.groupby("kind", sort=False):
        yield {"part": "kind"} | empty | {"kind": kind}, list(rows.index)
    pair = table[table["kind"].isin(PAIR)]
    if not pair.empty:
        yield {"part": "kind"} | empty | {"kind": " and ".join(PAIR)}, list(pair.index)
    for label, rows in asked.groupby("event_label", sort=False):
        yield {"part": "class"} | empty | {"event_label": label}, list(rows.index)
    yield {"part": "all"} | empty, list(asked.index)


def summary(table, members, names, evidence):
    """A row of the result: means over some queries, with intervals; evidence: counts, strata and the claims' settings.

    The counts of the queries and of the fixed classes, (queries, recordings, 3 + 3), give F1 and its share of theirs.
    """
    counts, strata, claims = evidence
    row, bounds = names | {"queries": len(members), "refused": table["refused"].iloc[members].sum()}, {}
    for name, score in {"f1": lambda sums: f1(sums[..., :3]), "ratio": ratio}.items():
        rng = np.random.default_rng(claims["seed"])
        estimate = over_seeds_and_recordings(counts[members], score, strata, rng, claims["replicates"])
        low, high = interval(estimate, 1 - claims["level"])
        bounds |= {name: estimate.value, f"{name}_low": low, f"{name}_high": high}
    numbers = table.iloc[members].drop(columns=["query", "event_label", "kind", "classes", "refused"])
    return row | bounds | numbers.mean().to_dict()


def ratio(sums):
    """The F1 of queries divided by that of the fixed classes, whose counts follow; nan where the latter is 0."""
    own, fixed = f1(sums[..., :3]), f1(sums[..., 3:])
    return np.divide(own, fixed, out=np.full(own.shape, np.nan), where=fixed > 0)


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_referring(snakemake.input, snakemake.output.table, **job.params(snakemake))
