"""Parity with the authors' released code: its recorded inputs and outputs, against this code.

Run with `pytest tests/test_parity.py --golden DIR`; without the option, DIR is shared/golden beside the checkout.
README.md in that folder describes its files. Sizes, classes and settings are read from them.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torch import nn

from places import ROOT
from yoho.events import COLUMNS
from yoho.networks.network import Network
from yoho.networks.sizes import network_size
from yoho.windows.cutting import cut_windows, window_onsets
from yoho.windows.front_ends import build_front_end
from yoho.windows.loss import data_loss
from yoho.windows.targets import Decoder, encode_events, encode_events_as_released


@pytest.fixture(scope="session")
def golden(request):
    """The folder of the recordings."""
    given = request.config.getoption("golden")
    folder = Path(given) if given else ROOT.parent / "shared" / "golden"
    if given and not folder.is_dir():
        pytest.fail(f"--golden {given}: no such folder")
    if not folder.is_dir():
        pytest.skip(f"no recordings of the released code in {folder}; give their folder with --golden DIR")
    return folder


def read_json(path):
    return json.loads(path.read_text())


def configured_front_end():
    """The paper's front end, as the config has it."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    return build_front_end(**config["windows"]["front_ends"]["log_mel"])


# ---- targets ---------------------------------------------------------------------------------------------------------


def encoded(golden, encode):
    """Yield for each case: its number, the recorded events of each window, the recorded targets, and `encode`'s.

    Targets are (windows, bins, classes, 3).
    """
    labels = read_json(golden / "labels.json")
    classes, length, bins = labels["classes"], labels["window_s"], labels["bins"]
    for number, case in enumerate(labels["cases"]):
        rows = [("mix", onset / 1000, offset / 1000, label) for onset, offset, label in case["annotation_ms"]]
        windows = case["windows"]
        onsets = np.array([window["start"] for window in windows])
        assert np.allclose([window["stop"] for window in windows], onsets + length, atol=1e-9)
        targets = encode(pd.DataFrame(rows, columns=COLUMNS), onsets, classes, length, bins)
        recorded = np.array([window["target"] for window in windows])
        assert recorded.shape == targets.shape
        shape = (len(windows), bins, len(classes), 3)
        yield number, [window["events"] for window in windows], recorded.reshape(shape), targets.reshape(shape)


def test_targets_as_released(golden):
    largest = 0.0
    for number, events, recorded, targets in encoded(golden, encode_events_as_released):
        for window in range(len(recorded)):
            difference = np.abs(recorded[window] - targets[window]).max()
            assert difference <= 1e-6, f"case {number}, window {window}: {difference}, events {events[window]}"
            largest = max(largest, difference)
    print(f"released targets: largest difference {largest:.1e}")


def test_described_targets_differ_from_the_released_at_known_places_alone(golden):
    """They are the last bin's end, the rounding, and classes whose events the two readings join differently."""
    labels = read_json(golden / "labels.json")
    width = labels["window_s"] / labels["bins"]
    # Fractions are rounded to 1e-6; the last bin's end falls short by 1e-6 s; both as float32.
    bound = {"rounded": 0.6e-6, "last bin's end": 1e-6 / width + 0.6e-6, "joined otherwise": 1.0}
    largest, count = dict.fromkeys(bound, 0.0), dict.fromkeys(bound, 0)
    for number, events, recorded, targets in encoded(golden, encode_events):
        place = np.full(recorded.shape, "rounded", dtype=object)
        place[:, -1, :, 2][targets[:, -1, :, 2] == 1] = "last bin's end"
        otherwise = joined_otherwise(labels["cases"][number], labels["classes"], events, width)
        place.swapaxes(1, 2)[otherwise] = "joined otherwise"
        difference = np.abs(recorded - targets)
        for name in bound:
            here = difference[place == name]
            assert (here <= bound[name]).all(), f"case {number}, {name}: {here.max()}"
            largest[name] = max(largest[name], here.max(initial=0))
            count[name] += (here > 1e-7).sum()
    for name in bound:
        print(f"described targets, {name}: {count[name]} values differ, by at most {largest[name]:.1e}")


