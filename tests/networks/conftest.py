"""YAMNet's published weights, where they lie beside the repository."""

import numpy as np
import pytest
import torch

from places import SHARED
from yoho.networks.backbones import YAMNet
from yoho.networks.ear import Ear
from yoho.networks.yamnet import CLASSES, named_weights, published_layers
from yoho.windows.front_ends import build_front_end

YAMNET = {"kind": "yamnet", "sample_rate": 16000, "n_fft": 512, "hop_length": 160, "win_length": 400, "n_mels": 64}
YAMNET |= {"fmin": 125, "fmax": 7500, "offset": 0.001}
SIZES = {"frames": 257, "n_mels": 64, "bins": 9}


@pytest.fixture(scope="session")
def front_end():
    """YAMNet's."""
    return build_front_end(**YAMNET)


@pytest.fixture(scope="session")
def shared_yamnet():
    """The folder of YAMNet's files."""
    folder = SHARED / "weights" / "yamnet"
    if not folder.is_dir():
        pytest.skip(f"no published weights in {folder}")
    return folder


@pytest.fixture(scope="session")
def tflite_file(shared_yamnet):
    return shared_yamnet / "yamnet_spectra_in.tflite"


@pytest.fixture(scope="session")
def published(tflite_file):
    """The backbone and the head with the published weights."""
    weights = {name: torch.from_numpy(value) for name, value in named_weights(published_layers(tflite_file)).items()}
    backbone, linear = YAMNet(published=True), torch.nn.Linear(YAMNet.channels, CLASSES)
    prefix = "backbone."
    backbone.load_state_dict({name[len(prefix) :]: weights[name] for name in weights if name.startswith(prefix)})
    linear.load_state_dict({"weight": weights["head.weight"][..., 0], "bias": weights["head.bias"]})
    return backbone.eval(), linear.eval()


@pytest.fixture(scope="session")
def published_ear(published):
    """The ear with the published weights, each of whose classes is one of AudioSet."""
    backbone, head = published
    ear = Ear(thresholds=[0.0] * CLASSES, **SIZES)
    ear.backbone.load_state_dict(backbone.state_dict())
    ear.head.load_state_dict({"weight": head.weight[:, :, None], "bias": head.bias})
    return ear.eval()


@pytest.fixture(scope="session")
def windows(front_end):
    """Images of 2.56 s of nine clips of ESC-10, a sound of each: {name of the file: (257, 64)}."""
    folder = SHARED / "data" / "esc10" / "audio"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    clips = {path.stem.rpartition("-")[2]: path for path in sorted(folder.glob("*.ogg"))}
    return {path.name: front_end.file_images(path, np.array([0.5]), 2.56)[0] for path in clips.values()}
