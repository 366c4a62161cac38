"""Networks: shapes, sizes, gradients, the published layouts, the masking block, and their files."""

import functools
import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from small import paper_network
from yoho import InputError
from yoho.networks.backbones import BACKBONES, Backbone, BatchNorm, LinearVGGish, MobileNet, check_front_end, yoho_block
from yoho.networks.masking import MASKS, DividedMask, Mask
from yoho.networks.network import Network, mask_positions
from yoho.networks.saving import load_network, save_network
from yoho.networks.sizes import network_size
from yoho.windows.loss import data_loss

FRAMES, BANDS, BINS = 257, 40, 9
NINE_BINS = [name for name, record in BACKBONES.items() if not record.by_frame]
PLACES = [(backbone, mask) for backbone in NINE_BINS for mask in mask_positions(backbone)]


def build(backbone, mask, masking="multiply", classes=6):
    """A network with random weights whose batch statistics fit the windows below.

    With the initial statistics (mean 0, variance 1) the signal would vanish in so deep a network.
    """
    torch.manual_seed(0)
    network = Network(**paper_network(backbone, mask, masking, classes))
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
    """A function that builds the network of a backbone, mask position and masking for six classes, and caches it."""
    return functools.cache(build)


def windows(batch, seed=0):
    return torch.randn((batch, FRAMES, BANDS), generator=torch.Generator().manual_seed(seed))


def evaluated(model, batch=2):
    with torch.no_grad():
        return model.eval()(windows(batch))


# ---- other networks of timm ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_large_100", "convnext_atto", "densenet121"])
def test_network_of_timm_is_a_backbone_by_its_name(name):
    assert mask_positions(name) == ("none", "backbone", "middle", "head")
    model = build(name, "middle").train()
    data_loss(model(windows(2)), torch.rand(2, BINS, 18)).mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    outputs = evaluated(model)
    assert outputs.shape == (2, BINS, 18) and outputs.std() > 0


def test_network_of_timm_by_its_name_is_the_one_of_the_paper():
    torch.manual_seed(0)
    ours = build("efficientnet", "backbone").state_dict()
    torch.manual_seed(0)
    by_name = build("tf_efficientnet_b0", "backbone").state_dict()
    assert ours.keys() == by_name.keys() and all(torch.equal(ours[key], by_name[key]) for key in ours)


def test_network_of_timm_pads_as_tensorflow_does_where_it_can():
    first = build("mobilenetv3_large_100", "none").backbone.conv_stem
    image = windows(1)[:, None]
    with torch.no_grad():
        expected = functional.conv2d(functional.pad(image, (0, 1, 1, 1)), first.weight, stride=2)
        torch.testing.assert_close(first(image), expected)


def test_network_that_cuts_patches_sees_every_frame():
    backbone = build("convnext_atto", "none").backbone.eval()
    image = windows(1)[:, None]
    with torch.no_grad():
        before = backbone(image)
        for place in (0, -1):
            changed = image.clone()
            changed[:, :, place] += 10
            assert not torch.allclose(backbone(changed), before)


@pytest.mark.parametrize(
    "name, why",
    [
        ("vgg11", "gives 2 frames for 9 bins; its total stride must be 32"),
        ("vit_tiny_patch16_224", "does not accept windows of 257 frames and 40 mel bands"),
        ("efficientvit_b0", "timm cannot build it as a feature extractor"),
        ("resnet", "unknown"),
    ],
)
def test_network_that_does_not_fit_is_one_line_that_names_it(name, why):
    with pytest.raises(InputError, match=f"^backbone '?{name}'?: {why}") as caught:
        build(name, "none")
    assert "\n" not in str(caught.value)


# ---- every network ---------------------------------------------------------------------------------------------------


def test_registry_holds_the_networks_of_the_paper():
    assert list(BACKBONES) == ["mobilenet", "vggish", "vggish_linear", "efficientnet", "yamnet", "crnn"]
    for backbone in ("mobilenet", "efficientnet", "yamnet"):
        assert mask_positions(backbone) == ("none", "backbone", "middle", "head")
    assert mask_positions("vggish") == mask_positions("vggish_linear") == ("none", "backbone")
    assert list(MASKS) == ["multiply", "multiply_and_divide"]


