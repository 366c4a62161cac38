"""Scores of overlapping sounds: by the number of classes in a segment, and by how much louder one is than the other."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from draw_overlap import draw_scores
from tabulate_overlap import tabulate_overlap

from yoho.events import merge_events, write_table
from yoho.scoring.overlap import Scene

LABELS = ["car", "clocks", "rain"]
LEVELS = [0, 4, 8, 12]
CLAIMS = {"level": 0.05, "replicates": 100, "seed": 0}
PLAN = ["filename", "onset", "offset", "event_label", "recording", "layer", "level"]

# In mix a, the clocks lie 6 dB over the car from 2 to 6 s, and rain lies 10 dB below both from 3 to 4 s; in mix b, the
# car lies 2 dB below the rain from 0 to 2 s, and background follows.
PLANNED = [
    ("a", 0.0, 8.0, "car", "c1", 1, np.nan),
    ("a", 2.0, 6.0, "clocks", "k1", 2, 6.0),
    ("a", 3.0, 4.0, "rain", "r1", 3, -10.0),
    ("b", 0.0, 3.0, "rain", "r2", 1, np.nan),
    ("b", 0.0, 2.0, "car", "c2", 2, -2.0),
    ("b", 3.0, 5.0, "", "quiet", 1, np.nan),
]


@pytest.fixture
def plan():
    return pd.DataFrame(PLANNED, columns=PLAN)


def truth(plan):
    return merge_events(plan[plan["event_label"] != ""])


@pytest.fixture
def table(plan, tmp_path):
    """A function that tabulates networks by the events that each of their seeds finds: {(label, dataset): [events]}."""

    def made(networks):
        files = {name: tmp_path / f"{name}.tsv" for name in ("plan", "events", "recordings")}
        write_table(plan, files["plan"])
        write_table(truth(plan), files["events"])
        write_table(plan[["recording"]].assign(group=plan["recording"]), files["recordings"])
        predictions = []
        for number, events in enumerate(own for found in networks.values() for own in found):
            write_table(events, tmp_path / f"{number}.tsv")
            predictions.append(tmp_path / f"{number}.tsv")
        listed = [(*key, ["runs"] * len(found)) for key, found in networks.items()]
        path, files = tmp_path / "overlap.csv", SimpleNamespace(**files, predictions=predictions)
        settings = {"networks": listed, "event_labels": LABELS, "resolution": 1.0, "levels": LEVELS, "claims": CLAIMS}
        tabulate_overlap(files, path, **settings)
        return pd.read_csv(path, keep_default_na=False, na_values=[""])

    return made


def of_number(rows):
    return rows[rows["level_from"].isna()].set_index("sounds")


def of_level(rows, kind):
    return rows[rows["level_from"].notna() & (rows["kind"] == kind)].set_index("level_from")


def test_network_that_finds_everything_has_every_score(plan, table):
    rows = table({("all", "x"): [truth(plan)]})
    number = of_number(rows)
    assert number["segments"].to_dict() == {0: 2, 1: 5, 2: 5, 3: 1}
    assert number["value"].to_dict() == {0: 0, 1: 1, 2: 1, 3: 1}
    for kind in ("f1", "recall_louder", "recall_softer"):
        # 2 dB for two seconds of b; 6 dB for the three of a in which it does not rain.
        assert of_level(rows, kind)["segments"].to_dict() == {0: 2, 4: 3}
        assert of_level(rows, kind)["value"].tolist() == [1, 1]


def test_network_that_hears_only_the_louder_sound(plan, table):
    """In a these are the clocks from 2 to 6 s and the car elsewhere, in b it is the rain."""
    louder = [("a", 0, 2, "car"), ("a", 2, 6, "clocks"), ("a", 6, 8, "car"), ("b", 0, 3, "rain")]
    rows = table({("loud", "x"): [pd.DataFrame(louder, columns=["filename", "onset", "offset", "event_label"])]})
    assert of_level(rows, "recall_louder")["value"].tolist() == [1, 1]
    assert of_level(rows, "recall_softer")["value"].tolist() == [0, 0]
    assert of_level(rows, "f1")["value"].tolist() == pytest.approx([2 / 3, 2 / 3], abs=1e-5)
    assert of_number(rows)["value"].to_dict() == pytest.approx({0: 0, 1: 1, 2: 2 / 3, 3: 1 / 2}, abs=1e-5)


def test_false_alarms_are_labelled_seconds_a_minute_where_nothing_sounds(plan, table):
    alarm = pd.DataFrame([("b", 4, 5, "car"), ("b", 4, 5, "clocks")], columns=["filename", *PLAN[1:4]])
    rows = table({("noisy", "x"): [pd.concat([truth(plan), alarm])]})
    silent = of_number(rows).loc[0]
    assert silent["kind"] == "false_alarms" and silent["value"] == pytest.approx(2 / (2 / 60), rel=1e-5)
    assert of_number(rows).loc[1, "value"] == 1


def test_score_is_the_mean_over_seeds(plan, table):
    nothing = truth(plan).iloc[:0]
    rows = of_number(table({("half", "x"): [truth(plan), nothing], ("none", ""): [nothing]}))
    assert rows[rows["network"] == "half"]["value"].to_dict() == {0: 0, 1: 0.5, 2: 0.5, 3: 0.5}
    assert rows.loc[rows["network"] == "none", "value"].tolist() == [0, 0, 0, 0]
    assert rows["seeds"].tolist() == [2] * 4 + [1] * 4


def test_every_second_belongs_to_the_recordings_of_its_classes(plan):
    scene = Scene(plan, truth(plan), LABELS, 1.0, LEVELS)
    groups = scene.groups()
    sums = dict(zip([group.about["sounds"] for group in groups], scene.tallies(truth(plan), groups)))
    found = pd.DataFrame(sums[3][:, :3], index=scene.recordings.index, columns=["tp", "references", "predictions"])
    assert found.loc[["c1", "k1", "r1"]].to_numpy().tolist() == [[1, 1, 1]] * 3
    assert not found.loc[["c2", "r2", "quiet"]].any(axis=None)


def test_level_is_unknown_at_a_joint_and_where_a_clip_misses_the_middle(plan):
    """Two classes cross over from 2 to 4 s; in mix b a clip over another ends before the middle of its last second."""
    rows = [
        ("a", 0.0, 4.0, "car", "c1", 1, np.nan),
        ("a", 2.0, 6.0, "rain", "r1", 1, np.nan),
        ("b", 0.0, 6.0, "car", "c1", 1, np.nan),
        ("b", 1.0, 3.4, "rain", "r1", 2, -5.0),
    ]
    plan = pd.DataFrame(rows, columns=PLAN)
    scene = Scene(plan, truth(plan), LABELS, 1.0, LEVELS)
    active = scene.counts(scene.reference)[1] > 0
    levels = scene.level_differences(active)
    assert (active.sum(axis=1) == 2).sum() == 2 + 3
    assert np.isnan(levels[:6]).all()
    np.testing.assert_array_equal(levels[7:9], [[5, np.nan, -5]] * 2)
    assert np.isnan(levels[9:]).all() and np.isnan(levels[6]).all()


def test_figure_is_drawn_with_and_without_background(plan, table, tmp_path):
    table({("ear", ""): [truth(plan)], ("YOHO", "x"): [truth(plan)], ("YOHO", "y"): [truth(plan)]})
    rows = pd.read_csv(tmp_path / "overlap.csv")
    rows[rows["sounds"] > 0].to_csv(tmp_path / "loud.csv", index=False)
    for name in ("overlap", "loud"):
        draw_scores(tmp_path / f"{name}.csv", [tmp_path / f"{name}.png"], level=0.05)
        assert (tmp_path / f"{name}.png").stat().st_size > 20_000
