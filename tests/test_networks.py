"""Networks: shapes, sizes, gradients, the published layouts, the masking block, and their files."""

import functools
import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from yoho import InputError
from yoho.backbones import BACKBONES, BatchNorm, MobileNet, yoho_block
from yoho.loss import data_loss
from yoho.masking import Mask
from yoho.model import Network, load_network, mask_positions, network_size, save_network

FRAMES, BANDS, BINS = 257, 40, 9
PLACES = [(backbone, mask) for backbone in BACKBONES for mask in mask_positions(backbone)]
INPUT = {"frames": FRAMES, "n_mels": BANDS, "bins": BINS}


def build(backbone, mask, classes=6):
    """A network with random weights whose batch statistics fit the windows below.

    Untouched statistics (mean 0, variance 1) would let the signal of so deep a network vanish in evaluation.
    """
    torch.manual_seed(0)
    network = Network(backbone, mask, pretrained=False, classes=classes, **INPUT)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network(windows(6, seed=1))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network


@pytest.fixture(scope="module")
def network():
    """A function that gives the network of a backbone and mask position for six classes, built once."""
    return functools.cache(build)


def windows(batch, seed=0):
    return torch.randn((batch, FRAMES, BANDS), generator=torch.Generator().manual_seed(seed))


def evaluated(model, batch=2):
    with torch.no_grad():
        return model.eval()(windows(batch))


# ---- every network ---------------------------------------------------------------------------------------------------


def test_registry_holds_the_networks_of_the_paper():
    assert list(BACKBONES) == ["mobilenet", "vggish", "efficientnet"]
    assert mask_positions("mobilenet") == mask_positions("efficientnet") == ("none", "backbone", "middle", "head")
    assert mask_positions("vggish") == ("none", "backbone")


@pytest.mark.parametrize("backbone, mask", PLACES)
def test_output_holds_nine_bins_of_three_numbers_a_class(network, backbone, mask):
    outputs = evaluated(network(backbone, mask))
    assert outputs.shape == (2, BINS, 18) and outputs.dtype == torch.float32
    assert (outputs >= 0).all() and (outputs <= 1).all() and outputs.std() > 0


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_last_dimension_is_three_times_the_classes(backbone, classes):
    assert evaluated(build(backbone, "none", classes), 1).shape == (1, BINS, 3 * classes)


@pytest.mark.parametrize("backbone, mask", PLACES)
def test_every_parameter_gets_a_gradient_from_the_loss(network, backbone, mask):
    model = network(backbone, mask).train()
    targets = torch.rand((3, BINS, 18), generator=torch.Generator().manual_seed(1))
    targets[..., 0::3] = (targets[..., 0::3] > 0.5).float()
    torch.manual_seed(0)
    data_loss(model(windows(3)), targets).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name
    model.zero_grad(set_to_none=True)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_windows_of_a_batch_do_not_mix_in_evaluation(network, backbone):
    model = network(backbone, mask_positions(backbone)[1])
    together = evaluated(model, 2)
    with torch.no_grad():
        alone = model(windows(2)[1:])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("backbone", ["mobilenet", "vggish"])
def test_bins_follow_one_another_in_time(network, backbone):
    """A change in the last quarter of the window moves the last bin more than the first.

    (EfficientNet's squeeze-and-excitation spreads it over the whole window.)
    """
    model = network(backbone, "none").eval()
    changed = windows(1).clone()
    changed[:, 200:] += 5
    with torch.no_grad():
        moved = (model(changed) - model(windows(1))).abs().mean(dim=2)[0]
    assert moved[-1] > 2 * moved[0]


