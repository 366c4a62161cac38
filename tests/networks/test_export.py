"""Export: in ONNX Runtime the file computes from a waveform what front end and network compute here."""

import json

import numpy as np
import onnxruntime
import pytest
import torch

from places import ROOT
from small import paper_network
from untrained import fitted, scaled
from yoho import InputError
from yoho.networks.ear import CLASSES, Ear
from yoho.networks.export import FrontEndLayer, export
from yoho.networks.network import Network
from yoho.networks.saving import load_network, save_network
from yoho.windows.front_ends import LogMel, YamnetLogMel

RATE, FEATURES = 44100, {"n_fft": 2048, "hop_length": 441, "win_length": 1764, "n_mels": 40, "top_db": 80}
FRONT_END = LogMel(RATE, **FEATURES)
SAMPLES = 112896
LABELS = ["rainforest", "car"]
WINDOWS = {"length": 2.56, "bins": 9, "hop": {"score": 1.96, "averaged": 0.64}}
DESCRIPTION = {
    "event_labels": LABELS,
    "sample_rate": RATE,
    "windows": WINDOWS,
    "features": FEATURES,
    "decoding": {"threshold": 0.5, "merge_gap": 0.3, "end_from": "bin"},
    "thresholds": {"rainforest": 0.35, "car": 0.6},
    "licence": {"code": "MIT", "data": "none needed"},
}


def waveforms():
    """Windows in which different things can go wrong: (windows, samples) float32, and their names."""
    rng = np.random.default_rng(0)
    seconds = np.arange(SAMPLES) / RATE
    tone = np.sin(2 * np.pi * 117.3 * seconds)
    noise = rng.normal(0, 0.1, SAMPLES)
    windows = {
        "noise": noise,
        "tone": 0.5 * tone,  # bands far below a loud one
        "silence": np.zeros(SAMPLES),
        "clipped": (3 * tone).clip(-1, 1),
        "offset": 0.3 + 0.01 * noise,
        "constant": np.full(SAMPLES, 0.3),
        "past the end": np.where(seconds < 0.7, noise, 0),  # zeros: the floor
        "very quiet": 1e-9 * noise,
        "below what counts as silent": 1e-14 * noise,
        "very loud": 1e4 * noise,
    }
    return np.stack(list(windows.values())).astype(np.float32), list(windows)


WAVEFORMS, NAMES = waveforms()


@torch.no_grad()
def widened(network, windows):
    """The network, in evaluation mode, with a head whose outputs for some windows vary widely."""
    fitted(network, windows).head.weight.mul_(2 / torch.logit(network(windows)).std())
    return network


def save(folder, backbone, mask):
    """Save a network with random weights whose outputs vary widely."""
    torch.manual_seed(0)
    arguments = paper_network(backbone, mask, classes=len(LABELS))
    network = Network(**arguments)
    features = torch.from_numpy(FRONT_END(WAVEFORMS))
    network.standardise(features.mean(), features.std())
    widened(network, features)
    save_network(network.state_dict(), DESCRIPTION | {"network": arguments}, folder)


def session(path):
    """The file in ONNX Runtime."""
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A run's folder with the ONNX file of its network, the quickest to export."""
    folder = tmp_path_factory.mktemp("vggish-seed_0")
    save(folder, "vggish", "none")
    export(folder, folder / "network.onnx")
    return folder


# ---- log-mel ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{}, {"hop_length": 882}, {"n_fft": 1025, "win_length": 801}, {"n_mels": 64, "top_db": 30}]
)
def test_log_mel_is_that_of_the_windows(changes):
    front_end = LogMel(RATE, **FEATURES | changes)
    expected = front_end(WAVEFORMS)
    features = FrontEndLayer(front_end)(torch.from_numpy(WAVEFORMS)).numpy()
    assert features.shape == expected.shape and features.dtype == expected.dtype
    assert dict(zip(NAMES, np.abs(features - expected).max(axis=(1, 2)))) == pytest.approx(
        dict.fromkeys(NAMES, 0), abs=5e-4
    )