@pytest.mark.parametrize("backbone, mask", PLACES)
def test_output_holds_nine_bins_of_three_numbers_a_class(network, backbone, mask):
    outputs = evaluated(network(backbone, mask))
    assert outputs.shape == (2, BINS, 18) and outputs.dtype == torch.float32
    assert (outputs >= 0).all() and (outputs <= 1).all() and outputs.std() > 0


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("backbone", NINE_BINS)
def test_last_dimension_is_three_times_the_classes(backbone, classes):
    assert evaluated(build(backbone, "none", classes=classes), 1).shape == (1, BINS, 3 * classes)


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


@pytest.mark.parametrize("backbone", NINE_BINS)
def test_windows_of_a_batch_do_not_mix_in_evaluation(network, backbone):
    model = network(backbone, mask_positions(backbone)[1])
    together = evaluated(model, 2)
    with torch.no_grad():
        alone = model(windows(2)[1:])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("backbone", ["mobilenet", "vggish", "vggish_linear"])
def test_bins_follow_one_another_in_time(network, backbone):
    """A change in the last quarter of the window changes the last bin more than the first.

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
    other = Network(**paper_network("mobilenet", "head")).state_dict()
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("backbone, mask", [place for place in PLACES if place[1] != "none"])
def test_a_mask_leaves_the_other_weights_and_later_draws_as_they_are(backbone, mask):
    def built(own):
        torch.manual_seed(0)
        model = Network(**paper_network(backbone, own))
        neck = nn.Sequential(*(block for block in model.neck if not isinstance(block, Mask)))
        weights = nn.ModuleList([model.backbone, neck, model.head]).state_dict()
        return model, weights | {"later draws": torch.rand(5)}

    (plain, expected), (masked, found) = built("none"), built(mask)
    assert len(masked.neck) == len(plain.neck) + 1
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_another_seed_gives_the_mask_other_weights():
    def first_kernel(seed):
        torch.manual_seed(seed)
        return Network(**paper_network("vggish", "backbone")).neck[0].weigh[1].weight

    assert torch.equal(first_kernel(0), first_kernel(0)) and not torch.equal(first_kernel(0), first_kernel(1))


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


def test_vggish_as_released_has_its_number_of_parameters(network):
    size = network_size(network("vggish_linear", "none"), FRAMES, BANDS)
    assert (size["parameters"], size["trainable_parameters"]) == (15_271_570, 15_271_570 - 2 * 128)


@pytest.mark.parametrize(
    "mask, masking, parameters, learnt",
    [
        ("none", "multiply", 4_900_081, 4_852_174),
        ("backbone", "multiply", 4_984_530 - 1280, 4_935_343),
        ("backbone", "multiply_and_divide", 4_984_530, 4_935_343),  # including the frozen ones, one for each channel
    ],
)
def test_efficientnet_has_the_released_number_of_parameters(network, mask, masking, parameters, learnt):
    """Minus 3: mean, variance and count of Keras's Normalization layer, which is replaced by buffers here."""
    model = network("efficientnet", mask, masking)
    size = network_size(model, FRAMES, BANDS)
    assert size["parameters"] == parameters - 3
    assert size["trainable_parameters"] == trainable(model) == learnt


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


def test_frozen_convolution_of_the_released_mask_is_computed_too(network):
    counts = [
        network_size(network("efficientnet", "backbone", masking), FRAMES, BANDS)["multiply_accumulates"]
        for masking in MASKS
    ]
    assert counts[1] - counts[0] == BINS * 2 * 1280


@pytest.mark.parametrize(
    "backbone, channels", [("mobilenet", 1024), ("vggish", 512), ("vggish_linear", 128), ("efficientnet", 1280)]
)
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


def test_vggish_as_released_is_thirteen_convolutions_in_a_row():
    backbone = LinearVGGish()
    kinds = [nn.Conv2d] * 13 + [nn.ReLU, BatchNorm, nn.Dropout2d]
    assert all(isinstance(module, kind) for module, kind in zip(backbone, kinds, strict=True))
    convolutions = list(backbone)[:13]
    assert [module.out_channels for module in convolutions] == [64, 128, 128] + [256] * 3 + [512] * 6 + [128]
    assert [module.stride[0] for module in convolutions] == [2, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1]
    assert all(module.kernel_size == (3, 3) and module.bias is not None for module in convolutions)