def test_same_seed_same_weights_other_seed_others():
    first, again = (build("mobilenet", "head").state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    torch.manual_seed(1)
    other = Network("mobilenet", "head", pretrained=False, classes=6, **INPUT).state_dict()
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_features_are_standardised_with_what_is_set(network):
    model = network("mobilenet", "none")
    plain = evaluated(model)
    try:
        model.standardise(torch.tensor(-40.0), torch.tensor(17.0))
        with torch.no_grad():
            torch.testing.assert_close(model(windows(2) * 17 - 40), plain, atol=1e-4, rtol=1e-4)
    finally:
        model.standardise(0.0, 1.0)


# ---- sizes -----------------------------------------------------------------------------------------------------------


def trainable(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def test_yoho_has_the_published_number_of_parameters(network):
    size = network_size(network("mobilenet", "none"), FRAMES, BANDS)
    assert (size["parameters"], size["trainable_parameters"]) == (3_934_290, 3_907_026)
    assert trainable(network("mobilenet", "none")) == 3_907_026


def test_efficientnet_with_mask_has_the_released_number_of_parameters(network):
    size = network_size(network("efficientnet", "backbone"), FRAMES, BANDS)
    assert size["trainable_parameters"] == trainable(network("efficientnet", "backbone")) == 4_935_343


def test_vggish_has_the_parameters_of_its_six_convolutions_and_head(network):
    widths = [1, 64, 128, 256, 256, 512, 512]
    convolutions = sum(9 * before * after + after for before, after in zip(widths[:-1], widths[1:], strict=True))
    size = network_size(network("vggish", "none"), FRAMES, BANDS)
    assert size["parameters"] == size["trainable_parameters"] == convolutions + (2 * 512 + 1) * 18


@pytest.mark.parametrize("mask, channels", [("backbone", 1280), ("middle", 512), ("head", 128)])
def test_mask_adds_the_parameters_of_its_four_convolutions(network, mask, channels):
    widths = [channels, 64, 16, 8, 1]
    expected = sum((before + 1) * after for before, after in zip(widths[:-1], widths[1:], strict=True))
    assert trainable(network("efficientnet", mask)) - trainable(network("efficientnet", "none")) == expected


@pytest.mark.parametrize("backbone, mask", [("mobilenet", "none"), ("vggish", "backbone"), ("efficientnet", "head")])
def test_multiply_accumulates_equal_those_counted_layer_by_layer(network, backbone, mask):
    model, counts = network(backbone, mask), []

    def count(module, inputs, output):
        counts.append(output[0].numel() * module.weight[0].numel())

    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv1d | nn.Conv2d)]
    hooks = [module.register_forward_hook(count) for module in convolutions]
    evaluated(model, 1)
    for hook in hooks:
        hook.remove()
    assert network_size(model, FRAMES, BANDS)["multiply_accumulates"] == sum(counts) > 1e7


@pytest.mark.parametrize("backbone, channels", [("mobilenet", 1024), ("vggish", 512), ("efficientnet", 1280)])
def test_size_names_the_shapes(network, backbone, channels):
    size = network_size(network(backbone, "none"), FRAMES, BANDS)
    assert (size["input"], size["feature_map"], size["output"]) == ("257x40", f"9x2x{channels}", "9x18")


# ---- layouts ---------------------------------------------------------------------------------------------------------


def test_vggish_is_six_convolutions_with_relu_and_five_poolings(network):
    kinds = {nn.Conv2d: "conv", nn.ReLU: "relu", nn.MaxPool2d: "pool"}
    model = network("vggish", "none")
    assert [kinds[type(module)] for module in model.backbone] == (
        ["conv", "relu", "pool"] * 2 + ["conv", "relu", "conv", "relu", "pool"] * 2 + ["pool"]
    )
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert [module.out_channels for module in convolutions] == [64, 128, 256, 256, 512, 512]
    assert all(module.kernel_size == (3, 3) and module.stride == (1, 1) for module in convolutions)
    assert all(module.kernel_size == 2 for module in model.modules() if isinstance(module, nn.MaxPool2d))
    assert isinstance(model.head, nn.Conv1d) and model.head.kernel_size == (1,)


def test_mobilenet_has_the_published_blocks():
    depthwise = [module for module in MobileNet().modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
    assert [module.in_channels for module in depthwise] == [32, 64, 128, 128, 256, 256] + [512] * 6 + [1024]
    assert [module.stride[0] for module in depthwise] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]


def test_neck_of_three_yoho_blocks_follows_mobilenet_and_efficientnet(network):
    for backbone in ("mobilenet", "efficientnet"):
        pointwise = [block[3] for block in network(backbone, "none").neck]
        assert [module.out_channels for module in pointwise] == [512, 256, 128]
    assert len(network("vggish", "none").neck) == 0


