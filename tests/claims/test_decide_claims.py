"""The scripts of the claims, from the records of made-up runs to tables and the page."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from arms import BINS, NETWORKS, SIZES, cell, curve, evidence, make_arm, records_of, verdict_of_each
from decide_claims import decide_claims
from tabulate_mask_study import tabulate_mask_study
from tabulate_power import tabulate_power
from tabulate_search import tabulate_search

from yoho import InputError
from yoho.claims.power import power_table
from yoho.claims.verdicts import claims_table
from yoho.provenance import digest
from yoho.scoring.records import write_record

SEEDS = dict.fromkeys(["C1", "C5", "C6", "C7"], 5)


class Study:
    """Records of made-up runs in a folder, and the params of the scripts that describe them."""

    def __init__(self, folder, made):
        self.folder, self.speeds = folder, []
        for name, text in (("plan", "a"), ("events", "b")):
            (folder / f"{name}.tsv").write_text(text)
        self.test = digest([folder / "plan.tsv", folder / "events.tsv"])
        self.arms = {role: self.keep(role, arm) for role, arm in made.arms.items()}
        self.cells = [
            {
                "label": label,
                "masked": self.keep(f"{label}-masked", masked),
                "plain": self.keep(f"{label}-plain", plain),
            }
            for label, masked, plain in made.cells
        ]

    def keep(self, name, arm, **about):
        """Write the records of an arm; returns its entry in the params."""
        runs = {seed: f"{name}-seed_{seed}" for seed in arm.seeds}
        for seed, record in records_of(arm, **({"test": self.test} | about)).items():
            own = record.about | {"run": runs[seed]}
            write_record(self.folder / f"{runs[seed]}.zip", own, record.history, record.tallies)
        return {"label": arm.label, "runs": runs}

    @property
    def records(self):
        return sorted(self.folder.glob("*.zip"))

    def decide(self, claims, test=None, refused=()):
        """Run the script; returns the table of claims and the page."""
        SIZES.to_csv(self.folder / "networks.csv", index=False)
        self.power(claims).to_csv(self.folder / "power.csv", index=False)
        files = {name: self.folder / f"{name}.csv" for name in ("networks", "power")}
        files["speeds"] = self.speeds
        files |= {name: [] if test else self.folder / f"{name}.tsv" for name in ("plan", "events")}
        made = {"table": self.folder / "claims.csv", "page": self.folder / "claims.md"}
        made = SimpleNamespace(**made, html=self.folder / "claims.html")
        params = {"arms": self.arms, "cells": self.cells, "networks": NETWORKS, "claims": claims, "dataset": "archive"}
        params |= {
            "source": "bbc",
            "bins": BINS,
            "data": "recordings of the field",
            "configs": [self.folder / "x.yaml"],
            "test": test,
            "grid": {"dataset": "archive"},
            "refused": dict(refused),
        }
        decide_claims(SimpleNamespace(**files, records=self.records), made, **params)
        assert made.html.read_text().startswith("<!doctype html>")
        return pd.read_csv(made.table), made.page.read_text()

    def power(self, claims):
        """Run the script of the power; returns its table."""
        table = self.folder / "power_table.csv"
        tabulate_power(self.records, table, arms=self.arms, cells=self.cells, claims=claims, seeds=SEEDS)
        return pd.read_csv(table)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path, evidence(3))


# ---- verdicts --------------------------------------------------------------------------------------------------------


def test_records_are_decided_as_the_arms_that_they_were_made_of(study, claims):
    found, page = study.decide(claims)
    expected = claims_table(claims, "archive", evidence(3))
    assert verdict_of_each(found) == verdict_of_each(expected)
    assert found["statistic"].tolist() == expected["statistic"].tolist()
    numbers = ["n_seeds", "n_recordings", "training_windows_seen", "training_mixes", "training_recordings"]
    pd.testing.assert_frame_equal(found[numbers], expected[numbers])
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=0.001, atol=0.001)
    assert "Left out" not in page and "cannot say whether the settings" in page
    assert page.count("| `e66c201` |") == len(study.records) == 3 * (5 + 4)


def test_rival_is_decided_by_its_records_and_the_table_of_speeds(study, claims):
    study.arms["rival"] = study.keep("rival", make_arm("CRNN", 0.5).of_seeds([0, 1, 2]))
    study.speeds = study.folder / "rival.csv"
    speeds = [[label, turn, 100, 1, second] for label, second in (("YOHO", 0), ("CRNN", 8)) for turn in (1, 2)]
    columns = ["network", "round", "times_real_time", "network_s", "decoding_s"]
    pd.DataFrame(speeds, columns=columns).to_csv(study.speeds, index=False)
    found, page = study.decide(claims)
    rows = found[found["claim"] == "C8"]
    assert rows["verdict"].tolist() == ["supported", "supported", "shown"] and "## C8: supported" in page
    assert rows["estimate"].tolist() == pytest.approx([0.6, 9, 1], rel=0.05)


def test_record_of_another_test_set_does_not_count(study, claims):
    """Seed 2 of YOHO was tested on other mixes, and the record of seed 0 is missing."""
    study.keep("baseline", make_arm("YOHO").of_seeds([2]), test="other")
    (study.folder / "baseline-seed_0.zip").unlink()
    found, page = study.decide(claims)
    assert found.loc[found["claim"] == "C1", ["n_seeds", "n_planned"]].to_numpy().tolist() == [[1, 3]]
    assert "25 of 27 runs are there" in page and "**undecided**, interim: 1 of 3 seeds" in page
    assert "differ from this config: `baseline-seed_2` (test mixes)." in page


def test_records_that_were_refused_before_are_named_too(study, claims):
    _, page = study.decide(claims, refused={"baseline-seed_9": "run.training.epochs"})
    assert "differ from this config: `baseline-seed_9` (run.training.epochs)." in page


def test_test_set_may_be_named_without_its_files(study, claims):
    found, page = study.decide(claims, study.test)
    assert found["n_seeds"].max() == 3 and "Left out" not in page and "All 27 runs are there." in page
    found, page = study.decide(claims, "other")
    assert found["n_seeds"].max() == 0 and page.count("-seed_") == 27


def test_sizes_keep_all_their_digits(study, claims):
    found, _ = study.decide(claims)
    assert found.loc[found["test"] == "arithmetic", "estimate"].tolist()[:2] == [1_050_240, -9_015_470]


def test_nothing_is_decided_without_a_record(study, claims):
    for path in study.records:
        path.unlink()
    found, page = study.decide(claims)
    assert set(found.loc[found["n_seeds"] > 0, "claim"]) == set() and "No run counts yet." in page


@pytest.mark.parametrize(
    "arms, mask",
    [
        ({}, "backbone"),  # a label that no run has
        ({"proposed": {"label": "EfficientNet", "runs": {}}}, "none"),
    ],
)
def test_networks_that_the_claims_cannot_compare_are_refused(arms, mask):
    networks = {"proposed": ["efficientnet", mask, "multiply"]} if arms else {}
    keys = ["cells", "claims", "dataset", "source", "bins", "data", "configs", "test", "grid", "refused"]
    settings = dict.fromkeys(keys)
    with pytest.raises(InputError, match="claims.networks: .* must be labels of studies.networks.runs"):
        decide_claims(None, None, arms=arms, networks=networks, **settings)


# ---- power -----------------------------------------------------------------------------------------------------------


def test_power_without_records_is_that_of_the_config(study, claims):
    for path in study.records:
        path.unlink()
    found = study.power(claims)
    expected = power_table(claims, SEEDS, {})
    np.testing.assert_allclose(found["power"], expected["power"], rtol=1e-3)
    assert found["deviation"].isna().all() and (found["seeds_there"] == 0).all()


def test_deviations_are_those_of_all_seeds_whatever_their_mean(tmp_path, claims):
    own = np.array([0.03, -0.02, 0.01, 0.04, 0.3])
    made = evidence()
    proposed = make_arm("EfficientNet + mask", f1=0.5, by_seed=0.2 * own)
    made.arms["proposed"], made.arms["baseline"] = proposed, make_arm("YOHO", by_seed=np.zeros(5))
    noisy = [curve(0.5 + shift) for shift in own]
    made.cells[:] = [cell("a", make_arm("a", curves=noisy), make_arm("none"))]
    found = Study(tmp_path, made).power(claims).set_index(["claim", "measure"])
    assert (found["seeds_there"] == 5).all()
    assert found.loc[("C1", "f1"), "deviation"] == pytest.approx(np.std(0.2 * own, ddof=1), rel=0.01)
    assert found.loc[("C5", "area"), "deviation"] == pytest.approx(np.std(own, ddof=1), rel=0.01)
    assert found.loc[("C5", "f1"), "deviation"] < 1e-6
    assert not any("mean" in column for column in found.columns)


def test_deviation_of_c7_is_that_of_its_noisiest_pair(tmp_path, claims):
    made = evidence()
    noise = np.array([0.05, -0.05, 0.02, -0.02, 0])
    made.arms["vggish_released"] = make_arm("VGGish as released", f1=0.5, by_seed=noise)
    found = Study(tmp_path, made).power(claims).set_index(["claim", "measure"])["deviation"]
    assert found["C7", "f1"] == pytest.approx(np.std(noise, ddof=1), rel=0.1) and found["C1", "f1"] < 0.01


# ---- mask study ------------------------------------------------------------------------------------------------------


def test_mask_study_has_a_row_for_every_run(study, tmp_path):
    arm = make_arm("mask", f1=0.7, loss=1.2, curves=[curve(0.7, gain=0.05), *[curve(0.6)] * 4])
    names = study.keep("mask", arm)["runs"]
    runs = [{"run": name, "mask": "head", "seed": seed} for seed, name in names.items()]
    runs.append({"run": "missing", "mask": "head", "seed": 9})
    tabulate_mask_study(study.records, tmp_path / "mask_study.csv", runs=runs, bins=BINS)
    table = pd.read_csv(tmp_path / "mask_study.csv").set_index("seed")
    assert table["run"].tolist() == [*names.values(), "missing"] and table.loc[9].isna().sum() == 7
    first, second = table.loc[0], table.loc[1]
    assert first["data_loss"] == pytest.approx(1.2 * BINS, rel=0.1) and 0.6 < first["f1"] < 0.75
    assert (first["last_validation_f1"], first["gain_per_doubling"]) == pytest.approx((0.7, 0.05))
    assert (second["area"], second["gain_per_doubling"]) == pytest.approx((0.6, 0), abs=1e-6)
    assert first["area"] < 0.7 and first["windows_seen"] == 60_000
    assert (tmp_path / "mask_study.html").exists()


def test_mask_study_without_a_record_lists_its_runs(tmp_path):
    tabulate_mask_study([], tmp_path / "mask_study.csv", runs=[{"run": "a", "seed": 0}], bins=BINS)
    assert pd.read_csv(tmp_path / "mask_study.csv").to_dict("records") == [{"run": "a", "seed": 0}]


# ---- search ----------------------------------------------------------------------------------------------------------


def test_search_has_a_row_for_every_run_and_marks_the_best_rate_of_each_network(tmp_path, claims):
    """The second seed of "b" is not trained yet, and "c" not at all."""
    study = Study(tmp_path, evidence())
    f1 = {("a", 0.01): 0.6, ("a", 0.1): 0.7, ("b", 0.01): 0.5, ("b", 0.1): 0.4}
    runs = []
    for (label, rate), value in f1.items():
        arm = make_arm(label, by_seed=[0.0], curves=[curve(value).assign(valid_data_loss=1 - value)])
        name = study.keep(f"{label}-{rate}", arm)["runs"][0]
        runs.append({"label": label, "run": name, "learning_rate": rate, "seed": 0})
    runs += [{"label": label, "run": f"{label}-none", "learning_rate": 0.01, "seed": 1} for label in "bc"]
    tabulate_search(study.records, tmp_path / "search.csv", runs=runs)
    table = pd.read_csv(tmp_path / "search.csv")
    assert table["run"].tolist() == [run["run"] for run in runs]
    assert table["f1"].tolist()[:4] == list(f1.values()) and table.loc[4:, ["f1", "data_loss"]].isna().all(axis=None)
    assert table.loc[0, ["windows_seen", "data_loss"]].tolist() == pytest.approx([60_000, 0.4])
    assert table["best"].tolist() == [False, True, True, False, True, False]
