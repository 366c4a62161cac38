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
EDGES = [0, 4, 8, 12]  # dB
CLAIMS = {"level": 0.05, "replicates": 100, "seed": 0}
PLAN = ["filename", "onset", "offset", "event_label", "recording"]

# In mix a, the clocks lie 6 dB over the car from 2 to 6 s, and rain lies 10 dB below both from 3 to 4 s; in mix b, the
# car lies 2 dB below the rain from 0 to 2 s, and background follows.
LEVELS = {"a": {"car": -20.0, "clocks": -14.0, "rain": -30.0}, "b": {"car": -22.0, "rain": -20.0}}
PLANNED = [
    ("a", 0.0, 8.0, "car", "c1"),
    ("a", 2.0, 6.0, "clocks", "k1"),
    ("a", 3.0, 4.0, "rain", "r1"),
    ("b", 0.0, 3.0, "rain", "r2"),
    ("b", 0.0, 2.0, "car", "c2"),
    ("b", 3.0, 5.0, "", "quiet"),
]


@pytest.fixture
def plan():
    return pd.DataFrame(PLANNED, columns=PLAN)


def levels_of(plan, levels=LEVELS):
    """The table of levels of a plan, in which every class has one level throughout a mix: {filename: {class: dB}}."""
    seconds = np.ceil(plan.groupby("filename")["offset"].max()).astype(int)
    rows = [
        (name, second, label, level)
        for name, own in levels.items()
        for label, level in own.items()
        for second in range(seconds[name])
    ]
    return pd.DataFrame(rows, columns=["filename", "segment", "event_label", "level"])


def scene_of(plan, levels=LEVELS, resolution=1.0):
    return Scene(plan, truth(plan), levels_of(plan, levels), LABELS, resolution, EDGES)


def truth(plan):
    return merge_events(plan[plan["event_label"] != ""])


@pytest.fixture
def table(plan, tmp_path):
    """A function that tabulates networks by the events that each of their seeds finds: {(label, dataset): [events]}."""

    def made(networks):
        files = {name: tmp_path / f"{name}.tsv" for name in ("plan", "events", "levels", "recordings")}
        write_table(plan, files["plan"])
        write_table(truth(plan), files["events"])
        write_table(levels_of(plan), files["levels"])
        write_table(plan[["recording"]].assign(group=plan["recording"]), files["recordings"])
        predictions = []
        for number, events in enumerate(own for found in networks.values() for own in found):
            write_table(events, tmp_path / f"{number}.tsv")
            predictions.append(tmp_path / f"{number}.tsv")
        listed = [(*key, ["runs"] * len(found)) for key, found in networks.items()]
        path, files = tmp_path / "overlap.csv", SimpleNamespace(**files, predictions=predictions)
        settings = {"networks": listed, "event_labels": LABELS, "resolution": 1.0, "edges": EDGES, "claims": CLAIMS}
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
    scene = scene_of(plan)
    groups = scene.groups()
    sums = dict(zip([group.about["sounds"] for group in groups], scene.tallies(truth(plan), groups)))
    found = pd.DataFrame(sums[3][:, :3], index=scene.recordings.index, columns=["tp", "references", "predictions"])
    assert found.loc[["c1", "k1", "r1"]].to_numpy().tolist() == [[1, 1, 1]] * 3
    assert not found.loc[["c2", "r2", "quiet"]].any(axis=None)


def test_classes_that_sound_at_the_middle_count_as_sounding_at_once(table):
    """The car ends at 2.2 s and the rain begins at 4.6 s: neither reaches the middle of its last or first second."""
    rows = [("a", 0.0, 2.2, "car", "c1"), ("a", 0.0, 6.0, "clocks", "k1"), ("a", 4.6, 6.0, "rain", "r1")]
    plan = pd.DataFrame(rows, columns=PLAN)
    scene = scene_of(plan, {"a": LEVELS["a"]})
    assert scene.sounding.sum(axis=1).tolist() == [2, 2, 1, 1, 1, 2]
    groups = {(group.about["kind"], group.about["sounds"]): group for group in scene.groups()}
    sums = scene.tallies(truth(plan), [groups["f1", 1]]).sum(axis=(0, 1))
    assert sums.tolist() == pytest.approx([5, 5, 5, 3 / 60])  # scored are all classes of a segment, as in sed_eval