@pytest.mark.parametrize("mask, order", [("none", "bbb"), ("backbone", "mbbb"), ("middle", "bmbb"), ("head", "bbbm")])
def test_mask_sits_where_it_is_said_to(network, mask, order):
    for backbone in ("mobilenet", "efficientnet"):
        neck = network(backbone, mask).neck
        assert "".join("m" if isinstance(part, Mask) else "b" for part in neck) == order


def test_strided_convolutions_pad_as_tensorflow_does(network):
    """'same' with stride 2 pads an odd size (257) by one on both sides and an even one (40) at the end alone."""
    first = network("mobilenet", "none").backbone[0]
    image = windows(1)[:, None]
    expected = functional.conv2d(functional.pad(image, (0, 1, 1, 1)), first.weight, stride=2)
    with torch.no_grad():
        torch.testing.assert_close(first(image), expected)
        block = yoho_block(4, 8, stride=2)
        features = torch.randn(1, 4, 20, 10)
        expected = functional.conv2d(functional.pad(features, (0, 1, 0, 1)), block[0].weight, stride=2, groups=4)
        torch.testing.assert_close(block[0](features), expected)


def test_batch_norm_has_no_gamma_and_the_released_epsilon():
    norm = BatchNorm(3)
    assert [name for name, _ in norm.named_parameters()] == ["bias"]
    assert set(norm.state_dict()) == {"bias", "running_mean", "running_var", "num_batches_tracked"}
    nn.init.constant_(norm.bias, 0.5)
    features = 1e-2 * torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    variance, mean = torch.var_mean(features, dim=(0, 2, 3), keepdim=True, unbiased=False)
    torch.testing.assert_close(norm(features), (features - mean) / (variance + 1e-4).sqrt() + 0.5)


@pytest.mark.parametrize("backbone", ["mobilenet", "vggish"])
def test_weights_start_as_keras_starts_them(network, backbone):
    """Glorot uniform, biases 0; a depthwise kernel counts its inputs as Keras does, which gives the same bound."""
    for name, module in build(backbone, "backbone").named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            kernel = np.prod(module.kernel_size)
            fans = kernel * module.in_channels + kernel * module.out_channels / module.groups
            bound = np.sqrt(6 / fans)
            assert module.weight.abs().max() <= bound * 1.0001, name
            if module.weight.numel() > 2000:
                assert module.weight.abs().max() > 0.97 * bound, name
                assert module.weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.05), name
            assert module.bias is None or not module.bias.any(), name


# ---- the masking block -----------------------------------------------------------------------------------------------


@pytest.fixture
def mask():
    torch.manual_seed(0)
    return Mask(32).eval()


def set_bias(block, value):
    last = [module for module in block.modules() if isinstance(module, nn.Conv2d)][-1]
    nn.init.constant_(last.bias, value)


def test_wide_open_mask_keeps_the_features_and_a_shut_one_removes_them(mask):
    features = torch.randn(2, 32, 9, 2, generator=torch.Generator().manual_seed(0))
    set_bias(mask, 100.0)
    torch.testing.assert_close(mask(features), features)
    set_bias(mask, -100.0)
    assert mask(features).abs().max() < 1e-30
    set_bias(mask, -1000.0)  # the sigmoid underflows: still no NaN
    assert (mask(features) == 0).all()


def test_mask_is_not_the_identity_and_weighs_places_not_channels(mask):
    features = torch.randn(2, 32, 9, 2, generator=torch.Generator().manual_seed(0))
    weights = mask(features) / features
    assert ((weights > 0) & (weights < 1)).all()
    torch.testing.assert_close(weights, weights[:, :1].expand_as(weights), atol=1e-4, rtol=1e-4)
    assert weights[:, 0].flatten(1).std(dim=1).min() > 1e-3  # places differ
    assert not torch.allclose(weights[0], weights[1])  # and so do examples


