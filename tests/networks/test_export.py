"""Export: in ONNX Runtime, both files of a network compute what it computes here, for any backbone."""

import copy
import json

import numpy as np
import onnxruntime
import pytest
import torch

from places import ROOT
from small import paper_network
from untrained import fitted, scaled
from yoho import InputError
from yoho.networks import export as export_module
from yoho.networks.ear import Ear
from yoho.networks.export import FrontEndLayer, check_export, export_from_waveform, exported, onnx_model
from yoho.networks.network import Network
from yoho.networks.runtime import OnnxEngine
from yoho.networks.saving import load_network, save_network
from yoho.networks.yamnet import CLASSES
from yoho.provenance import digest
from yoho.windows.front_ends import LogMel, Pcen, YamnetLogMel

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
    logits = []
    with fitted(network, windows).head.register_forward_hook(lambda head, inputs, output: logits.append(output)):
        network(windows)
    network.head.weight.mul_(2 / logits[0].std())
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
def exported_run(tmp_path_factory):
    """A run's folder with the ONNX file of its network, the quickest to export."""
    folder = tmp_path_factory.mktemp("vggish-seed_0")
    save(folder, "vggish", "none")
    export_from_waveform(folder, folder / "waveform.onnx")
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


def test_pcen_is_that_of_the_windows():
    settings = {"factor": 2**31, "gain": 0.8, "bias": 10, "power": 0.25, "time_constant": 0.06, "epsilon": 1e-6}
    mel = {key: value for key, value in FEATURES.items() if key != "top_db"}
    front_end = Pcen(RATE, **mel, **settings)
    features, expected = FrontEndLayer(front_end)(torch.from_numpy(WAVEFORMS)).numpy(), front_end(WAVEFORMS)
    assert features.shape == expected.shape and features.dtype == expected.dtype
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["cqt", "wavelet"])
def test_network_on_a_filter_bank_has_no_file_for_waveforms(tmp_path, kind):
    keys = {"hop_length": 441, "n_bins": 40, "bins_per_octave": 5, "fmin": 88, "top_db": 80}
    keys |= {"bandwidth": 2} if kind == "wavelet" else {}
    save(tmp_path, "vggish", "none")
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(description | {"features": {"kind": kind} | keys}))
    with pytest.raises(InputError, match=f": the front end {kind} has no form in ONNX; give its images"):
        export_from_waveform(tmp_path, tmp_path / "waveform.onnx")


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
    ear = Ear(thresholds=[0.0] * CLASSES, frames=257, n_mels=64, bins=9).eval()
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
        assert outputs.dtype == np.float32 and outputs.shape == (count, *expected.shape[1:])
        np.testing.assert_allclose(outputs, expected[:count], rtol=0, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("pretrained", [True, False])
def test_file_of_a_network_on_yamnet_computes_what_that_does(tmp_path, pretrained):
    network, arguments = on_yamnet(pretrained)
    own = {"network": arguments, "sample_rate": 16000, "features": {"kind": "yamnet"} | YAMNET}
    save_network(network.state_dict(), DESCRIPTION | own, tmp_path)
    export_from_waveform(tmp_path, tmp_path / "waveform.onnx")
    assert_file_computes(tmp_path / "waveform.onnx", network, 3e-3)


@pytest.mark.slow
def test_file_of_an_ear_computes_what_that_does(tmp_path):
    ear, sizes = random_ear(), {"frames": 257, "n_mels": 64, "bins": 9}
    arguments = {"thresholds": ear.thresholds[:, 0].tolist()} | sizes
    averaged = {"resolution": 0.01, "edge": 0.5, "median": 1.0}
    own = {"segmenting": {"averaged": averaged}, "windows": WINDOWS}
    own |= {"kind": "ear", "network": arguments, "sample_rate": 16000, "features": {"kind": "yamnet"} | YAMNET}
    save_network(ear.state_dict(), DESCRIPTION | own, tmp_path)
    export_from_waveform(tmp_path, tmp_path / "waveform.onnx")
    assert_file_computes(tmp_path / "waveform.onnx", ear, 1e-4)
    # Its windows are cut and decoded as it segments.
    values = session(tmp_path / "waveform.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(values["hop"]) == 0.64 and json.loads(values["averaged"]) == averaged


# ---- what segmenting computes ----------------------------------------------------------------------------------------


def lively(network):
    """A network whose batch norms have seen some windows and then changed a little, as training does."""
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    windows = torch.randn((4, 257, 40), generator=torch.Generator().manual_seed(1))
    fitted(network, windows)
    with torch.no_grad():
        for norm in norms:
            norm.running_mean += 0.05 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.bias += 0.05 * torch.randn_like(norm.bias)
    return widened(network, windows)


# Of each family of timm's networks, one; most of them add what goes around some layers to what goes through them.
FAMILIES = ["resnet18", "mobilenetv3_small_050", "densenet121", "regnety_002", "convnext_atto", "ghostnet_100"]
FAMILIES += ["dla34", "repvgg_a0"]
PAPER = [("mobilenet", "head"), ("vggish", "backbone"), ("vggish_linear", "none"), ("efficientnet", "backbone")]


@pytest.mark.slow
@pytest.mark.parametrize("backbone, mask", [*PAPER, *((name, "none") for name in FAMILIES)])
def test_any_backbone_computes_the_same_in_onnx_runtime(backbone, mask):
    torch.manual_seed(0)
    arguments = paper_network(backbone, mask, classes=len(LABELS))
    network = lively(Network(**arguments))
    check_export(network, arguments)
    engine = OnnxEngine(onnx_model(network, torch.zeros(2, 257, 40), "features").SerializeToString())
    windows = torch.randn((5, 257, 40), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = network(windows).numpy()
    assert expected.std(axis=0).mean() > 0.01
    for count in (1, 5):
        np.testing.assert_allclose(engine(windows[:count].numpy()), expected[:count], rtol=0, atol=1e-3)


def test_network_of_a_file_names_the_weights_that_it_holds(exported_run):
    content = exported(exported_run)
    engine, (network, _) = OnnxEngine(content), load_network(exported_run)
    features = FRONT_END(WAVEFORMS)
    with torch.inference_mode():
        expected = network(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(engine(features), expected, rtol=0, atol=1e-5)
    assert engine.weights == digest([exported_run / "weights.safetensors"]) and engine.columns == 3 * len(LABELS)
    assert b".py" not in content and str(ROOT).encode() not in content
    assert exported(exported_run) == content


@pytest.fixture
def unknown(monkeypatch):
    """VGGish as a backbone that is not known to pass, and the arguments of its `Network`."""
    torch.manual_seed(0)
    arguments = paper_network("vggish", "none", classes=len(LABELS))
    network = Network(**arguments).eval()
    monkeypatch.setattr(export_module, "BACKBONES", {})
    return network, arguments


def test_network_that_onnx_runtime_computes_otherwise_is_refused(unknown, monkeypatch):
    network, arguments = unknown
    state, mode = torch.get_rng_state(), network.training
    check_export(network, arguments)
    assert torch.equal(torch.get_rng_state(), state) and network.training == mode  # A training does not notice it.
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.head.bias += 0.1
    real = export_module.onnx_model
    monkeypatch.setattr(export_module, "onnx_model", lambda module, *given: real(other, *given))
    with pytest.raises(InputError, match="^backbone vggish: ONNX Runtime computes other outputs than PyTorch; choose"):
        check_export(network, arguments)


def test_network_that_cannot_be_exported_is_one_line(unknown):
    network, arguments = unknown
    network.head = Untraceable(network.head)
    with pytest.raises(InputError, match=r"^backbone vggish: cannot be exported to ONNX \(.+\); choose another one$"):
        check_export(network, arguments)


class Untraceable(torch.nn.Module):
    """A layer whose Python code depends on what passes through it."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.weight = inner, inner.weight

    def forward(self, features):
        return self.inner(features) if features.sum().item() > 0 else self.inner(-features)


def test_network_of_a_diverged_training_is_exported(tmp_path):
    save(tmp_path, "vggish", "none")
    network, description = load_network(tmp_path)
    with torch.no_grad():
        network.head.bias.fill_(torch.nan)
    save_network(network.state_dict(), description, tmp_path)
    outputs = OnnxEngine(exported(tmp_path))(np.zeros((1, 257, 40), np.float32))
    assert np.isnan(outputs).all()


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
    model = session(folder / "waveform.onnx")
    for count in (1, 3, len(WAVEFORMS)):
        (outputs,) = model.run(["outputs"], {"waveform": WAVEFORMS[:count]})
        assert outputs.dtype == np.float32 and outputs.shape == (count, 9, 3 * len(LABELS))
        difference = np.abs(outputs - expected[:count]).max(axis=(1, 2))
        assert dict(zip(NAMES, difference)) == pytest.approx(dict.fromkeys(NAMES[:count], 0), abs=tolerance)


def test_file_computes_what_the_network_does(exported_run):
    compare(exported_run, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backbone, mask, tolerance", [("mobilenet", "none", 3e-3), ("efficientnet", "backbone", 3e-4)])
def test_file_of_another_network_computes_what_that_does(tmp_path, backbone, mask, tolerance):
    save(tmp_path, backbone, mask)
    export_from_waveform(tmp_path, tmp_path / "waveform.onnx")
    compare(tmp_path, tolerance)


def test_file_says_how_to_cut_and_to_decode(exported_run):
    found = session(exported_run / "waveform.onnx").get_modelmeta().custom_metadata_map
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


def test_export_is_a_single_file_without_paths_of_this_machine(exported_run):
    assert {path.name for path in exported_run.iterdir()} >= {"waveform.onnx", "model.json", "weights.safetensors"}
    content = (exported_run / "waveform.onnx").read_bytes()
    assert b".py" not in content and str(ROOT).encode() not in content


def test_opset_stays(exported_run):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exported_run / "waveform.onnx")
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}
    onnx.checker.check_model(model, full_check=True)


def test_folder_without_a_network_is_named(tmp_path):
    with pytest.raises(InputError, match="no-such-run"):
        export_from_waveform(tmp_path / "no-such-run", tmp_path / "waveform.onnx")
