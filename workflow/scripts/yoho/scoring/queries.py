"""Scores of queries: the events that a query finds, against those of the class that it means and of other classes.

Tables of found events have the query as `event_label`. `own` is {query: event_label}, the class that each query
means. `mixes` are `yoho.scoring.found.Mixes`.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from yoho.events import COLUMNS
from yoho.scoring.segments import Scorer, activity
from yoho.scoring.tallies import f1, recording_tallies

BY_SEGMENT = ["true_positives", "references", "predictions"]
BY_EVENT = ["hits", "event_references", "event_predictions"]


def query_counts(mixes, found, own, scoring):
    """Counts of segments and of events by query and recording, (queries, recordings, BY_SEGMENT and BY_EVENT).

    scoring: `resolution`, s, and the tolerances of `match_events`; a hit is within `collar`. The recordings are in
    the order of their names.
    """
    meant = pd.DataFrame({"query": own.keys(), "event_label": own.values()})
    reference = mixes.events.merge(meant, on="event_label").assign(event_label=lambda table: table["query"])[COLUMNS]
    windows = pd.DataFrame({"filename": mixes.durations.keys(), "mix_duration": mixes.durations.values()})
    labels = SimpleNamespace(event_labels=list(own))  # of the decoder, nothing else counts here
    scorer, tolerances = Scorer(windows, reference, labels, scoring["resolution"]), {"collars": [scoring["collar"]]}
    tallies = recording_tallies(scorer, None, None, found, mixes.plan, tolerances=scoring | tolerances)
    tallies = tallies.rename(columns={f"hits_{scoring['collar']:g}": "hits"})
    counts = tallies[BY_SEGMENT + BY_EVENT].to_numpy(float).reshape(-1, 1 + len(own), 6)
    return counts[:, 1:].swapaxes(0, 1)  # without the sums of all queries


def against_other_classes(mixes, found, own, resolution):
    """Mean segment-based F1 of each query against the other classes, and what chance would give: {query: F1} twice.

    Chance gives a query as many segments as it has, anywhere in the mixes: of n segments, it hits
    references * predictions / n.
    """
    labels, files = list(dict.fromkeys(mixes.events["event_label"])), list(mixes.durations)
    segments = [int(np.ceil(duration / resolution)) for duration in mixes.durations.values()]
    tables, longest = {tuple(labels): mixes.events, tuple(own): found}, max(segments)
    truth, guess = (
        activity(table, files, names, resolution, longest).reshape(-1, len(names)).astype(float)
        for names, table in tables.items()
    )
    references, predictions = np.broadcast_arrays(truth.sum(axis=0), guess.sum(axis=0)[:, None])  # (queries, classes)
    others = np.array([[label != meant for label in labels] for meant in own.values()])
    means = [
        f1(np.stack([matches, references, predictions], axis=-1)).mean(axis=1, where=others)
        for matches in (guess.T @ truth, references * predictions / sum(segments))
    ]
    return tuple(dict(zip(own, mean.tolist())) for mean in means)


def false_alarms(mixes, found, own):
    """How long the mixes last in which the class of each query never sounds, and what the query finds there.

    Returns {query: minutes} and {query: number of events}.
    """
    sounding = mixes.events.groupby("event_label")["filename"].agg(set)
    minutes, alarms = {}, {}
    for query, label in own.items():
        absent = set(mixes.durations) - sounding.get(label, set())
        minutes[query] = sum(mixes.durations[name] for name in absent) / 60
        alarms[query] = int(found.loc[found["event_label"] == query, "filename"].isin(absent).sum())
    return minutes, alarms