@pytest.mark.parametrize("backbone, position", [place for place in PLACES if place[1] != "none"])
def test_shut_mask_silences_the_network(network, backbone, position):
    """With the mask shut two different windows give one output; open, they do not."""
    model = network(backbone, position)
    last = [module for module in model.neck if isinstance(module, Mask)][-1].weigh[-2]
    assert not torch.allclose(*evaluated(model), atol=1e-6)
    before = last.bias.detach().clone()
    try:
        nn.init.constant_(last.bias, -1000.0)
        torch.testing.assert_close(*evaluated(model))
    finally:
        last.bias.data.copy_(before)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_unknown_backbone_is_named_with_the_known_ones():
    with pytest.raises(InputError, match="'resnet'.*mobilenet, vggish, efficientnet"):
        Network("resnet", "none", pretrained=False, classes=6, **INPUT)


@pytest.mark.parametrize("position", ["middle", "head", "neck"])
def test_mask_position_that_the_network_lacks_is_named_with_its_own(position):
    with pytest.raises(InputError, match=f"'{position}'.*vggish.*none, backbone"):
        Network("vggish", position, pretrained=False, classes=6, **INPUT)


def test_unknown_mask_position_is_named_with_the_known_ones():
    with pytest.raises(InputError, match="'front'.*none, backbone, middle, head"):
        Network("mobilenet", "front", pretrained=False, classes=6, **INPUT)


def test_input_that_does_not_give_a_frame_per_bin_is_refused():
    with pytest.raises(InputError, match="5 frames for 9 bins"):
        Network("vggish", "none", pretrained=False, classes=6, frames=129, n_mels=40, bins=9)


# ---- files -----------------------------------------------------------------------------------------------------------


def description(backbone, mask):
    network = {"backbone": backbone, "mask": mask, "pretrained": True, "classes": 6} | INPUT
    return {"network": network, "event_labels": list("abcdef"), "best_epoch": 3}


@pytest.mark.parametrize("backbone, mask", [("mobilenet", "none"), ("vggish", "backbone"), ("efficientnet", "middle")])
def test_saved_network_gives_identical_outputs_when_loaded(tmp_path, backbone, mask):
    model = build(backbone, mask).to(memory_format=torch.channels_last)  # as in training
    model.standardise(0.3, 1.7)
    save_network(model.state_dict(), description(backbone, mask), tmp_path)
    loaded, said = load_network(tmp_path)
    assert said == description(backbone, mask)
    assert not loaded.training
    with torch.no_grad():
        outputs = loaded(windows(2))
    assert torch.equal(outputs, evaluated(model)) and outputs.std() > 0


@pytest.fixture
def saved(network, tmp_path):
    """A folder that holds a small network."""
    save_network(network("mobilenet", "none").state_dict(), description("mobilenet", "none"), tmp_path)
    return tmp_path


def change_description(folder, change):
    path = folder / "model.json"
    content = json.loads(path.read_text())
    change(content["network"])
    path.write_text(json.dumps(content))


SPOIL = {
    "no description": lambda folder: (folder / "model.json").unlink(),
    "no weights": lambda folder: (folder / "weights.safetensors").unlink(),
    "description cut short": lambda folder: (folder / "model.json").write_text('{"network": {'),
    "description of nothing": lambda folder: (folder / "model.json").write_text("{}"),
    "description is a list": lambda folder: (folder / "model.json").write_text("[]"),
    "weights cut short": lambda folder: (folder / "weights.safetensors").write_bytes(
        (folder / "weights.safetensors").read_bytes()[:100_000]
    ),
    "empty weights": lambda folder: (folder / "weights.safetensors").write_bytes(b""),
    "weights of something else": lambda folder: (folder / "weights.safetensors").write_bytes(b"PK" * 1000),
    "other class count": lambda folder: change_description(folder, lambda network: network.update(classes=7)),
    "other backbone": lambda folder: change_description(folder, lambda network: network.update(backbone="vggish")),
    "unknown backbone": lambda folder: change_description(folder, lambda network: network.update(backbone="resnet")),
    "unknown setting": lambda folder: change_description(folder, lambda network: network.update(depth=3)),
    "missing setting": lambda folder: change_description(folder, lambda network: network.pop("bins")),
}


@pytest.mark.parametrize("how", SPOIL)
def test_folder_that_holds_no_whole_network_is_named(saved, how):
    SPOIL[how](saved)
    with pytest.raises(InputError, match=saved.name):
        load_network(saved)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no-such-run"):
        load_network(tmp_path / "no-such-run")
