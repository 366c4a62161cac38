"""Scores of queries: counts by hand, chance, false alarms, refused queries, and the figure of the table."""

import json
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from draw_referring import draw_referring
from map_queries import map_queries
from tabulate_referring import tabulate_referring
from tabulate_sounddescs import by_centroids, nearest

from yoho import InputError
from yoho.events import read_table, write_table
from yoho.figures.queries import draw_queries
from yoho.scoring.found import Mixes
from yoho.scoring.queries import against_other_classes, f1, false_alarms, query_counts

SCORING = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5, "collars": [0.1, 0.2], "coverage": 0.5}
CLAIMS = {"level": 0.05, "replicates": 100, "seed": 0}
COLUMNS = ["filename", "onset", "offset", "event_label"]

# Two mixes: a dog and then rain in the first, rain alone in the second.
TRUTH = [("a", 0, 4, "dog"), ("a", 4, 10, "rain"), ("b", 0, 60, "rain")]
OWN = {"puppy": "dog", "downpour": "rain", "achoo": "dog"}
FOUND = [("a", 0, 2, "puppy"), ("a", 4, 6, "puppy"), ("b", 0, 1, "puppy"), ("a", 4, 10, "downpour")]


def events(rows, columns=COLUMNS):
    return pd.DataFrame(rows, columns=columns)


def mixes():
    plan = events(TRUTH).assign(recording=["d1", "r1", "r2"])
    return Mixes(events(TRUTH), plan, {"a": 10, "b": 60})


# ---- counts ----------------------------------------------------------------------------------------------------------


def test_seconds_and_events_of_queries_are_counted_by_recording():
    counts = query_counts(mixes(), events(FOUND), OWN, SCORING)
    assert counts.shape == (3, 3, 6)
    puppy, downpour, achoo = counts
    # Matched, reference and found seconds; matched, reference and found events: in d1, r1 and r2. The first event is a
    # hit, because its offset may be off by half the length of the true event.
    assert puppy.tolist() == [[2, 4, 2, 1, 1, 1], [0, 0, 2, 0, 0, 1], [0, 0, 1, 0, 0, 1]]
    assert downpour.tolist() == [[0, 0, 0, 0, 0, 0], [6, 6, 6, 1, 1, 1], [0, 60, 0, 0, 1, 0]]
    assert achoo.sum(axis=0).tolist() == [0, 4, 0, 0, 1, 0]  # it found nothing
    assert f1(counts[..., :3].sum(axis=1)).tolist() == [2 * 2 / (4 + 5), 2 * 6 / (66 + 6), 0]


def test_the_control_scores_a_query_against_the_other_class():
    shuffled, chance = against_other_classes(mixes(), events(FOUND), OWN, 1.0)
    assert shuffled["puppy"] == 2 * 3 / (66 + 5)  # 3 of its 5 seconds are rain
    assert chance["puppy"] == pytest.approx(2 * (66 * 5 / 70) / (66 + 5))
    assert shuffled["downpour"] == 0 and chance["downpour"] == pytest.approx(2 * (4 * 6 / 70) / (4 + 6))
    assert shuffled["achoo"] == chance["achoo"] == 0


def test_a_query_at_random_times_scores_as_chance_says():
    rng = np.random.default_rng(0)
    starts = np.arange(0, 20000, 2.0)
    truth = events([("a", at, at + 2, label) for at, label in zip(starts, rng.choice(["dog", "rain", "sea"], 10000))])
    found = events([("a", at, at + 2, "puppy") for at in rng.choice(starts, 2000, replace=False)])
    shuffled, chance = against_other_classes(Mixes(truth, None, {"a": 20000}), found, {"puppy": "dog"}, 1.0)
    assert shuffled["puppy"] == pytest.approx(chance["puppy"], rel=0.1)


