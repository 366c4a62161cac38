"""The PSDS of a run: from its outputs to its two tables, and to the table of scores."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from score_psds import score_psds
from tabulate_scores import tabulate_scores

from yoho.events import read_table, write_table
from yoho.windows.cutting import window_onsets
from yoho.windows.targets import encode_events

LABELS = ["007", "{dog}"]
SCENARIO = {"dtc": 0.7, "gtc": 0.7, "cttc": 0.3, "alpha_ct": 0.5, "alpha_st": 1}
EVENTS = [("a", 0, 6, "007"), ("a", 8, 12, "{dog}"), ("b", 1, 5, "{dog}"), ("b", 5, 9, "{dog}"), ("b", 11, 13, "007")]
SETTINGS = {
    "event_labels": LABELS,
    "length": 2.56,
    "runs": [
        {
            "decoding": {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin", "averaged": None},
            "averaged": {"resolution": 0.01, "edge": 0.5, "median": 0.5},
        }
    ],
    "thresholds": [0.75, 0.25],
    "scoring": {"scenarios": [SCENARIO, SCENARIO | {"alpha_st": 0}], "e_max": 100},
    "resampling": {"level": 0.05, "replicates": 50, "seed": 0},
}


@pytest.fixture
def scored(tmp_path):
    """A function that scores two mixes whose true events are found with some presence of each class: the two tables."""

    def score(presence):
        events = pd.DataFrame(EVENTS, columns=["filename", "onset", "offset", "event_label"])
        onsets = window_onsets(14.0, 2.56, 0.64)
        windows = pd.DataFrame({"filename": np.repeat(["a", "b"], len(onsets)), "onset": np.tile(onsets, 2)})
        own = [encode_events(events[events["filename"] == name], onsets, LABELS, 2.56, 9) for name in "ab"]
        outputs = np.concatenate(own).reshape(len(windows), 9, 2, 3)
        outputs[..., 0] *= presence
        write_table(windows.assign(mix_duration=14.0), tmp_path / "windows.tsv")
        write_table(events, tmp_path / "events.tsv")
        np.savez(tmp_path / "outputs.npz", outputs=outputs.reshape(len(windows), 9, 6))
        files = SimpleNamespace(outputs=[tmp_path / "outputs.npz"], windows=[tmp_path / "windows.tsv"])
        files.events = tmp_path / "events.tsv"
        made = SimpleNamespace(psds=[tmp_path / "run" / "psds.csv"], roc=[tmp_path / "run" / "psd_roc.csv"])
        made.psds[0].parent.mkdir()
        score_psds(files, made, **SETTINGS)
        return read_table(made.psds[0], sep=","), read_table(made.roc[0], sep=",")

    return score


def test_averaged_decoding_is_scored_at_all_thresholds_and_bins_at_those_listed(scored):
    scores, corners = scored([0.9, 0.2])  # the lowest threshold is 0.25, at which `bins` finds no event of {dog}
    assert scores[["decoding", "scenario"]].to_numpy().tolist() == [
        *(["averaged", 1], ["averaged", 2]),
        *(["bins", 1], ["bins", 2]),
    ]
    np.testing.assert_allclose(scores["psds"], [1, 1, 0, 0.5])
    assert (scores["low"] <= scores["psds"]).all() and (scores["psds"] <= scores["high"]).all()
    assert corners["event_label"].unique().tolist() == ["effective", *LABELS]
    found = corners[(corners["decoding"] == "bins") & (corners["scenario"] == 2)].set_index("event_label")
    assert found.loc["{dog}", "true_positive_rate"].tolist() == [0, 0]
    assert found.loc["007", ["false_positives_per_hour", "true_positive_rate"]].to_numpy().tolist() == [
        [0, 1],
        [100, 1],
    ]


def test_table_of_scores_has_psds_for_all_classes_together(scored, tmp_path):
    scored([0.9, 0.2])
    rows = [{"event_label": label, "segment_f1": 0.25} for label in ("overall", *LABELS)]
    (tmp_path / "run" / "test_scores.json").write_text(json.dumps({"best_epoch": 3, "scores": rows}))
    files = SimpleNamespace(scores=[tmp_path / "run" / "test_scores.json"], psds=[tmp_path / "run" / "psds.csv"])
    tabulate_scores(files, tmp_path / "scores.csv", dataset="own", studies={"networks": [["YOHO", "run"]]})
    table = read_table(tmp_path / "scores.csv", sep=",")
    first = ["dataset", "study", "label", "run", "best_epoch", "event_label", "segment_f1"]
    psds = [*(f"psds{number}{side}" for number in (1, 2) for side in ("", "_low", "_high")), "psds1_bins", "psds2_bins"]
    assert list(table) == first + psds
    assert table["segment_f1"].tolist() == [0.25] * 3
    assert table.loc[0, ["psds1", "psds2", "psds1_bins", "psds2_bins"]].tolist() == [1, 1, 0, 0.5]
    assert table.loc[1:, psds].isna().all(axis=None)
