"""The study of front ends: its table, from made-up records of known scores, its figure, and the measured cost."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from arms import make_arm, records_of
from draw_front_ends import draw_front_ends
from matplotlib.collections import LineCollection, PathCollection
from measure_front_ends import measure_front_ends
from tabulate_front_ends import tabulate_front_ends

from places import ROOT
from yoho.audio import write_audio
from yoho.events import read_table
from yoho.figures.front_ends import draw_kinds
from yoho.scoring.records import read_record, write_record
from yoho.scoring.tallies import OVERALL

F1 = {"log-mel": 0.6, "PCEN": 0.7}
NAMES = {"log-mel": "log_mel", "PCEN": "pcen"}
PSDS = {"log-mel": [0.3, 0.4, 0.5], "PCEN": [0.31, 0.39, 0.53]}


def drawn(axis, kind):
    """The collections of a kind in an axis."""
    return [part for part in axis.collections if type(part) is kind]


@pytest.fixture
def study(tmp_path):
    """The files and the settings of the table, and the F1 of each front end's seeds."""
    runs, records, psds, scores = [], [], [], {}
    for label, f1 in F1.items():
        arm = make_arm(label, f1=f1, by_seed=[0, 0.01, -0.01] if label == "PCEN" else [0, 0, 0])
        for seed, record in records_of(arm).items():
            run = f"{NAMES[label]}-seed_{seed}"
            runs.append({"label": label, "run": run, "seed": seed, "front_end": NAMES[label]})
            records.append(tmp_path / f"{run}.zip")
            write_record(records[-1], record.about | {"run": run}, record.history, record.tallies)
            tallies = read_record(records[-1]).tallies
            counts = tallies[tallies["event_label"] == OVERALL].sum(numeric_only=True)
            found = 2 * counts["true_positives"] / (counts["references"] + counts["predictions"])
            scores.setdefault(label, []).append(found)
            value = PSDS[label][seed]
            rows = [("averaged", 1, value), ("averaged", 2, 0.9), ("bins", 1, 0.05), ("bins", 2, 0.06)]
            psds.append(pd.DataFrame(rows, columns=["decoding", "scenario", "psds"]).assign(run=run, low=0, high=1))
    sizes = {"frames": 257, "bands": 40, "image_kb": 41.12}
    costs = [{"front_end": name, "ms_per_window": ms, "times_real_time": 9} | sizes for ms, name in enumerate(F1, 1)]
    costs = pd.DataFrame(costs).assign(front_end=list(NAMES.values()))
    costs.to_csv(tmp_path / "costs.csv", index=False)
    pd.concat(psds).to_csv(tmp_path / "psds.csv", index=False)
    files = SimpleNamespace(records=records, psds=tmp_path / "psds.csv", costs=tmp_path / "costs.csv")
    return files, {"runs": runs, "claims": {"level": 0.05, "replicates": 200, "seed": 0}, "collar": 0.2}, scores


def test_front_ends_are_compared_with_the_first_one_seed_by_seed(study, tmp_path):
    files, settings, scores = study
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings)
    table = read_table(tmp_path / "front_ends.csv", sep=",")
    assert table["label"].to_list() == ["log-mel"] * 4 + ["PCEN"] * 4
    assert table["seed"].to_list() == ["mean", "0", "1", "2"] * 2
    log_mel, pcen = (table[table["label"] == label].set_index("seed") for label in F1)
    np.testing.assert_allclose(pcen.loc[["0", "1", "2"], "f1"], scores["PCEN"], atol=1e-6)
    assert pcen.loc["mean", "f1"] == pytest.approx(np.mean(scores["PCEN"]), abs=1e-6)
    by_seed = np.subtract(scores["PCEN"], scores["log-mel"])
    assert pcen.loc["mean", "f1_difference"] == pytest.approx(by_seed.mean(), abs=1e-6)
    assert pcen.loc["mean", "f1_low"] < 0.1 < pcen.loc["mean", "f1_high"]
    assert log_mel.loc["mean"].filter(like="_difference").isna().all()
    assert 0 < pcen.loc["mean", "event_f1"] < 1
    assert (pcen.loc["mean", "ms_per_window"], pcen.loc["mean", "n_seeds"]) == (2, 3)


def test_psds_is_that_of_averaged_decoding_with_student_s_interval_over_seeds(study, tmp_path):
    files, settings, _ = study
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings)
    table = read_table(tmp_path / "front_ends.csv", sep=",").set_index(["label", "seed"])
    row = table.loc["PCEN", "mean"]
    assert (row["psds1"], row["psds2"]) == pytest.approx((0.41, 0.9))
    # The differences are 0.01, -0.01 and 0.03: their mean is 0.01, and their deviation 0.02. t(0.95, 2) is 2.92.
    half = 2.919986 * 0.02 / np.sqrt(3)
    found = row[["psds1_difference", "psds1_low", "psds1_high"]].to_list()
    assert found == pytest.approx([0.01, 0.01 - half, 0.01 + half], abs=2e-6)
    assert table.loc["PCEN", "psds1_difference"].to_list()[1:] == pytest.approx([0.01, -0.01, 0.03])