def joined_otherwise(case, classes, events, width):
    """Which classes of which windows the two readings may join differently: (windows, classes) bool.

    These are the classes whose events share a bin or are not listed in the order of their onsets.
    """
    marks = np.zeros((len(events), len(classes)), bool)
    for (index, place), _ in np.ndenumerate(marks):
        window, label = case["windows"][index], classes[place]
        listed = [
            onset
            for onset, offset, name in case["annotation_ms"]
            if name == label and offset / 1000 > window["start"] and onset / 1000 <= window["stop"]
        ]
        own = sorted(event[:2] for event in events[index] if event[2] == label)
        shared = any(before[1] // width >= after[0] // width for before, after in zip(own[:-1], own[1:], strict=True))
        marks[index, place] = listed != sorted(listed) or shared
    return marks


# ---- features --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def clips(golden):
    """For each recorded clip its samples, window ranges and features; then the sample rate, window length and hop."""
    settings = read_json(golden / "features.json")
    with np.load(golden / "features.npz") as arrays:
        found = [
            (arrays[f"audio_{index}"], arrays[f"ranges_{index}"], arrays[f"logmel_{index}"])
            for index in range(len(settings["clips"]))
        ]
    assert found
    return found, settings["sr"], settings["win_s"], settings["hop_s"]


def test_windows(clips):
    found, rate, length, hop = clips
    for samples, ranges, _ in found:
        onsets = window_onsets(len(samples) / rate, length, hop)
        assert len(onsets) == len(ranges)
        np.testing.assert_allclose(np.stack([onsets, onsets + length], axis=1), ranges, atol=1e-9)


def test_features(clips):
    found, rate, length, hop = clips
    front_end = configured_front_end()
    assert front_end.sample_rate == rate
    largest = 0.0
    for samples, _, recorded in found:
        if samples.dtype == np.int16:
            samples = samples / np.float32(2**15)
        onsets = window_onsets(len(samples) / rate, length, hop)
        features = front_end(cut_windows(samples, onsets, length, rate))
        assert features.shape == recorded.shape
        largest = max(largest, np.abs(features - recorded).max())
    print(f"features: largest difference {largest:.1e} dB")
    assert largest <= 1e-3


# ---- decoding --------------------------------------------------------------------------------------------------------


def test_decoded_events_as_released(golden):
    """Every event agrees to the millisecond, in order; the released order of classes at one onset is arbitrary."""
    recordings = read_json(golden / "decode_as_released.json")
    classes, length = recordings["classes"], recordings["window_s"]
    threshold, merge_gap = recordings["threshold"], recordings["max_event_silence_s"]
    decoder = Decoder(classes, length, threshold, merge_gap, end_from="onset")
    count = 0
    for number, case in enumerate(recordings["cases"]):
        ranges, outputs = np.array(case["window_ranges"]), np.array(case["pred"])
        np.testing.assert_allclose(ranges[:, 1] - ranges[:, 0], length, atol=1e-9)
        assert outputs.shape == (len(ranges), recordings["bins"], 3 * len(classes))
        windows = pd.DataFrame({"filename": "mix", "onset": ranges[:, 0], "mix_duration": np.inf})
        events = decoder.events(outputs, windows)
        assert (events["filename"] == "mix").all()
        decoded = list(events[["onset", "offset", "event_label"]].itertuples(index=False, name=None))
        recorded = [(round(onset, 3), round(offset, 3), label) for onset, offset, label in case["events"]]
        for rows in (decoded, recorded):
            assert [row[0] for row in rows] == sorted(row[0] for row in rows)
            rows.sort(key=lambda row: (row[0], row[2], row[1]))
        wrong = sorted(set(decoded) ^ set(recorded))
        assert decoded == recorded, f"case {number}, decoded or recorded but not both: {wrong}"
        count += len(recorded)
    print(f"decoded events: {count} of {count} identical to the millisecond")


# ---- loss ------------------------------------------------------------------------------------------------------------


def test_loss(golden):
    with np.load(golden / "loss.npz") as arrays:
        outputs, targets, recorded = (arrays[name] for name in ("pred", "target", "loss"))
    losses = data_loss(torch.from_numpy(outputs), torch.from_numpy(targets)).numpy()
    assert losses.shape == recorded.shape
    print(f"loss: largest relative difference {np.abs(losses / recorded - 1).max():.1e}")
    np.testing.assert_allclose(losses, recorded, rtol=1e-5)


# ---- forward passes --------------------------------------------------------------------------------------------------

# Keras's names of a layer's tensors, and PyTorch's.
TENSORS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def kernel(values, layer):
    """A Keras kernel in PyTorch's layout: outputs first, inputs second; depthwise (height, width, channels, 1)."""
    if layer == "DepthwiseConv2D":
        return values.transpose(2, 3, 0, 1)
    return values.transpose(*range(values.ndim - 1, values.ndim - 3, -1), *range(values.ndim - 2))


def fill(network, recorded):
    """Draw the recorded weights into a network, layer by layer; returns the generator, and how many were drawn."""
    generator = np.random.Generator(np.random.PCG64(recorded["seed"]))
    layers = {}
    for weight in recorded["weights"]:
        low, high, shape = weight["low"], weight["high"], weight["shape"]
        drawn = np.float32(low + (high - low) * generator.random(shape)) if weight["drawn"] else np.full(shape, low)
        layers.setdefault(weight["name"].split("/")[0], []).append((weight, drawn))
    own = [module for module in network.modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.BatchNorm2d)]
    drawn_layers = [layer for layer in layers.values() if any(weight["drawn"] for weight, _ in layer)]
    assert len(own) == len(drawn_layers)
    filled = 0
    with torch.no_grad():
        for module, layer in zip(own, drawn_layers):
            for weight, values in layer:
                kind = weight["name"].split("/")[1]
                values = kernel(values, weight["layer"]) if kind == "kernel" else values
                tensor = getattr(module, TENSORS[kind])
                assert tensor.shape == values.shape, weight["name"]
                tensor.copy_(torch.from_numpy(values.copy()))
                filled += tensor.numel()
        # The released mask's frozen convolution of ones is a constant here.
        for layer in (layer for layer in layers.values() if layer not in drawn_layers):
            ((weight, values),) = layer
            copies = next(buffer for name, buffer in network.named_buffers() if name.endswith("copies"))
            assert copies.numel() == values.size and (copies.numpy().ravel() == values.ravel()).all(), weight["name"]
            filled += copies.numel()
    return generator, filled


