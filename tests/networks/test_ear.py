"""The ear: where its patches lie, what a bin's presence is, and that it hears a dog when it barks."""

import csv

import numpy as np
import pytest
import soundfile
import soxr
import torch
from torch import nn

from places import ROOT, SHARED
from untrained import scaled
from yoho import InputError
from yoho.networks.ear import CLASSES, Ear

SIZES = {"frames": 257, "n_mels": 64, "bins": 9}
GROUPS = [[3], [7, 2, 9], [5, 500]]
ARGUMENTS = {"groups": GROUPS, "thresholds": [0.0] * CLASSES} | SIZES


@pytest.fixture(scope="module")
def ear():
    """An ear with random weights."""
    torch.manual_seed(0)
    built = Ear(**ARGUMENTS).eval()
    scaled(built.backbone)
    nn.init.normal_(built.head.weight, std=0.2)
    with torch.no_grad():  # No class is the most present one in all windows.
        built.head.bias -= built.logits(images(8, seed=1)).mean(dim=(0, 2))
    return built


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
    return outputs.unflatten(2, (-1, 3)).unbind(dim=3)


def test_bin_is_a_place_of_the_patch_that_it_lies_in(ear):
    given = images(2)
    with torch.no_grad():
        outputs = ear(given)
    presence, start, end = parts(outputs)
    logits = logits_by_hand(ear, given)
    expected = torch.stack([logits[..., group].amax(dim=2) for group in GROUPS], dim=2).sigmoid()
    assert outputs.shape == (2, 9, 3 * len(GROUPS)) and expected.std(dim=1).min() > 0.01
    torch.testing.assert_close(presence, expected, rtol=0, atol=1e-5)
    assert not start.any() and (end == 1).all()


def test_patch_knows_nothing_of_the_others(ear):
    changed = images(1)
    changed[:, 176:] = 0  # the third patch begins at 161, the second ends at 176
    with torch.no_grad():
        before, after = ear.logits(images(1)), ear.logits(changed)
    assert torch.equal(before[..., :6], after[..., :6]) and not torch.isclose(before[..., 6:], after[..., 6:]).all()


def test_group_is_as_present_as_its_most_present_class(ear):
    with torch.no_grad():
        logits, presence = ear.logits(images(4)), parts(ear(images(4)))[0]
    most = logits[:, GROUPS[1]].argmax(dim=1)
    assert len(most.unique()) > 1  # Not always the same class counts.
    torch.testing.assert_close(presence[..., 1], logits[:, GROUPS[1]].amax(dim=1).sigmoid())


def test_class_is_present_from_its_threshold_on(ear):
    thresholds = torch.randn(CLASSES, generator=torch.Generator().manual_seed(1))
    own = Ear(**ARGUMENTS | {"thresholds": thresholds.tolist()}).eval()
    own.load_state_dict(ear.state_dict())
    with torch.no_grad():
        logits, presence = ear.logits(images(2)), parts(own(images(2)))[0]
    above = logits[:, GROUPS[2]] - thresholds[GROUPS[2], None]
    torch.testing.assert_close(presence[..., 2], above.amax(dim=1).sigmoid())
    assert torch.equal(presence[..., 2] >= 0.5, (above >= 0).any(dim=1))
    assert not torch.allclose(presence[..., 2], logits[:, GROUPS[2]].amax(dim=1).sigmoid(), atol=0.01)


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"bins": 5}, "ear: gives 9 bins for windows of 257 frames, not 5"),
        ({"frames": 95, "bins": 3}, "backbone yamnet: windows of 95 frames do not divide into patches of 96"),
        ({"frames": 129, "bins": 5}, "backbone yamnet: windows of 129 frames do not divide into patches of 96"),
    ],
)
def test_windows_that_its_patches_do_not_fit_are_refused(changes, why):
    with pytest.raises(InputError, match=f"^{why}; change windows.bins or windows.front_ends.yamnet$"):
        Ear(**ARGUMENTS | changes)


def test_window_of_a_single_patch_has_three_bins():
    with torch.no_grad():
        assert Ear(**ARGUMENTS | {"frames": 96, "bins": 3}).logits(images(1)[:, :96]).shape == (1, CLASSES, 3)


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