def test_log_mel_is_the_same_in_onnx_runtime(tmp_path):
    path = tmp_path / "log_mel.onnx"
    layer, waveforms = FrontEndLayer(FRONT_END).eval(), (torch.zeros(10, SAMPLES),)
    torch.onnx.export(layer, waveforms, path, dynamo=True, opset_version=18, verbose=False)
    (features,) = session(path).run(None, {"waveform": WAVEFORMS})
    difference = np.abs(features - FRONT_END(WAVEFORMS)).max(axis=(1, 2))
    assert dict(zip(NAMES, difference)) == pytest.approx(dict.fromkeys(NAMES, 0), abs=5e-4)


# ---- YAMNet ----------------------------------------------------------------------------------------------------------

YAMNET = {"n_fft": 512, "hop_length": 160, "win_length": 400, "n_mels": 64, "fmin": 125, "fmax": 7500, "offset": 0.001}
YAMNET_FRONT_END = YamnetLogMel(16000, **YAMNET)
AT_16_KHZ = WAVEFORMS[:, :40960]


def test_log_mel_of_yamnet_is_that_of_the_windows():
    features = FrontEndLayer(YAMNET_FRONT_END)(torch.from_numpy(AT_16_KHZ)).numpy()
    assert features.shape == (len(NAMES), 257, 64) and features.dtype == np.float32
    np.testing.assert_allclose(features, YAMNET_FRONT_END(AT_16_KHZ), rtol=0, atol=1e-5)


def on_yamnet(pretrained):
    """A network on YAMNet with random weights whose outputs vary widely, and the arguments of its `Network`."""
    torch.manual_seed(0)
    sizes = {"classes": len(LABELS), "frames": 257, "n_mels": 64, "bins": 9}
    arguments = {"backbone": "yamnet", "mask": "none", "masking": "multiply", "pretrained": pretrained} | sizes
    network, features = Network(**arguments), torch.from_numpy(YAMNET_FRONT_END(AT_16_KHZ))
    if pretrained:
        scaled(network.backbone)
    return widened(network, features), arguments


def random_ear():
    torch.manual_seed(0)
    ear = Ear(groups=[[3], [7, 2, 9]], thresholds=[0.0] * CLASSES, frames=257, n_mels=64, bins=9).eval()
    scaled(ear.backbone)
    with torch.no_grad():
        ear.head.weight.mul_(4)
        ear.thresholds += ear.logits(torch.from_numpy(YAMNET_FRONT_END(AT_16_KHZ))).mean(dim=(0, 2))[:, None]
    return ear