@pytest.mark.parametrize(
    ("name", "backbone", "mask"),
    [("yoho", "mobilenet", "none"), ("vggish", "vggish_linear", "none"), ("effnet_mask", "efficientnet", "backbone")],
)
def test_forward_pass(golden, name, backbone, mask):
    """Outputs agree within 1e-4, and this network has every parameter that Keras counts."""
    recorded = read_json(golden / f"model_{name}.json")
    with np.load(golden / f"model_{name}.npz") as arrays:
        outputs = arrays["y"]
    front_end = configured_front_end()
    frames, n_mels = front_end.frames(2.56), front_end.n_mels
    network = Network(
        backbone=backbone,
        mask=mask,
        masking="multiply_and_divide",
        pretrained=False,
        classes=outputs.shape[2] // 3,
        frames=frames,
        n_mels=n_mels,
        bins=outputs.shape[1],
    ).eval()
    network.standardise(0.0, network.divisor)
    generator, filled = fill(network, recorded)
    windows = np.float32(-80 + 100 * generator.random((len(outputs), frames, n_mels)))
    with torch.no_grad():
        difference = np.abs(network(torch.from_numpy(windows)).numpy() - outputs).max()
    # Keras counts 3 parameters for each Normalization layer (mean, variance, count); here it is the rescaling itself.
    parameters = network_size(network, frames, n_mels)["parameters"]
    print(f"{name}: largest difference {difference:.1e}; {parameters:,} parameters, Keras {recorded['params']:,}")
    assert filled == parameters == recorded["params"] - 3 * len(recorded["normalization"])
    assert recorded["params"] == {"yoho": 3_934_290, "vggish": 15_271_570, "effnet_mask": 4_984_530}[name]
    for mean, variance in recorded["normalization"]:
        assert (mean, variance) == ([0.0], [1.0])
    assert difference <= 1e-4
