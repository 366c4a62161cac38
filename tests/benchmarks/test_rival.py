"""The speed of YOHO and its rivals: rounds in turns, the seconds of stages, and networks with as much to decode."""

import time
from collections import Counter
from types import SimpleNamespace

import measure_rival as script
import numpy as np
import pandas as pd
import pytest
import torch

from yoho.benchmarks import rival
from yoho.networks.saving import load_network

FRONT_END = {
    "name": "log_mel",
    "kind": "log_mel",
    "sample_rate": 44100,
    "n_fft": 2048,
    "hop_length": 441,
    "win_length": 1764,
    "n_mels": 40,
    "top_db": 80,
}
DECODING = {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin"}
AVERAGED = {"resolution": 0.04, "edge": 1, "median": 0.4}


class Fake:
    """A segmenter that spends these seconds in each batch, of which there are two."""

    def __init__(self, label, calls, features=0.0, network=0.0):
        self.label, self.calls, self.spent = label, calls, Counter(features=features, network=network)
        self.predictor, self.hop, self.sample_rate = SimpleNamespace(seconds=Counter()), 1.96, 44100

    def read(self, path):
        return path, None

    def batches(self, path, rate, at_once):
        self.calls.append(self.label)
        return iter([0, 1])

    def segment_batches(self, batches):
        for _ in batches:
            self.predictor.seconds.update(self.spent)
            time.sleep(0.001)


def own(backbone, bins, **decoding):
    """What the rule gives for a network."""
    settings = {
        "network": {"backbone": backbone, "mask": "none", "masking": "multiply"},
        "decoding": DECODING | decoding,
    }
    windows = {"length": 2.56, "bins": bins, "hop": {"train": 1.0, "score": 1.96, "averaged": 2.56}}
    segmenting = {"decoding": "averaged", "silence": -80, "high_pass": 2, "averaged": AVERAGED}
    return {"settings": settings, "windows": windows, "segmenting": segmenting, "front_end": FRONT_END}


def test_networks_take_turns_and_rows_hold_the_seconds_of_their_stages():
    calls = []
    segmenters = {label: Fake(label, calls, 1.0, 2.0) for label in ("YOHO", "CRNN")}
    table = pd.DataFrame(rival.speeds_in_turns(segmenters, "noise.wav", 10, 4))
    assert [sorted(calls[turn : turn + 2]) for turn in range(0, 10, 2)] == [
        ["CRNN", "YOHO"]
    ] * 5  # the first is dropped
    assert len({tuple(calls[turn : turn + 2]) for turn in range(0, 10, 2)}) == 2, "the order changes"
    assert list(zip(table["network"], table["round"])) == [(name, turn) for turn in range(1, 5) for name in segmenters]
    assert (table["features_s"] == 2.0).all() and (table["network_s"] == 4.0).all()
    assert (table["times_real_time"] <= 10 / 0.002).all() and (table[["reading_s", "decoding_s"]] >= 0).all(axis=None)


@pytest.mark.parametrize("backbone, bins, decoding", [("mobilenet", 9, {}), ("crnn", 64, {"averaged": AVERAGED})])
def test_random_network_hears_its_first_class_everywhere(tmp_path, monkeypatch, backbone, bins, decoding):
    monkeypatch.setattr(rival, "exported", lambda folder, checked: b"network")
    rival.save_random(tmp_path, own(backbone, bins, **decoding), ["rain", "car"], 0)
    network, description = load_network(tmp_path)
    presence = network.eval()(30 * torch.randn(3, 257, 40) - 40).unflatten(-1, (2, 3))[..., 0]
    assert presence.shape == (3, bins, 2) and (presence[..., 0] > 0.99).all() and (presence[..., 1] < 0.01).all()
    assert description["windows"]["bins"] == bins and description["sample_rate"] == 44100
    assert (tmp_path / "network.onnx").read_bytes() == b"network"


def test_the_script_measures_each_network_as_it_decodes(tmp_path, monkeypatch):
    loaded, calls = [], []

    def load(run, decoding, device, threads):
        loaded.append((run.name, decoding, device, threads))
        return Fake(run.name, calls)

    monkeypatch.setattr(script.Segmenter, "load", load)
    monkeypatch.setattr(script, "save_random", lambda run, own, event_labels, seed: None)
    networks = {"YOHO": own("mobilenet", 9), "CRNN": own("crnn", 64, averaged=AVERAGED)}
    how = {"event_labels": ["rain"], "audio": 0.1, "repeats": 2, "seed": 0, "threads": 1}
    script.measure_rival(tmp_path / "rival.csv", networks=networks, **how)
    assert loaded == [("0", "bins", "cpu", 1), ("1", "averaged", "cpu", 1)]
    table = pd.read_csv(tmp_path / "rival.csv")
    assert table["network"].tolist() == ["YOHO", "CRNN"] * 2 and table["round"].tolist() == [1, 1, 2, 2]
    assert table["decoding"].tolist() == ["bins", "averaged"] * 2 and (table["window_s"] == 2.56).all()
    assert (table["audio_s"] == 0.1).all() and np.isfinite(table["times_real_time"]).all()
    assert (tmp_path / "rival.html").exists()