def assert_file_computes(path, network, tolerance):
    """Assert that a file computes from the waveforms what YAMNet's front end and a network do."""
    with torch.inference_mode():
        expected = network(torch.from_numpy(YAMNET_FRONT_END(AT_16_KHZ))).numpy()
    assert expected[..., 0::3].std(axis=0).mean() > 0.01
    model = session(path)
    for count in (1, 3, len(AT_16_KHZ)):
        (outputs,) = model.run(["outputs"], {"waveform": AT_16_KHZ[:count]})
        assert outputs.dtype == np.float32 and outputs.shape == (count, 9, 3 * len(LABELS))
        np.testing.assert_allclose(outputs, expected[:count], rtol=0, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("pretrained", [True, False])
def test_file_of_a_network_on_yamnet_computes_what_that_does(tmp_path, pretrained):
    network, arguments = on_yamnet(pretrained)
    own = {"network": arguments, "sample_rate": 16000, "features": {"kind": "yamnet"} | YAMNET}
    save_network(network.state_dict(), DESCRIPTION | own, tmp_path)
    export(tmp_path, tmp_path / "network.onnx")
    assert_file_computes(tmp_path / "network.onnx", network, 3e-3)


@pytest.mark.slow
def test_file_of_an_ear_computes_what_that_does(tmp_path):
    ear, sizes = random_ear(), {"frames": 257, "n_mels": 64, "bins": 9}
    arguments = {"groups": ear.members.tolist(), "thresholds": ear.thresholds[:, 0].tolist()} | sizes
    averaged = {"resolution": 0.01, "edge": 0.5, "median": 1.0}
    own = {"segmenting": {"averaged": averaged}, "windows": WINDOWS}
    own |= {"kind": "ear", "network": arguments, "sample_rate": 16000, "features": {"kind": "yamnet"} | YAMNET}
    save_network(ear.state_dict(), DESCRIPTION | own, tmp_path)
    export(tmp_path, tmp_path / "network.onnx")
    assert_file_computes(tmp_path / "network.onnx", ear, 1e-4)
    # Its windows are cut and decoded as it segments.
    values = session(tmp_path / "network.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(values["hop"]) == 0.64 and json.loads(values["averaged"]) == averaged


# ---- the whole -------------------------------------------------------------------------------------------------------


def compare(folder, tolerance):
    """Assert that the file computes what front end and network compute, for any number of windows.

    Random networks are shaky: the 0.0001 dB between the two log-mels move a MobileNet's outputs by 0.0008, in double
    precision too. Trained ones agreed within 0.00002.
    """
    network, _ = load_network(folder)
    with torch.inference_mode():
        expected = network(torch.from_numpy(FRONT_END(WAVEFORMS))).numpy()
    # Neither all alike nor all 0 or 1: an output computed from something else would show.
    assert expected.std(axis=0).mean() > 0.01 and ((expected > 0.01) & (expected < 0.99)).mean() > 0.3
    model = session(folder / "network.onnx")
    for count in (1, 3, len(WAVEFORMS)):
        (outputs,) = model.run(["outputs"], {"waveform": WAVEFORMS[:count]})
        assert outputs.dtype == np.float32 and outputs.shape == (count, 9, 3 * len(LABELS))
        difference = np.abs(outputs - expected[:count]).max(axis=(1, 2))
        assert dict(zip(NAMES, difference)) == pytest.approx(dict.fromkeys(NAMES[:count], 0), abs=tolerance)


def test_file_computes_what_the_network_does(exported):
    compare(exported, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backbone, mask, tolerance", [("mobilenet", "none", 3e-3), ("efficientnet", "backbone", 3e-4)])
def test_file_of_another_network_computes_what_that_does(tmp_path, backbone, mask, tolerance):
    save(tmp_path, backbone, mask)
    export(tmp_path, tmp_path / "network.onnx")
    compare(tmp_path, tolerance)


def test_file_says_how_to_cut_and_to_decode(exported):
    found = session(exported / "network.onnx").get_modelmeta().custom_metadata_map
    assert {key: json.loads(value) for key, value in found.items()} == {
        "event_labels": LABELS,
        "sample_rate": 44100,
        "window_length": 2.56,
        "hop": 1.96,
        "bins": 9,
        "threshold": 0.5,
        "thresholds": {"rainforest": 0.35, "car": 0.6},
        "merge_gap": 0.3,
        "end_from": "bin",
        "licence": DESCRIPTION["licence"],
    }


def test_export_is_a_single_file_without_paths_of_this_machine(exported):
    assert {path.name for path in exported.iterdir()} == {"network.onnx", "model.json", "weights.safetensors"}
    content = (exported / "network.onnx").read_bytes()
    assert b".py" not in content and str(ROOT).encode() not in content


def test_opset_stays(exported):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exported / "network.onnx")
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}
    onnx.checker.check_model(model, full_check=True)


def test_folder_without_a_network_is_named(tmp_path):
    with pytest.raises(InputError, match="no-such-run"):
        export(tmp_path / "no-such-run", tmp_path / "network.onnx")
