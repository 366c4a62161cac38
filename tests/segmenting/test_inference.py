"""Inference: the fast paths against the plain one."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from traps import CHANNELS, TRAPS, Body, Concatenated, ReadAfterwards, Tiny, TwoReaders
from yoho import InputError
from yoho.networks.folding import map_and_outputs, random_windows
from yoho.networks.fusing import FusedConvolution, fused
from yoho.networks.network import Network
from yoho.segmenting import inference
from yoho.segmenting.inference import Predictor
from yoho.windows.front_ends import LogMel

CPU = torch.device("cpu")
DESCRIPTION = {
    "network": {"backbone": "mobilenet", "mask": "none", "masking": "multiply", "pretrained": False}
    | {"classes": 6, "frames": 257, "n_mels": 40, "bins": 9},
    "sample_rate": 44100,
    "windows": {"length": 2.56},
    "features": {"n_fft": 2048, "hop_length": 441, "win_length": 1764, "n_mels": 40, "top_db": 80},
}
SIZE, HOP = 112896, 86436  # samples
FRONT_END = LogMel(44100, **DESCRIPTION["features"])


def signal(windows):
    """Noise whose level steps over 50 dB and tones that come and go; the last window reaches past the end."""
    rng = np.random.default_rng(0)
    count = HOP * (windows - 1) + SIZE - 30_000

    def held(values):
        return np.repeat(values, 5000)[:count]

    steps = count // 5000 + 1
    noise = rng.standard_normal(count) * held(10 ** rng.uniform(-3, -0.5, steps))
    tones = held(rng.random(steps) < 0.4) * np.sin(np.cumsum(held(rng.uniform(0.01, 2, steps))))
    return (0.2 * (noise + tones)).astype(np.float32), HOP * np.arange(windows)


@pytest.fixture(scope="module")
def network():
    """A network whose outputs differ from window to window: its batch norms have seen the signal."""
    samples, first = signal(6)
    features = torch.from_numpy(FRONT_END.images(samples, first, SIZE))
    torch.manual_seed(0)
    network = Network(**DESCRIPTION["network"]).to(memory_format=torch.channels_last)
    network.standardise(features.mean(), features.std())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network(features)
    return network.eval()


def predictor(network, precision, threads=2):
    return Predictor(network, DESCRIPTION, CPU, precision, threads)


# ---- networks --------------------------------------------------------------------------------------------------------


def seen(backbone, mask="none"):
    """A network of a backbone whose batch norms have seen some windows and then changed a little, as training does."""
    torch.manual_seed(0)
    network = Network(**DESCRIPTION["network"] | {"backbone": backbone, "mask": mask})
    network = network.to(memory_format=torch.channels_last)
    network.standardise(-30, 15)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network(random_windows(network, (4, 257, 40)))
        for norm in norms:
            norm.running_mean += 0.05 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.95, 1.05)
            norm.bias += 0.05 * torch.randn_like(norm.bias)
    return network.eval()


def assert_same(fast, network):
    """Assert that two networks give the same feature map and outputs, by their deviation, for any number of windows."""
    windows = random_windows(network, (3, 257, 40))[1:]  # the first is what it was proved with
    for count in (2, 1):
        for found, expected in zip(map_and_outputs(fast, windows[:count]), map_and_outputs(network, windows[:count])):
            assert expected.std() > 1e-3
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 * expected.std().item())


@pytest.mark.parametrize(
    "backbone, mask, convolutions, activations",
    [("mobilenet", "none", 33, 33), ("vggish", "none", 6, 6), ("efficientnet", "backbone", 91, 58)],
)
def test_every_convolution_of_the_paper_s_networks_is_fused(backbone, mask, convolutions, activations):
    network = seen(backbone, mask)
    fast = predictor(network, "float32").network
    assert_same(fast, network)
    kinds = [module.activation[0] for module in fast.modules() if isinstance(module, FusedConvolution)]
    assert len(kinds) == convolutions and len(kinds) - kinds.count("none") == activations
    assert not any(isinstance(module, nn.Conv2d | nn.BatchNorm2d) for module in fast.modules())


QUICK = ["resnet18", "mobilenetv3_small_050", "nf_resnet26"]
SLOW = [
    "resnest14d",
    "res2net50_26w_4s",
    "dla34",
    "densenet121",
    "nf_resnet50",
    "nfnet_f0",
    "regnetx_002",
    "regnety_002",
]
SLOW += ["convnext_atto", "efficientnet_b0", "repvgg_a0", "cspresnet50", "ese_vovnet19b_dw", "hrnet_w18_small"]
SLOW += ["skresnet18", "resnetv2_50", "ghostnet_100", "mixnet_s"]


@pytest.mark.parametrize("backbone", [*QUICK, *[pytest.param(name, marks=pytest.mark.slow) for name in SLOW]])
def test_any_network_of_timm_computes_the_same(backbone):
    network = seen(backbone)
    apply = predictor(network, "float32")
    assert_same(apply.network, network)
    assert any(isinstance(module, FusedConvolution) for module in apply.network.modules())
    samples, first = signal(2)
    expected = predictor(network, "plain")(samples, first)
    # The features differ by up to 0.01 dB.
    np.testing.assert_allclose(apply(samples, first), expected, rtol=0, atol=0.01)


def assert_fused(network, activations):
    """Assert that fusing keeps what a small network computes and takes so many activations into convolutions."""
    windows = random_windows(network, (2, 12, 8))
    fast = fused(network, windows, coarse=0)
    torch.testing.assert_close(map_and_outputs(fast, windows), map_and_outputs(network, windows))
    kinds = [module.activation[0] for module in fast.modules() if isinstance(module, FusedConvolution)]
    assert len(kinds) - kinds.count("none") == activations


@pytest.mark.parametrize("kind", [nn.ReLU, nn.SiLU])
@pytest.mark.parametrize("body, activations", [(Body, 1), *[(trap, 0) for trap in TRAPS]])
def test_activation_is_fused_only_if_it_alone_reads_its_convolution(kind, body, activations):
    assert_fused(Tiny(body, kind), activations)


@pytest.mark.parametrize("body", [Body, *TRAPS])
def test_activation_in_place_is_fused_if_what_is_read_afterwards_is_its_output(body):
    fits = body in (Body, ReadAfterwards, Concatenated, TwoReaders)
    assert_fused(Tiny(body, partial(nn.SiLU, inplace=True)), activations=int(fits))


@pytest.mark.parametrize("setting", [{"padding": "same"}, {"padding_mode": "circular"}, {"dilation": 2}])
def test_convolution_of_another_kind_is_left(setting):
    class Other(Body):
        def __init__(self, reader):
            super().__init__(reader)
            self.conv = nn.Conv2d(1, CHANNELS, 3, **{"padding": setting.get("dilation", 1)} | setting)

    network = Tiny(Other, nn.ReLU)
    windows = random_windows(network, (2, 12, 8))
    fast = fused(network, windows, coarse=0)
    torch.testing.assert_close(map_and_outputs(fast, windows), map_and_outputs(network, windows))
    assert type(fast.body.conv) is nn.Conv2d and type(fast.body.reader) is nn.ReLU


def test_network_that_is_not_proved_is_folded_and_computes_in_float32(network):
    """A hook is what cannot be seen: it would be lost with the convolution."""
    network = copy.deepcopy(network)
    network.neck[0][3].register_forward_hook(lambda conv, inputs, output: 3 * output)
    apply = predictor(network, "auto")
    assert apply.precision == "float32"
    assert not any(isinstance(module, FusedConvolution) for module in apply.network.modules())
    assert_same(apply.network, network)


NEEDS_BFLOAT16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor cannot compute in bfloat16"
)


@NEEDS_BFLOAT16
def test_bfloat16_is_for_coarse_maps_alone(network):
    mixed = predictor(network, "mixed").network
    formats = [module.dtype for module in mixed.modules() if isinstance(module, FusedConvolution)]
    assert formats == 11 * [torch.float32] + 22 * [torch.bfloat16]


# ---- samples to outputs ----------------------------------------------------------------------------------------------


def test_plain_outputs_are_the_network_s(network):
    samples, first = signal(5)
    features = torch.from_numpy(FRONT_END.images(samples, first, SIZE))
    with torch.inference_mode():
        expected = network(features).numpy()
    found = predictor(network, "plain")(samples, first)
    assert found.shape == (5, 9, 18) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_fast_outputs_keep_to_the_plain_ones(network):
    """The rule for float32: 99.9 % of bin decisions and times within a millisecond, which is 0.0035 of a bin.

    It takes more than a thousand decisions, because an untrained network may have one that rounding alone changes.
    """
    samples, first = signal(24)
    plain, fast = (predictor(network, precision)(samples, first) for precision in ("plain", "float32"))
    assert plain[:, :, 0::3].std() > 0.1
    np.testing.assert_allclose(fast, plain, rtol=0, atol=0.0035)
    assert ((fast[:, :, 0::3] >= 0.5) == (plain[:, :, 0::3] >= 0.5)).mean() >= 0.999


@NEEDS_BFLOAT16
def test_mixed_is_nearer_to_plain_than_bfloat16_throughout(network, monkeypatch):
    """An untrained network is far more sensitive than a trained one: the rule itself is for trained weights."""
    samples, first = signal(4)
    plain, mixed = (predictor(network, precision)(samples, first) for precision in ("plain", "mixed"))
    monkeypatch.setitem(inference.COARSE, "mobilenet", 257)
    coarse = predictor(network, "mixed")(samples, first)
    assert 0 < np.abs(mixed - plain).mean() < 0.5 * np.abs(coarse - plain).mean()


def test_mixed_needs_a_processor_for_it(network, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(InputError, match="precision mixed: this processor cannot compute in bfloat16"):
        predictor(network, "mixed")


@pytest.mark.parametrize("windows, threads", [(1, 2), (2, 3), (3, 2), (7, 1), (7, 2)])
def test_outputs_do_not_depend_on_threads_or_on_windows_at_a_time(network, monkeypatch, windows, threads):
    samples, first = signal(windows)
    expected = predictor(network, "float32", 1)(samples, first)
    monkeypatch.setattr(inference, "AT_ONCE", 2)
    found = predictor(network, "float32", threads)(samples, first)
    assert found.shape == (windows, 9, 18)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_windows_are_zero_past_the_end(network):
    samples, first = signal(3)
    short = samples[: HOP + 20_000]
    padded = np.pad(short, (0, 3 * SIZE))
    apply = predictor(network, "float32")
    np.testing.assert_array_equal(apply(short, first), apply(padded, first))
    assert np.isfinite(apply(np.zeros(10, np.float32), np.array([0]))).all()


def test_seconds_of_the_stages(network):
    apply = predictor(network, "auto")
    apply(*signal(2))
    once = dict(apply.seconds)
    assert set(once) == {"features", "network"} and min(once.values()) > 0
    apply(*signal(2))
    assert all(apply.seconds[stage] > seconds for stage, seconds in once.items())


def test_fastest_precision_that_keeps_to_plain(monkeypatch):
    built = DESCRIPTION["network"]
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda native=native: {"avx512_bf16": native})
        assert inference.fastest(CPU, built) == ("mixed" if native else "float32")
        for other in ({"backbone": "efficientnet"}, {"mask": "backbone"}):
            assert inference.fastest(CPU, built | other) == "float32"
        assert inference.fastest(torch.device("cuda"), built) == "float32"