def test_differences_rest_on_the_seeds_that_both_front_ends_have(study, tmp_path):
    files, settings, scores = study
    # The log-mel has the seeds 2 and 1, in this order, and PCEN the seeds 0, 1 and 2.
    chosen = [settings["runs"][place] for place in (2, 1, 3, 4, 5)]
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings | {"runs": chosen})
    table = read_table(tmp_path / "front_ends.csv", sep=",").set_index(["label", "seed"])
    row = table.loc["PCEN", "mean"]
    assert (row["psds1"], row["psds1_difference"]) == pytest.approx((0.41, 0.01))  # -0.01 and 0.03
    by_seed = np.subtract(scores["PCEN"], scores["log-mel"])
    assert row["f1_difference"] == pytest.approx(by_seed[1:].mean(), abs=1e-6)
    assert table["n_seeds"].dropna().to_list() == [2, 2]
    assert table.loc["PCEN", "psds1_difference"].isna().to_list() == [False, True, False, False]


def test_front_ends_without_a_common_seed_are_not_compared(study, tmp_path):
    files, settings, _ = study
    chosen = [settings["runs"][place] for place in (0, 1, 5)]
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings | {"runs": chosen})
    table = read_table(tmp_path / "front_ends.csv", sep=",").set_index(["label", "seed"])
    assert table.loc["PCEN", "mean"].filter(like="_difference").isna().all()
    assert table.loc["PCEN", "mean"]["n_seeds"] == 0
    draw_front_ends(tmp_path / "front_ends.csv", [tmp_path / "a.png"], level=0.05)


@pytest.mark.filterwarnings("error")
def test_the_figure_has_the_same_bytes_every_time(study, tmp_path):
    files, settings, _ = study
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings)
    draw_front_ends(tmp_path / "front_ends.csv", [tmp_path / "a.png", tmp_path / "a.pdf"], level=0.05)
    draw_front_ends(tmp_path / "front_ends.csv", [tmp_path / "b.png", tmp_path / "b.pdf"], level=0.05)
    assert all((tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes() for end in ("png", "pdf"))


def test_the_figure_shows_differences_intervals_and_costs(study, tmp_path):
    files, settings, _ = study
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings)
    table = read_table(tmp_path / "front_ends.csv", sep=",")
    f1, *_, cost = draw_kinds(table, 0.05).axes
    pcen = table.set_index(["label", "seed"]).loc["PCEN"]
    seeds, means = (points.get_offsets()[:, 0].compressed() for points in drawn(f1, PathCollection))
    np.testing.assert_allclose(seeds, pcen.loc[["0", "1", "2"], "f1_difference"])
    np.testing.assert_allclose(means, pcen.loc[["mean"], "f1_difference"])
    (intervals,) = drawn(f1, LineCollection)
    np.testing.assert_allclose(intervals.get_segments()[-1][:, 0], pcen.loc["mean", ["f1_low", "f1_high"]].to_list())
    assert [bar.get_width() for bar in cost.patches] == [1, 2]
    assert f1.get_xlim()[0] > -1 and f1.get_xlim()[1] < 1


@pytest.mark.filterwarnings("error")
def test_the_figure_of_one_seed_has_no_interval_of_psds(study, tmp_path):
    files, settings, _ = study
    tabulate_front_ends(files, tmp_path / "front_ends.csv", **settings | {"runs": settings["runs"][::3]})
    _, psds, *_ = draw_kinds(read_table(tmp_path / "front_ends.csv", sep=","), 0.05).axes
    (intervals,) = drawn(psds, LineCollection)
    np.testing.assert_allclose(intervals.get_segments()[-1][:, 0], [0.01, 0.01])


def test_cost_is_measured_for_every_front_end(tmp_path):
    front_ends = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["windows"]["front_ends"]
    write_audio(tmp_path / "mix.flac", 0.1 * np.random.default_rng(0).standard_normal(4 * 44100), 44100)
    chosen = {name: front_ends[name] for name in ("log_mel", "wavelet")}
    table, files = tmp_path / "costs.csv", SimpleNamespace(audio=tmp_path)
    measure_front_ends(files, table, front_ends=chosen, length=2.56, hop=1.96, repeats=1)
    rows = read_table(table, sep=",").set_index("front_end")
    assert rows[["frames", "bands", "windows"]].to_numpy().tolist() == [[257, 40, 2]] * 2
    assert rows["image_kb"].to_list() == [41.12] * 2
    np.testing.assert_allclose(rows["times_real_time"] * rows["ms_per_window"], 2000, rtol=1e-3)  # 4 s in 2 windows
