"""A run that is trained on windows of noise: shared by the tests of the job that trains, on a CPU and on a GPU."""

import json

import numpy as np
import pandas as pd
import pytest
from snakemake.iocontainers import InputFiles, OutputFiles
from train_network import evaluate_network, train_network

import small
from yoho import job
from yoho.events import write_table
from yoho.windows.targets import encode_events

LABELS = ["rainforest", "car"]
RUN = "mobilenet-seed_0"
WINDOWS = 6
SCORING = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5, "collars": [0.1, 0.2, 0.5, 1.0], "coverage": 0.5}
SEGMENTING = {"decoding": "averaged", "silence": -80, "high_pass": 2}
CANDIDATES = [0.01 * number for number in range(1, 100)]
DATA = {"dataset": "builtin", "trained_on": "builtin-pool_released", "source": "synthetic"}
DATA |= {"mixes": {"train": 1, "valid": 1, "test": 1, "seed": 0}, "origin": "built-in recordings"}
SOURCE_TEXTS = {"licence": "none needed", "limit": "It heard no field recordings."}
FRONT_END = {"kind": "log_mel", "sample_rate": 44100, "n_fft": 2048, "hop_length": 441, "win_length": 1764}
FRONT_END |= {"n_mels": 40, "top_db": 80}
AUGMENTATION = small.AUGMENTATION | {"frequency_width": 8, "time_stripes": 2, "time_width": 25}
TRAINING = {"epochs": 1, "batch_size": 3, "learning_rate": 0.001, "schedule": "step", "step_every": 4}
TRAINING |= {"augmentation": AUGMENTATION, "precision": "auto", "pretrained": False}
SETTINGS = {
    "network": {"backbone": "mobilenet", "mask": "none", "masking": "multiply"},
    "training": small.SETTINGS | {"device": "cpu", "deterministic": False} | TRAINING,
    "decoding": {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin"},
    "seed": 0,
}


@pytest.fixture
def files(tmp_path):
    """Windows of noise, a mix for each split, and the tables that belong to them."""
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
    return InputFiles(fromdict={name: str(path) for name, path in paths.items()} | {"ear": []})


@pytest.fixture
def made(tmp_path):
    """Paths of what the job writes, in the run's folder."""
    names = {"history": "history.csv", "classwise": "classwise.csv", "weights": "weights.safetensors"}
    names |= {"description": "model.json", "test_outputs": "test_outputs.npz", "test_events": "test_events.tsv"}
    names |= {
        "network": "network.onnx",
        "test_scores": "test_scores.json",
        "test_recordings": "test_recordings.tsv",
        "record": "record.zip",
    }
    (tmp_path / RUN).mkdir()
    return OutputFiles(fromdict={name: str(tmp_path / RUN / file) for name, file in names.items()})


@pytest.fixture
def said(monkeypatch):
    """The lines that the job says from now on; its progress bars are not drawn."""
    lines = []
    monkeypatch.setattr(job, "say", lines.append)
    monkeypatch.setattr(job, "progress", lambda *_, desc="", **settings: small.Bar(**settings))
    return lines


RECORDED = {"settings": {"run": {"seed": 0}}, "anew": True, "test": None}  # what the rules add to the record of the run


def evaluate(files, made, scoring=SCORING):
    """Score the run's weights on the test windows."""
    evaluate_network(
        files, made, RUN, scoring=scoring, recorded=RECORDED, begun={"commit": "0123", "started": "2026-01-01T00:00Z"}
    )


def train(
    files, made, *, code="0123", candidates=CANDIDATES, segmenting=SEGMENTING, on=("mobilenet", FRONT_END), **changes
):
    """Train the run, with changes of its training settings; returns its history.

    on: its backbone and front end.
    """
    train_network(files, made, RUN, **params(code, candidates, segmenting, on, changes))
    return pd.read_csv(made.history)


def params(code="0123", candidates=CANDIDATES, segmenting=SEGMENTING, on=("mobilenet", FRONT_END), changes=()):
    """The params of the run's job; see `train`."""
    settings = json.loads(json.dumps(SETTINGS))
    settings["network"]["backbone"], front_end = on
    settings["training"] |= dict(changes)
    return {
        "event_labels": LABELS,
        "settings": settings,
        "front_end": {"name": front_end["kind"]} | front_end,
        "windows": {"length": 2.56, "bins": 9, "hop": {"train": 1.0, "score": 1.96, "averaged": 0.64}},
        "scoring": SCORING,
        "candidates": candidates,
        "segmenting": segmenting,
        "data": DATA | SOURCE_TEXTS,
        "training_code": code,
    }
