"""The job that trains and scores a run: what it writes, and what its checkpoint depends on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from settings import Runs, segmenting_settings
from snakemake.iocontainers import InputFiles, OutputFiles
from train_network import evaluate_network, train_network

from places import ROOT
from yoho import job
from yoho.events import write_table
from yoho.networks.card import SOURCES, model_card
from yoho.networks.network import load_network
from yoho.scoring.segments import score_outputs
from yoho.scoring.thresholds import tune_thresholds
from yoho.windows.targets import encode_events

CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
LABELS = ["rainforest", "car"]
RUN = "mobilenet-seed_0"
WINDOWS = 6
SEGMENTING = segmenting_settings(CONFIG)
CANDIDATES = [0.01 * number for number in range(1, 100)]
DATA = {"dataset": "builtin", "trained_on": "builtin-pool_released", "source": "synthetic"}
DATA |= {"mixes": {"train": 1, "valid": 1, "test": 1, "seed": 0}}


@pytest.fixture
def files(tmp_path):
    """Windows of a mix per split, of noise, and the tables that belong to them."""
    paths = {"recordings": tmp_path / "recordings.tsv"}
    recordings = pd.DataFrame({"recording": ["a", "b"], "group": ["a", "b"]})
    write_table(recordings, paths["recordings"])
    events = pd.DataFrame([("m.flac", 0.0, 6.0, "car"), ("m.flac", 6.0, 12.0, "rainforest")])
    events.columns = ["filename", "onset", "offset", "event_label"]
    windows = pd.DataFrame({"filename": "m.flac", "onset": 1.96 * np.arange(WINDOWS), "mix_duration": 12.0})
    for number, use in enumerate(("train", "valid", "test")):
        rng = np.random.default_rng(number)
        tables = {"windows": windows, "events": events, "plan": events.assign(recording=["a", "b"])}
        for name, table in tables.items():
            paths[f"{use}_{name}"] = tmp_path / f"{use}_{name}.tsv"
            write_table(table, paths[f"{use}_{name}"])
        arrays = {
            "features": rng.normal(-40, 10, (WINDOWS, 257, 40)).astype(np.float32),
            "targets": encode_events(events, windows["onset"], LABELS, 2.56, 9),
        }
        for name, array in arrays.items():
            paths[f"{use}_{name}"] = tmp_path / f"{use}_{name}.npy"
            np.save(paths[f"{use}_{name}"], array)
    paths |= {f"held_out_{part}": paths[f"valid_{part}"] for part in ("features", "targets")}
    return InputFiles(fromdict={name: str(path) for name, path in paths.items()})


@pytest.fixture
def made(tmp_path):
    names = {"history": "history.csv", "classwise": "classwise.csv", "weights": "weights.safetensors"}
    names |= {"description": "model.json", "test_outputs": "test_outputs.npz", "test_events": "test_events.tsv"}
    names |= {"test_scores": "test_scores.json", "test_recordings": "test_recordings.tsv"}
    (tmp_path / RUN).mkdir()
    return OutputFiles(fromdict={name: str(tmp_path / RUN / file) for name, file in names.items()})


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(job, "tell", lines.append)
    monkeypatch.setattr(job, "progress", lambda *_, desc="", **settings: Bar())
    return lines


class Bar:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self):
        pass

    def set_postfix(self, **_):
        pass


def train(files, made, code="0123", candidates=CANDIDATES, segmenting=SEGMENTING, **changes):
    """Train for an epoch, or as `changes` of the training settings say."""
    settings = json.loads(json.dumps(Runs(CONFIG).named[RUN]))
    settings["training"] |= {"epochs": 1, "batch_size": 3, "device": "cpu"} | changes
    slices = {name: CONFIG[name] for name in ("windows", "features", "scoring")}
    slices |= {"sample_rate": CONFIG["mixing"]["sample_rate"], "data": DATA, "candidates": candidates}
    slices |= {"segmenting": segmenting}
    train_network(files, made, RUN, event_labels=LABELS, settings=settings, training_code=code, **slices)
    return pd.read_csv(made.history)


def test_it_writes_the_curves_the_weights_and_the_scores(files, made, said):
    history = train(files, made)
    evaluate_network(files, made, scoring=CONFIG["scoring"])
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
    """Whoever meets trouble with CUDA graphs turns them off, and goes on."""
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
    "augmentation": lambda files, made: train(
        files, made, augmentation=Runs(CONFIG).named[RUN]["training"]["augmentation"] | {"time_width": 3}
    ),
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
    """Other tables of the test split, scores of it, thresholds or ways of segmenting: nothing is trained anew."""
    train(files, made)
    spoil(files.test_features)
    train(files, made, candidates=[0.25], segmenting=SEGMENTING | {"silence": -60})
    assert json.loads(Path(made.description).read_text())["segmenting"] == SEGMENTING | {"silence": -60}
    assert {
        "decoding": "averaged",
        "silence": -80,
        "high_pass": 2,
        "averaged": CONFIG["decoding"]["averaged"],
    } == SEGMENTING
    assert json.loads(Path(made.description).read_text())["thresholds"] == dict.fromkeys(LABELS, 0.25)
    evaluate_network(files, made, scoring=CONFIG["scoring"] | {"collar": 0.5})
    assert said == []


# ---- what model.json says --------------------------------------------------------------------------------------------


def test_thresholds_are_tuned_on_what_the_weights_that_are_kept_give(files, made, said, monkeypatch):
    """On the outputs of the best epoch, which is the first of two here, and not on those of the last."""
    f1, seen = iter([0.9, 0.1]), []

    def score(outputs, **settings):
        seen.append(outputs)
        return {"f1": next(f1)}, score_outputs(outputs, **settings)[1]

    def tune(outputs, **settings):
        seen.append(outputs)
        assert settings["candidates"] == CANDIDATES
        return tune_thresholds(outputs, **settings)

    monkeypatch.setattr("train_network.score_outputs", score)
    monkeypatch.setattr("train_network.tune_thresholds", tune)
    train(files, made, epochs=2)
    first, last, tuned_on = seen
    assert np.array_equal(tuned_on, first) and not np.array_equal(tuned_on, last)
    thresholds = json.loads(Path(made.description).read_text())["thresholds"]
    assert list(thresholds) == LABELS and set(thresholds.values()) <= set(CANDIDATES)


def test_model_json_is_a_model_card(files, made, said):
    train(files, made)
    evaluate_network(files, made, scoring=CONFIG["scoring"])
    card = json.loads(Path(made.description).read_text())
    windows = dict.fromkeys(("train", "valid", "test"), WINDOWS)
    assert card["data"] == DATA | {"windows": windows}
    assert card["licence"]["code"] in (ROOT / "LICENSE").read_text()
    assert "generated" in card["licence"]["data"] and any("44100 Hz" in limit for limit in card["limits"])
    scores = {row["event_label"]: row for row in json.loads(Path(made.test_scores).read_text())["scores"]}
    assert card["test"] == {name: {key: row[key] for key in ("segment_f1", "event_f1")} for name, row in scores.items()}
    assert list(card["test"]) == ["overall", *LABELS] and card["validation"]["epoch"] == card["best_epoch"]
    # The rest of the file is as it was, and loads.
    assert load_network(Path(made.weights).parent)[1] == card


def test_every_source_of_the_config_has_its_licence_and_limits():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert set(SOURCES) == set(schema["$defs"]["dataset"]["properties"]["source"]["enum"])
    cards = [model_card(LABELS, {"source": source}, {"length": 2.56}, 44100) for source in SOURCES]
    assert len({card["licence"]["data"] for card in cards}) == len({card["limits"][-1] for card in cards}) == len(cards)