@pytest.mark.parametrize("name, affine", [("vggish_linear", True), ("vggish", False)])
def test_vggish_as_released_is_affine_up_to_its_last_relu(name, affine):
    """f((1 - t) a + t b) = (1 - t) f(a) + t f(b), for t outside 0 to 1 too."""
    torch.manual_seed(0)
    backbone = BACKBONES[name].build(False).double().eval()
    for module in backbone:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.bias)
    last = max(place for place, module in enumerate(backbone) if isinstance(module, nn.ReLU))
    below = nn.Sequential(*list(backbone)[:last])
    one, other = torch.randn((2, 1, 1, 65, 16), dtype=torch.double)
    with torch.no_grad():
        between, first, second = (below(image) for image in (3 * other - 2 * one, one, other))
    expected = 3 * second - 2 * first
    assert torch.allclose(between, expected, atol=1e-9 * expected.abs().max().item(), rtol=0) == affine
    assert first.std() > 0 and not torch.allclose(first, second)


def test_mobilenet_has_the_published_blocks():
    depthwise = [module for module in MobileNet().modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
    assert [module.in_channels for module in depthwise] == [32, 64, 128, 128, 256, 256] + [512] * 6 + [1024]
    assert [module.stride[0] for module in depthwise] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]


def test_neck_of_three_yoho_blocks_follows_mobilenet_and_efficientnet(network):
    for backbone in ("mobilenet", "efficientnet"):
        pointwise = [block[3] for block in network(backbone, "none").neck]
        assert [module.out_channels for module in pointwise] == [512, 256, 128]
    assert len(network("vggish", "none").neck) == len(network("vggish_linear", "none").neck) == 0


@pytest.mark.parametrize("mask, order", [("none", "bbb"), ("backbone", "mbbb"), ("middle", "bmbb"), ("head", "bbbm")])
def test_mask_sits_where_it_is_said_to(network, mask, order):
    for backbone in ("mobilenet", "efficientnet"):
        for masking, kind in MASKS.items():
            neck = network(backbone, mask, masking).neck
            assert "".join("m" if type(part) is kind else "b" for part in neck) == order


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


@pytest.mark.parametrize("backbone", ["mobilenet", "vggish", "vggish_linear"])
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
    set_bias(mask, -1000.0)  # The sigmoid underflows, but gives no NaN.
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
    """With the mask shut, two different windows give the same output; open, they do not."""
    model = network(backbone, position)
    last = [module for module in model.neck if isinstance(module, Mask)][-1].weigh[-2]
    assert not torch.allclose(*evaluated(model), atol=1e-6)
    before = last.bias.detach().clone()
    try:
        nn.init.constant_(last.bias, -1000.0)
        torch.testing.assert_close(*evaluated(model))
    finally:
        last.bias.data.copy_(before)


# ---- the mask as released --------------------------------------------------------------------------------------------


def divided(mask):
    """The released mask with the weights of a described one."""
    released = DividedMask(32).eval()
    released.load_state_dict(mask.state_dict())
    return released


def some_features():
    return torch.randn((2, 32, 9, 2), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", [0.0, -5.0, -60.0])
def test_released_mask_is_the_identity_and_the_described_one_is_not(mask, bias):
    """Up to the rounding of a product and a quotient, even for tiny weights."""
    set_bias(mask, bias)
    features = some_features()
    with torch.no_grad():
        torch.testing.assert_close(divided(mask)(features), features, rtol=2 * torch.finfo().eps, atol=0)
        assert (mask(features) / features - 1).abs().min() > 0.3


def test_released_mask_is_not_moved_by_the_loss_and_the_described_one_is(mask):
    """The gradients of its weights are only rounding errors of sums that are 0."""
    released = divided(mask)
    for block in (mask, released):
        block(some_features()).square().sum().backward()
    for (name, described), frozen in zip(mask.named_parameters(), released.parameters(), strict=True):
        assert described.grad.abs().max() > 0.1, name
        assert frozen.grad.abs().max() < 1e-6 * described.grad.abs().max(), name


def test_released_mask_gives_nan_just_where_its_sigmoid_underflows_and_the_described_one_nowhere(mask):
    """In single precision it underflows below a logit of -89, in some implementations below -104."""
    released, features, shut = divided(mask), some_features(), []
    for block in (mask, released):
        nn.init.zeros_(block.weigh[-2].weight)  # the bias alone is the logit
    for logit in range(-110, -80):
        for block in (mask, released):
            set_bias(block, float(logit))
        with torch.no_grad():
            weights = released.weigh(features)
            assert torch.equal(released(features).isnan(), (weights == 0).expand_as(features))
            assert mask(features).isfinite().all()
        shut.append((weights == 0).all().item())
    assert shut == sorted(shut, reverse=True)
    assert -105 <= -110 + sum(shut) <= -88


def test_released_mask_gives_nan_at_the_places_alone_that_it_would_shut():
    """NaN fills all channels of one place of one example, and no other place."""
    block, features = DividedMask(32).eval(), some_features()
    features[1, :, 4, 1] = 1000.0
    for module in block.weigh:
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.in_channels)
            nn.init.zeros_(module.bias)
    nn.init.constant_(block.weigh[-2].weight, -1.0)
    with torch.no_grad():
        places = block(features).isnan().nonzero()
    assert places[:, [0, 2, 3]].unique(dim=0).tolist() == [[1, 4, 1]] and len(places) == 32