def test_false_alarms_count_in_mixes_without_the_class_alone():
    minutes, alarms = false_alarms(mixes(), events(FOUND), OWN)
    assert minutes == {"puppy": 1, "downpour": 0, "achoo": 1}
    assert alarms == {"puppy": 1, "downpour": 0, "achoo": 0}


# ---- the table -------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    """The path of the table of four queries and of a name without a kind, at two thresholds, in two datasets."""
    rows = [("puppy", "dog", "synonym", {"Dog": 0.5, "Pig": 0.4}), ("downpour", "rain", "synonym", {"Rain": 0.56})]
    rows += [
        ("achoo", "dog", "onomatopoeia", {}),
        ("dog", "dog", "", {"Dog": 1.0}),
        ("rain", "rain", "name", {"Rain": 1.0}),
    ]
    answers = tmp_path / "queries.json"
    answers.write_text(json.dumps([dict(zip(("query", "event_label", "kind", "classes"), row)) for row in rows]))
    found = [(*row, 0.5) for row in FOUND] + [("a", 0, 2, "puppy", 0.8), ("a", 0, 4, "dog", 0.5)]
    plan = events(TRUTH).assign(recording=["d1.wav", "r1.wav", "r2.wav"])
    recordings = pd.DataFrame({"recording": ["d1.wav", "r1.wav", "r2.wav"], "group": ["d1", "r1", "r2"]})
    tables = {"events": events(TRUTH), "plans": plan, "recordings": recordings}
    tables |= {"found": events(found, [*COLUMNS, "threshold"]), "fixed": events([*TRUTH[:2], ("b", 0, 30, "dog")])}
    for name, content in tables.items():
        write_table(content, tmp_path / f"{name}.tsv")
    files = SimpleNamespace(answers=answers, **{name: [tmp_path / f"{name}.tsv"] * 2 for name in tables})
    settings = {"datasets": ["x", "y"], "thresholds": [0.5, 0.8], "scoring": SCORING, "claims": CLAIMS}
    tabulate_referring(files, tmp_path / "referring.csv", **settings)
    return tmp_path / "referring.csv"


def test_the_table_has_a_row_for_each_query(table):
    rows = read_table(table, sep=",")
    rows = rows[rows["part"] == "query"].set_index("query")
    assert list(rows.index) == ["puppy", "downpour", "achoo", "dog", "rain"]
    assert rows["classes"].tolist()[:3] == ["Dog (0.50); Pig (0.40)", "Rain (0.56)", ""]
    assert rows["refused"].tolist() == [0, 0, 1, 0, 0]
    puppy, achoo = rows.loc["puppy"], rows.loc["achoo"]
    assert puppy["f1"] == puppy["f1_at_0.5"] == pytest.approx(4 / 9, abs=1e-4)
    assert puppy["f1_at_0.8"] == pytest.approx(4 / 6, abs=1e-4)
    fixed = 2 * 4 / (4 + 34)  # the dog is found where it sounds, and for 30 s of rain
    assert puppy["fixed_f1"] == pytest.approx(fixed, abs=1e-4) and puppy["name_f1"] == 1
    assert puppy["ratio"] == pytest.approx(4 / 9 / fixed, abs=1e-4)
    assert puppy["absent_minutes"] == 2 and puppy["fixed_alarms"] == 1
    assert puppy["alarms_at_0.5"] == 1 and puppy["alarms_at_0.8"] == 0
    assert achoo["f1"] == achoo["event_f1"] == achoo["ratio"] == 0 and np.isnan(achoo["alarms_at_0.5"])
    assert np.isnan(rows.loc["downpour", "alarms_at_0.5"])  # rain is in every mix


