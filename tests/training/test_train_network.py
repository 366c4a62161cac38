"""The job that trains and scores a run: what it writes, and what its checkpoint depends on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from train_network import train_and_evaluate

from noise_run import (
    AUGMENTATION,
    CANDIDATES,
    DATA,
    FRONT_END,
    LABELS,
    RECORDED,
    RUN,
    SCORING,
    SEGMENTING,
    SOURCE_TEXTS,
    WINDOWS,
    evaluate,
    params,
    train,
)
from places import ROOT
from yoho import InputError
from yoho.networks.backbones import BACKBONES, Backbone
from yoho.networks.saving import load_network
from yoho.provenance import digest
from yoho.scoring.records import read_about
from yoho.scoring.segments import Scorer
from yoho.scoring.thresholds import tune_thresholds


def test_it_writes_the_curves_the_weights_and_the_scores(files, made, said):
    history = train(files, made)
    evaluate(files, made)
    assert history["epoch"].tolist() == [1] and history.notna().all(axis=None)
    assert np.load(made.test_outputs)["outputs"].shape == (WINDOWS, 9, 6)
    assert [row["event_label"] for row in json.loads(Path(made.test_scores).read_text())["scores"]] == [
        "overall",
        *LABELS,
    ]
    description = json.loads(Path(made.description).read_text())
    assert description["best_epoch"] == 1 and description["training"]["precision"] in ("float32", "bfloat16")
    assert said == []


def test_more_epochs_go_on_and_the_same_ones_are_not_trained_again(files, made, said, monkeypatch):
    first, second = train(files, made), train(files, made, epochs=2)
    assert len(second) == 2 and second.iloc[:1].equals(first)
    monkeypatch.setattr("yoho.training.fit.train_epoch", lambda *_: pytest.fail("trained again"))
    assert train(files, made, epochs=2).equals(second)
    assert said == []


def test_how_a_gpu_starts_its_kernels_is_no_reason_to_start_afresh(files, made, said):
    """A user whose GPU has trouble with CUDA graphs can switch them off and continue."""
    train(files, made)
    assert train(files, made, epochs=2, graph="none")["epoch"].tolist() == [1, 2] and said == []


def spoil(path):
    """Change one value of a window."""
    array = np.load(path)
    array[-1, -1, -1] += 0.5
    np.save(path, array)


CHANGES = {
    "code": lambda files, made: train(files, made, code="4567"),
    "learning_rate": lambda files, made: train(files, made, learning_rate=0.002),
    "augmentation": lambda files, made: train(files, made, augmentation=AUGMENTATION | {"time_width": 3}),
    "data": lambda files, made: (spoil(files.train_features), train(files, made)),
    "data ": lambda files, made: (spoil(files.valid_targets), train(files, made)),
    "torch": lambda files, made: train(files, made),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_checkpoint_of_something_else_is_refused_by_name(files, made, said, what, monkeypatch):
    train(files, made)
    if what == "torch":
        monkeypatch.setattr(torch, "__version__", "1.0")
    CHANGES[what](files, made)
    checkpoint = Path(made.weights).parent / "checkpoint.pt"
    assert [line.partition(";")[0] for line in said] == [f"{checkpoint}: was made with other {what.strip()}"]


def test_what_weights_do_not_depend_on_refuses_nothing(files, made, said):
    """Changes of the test split, its scores, thresholds or segmenting train nothing again."""
    train(files, made)
    spoil(files.test_features)
    train(files, made, candidates=[0.25], segmenting=SEGMENTING | {"silence": -60})
    assert json.loads(Path(made.description).read_text())["segmenting"] == SEGMENTING | {"silence": -60}
    assert json.loads(Path(made.description).read_text())["thresholds"] == dict.fromkeys(LABELS, 0.25)
    evaluate(files, made, SCORING | {"collar": 0.5})
    assert said == []


# ---- the whole job ---------------------------------------------------------------------------------------------------


def run(files, made, test=None):
    """Train and evaluate the run; returns what its record says about it."""
    train_and_evaluate(files, made, RUN, params() | {"recorded": RECORDED | {"test": test}})
    return read_about(made.record)


def test_a_record_says_when_and_at_which_commit_its_training_was_begun(files, made, said, monkeypatch):
    """Not when it went on, and not at which commit: here the training is done, and the run is scored again."""
    monkeypatch.setattr("train_network.commit", lambda: "a1")
    monkeypatch.setattr("train_network.now", lambda: "2030-01-01T10:00Z")
    first = run(files, made)
    monkeypatch.setattr("train_network.commit", lambda: "b2")
    monkeypatch.setattr("train_network.now", lambda: "2030-01-01T12:00Z")
    again = run(files, made)
    assert first["started"] == again["started"] == "2030-01-01T10:00Z" and again["commit"] == "a1"
    assert [first["finished"], again["finished"]] == ["2030-01-01T10:00Z", "2030-01-01T12:00Z"]


def test_a_run_that_would_be_tested_on_other_mixes_is_not_trained(files, made, said):
    expected = digest([files.test_plan, files.test_events])
    assert run(files, made, expected)["test"] == expected
    Path(made.history).unlink()
    with pytest.raises(InputError, match="claims.test"):
        run(files, made, expected[::-1])
    assert not Path(made.history).exists()


# ---- what model.json says --------------------------------------------------------------------------------------------


def test_thresholds_are_tuned_on_what_the_weights_that_are_kept_give(files, made, said, monkeypatch):
    """They are the outputs of the best epoch, here the first of two."""
    f1, seen = iter([0.9, 0.1]), []

    class Scripted(Scorer):
        def __call__(self, outputs):
            seen.append(outputs)
            return {"f1": next(f1)}, super().__call__(outputs)[1]

    def tune(scorer, outputs, candidates):
        seen.append(outputs)
        assert candidates == CANDIDATES
        plain = Scorer(scorer.windows, scorer.reference, scorer.decoder, scorer.resolution)
        return tune_thresholds(plain, outputs, candidates)

    monkeypatch.setattr("train_network.Scorer", Scripted)
    monkeypatch.setattr("train_network.tune_thresholds", tune)
    train(files, made, epochs=2)
    first, last, tuned_on = seen
    assert np.array_equal(tuned_on, first) and not np.array_equal(tuned_on, last)
    thresholds = json.loads(Path(made.description).read_text())["thresholds"]
    assert list(thresholds) == LABELS and set(thresholds.values()) <= set(CANDIDATES)


def test_model_json_is_a_model_card(files, made, said):
    train(files, made)
    evaluate(files, made)
    card = json.loads(Path(made.description).read_text())
    windows = dict.fromkeys(("train", "valid", "test"), WINDOWS)
    assert card["data"] == DATA | {"windows": windows}
    assert card["licence"]["code"] in (ROOT / "LICENSE").read_text()
    assert card["licence"]["data"] == SOURCE_TEXTS["licence"] and card["limits"][-1] == SOURCE_TEXTS["limit"]
    assert any("44100 Hz" in limit for limit in card["limits"])
    scores = {row["event_label"]: row for row in json.loads(Path(made.test_scores).read_text())["scores"]}
    assert card["test"] == {name: {key: row[key] for key in ("segment_f1", "event_f1")} for name, row in scores.items()}
    assert list(card["test"]) == ["overall", *LABELS] and card["validation"]["epoch"] == card["best_epoch"]
    # The rest of the file is as it was, and loads.
    assert load_network(Path(made.weights).parent)[1] == card


def test_model_json_names_the_front_end_and_keeps_its_settings(files, made, said):
    train(files, made)
    card = json.loads(Path(made.description).read_text())
    assert card["front_end"] == "log_mel" and {"sample_rate": card["sample_rate"]} | card["features"] == FRONT_END


def test_a_backbone_that_fits_another_front_end_is_refused_before_it_is_built(files, made, said, monkeypatch):
    monkeypatch.setitem(BACKBONES, "mobilenet", Backbone(pytest.fail, front_end="other"))
    with pytest.raises(InputError, match="^backbone mobilenet: needs a front end of the kind other, but that of"):
        train(files, made)
