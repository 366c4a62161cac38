"""Networks on YAMNet, and the ear, with batch norms folded and activations fused into their convolutions."""

import pytest
import torch
from torch import nn

from traps import TRAPS, Body, Tiny
from untrained import fitted, scaled
from yoho.networks.ear import CLASSES, Ear
from yoho.networks.folding import folded, map_and_outputs, proved, random_windows
from yoho.networks.fusing import FusedConvolution, fused
from yoho.networks.network import Network

SIZES = {"frames": 257, "n_mels": 64, "bins": 9}


def network_on_yamnet(published):
    """A network whose batch norms fit its windows."""
    torch.manual_seed(0)
    arguments = {"backbone": "yamnet", "mask": "none", "masking": "multiply", "pretrained": published, "classes": 6}
    network = Network(**arguments, **SIZES)
    if published:
        scaled(network.backbone)
    return fitted(network, random_windows(network, (4, 257, 64)))


def ear():
    torch.manual_seed(0)
    built = Ear(groups=[[0], [1, 2]], thresholds=[0.0] * CLASSES, **SIZES).eval()
    scaled(built.backbone)
    return built


@pytest.mark.parametrize(
    "build, convolutions",
    [(lambda: network_on_yamnet(False), 33), (lambda: network_on_yamnet(True), 33), (ear, 27)],
    ids=["random", "published", "ear"],
)
def test_every_convolution_is_fused_and_the_outputs_stay(build, convolutions):
    network = build().to(memory_format=torch.channels_last)
    example, windows = random_windows(network, (1, 257, 64)), random_windows(network, (3, 257, 64))
    with torch.inference_mode():
        fast = fused(folded(network, example), example, coarse=0)
        assert proved(fast, windows, map_and_outputs(network, windows))
    activations = [module.activation for module in fast.modules() if isinstance(module, FusedConvolution)]
    assert [name for name, _ in activations].count("hardtanh") == 27
    assert [name for name, _ in activations].count("relu") == convolutions - 27 and len(activations) == convolutions
    assert not any(isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.ReLU6 | nn.ReLU) for module in fast.modules())


@pytest.mark.parametrize("body, activations", [(Body, 1), *[(trap, 0) for trap in TRAPS]])
def test_relu6_is_fused_only_if_it_alone_reads_its_convolution(body, activations):
    network = Tiny(body, nn.ReLU6)
    windows = 10 * random_windows(network, (2, 12, 8))  # so that some values exceed 6
    fast = fused(network, windows, coarse=0)
    torch.testing.assert_close(map_and_outputs(fast, windows), map_and_outputs(network, windows))
    kinds = [module.activation for module in fast.modules() if isinstance(module, FusedConvolution)]
    assert len(kinds) - kinds.count(("none", [])) == activations