def test_the_table_has_means_by_kind_by_class_and_of_all(table):
    rows = read_table(table, sep=",")
    kinds = rows[rows["part"] == "kind"].set_index("kind")
    assert list(kinds.index) == ["synonym", "onomatopoeia", "name", "synonym and sentence"]
    assert kinds.loc["synonym", "f1"] == pytest.approx((4 / 9 + 1 / 6) / 2, abs=1e-4)
    assert kinds.loc["synonym", ["queries", "refused"]].tolist() == [2, 0]
    classes = rows[rows["part"] == "class"].set_index("event_label")
    assert classes.loc["dog", ["queries", "refused"]].tolist() == [2, 1]  # the name without a kind is no query
    assert classes.loc["dog", "f1"] == pytest.approx(2 / 9, abs=1e-4)
    everything = rows[rows["part"] == "all"].iloc[0]
    assert everything["queries"] == 4 and everything["f1_low"] < everything["f1"] < everything["f1_high"]


def test_the_figure_shows_every_query(table):
    rows = read_table(table, sep=",")
    figure = draw_queries(rows)
    by_kind = figure.axes[0]
    (heard, refused) = by_kind.lines[:2]
    assert sorted(heard.get_xdata()) == sorted(rows[(rows["part"] == "query") & (rows["kind"] != "")]["f1"])[1:]
    assert refused.get_xdata().tolist() == [0]
    assert [label.get_text() for label in by_kind.get_yticklabels()] == ["synonym", "onomatopoeia", "name"]
    plt.close(figure)


def test_the_figure_opens(table, tmp_path):
    draw_referring(table, [tmp_path / "referring.png", tmp_path / "referring.pdf"])
    assert plt.imread(tmp_path / "referring.png").shape[2] == 4
    assert (tmp_path / "referring.pdf").read_bytes().startswith(b"%PDF")


# ---- classes of queries ----------------------------------------------------------------------------------------------


@pytest.fixture
def ear(tmp_path, monkeypatch):
    """The files of an ear of two sounds, with a mapper that refuses what names neither; and a table of queries."""
    description = {"event_labels": ["Dog", "Rain"], "descriptions": {}}
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "queries.csv").write_text(
        'query,event_label,kind\na dog,dog,sentence\nNA,dog,synonym\n"rain, hail",rain,name\n'
    )

    def mapper(event_labels, descriptions, others, settings, *, folder):
        def of(query):
            if found := {label: 0.5 for label in event_labels if label.casefold() in query}:
                return found
            raise InputError(f"query {query}: no class means this")

        return of

    monkeypatch.setattr("map_queries.Mapper", mapper)
    monkeypatch.setattr("map_queries.read_description", lambda folder: description)
    return SimpleNamespace(ear=[tmp_path / "model.json"], queries=tmp_path / "queries.csv")


def test_queries_of_the_datasets_classes_are_answered_or_refused(ear, tmp_path):
    map_queries(ear, tmp_path / "made.json", event_labels=["dog"], settings={})
    rows = json.loads((tmp_path / "made.json").read_text())
    assert [(row["query"], row["kind"], row["classes"]) for row in rows] == [
        ("a dog", "sentence", {"Dog": 0.5}),
        ("NA", "synonym", {}),
        ("dog", "", {"Dog": 0.5}),
    ]


def test_a_dataset_of_other_classes_is_one_line(ear, tmp_path):
    with pytest.raises(InputError, match=r"queries\.csv: no query means a class of the datasets \(car, crowds\); add"):
        map_queries(ear, tmp_path / "made.json", event_labels=["car", "crowds"], settings={})


# ---- descriptions ----------------------------------------------------------------------------------------------------


def test_a_description_gets_the_class_with_the_nearest_vector():
    classes = [np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.6, 0.8]])]
    assert nearest(np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), classes).tolist() == [0, 1, 0]


def test_centroids_know_nothing_of_the_fold_that_they_classify():
    rng = np.random.default_rng(0)
    vectors = np.eye(20, dtype=np.float32)  # every description is unlike all others, so knowing none helps
    right = np.repeat([0, 1], 10)
    assert (by_centroids(vectors, right, np.arange(20), rng) == right).mean() < 0.8
    alike = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)
    assert (by_centroids(alike, right, np.arange(20), rng) == right).all()