def test_last_second_of_a_mix_has_the_middle_of_what_is_left_of_it():
    plan = pd.DataFrame([("a", 0.0, 3.2, "car", "c1"), ("a", 3.0, 3.05, "rain", "r1")], columns=PLAN)
    scene = scene_of(plan, {"a": LEVELS["a"]})
    assert scene.sounding.sum(axis=1).tolist() == [1, 1, 1, 1] and scene.middles[-1] == pytest.approx(3.1)


def test_what_is_there_is_no_false_alarm(plan):
    """The car ends in the second half of a second at whose middle it does not sound."""
    plan = pd.DataFrame([("a", 0.0, 1.3, "car", "c1"), ("a", 1.3, 3.0, "", "quiet")], columns=PLAN)
    scene = scene_of(plan, {"a": LEVELS["a"]})
    [alarms] = [group for group in scene.groups() if group.about["kind"] == "false_alarms"]
    found = pd.DataFrame([("a", 0.0, 3.0, "car")], columns=PLAN[:4])
    assert alarms.score(scene.tallies(found, [alarms]).sum(axis=1)) == pytest.approx([1 / (2 / 60)])


@pytest.mark.parametrize("apart, edge", [(0, 0), (3.99, 0), (4, 4), (8, 8), (11.99, 8), (12, 12), (60, 12)])
def test_group_of_a_level_difference_begins_at_its_lower_edge(apart, edge):
    plan = pd.DataFrame([("a", 0.0, 2.0, "car", "c1"), ("a", 0.0, 2.0, "rain", "r1")], columns=PLAN)
    scene = scene_of(plan, {"a": {"car": -60.0, "rain": -60.0 + apart}})
    rows = [group for group in scene.groups() if "level_from" in group.about]
    assert {group.about["level_from"] for group in rows} == {edge}
    assert {group.about["level_to"] for group in rows} == {{0: 4, 4: 8, 8: 12, 12: None}[edge]}
    chosen = {group.about["kind"]: group.chosen.any(axis=0).tolist() for group in rows}
    louder, softer = [False, False, True], [True, False, False]
    recalls = {"recall_louder": louder, "recall_softer": softer} if apart else {}  # of equal sounds, none is louder
    assert chosen == {"f1": [True] * 3} | recalls


def test_levels_of_each_segment_count():
    """The louder of two sounds changes from one second to the next."""
    plan = pd.DataFrame([("a", 0.0, 2.0, "car", "c1"), ("a", 0.0, 2.0, "rain", "r1")], columns=PLAN)
    levels = levels_of(plan, {"a": {"car": -20.0, "rain": -25.0}})
    levels.loc[(levels["event_label"] == "rain") & (levels["segment"] == 1), "level"] = -13.0
    scene = Scene(plan, truth(plan), levels.sample(frac=1, random_state=0), LABELS, 1.0, EDGES)
    np.testing.assert_allclose(scene.differences, [[5, np.nan, -5], [-7, np.nan, 7]])


def test_figure_is_drawn_with_and_without_background(plan, table, tmp_path):
    table({("ear", ""): [truth(plan)], ("YOHO", "x"): [truth(plan)], ("YOHO", "y"): [truth(plan)]})
    rows = pd.read_csv(tmp_path / "overlap.csv")
    rows[rows["sounds"] > 0].to_csv(tmp_path / "loud.csv", index=False)
    for name in ("overlap", "loud"):
        draw_scores(tmp_path / f"{name}.csv", [tmp_path / f"{name}.png"], level=0.05)
        assert (tmp_path / f"{name}.png").stat().st_size > 20_000
