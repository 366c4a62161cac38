"""An untrained network in a run's folder, and audio for it: shared by the tests of segmenting."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from small import paper_network
from yoho.networks.export import exported
from yoho.networks.network import Network
from yoho.networks.saving import save_network
from yoho.windows.cutting import cut_windows, window_onsets
from yoho.windows.front_ends import LogMel

DESCRIPTION = {
    "event_labels": ["rain", "car"],
    "sample_rate": 44100,
    "windows": {"length": 2.56, "bins": 9, "hop": {"train": 1.0, "score": 1.96, "averaged": 0.64}},
    "features": {"n_fft": 2048, "hop_length": 441, "win_length": 1764, "n_mels": 40, "top_db": 80},
    "decoding": {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin"},
    "training": {"precision": "float32"},
    "validation": {"f1": 0.5},
}


SEGMENTING = {"decoding": "bins", "silence": -80, "high_pass": 2}
AVERAGED = {"resolution": 0.01, "edge": 0.1, "median": 1.0}


def noise(seconds, rate=44100, seed=0):
    """Noise that comes and goes, (samples,)."""
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate))
    return (samples * (np.sin(np.arange(len(samples)) / rate) > 0)).astype(np.float32)


def save_untrained(folder, backbone="mobilenet", mask="none"):
    """Write a network whose batch norms have seen some audio to `folder`; returns the folder."""
    folder.mkdir(parents=True)
    for name, content in untrained_files(backbone, mask).items():
        (folder / name).write_bytes(content)
    return folder


@cache
def untrained_files(backbone, mask):
    """The files of such a network, {name: content}."""
    network = paper_network(backbone, mask, classes=2)
    torch.manual_seed(0)
    model = Network(**network)
    model.standardise(-30.0, 15.0)
    windows = cut_windows(noise(10), window_onsets(10, 2.56, 1.96), 2.56, 44100)
    fitted(model, torch.from_numpy(LogMel(44100, **DESCRIPTION["features"])(windows)))
    segmenting = SEGMENTING | {"averaged": AVERAGED}
    with TemporaryDirectory() as place:
        folder = Path(place)
        save_network(model.state_dict(), DESCRIPTION | {"segmenting": segmenting, "network": network}, folder)
        (folder / "network.onnx").write_bytes(exported(folder))
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def fitted(network, windows):
    """The network, in evaluation mode, whose batch norms have the statistics of some windows."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(windows)
    return network.eval()


def scaled(backbone):
    """A backbone whose random weights keep the size of what passes through its layers, one after another."""
    features = torch.randn(4, 1, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for module in (module for module in backbone.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.ReLU6)):
            if isinstance(module, torch.nn.Conv2d):
                module.weight /= module(features).std() / 2
            features = module(features)
    return backbone
