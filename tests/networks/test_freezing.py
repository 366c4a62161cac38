"""What stays while a network learns, and learning on the feature maps of a backbone that stays as a whole."""

import pytest
import torch
from safetensors.torch import save_file

from small import CPU, SETTINGS
from untrained import scaled
from yoho import InputError
from yoho.networks.network import Network, OnMaps
from yoho.networks.pretrained import blocks, freeze, load_backbone, without_download
from yoho.training.step import Step, adam

FIRST = {  # the modules with weights in each backbone's first three blocks
    "mobilenet": [["0", "1"], ["4"], ["5"]],
    "yamnet": [["0"], ["1"], ["2"]],
    "vggish": [["0"], ["3"], ["6"]],
    "efficientnet": [["conv_stem", "bn1"], ["blocks.0.0"], ["blocks.1.0"]],
    "resnet18": [["conv1", "bn1"], ["layer1.0"], ["layer1.1"]],
}
COUNTS = {"mobilenet": 14, "yamnet": 14, "vggish": 6, "efficientnet": 17, "resnet18": 9}


def network_of(backbone, **changes):
    """A network for windows of 96 frames and 16 bands, of which it makes three bins."""
    torch.manual_seed(0)
    arguments = {"backbone": backbone, "mask": "none", "masking": "multiply", "pretrained": backbone == "yamnet"}
    return Network(**arguments, classes=2, frames=96, n_mels=16, bins=3, **changes)


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn((8, 96, 16), generator=generator), torch.rand((8, 3, 6), generator=generator).round()


def stayed(network, steps=2):
    """Names of the weights and statistics that are the same, to the bit, after some training steps."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    step = Step(network, adam(network, SETTINGS, CPU), None, SETTINGS, CPU)
    torch.manual_seed(0)
    for _ in range(steps):
        step(*batch())
    return {name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])}


def below(network, parts):
    """Names of the weights and statistics of a network's modules of these names."""
    return {name for name in network.state_dict() if any(name.startswith(f"{part}.") for part in parts)}


@pytest.mark.parametrize("backbone", FIRST)
@pytest.mark.parametrize("frozen", ["none", "backbone", 1, 3])
def test_what_is_frozen_stays_to_the_bit_and_all_else_learns(backbone, frozen):
    network = network_of(backbone)
    freeze(network, frozen)
    parts = {"none": [], "backbone": ["backbone"]}.get(frozen)
    if parts is None:
        parts = [f"backbone.{name}" for block in FIRST[backbone][:frozen] for name in block]
    # Neither mean nor deviation of the features is learnt by a step.
    assert stayed(network) == below(network, parts) | {"mean", "deviation"}


@pytest.mark.parametrize("backbone", FIRST)
def test_more_blocks_than_there_are_cannot_be_frozen(backbone):
    network = network_of(backbone)
    assert len(blocks(network.backbone)) == COUNTS[backbone]
    freeze(network, COUNTS[backbone])
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())
    with pytest.raises(InputError, match=rf"^frozen: 99 blocks, but the backbone has {COUNTS[backbone]}$"):
        freeze(network, 99)


@pytest.mark.parametrize("backbone", ["mobilenet", "efficientnet"])
def test_frozen_blocks_drop_nothing_and_use_their_statistics(backbone):
    """MobileNet's stem has dropout, and EfficientNet's blocks stochastic depth."""
    network, (windows, _) = network_of(backbone), batch()
    with torch.no_grad():
        assert not torch.equal(network.maps(windows), network.maps(windows))
        freeze(network, "backbone")
        expected = network.eval().maps(windows)
        network.train()
        assert torch.equal(network.maps(windows), expected) and network.neck.training


@pytest.mark.parametrize("mask", ["none", "backbone", "middle"])
def test_part_behind_the_backbone_computes_the_same_from_its_maps(mask):
    torch.manual_seed(0)
    arguments = {"backbone": "yamnet", "mask": mask, "masking": "multiply", "pretrained": True}
    network = Network(**arguments, classes=2, frames=96, n_mels=16, bins=3).eval()
    scaled(network.backbone)
    part = OnMaps(network).eval()
    with torch.no_grad():
        expected = network(batch()[0])
        assert torch.equal(part(network.maps(batch()[0])), expected) and expected.std() > 0
    assert set(part.state_dict()) == below(network, ["neck", "head", "dropout"])


def test_dropout_drops_whole_channels_of_the_map_in_training_alone():
    network, seen = network_of("yamnet", dropout=0.25), []
    network.neck.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        maps = network.maps(batch()[0])
        network(batch()[0])
        network.eval()(batch()[0])
    dropped = (seen[0] == 0).flatten(2).all(dim=2) & (maps != 0).flatten(2).any(dim=2)
    kept = ~dropped[:, :, None, None]
    assert torch.equal(seen[1], maps)
    torch.testing.assert_close(seen[0] * kept, maps / 0.75 * kept)
    assert dropped.float().mean() / (maps != 0).flatten(2).any(dim=2).float().mean() == pytest.approx(0.25, abs=0.02)


# ---- the file of pretrained weights ----------------------------------------------------------------------------------


def test_backbone_is_loaded_from_a_file_that_holds_more(tmp_path):
    source, target = network_of("yamnet"), network_of("yamnet")
    torch.nn.init.normal_(source.backbone[3][0].bias)
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    load_backbone(target.backbone, tmp_path / "weights.safetensors")
    assert all(
        torch.equal(source.backbone.state_dict()[name], tensor) for name, tensor in target.backbone.state_dict().items()
    )


@pytest.mark.parametrize("how", ["missing", "text", "other"])
def test_file_without_these_weights_is_one_line(tmp_path, how):
    path = tmp_path / "weights.safetensors"
    if how == "text":
        path.write_text("weights")
    if how == "other":
        save_file(network_of("mobilenet").state_dict(), path)
    with pytest.raises(InputError) as raised:
        load_backbone(network_of("yamnet").backbone, path)
    assert str(raised.value).startswith(f"{path}: holds no weights for this backbone (")
    assert str(raised.value).endswith("; make the file again") and "\n" not in str(raised.value)


def test_loading_a_network_downloads_nothing():
    arguments = {"backbone": "efficientnet", "mask": "none", "pretrained": True}
    assert without_download(arguments) == arguments | {"pretrained": False}
    assert without_download(arguments | {"backbone": "yamnet"})["pretrained"]  # the form of its backbone
