"""The ear: where its patches lie, what a bin's presence is, that both of its forms agree, and that it hears a dog."""

import csv

import numpy as np
import pytest
import soundfile
import soxr
import torch
from hearing import pretend
from torch import nn

from places import ROOT, SHARED
from untrained import scaled
from yoho import InputError
from yoho.networks.ear import Ear
from yoho.networks.ear_file import ear_model
from yoho.networks.runtime import OnnxEngine
from yoho.networks.yamnet import CLASSES, Layer, named_weights, published_layers

SIZES = {"frames": 257, "n_mels": 64, "bins": 9}
THRESHOLDS = torch.randn(CLASSES, generator=torch.Generator().manual_seed(1)).tolist()


@pytest.fixture(scope="module")
def ear():
    """An ear with random weights, in PyTorch."""
    torch.manual_seed(0)
    built = Ear(thresholds=THRESHOLDS, **SIZES).eval()
    scaled(built.backbone)
    nn.init.normal_(built.head.weight, std=0.2)
    return built


def layers_of(ear):
    """The `Layer`s of a PyTorch ear, as they would be in its published file."""
    convolutions = [module for module in ear.backbone.modules() if isinstance(module, nn.Conv2d)]
    layers = [
        Layer(conv.weight.detach().numpy(), conv.bias.detach().numpy(), conv.groups > 1, conv.stride[0])
        for conv in convolutions
    ]
    return [*layers, Layer(ear.head.weight.detach().numpy()[..., None], ear.head.bias.detach().numpy(), False, 1)]


@pytest.fixture(scope="module")
def engine(ear):
    """The same ear as an ONNX model."""
    return OnnxEngine(ear_model(layers_of(ear), THRESHOLDS, **SIZES).SerializeToString())


def images(count, seed=0):
    return torch.randn((count, 257, 64), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def logits_by_hand(ear, images):
    """Raw logits (windows, 9 bins, 521): three patches of a window, three places of each patch's map."""
    found = []
    for begin in (0, 80, 161):
        maps = ear.backbone(images[:, None, begin : begin + 96])
        assert maps.shape[2:] == (3, 2)
        found += [(ear.head.weight[:, :, 0] @ maps[:, :, cell].mean(dim=2).T).T + ear.head.bias for cell in range(3)]
    return torch.stack(found, dim=1)


def parts(outputs):
    """Presence, start and end, each (windows, bins, classes)."""
    return torch.as_tensor(outputs).unflatten(2, (-1, 3)).unbind(dim=3)


@pytest.mark.parametrize("form", ["PyTorch", "ONNX"])
def test_bin_is_a_place_of_the_patch_that_it_lies_in_and_a_class_is_present_from_its_threshold_on(ear, engine, form):
    given = images(2)
    with torch.no_grad():
        outputs = ear(given) if form == "PyTorch" else engine(given.numpy())
    presence, start, end = parts(outputs)
    expected = (logits_by_hand(ear, given) - torch.tensor(THRESHOLDS)).sigmoid()
    assert presence.shape == (2, 9, CLASSES) and expected.std(dim=1).mean() > 0.01
    torch.testing.assert_close(presence, expected, rtol=0, atol=1e-5)
    assert not start.any() and (end == 1).all()


def test_patch_knows_nothing_of_the_others(ear):
    changed = images(1)
    changed[:, 176:] = 0  # the third patch begins at 161, the second ends at 176
    with torch.no_grad():
        before, after = ear.logits(images(1)), ear.logits(changed)
    assert torch.equal(before[..., :6], after[..., :6]) and not torch.isclose(before[..., 6:], after[..., 6:]).all()


@pytest.mark.parametrize("windows", [1, 5])
def test_model_takes_any_number_of_windows(ear, engine, windows):
    given = images(windows, seed=2)
    with torch.no_grad():
        expected = ear(given).numpy()
    np.testing.assert_allclose(engine(given.numpy()), expected, rtol=0, atol=1e-5)
    assert engine.columns == 3 * CLASSES


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"bins": 5}, "ear: gives 9 bins for windows of 257 frames, not 5"),
        ({"frames": 95, "bins": 3}, "backbone yamnet: windows of 95 frames do not divide into patches of 96"),
        ({"frames": 129, "bins": 5}, "backbone yamnet: windows of 129 frames do not divide into patches of 96"),
    ],
)
def test_windows_that_its_patches_do_not_fit_are_refused(ear, changes, why):
    for build in (Ear, lambda **given: ear_model(layers_of(ear), **given)):
        with pytest.raises(InputError, match=f"^{why}; change windows.bins or windows.front_ends.yamnet$"):
            build(**{"thresholds": THRESHOLDS} | SIZES | changes)


