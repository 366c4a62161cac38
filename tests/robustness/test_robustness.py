"""The scripts of robustness: mixes are degraded with their events, and the table compares them with the clean ones."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from degrade_mixes import degrade_mixes
from draw_robustness import draw_robustness
from score_robustness import score_robustness
from tabulate_robustness import tabulate_robustness

from untrained import noise, save_untrained
from yoho.audio import write_audio
from yoho.events import read_table, write_table
from yoho.figures.robustness import draw_conditions
from yoho.segmenting.segmenter import Segmenter

LABELS = ["rain", "car"]
SCORING = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5, "collars": [0.2], "coverage": 0.5}
CLAIMS = {"level": 0.05, "replicates": 200, "seed": 0}
COLUMNS = "network recording recording_label event_label true_positives references predictions errors"


class Files(SimpleNamespace):
    """Paths by name, as Snakemake passes them."""

    def __getitem__(self, name):
        return getattr(self, name)


@pytest.fixture
def clean(tmp_path):
    """Two mixes of 6 s, in which rain sounds before a car."""
    files = Files(audio=tmp_path / "clean", **{name: tmp_path / f"{name}.tsv" for name in ("plan", "events")})
    files.audio.mkdir()
    rows = []
    for seed in (0, 1):
        name = f"test-000{seed}.flac"
        write_audio(files.audio / name, noise(6, seed=seed), 44100)
        rows += [(name, 0.0, 2.5, "rain", f"r{seed}"), (name, 2.5, 6.0, "car", f"c{seed}")]
    plan = pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label", "recording"])
    write_table(plan, files.plan)
    write_table(plan.drop(columns="recording"), files.events)
    files.recordings = tmp_path / "recordings.tsv"
    write_table(pd.DataFrame({"recording": plan["recording"], "group": plan["recording"]}), files.recordings)
    return files


def degraded(clean, folder, condition, seed=0):
    made = Files(audio=folder / "audio", plan=folder / "plan.tsv", events=folder / "events.tsv")
    degrade_mixes(clean, made, 1, condition=condition, seed=seed)
    return made


def test_events_move_with_the_speed(clean, tmp_path):
    made = degraded(clean, tmp_path / "slower", {"kind": "speed", "factor": 0.8})
    plan, events = read_table(made.plan), read_table(made.events)
    assert events["onset"].tolist() == [0, 3.125] * 2 and events["offset"].tolist() == [3.125, 7.5] * 2
    assert plan["recording"].tolist() == ["r0", "c0", "r1", "c1"]
    for name, offset in plan.groupby("filename")["offset"].max().items():
        assert soundfile.info(made.audio / name).duration == pytest.approx(offset, abs=1e-4)


def test_each_mix_has_its_own_noise_and_each_seed_others(clean, tmp_path):
    settings = {"kind": "noise", "snr": 0}
    runs = [degraded(clean, tmp_path / str(number), settings, seed) for number, seed in enumerate((0, 0, 1))]
    same, again, other = ([soundfile.read(path)[0] for path in sorted(each.audio.iterdir())] for each in runs)
    assert np.array_equal(same, again) and not np.allclose(same[0], other[0], atol=0.01)
    originals = [soundfile.read(path)[0] for path in sorted(clean.audio.iterdir())]
    added = [noisy - plain for noisy, plain in zip(same, originals)]
    assert abs(np.corrcoef(added)[0, 1]) < 0.2


@pytest.mark.slow
def test_networks_are_scored_as_their_command_segments(clean, tmp_path):
    run = save_untrained(tmp_path / "run")
    files = degraded(clean, tmp_path / "mp3", {"kind": "mp3", "bit_rate": 64})
    files.recordings, files.ear, files.classes, files.runs = clean.recordings, [], [], [run / "model.json"]
    made = Files(scores=tmp_path / "scores.tsv", tallies=tmp_path / "tallies.tsv")
    score_robustness(files, made, 1, labels=["YOHO"], names=None, scoring=SCORING)
    scores, tallies = read_table(made.scores), read_table(made.tallies)
    assert scores["event_label"].tolist() == ["overall", *LABELS] and set(scores["network"]) == {"YOHO"}
    whole = tallies[tallies["event_label"] == "overall"]
    assert whole["recording"].tolist() == ["c0", "c1", "r0", "r1"] and whole["references"].sum() == 14
    segmenter = Segmenter.load(run, threads=1)
    found = [segmenter.file(files.audio / f"test-000{seed}.mp3").events for seed in (0, 1)]
    assert whole["event_predictions"].sum() == sum(map(len, found))
    f1 = 2 * whole["true_positives"].sum() / (whole["references"] + whole["predictions"]).sum()
    assert scores["segment_f1"].iloc[0] == pytest.approx(f1, abs=1e-6)


@pytest.fixture
def counted(tmp_path):
    """Scores and tallies of one network, whose F1 is 1 in the clean mixes and 2 / 3 in noise."""
    hits = {"clean": {"r0": 4, "r1": 4, "c0": 4, "c1": 4}, "noise": {"r0": 4, "r1": 0, "c0": 4, "c1": 0}}
    files = Files(scores=[], tallies=[])
    for name, counts in hits.items():
        row = {"network": "YOHO", "event_label": "overall", "segment_precision": 1.0, "segment_recall": 0.5}
        row |= {"event_f1": 0.25}
        rows = [("YOHO", key, key[0], "overall", hit, 4, hit, 4 - hit) for key, hit in counts.items()]
        tables = {
            "scores": pd.DataFrame([row | {"event_f1": 0.25}]),
            "tallies": pd.DataFrame(rows, columns=COLUMNS.split()),
        }
        for kind, table in tables.items():
            files[kind].append(tmp_path / f"{name}_{kind}.tsv")
            write_table(table, files[kind][-1])
    return files


def test_the_table_compares_each_condition_with_the_clean_mixes(counted, tmp_path):
    tabulate_robustness(counted, tmp_path / "robustness.csv", conditions=["clean", "noise"], claims=CLAIMS)
    table = pd.read_csv(tmp_path / "robustness.csv").set_index("condition")
    assert table["f1"].tolist() == pytest.approx([1, 2 / 3], abs=1e-6)
    assert table["f1_difference"].tolist() == pytest.approx([0, -1 / 3], abs=1e-6)
    assert (table.loc["clean", ["f1_low", "f1_high", "f1_difference_low", "f1_difference_high"]] == [1, 1, 0, 0]).all()
    assert table.loc["noise", "f1_difference_low"] < -1 / 3 < table.loc["noise", "f1_difference_high"]
    assert table.loc["noise", ["recordings", "precision", "recall", "event_f1"]].tolist() == [4, 1, 0.5, 0.25]
    assert "event f1" in (tmp_path / "robustness.html").read_text()


def test_the_figure_draws_the_interval_of_the_difference_from_the_clean_f1_on(counted, tmp_path):
    tabulate_robustness(counted, tmp_path / "robustness.csv", conditions=["clean", "noise"], claims=CLAIMS)
    table = pd.read_csv(tmp_path / "robustness.csv").set_index("condition")
    (axis,) = draw_conditions(table.reset_index(), 0.05).axes
    (clean, marks), (bars,) = axis.get_lines(), axis.collections
    assert clean.get_xdata() == [1, 1]
    np.testing.assert_allclose(marks.get_xdata(), [1, 2 / 3], atol=1e-6)
    wanted = 1 + table.loc["noise", ["f1_difference_low", "f1_difference_high"]]
    np.testing.assert_allclose(bars.get_segments()[1][:, 0], wanted.to_list())


def test_the_figure_needs_no_interval(counted, tmp_path):
    tabulate_robustness(counted, tmp_path / "robustness.csv", conditions=["clean", "noise"], claims=CLAIMS)
    table = pd.read_csv(tmp_path / "robustness.csv").assign(f1_difference_low=np.nan, f1_difference_high=np.nan)
    table.to_csv(tmp_path / "robustness.csv", index=False)
    draw_robustness(tmp_path / "robustness.csv", [tmp_path / "robustness.png"], level=0.05)
    assert (tmp_path / "robustness.png").stat().st_size > 5000