@pytest.mark.parametrize("position", ["backbone", "middle", "head"])
def test_network_with_the_released_mask_is_the_network_without(position):
    model = build("mobilenet", position, "multiply_and_divide")
    place = next(place for place, part in enumerate(model.neck) if isinstance(part, Mask))
    described = Mask(model.neck[place].weigh[1].in_channels)
    described.load_state_dict(model.neck[place].state_dict())
    outputs = {"released": evaluated(model)}
    for name, block in (("without", nn.Identity()), ("described", described)):
        model.neck[place] = block
        outputs[name] = evaluated(model)
    torch.testing.assert_close(outputs["released"], outputs["without"], atol=1e-5, rtol=0)
    assert (outputs["described"] - outputs["without"]).abs().max() > 1e-2


def test_released_mask_that_is_shut_spoils_the_whole_output():
    model = build("mobilenet", "backbone", "multiply_and_divide")
    assert evaluated(model).isfinite().all()
    set_bias(model.neck[0], -200.0)
    assert evaluated(model).isnan().all()


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_unknown_backbone_is_named_with_the_known_ones():
    with pytest.raises(InputError, match="'resnet'.*mobilenet, vggish, vggish_linear, efficientnet, yamnet"):
        Network(**paper_network("resnet"))


@pytest.mark.parametrize("position", ["middle", "head", "neck"])
def test_mask_position_that_the_network_lacks_is_named_with_its_own(position):
    with pytest.raises(InputError, match=f"'{position}'.*vggish.*none, backbone"):
        Network(**paper_network("vggish", position))


def test_backbone_that_fits_one_front_end_is_refused_with_another(monkeypatch):
    monkeypatch.setitem(BACKBONES, "pretrained", Backbone(lambda pretrained: None, front_end="other"))
    check_front_end("pretrained", "other")
    with pytest.raises(
        InputError, match="^backbone pretrained: needs a front end of the kind other, but that of the run is log_mel$"
    ):
        check_front_end("pretrained", "log_mel")
    for name in ("mobilenet", "efficientnet", "resnet18"):
        check_front_end(name, "log_mel")


def test_unknown_mask_position_is_named_with_the_known_ones():
    with pytest.raises(InputError, match="'front'.*none, backbone, middle, head"):
        Network(**paper_network("mobilenet", "front"))


def test_input_that_does_not_give_a_frame_per_bin_is_refused():
    with pytest.raises(InputError, match="5 frames for 9 bins"):
        Network(**paper_network("vggish") | {"frames": 129})


# ---- files -----------------------------------------------------------------------------------------------------------


def description(backbone, mask, masking="multiply"):
    network = paper_network(backbone, mask, masking)
    return {"network": network | {"pretrained": True}, "event_labels": list("abcdef"), "best_epoch": 3}


@pytest.mark.parametrize(
    "backbone, mask, masking",
    [
        *[("mobilenet", "none", "multiply"), ("mobilenet", "head", "multiply_and_divide")],
        *[("vggish", "backbone", "multiply"), ("vggish_linear", "none", "multiply")],
        *[("efficientnet", "middle", "multiply"), ("resnet18", "none", "multiply")],
        ("convnext_atto", "backbone", "multiply"),
    ],
)
def test_saved_network_gives_identical_outputs_when_loaded(tmp_path, backbone, mask, masking):
    model = build(backbone, mask, masking).to(memory_format=torch.channels_last)  # as in training
    model.standardise(0.3, 1.7)
    save_network(model.state_dict(), description(backbone, mask, masking), tmp_path)
    loaded, said = load_network(tmp_path)
    assert said == description(backbone, mask, masking)
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
    "missing masking": lambda folder: change_description(folder, lambda network: network.pop("masking")),
}


@pytest.mark.parametrize("how", SPOIL)
def test_folder_that_holds_no_whole_network_is_named(saved, how):
    SPOIL[how](saved)
    with pytest.raises(InputError, match=saved.name):
        load_network(saved)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no-such-run"):
        load_network(tmp_path / "no-such-run")