def test_window_of_a_single_patch_has_three_bins():
    with torch.no_grad():
        built = Ear(thresholds=THRESHOLDS, frames=96, n_mels=64, bins=3)
        assert built.logits(images(1)[:, :96]).shape == (1, CLASSES, 3)


def test_weights_of_the_layers_are_those_of_the_network_by_name(ear, monkeypatch, tmp_path):
    weights = named_weights(layers_of(ear))
    state = ear.state_dict()
    assert weights.keys() == state.keys()
    assert all(np.array_equal(weights[name], state[name].numpy()) for name in state)
    pretend(monkeypatch, tmp_path)  # The ear of other tests has layers of the same shapes.
    layers = published_layers(tmp_path)
    assert [layer.kernel.shape for layer in layers] == [layer.kernel.shape for layer in layers_of(ear)]
    assert [layer[2:] for layer in layers] == [layer[2:] for layer in layers_of(ear)]


def test_published_file_gives_the_same_ear_in_both_forms(published_ear, tflite_file, front_end, windows):
    given = np.stack(list(windows.values()))
    model = ear_model(published_layers(tflite_file), [0.0] * CLASSES, **SIZES)
    with torch.no_grad():
        expected = published_ear(torch.from_numpy(given)).numpy()
    assert expected[..., ::3].max() > 0.9
    np.testing.assert_allclose(OnnxEngine(model.SerializeToString())(given), expected, rtol=0, atol=1e-5)


def test_presence_is_that_of_yamnet_for_one_patch(published, published_ear, windows):
    """YAMNet takes the mean over a patch. The mean of the logits of its three bins is that of the patch."""
    backbone, head = published
    given = torch.from_numpy(np.stack(list(windows.values())))
    with torch.no_grad():
        found = published_ear.logits(given).unflatten(2, (3, 3)).mean(dim=3)
        for number, begin in enumerate((0, 80, 161)):
            expected = head(backbone(given[:, None, begin : begin + 96]).mean(dim=(2, 3)))
            torch.testing.assert_close(found[..., number], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("bin_number", [1, 4, 7])
def test_bark_raises_the_presence_of_its_bin(published_ear, front_end, bin_number):
    """A bin sees its whole patch, so the two other bins of the patch rise as well, and no others do."""
    bark = SHARED / "data" / "esc10" / "audio" / "1-100032-A-0.ogg"
    samples, rate = soundfile.read(bark)
    samples = soxr.resample(samples, rate, 16000)
    samples = samples[max(np.abs(samples).argmax() - 2400, 0) :][:4800]  # 0.3 s, about a bin
    window = 1e-3 * np.random.default_rng(0).normal(size=40960)
    centre = round((bin_number + 0.5) / 9 * 40960)
    window[centre - len(samples) // 2 :][: len(samples)] += samples
    with open(ROOT / "workflow/resources/audioset.csv", newline="") as file:
        dog = [row["event_label"] for row in csv.DictReader(file)].index("Dog")
    with torch.no_grad():
        presence = parts(published_ear(torch.from_numpy(front_end(window[None]))))[0][0, :, dog]
    patch = torch.arange(9) // 3 == bin_number // 3
    assert presence[patch].min() > 0.8 and presence[~patch].max() < 0.02
