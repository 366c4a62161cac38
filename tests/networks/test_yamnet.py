"""YAMNet: its published weights and its log-mel, against TensorFlow Lite and against formulas written anew here."""

import csv
import math
import re

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from places import ROOT
from yoho import InputError
from yoho.networks import yamnet
from yoho.networks.yamnet import CLASSES, published_layers

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of the depthwise convolutions
SPEECH = 0


def presences(published, patches):
    """Presences (patches, 521) of the network for patches (patches, 96, 64)."""
    backbone, head = published
    with torch.inference_mode():
        return head(backbone(torch.from_numpy(patches)[:, None]).mean(dim=(2, 3))).sigmoid().numpy()


def presences_of_tensorflow(path, patches):
    """The same, computed by TensorFlow Lite in whole numbers."""
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for patch in patches:
        interpreter.set_tensor(given["index"], patch[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(found["index"]).ravel().copy())
    return np.stack(outputs)


def tensors_of_tensorflow(path):
    """Yield kernel and bias of each layer, as TensorFlow Lite's own interpreter gives them, times their scales."""
    interpreter = Interpreter(str(path))
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def dequantised(index):
        quantisation = details[index]["quantization_parameters"]
        assert not quantisation["zero_points"].any()
        values = np.moveaxis(interpreter.get_tensor(index), quantisation["quantized_dimension"], -1)
        return np.moveaxis(values * quantisation["scales"].astype(float), -1, quantisation["quantized_dimension"])

    for index, tensor in details.items():
        if tensor["dtype"] == np.int32 and len(tensor["quantization_parameters"]["scales"]):  # a bias, after its kernel
            yield dequantised(index - 1), dequantised(index)


def presences_by_hand(path, patch):
    """The same for one patch (96, 64), in double precision, with NumPy alone."""
    (stem, stem_bias), *layers, (head, head_bias) = tensors_of_tensorflow(path)
    image = relu6(convolved(patch[:, :, None], stem, 2) + stem_bias)
    for number, stride in enumerate(STRIDES):
        (depthwise, bias), (pointwise, pointwise_bias) = layers[2 * number : 2 * number + 2]
        image = relu6((strided(image, 3, stride) * depthwise[0].transpose(2, 0, 1)).sum(axis=(3, 4)) + bias)
        image = relu6(convolved(image, pointwise, 1) + pointwise_bias)
    return 1 / (1 + np.exp(-(head @ image.mean(axis=(0, 1)) + head_bias)))


def relu6(image):
    return image.clip(0, 6)


def convolved(image, kernel, stride):
    """A convolution without its bias; kernel: (out, height, width, in)."""
    return np.tensordot(strided(image, kernel.shape[1], stride), kernel, axes=((3, 4, 2), (1, 2, 3)))


def strided(image, size, stride):
    """What each output sees, (height, width, channels, size, size), with TensorFlow's "same" padding."""
    sides = []
    for length in image.shape[:2]:
        added = max((-(-length // stride) - 1) * stride + size - length, 0)
        sides.append((added // 2, added - added // 2))
    padded = np.pad(image, [*sides, (0, 0)])
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))[::stride, ::stride]


@pytest.fixture(scope="module")
def speech(shared_yamnet):
    """Coral's test spectra: a patch of speech."""
    return np.fromfile(shared_yamnet / "yamnet_test_spectra.bin", np.float32).reshape(1, 96, 64)


@pytest.fixture(scope="module")
def patches(speech, windows):
    """The patch of speech and one of each clip."""
    return np.concatenate([speech, np.stack([window[80:176] for window in windows.values()])])


# ---- the network -----------------------------------------------------------------------------------------------------


def test_speech_is_speech(published, speech):
    (found,) = presences(published, speech)
    assert found.argmax() == SPEECH and found[SPEECH] == pytest.approx(0.945, abs=0.005)


def test_network_computes_what_tensorflow_does_up_to_its_whole_numbers(published, patches, tflite_file):
    """TensorFlow Lite rounds every map to 8 bits. Measured on these patches: 0.004 on speech, 0.064 at most."""
    expected, found = presences_of_tensorflow(tflite_file, patches), presences(published, patches)
    assert len(patches) > 8 and (expected.max(axis=1) > 0.2).all() and len(set(expected.argmax(axis=1))) > 8
    difference = np.abs(found - expected)
    assert (
        difference[0].max() < 0.005 and difference.max() < 0.07 and np.sqrt((difference**2).mean(axis=1)).max() < 0.004
    )
    for one, other in ((found, expected), (expected, found)):
        for row, place in zip(one, np.argsort(-other, axis=1)[:, :6], strict=True):
            assert {number for number in np.argsort(-row)[:5] if row[number] > 0.02} <= set(place)


def test_network_computes_what_the_dequantised_weights_do(published, patches, tflite_file):
    for patch in patches[:2]:
        (found,) = presences(published, patch[None])
        np.testing.assert_allclose(found, presences_by_hand(tflite_file, patch), rtol=0, atol=1e-4)


def damaged(path, folder, how):
    """A copy of the file that is cut short or holds something else."""
    whole = path.read_bytes()
    copy = folder / "yamnet.tflite"
    contents = {"empty": b"", "page": b"<html>404</html>" * 99, "zeros": bytes(5000), "head": whole[:1000]}
    copy.write_bytes((contents | {"half": whole[: len(whole) // 2], "most": whole[:-1]})[how])
    return copy


@pytest.mark.parametrize("how", ["empty", "page", "zeros", "head", "half", "most"])
def test_file_that_holds_no_whole_yamnet_is_one_line(tflite_file, tmp_path, how):
    path = damaged(tflite_file, tmp_path, how)
    with pytest.raises(InputError) as raised:
        published_layers(path)
    assert re.fullmatch(rf"{path}: holds no YAMNet \(.*\); fetch the file again", str(raised.value))


def test_missing_file_is_one_line(tmp_path):
    with pytest.raises(
        InputError, match=r"^.*/none\.tflite: holds no YAMNet \(.*No such file.*\); fetch the file again$"
    ):
        published_layers(tmp_path / "none.tflite")


@pytest.mark.parametrize("change", [lambda layers: layers[1:], lambda layers: [*layers[:5], *layers]])
def test_another_network_is_refused(tflite_file, monkeypatch, change):
    layers = list(yamnet.layers_of(tflite_file))
    monkeypatch.setattr(yamnet, "layers_of", lambda path: change(layers))
    with pytest.raises(InputError, match="holds no YAMNet"):
        published_layers(tflite_file)


def test_classes_are_those_of_the_published_map(shared_yamnet):
    with open(shared_yamnet / "class_map.csv", newline="") as file:
        expected = [tuple(row.values()) for row in csv.DictReader(file)]
    with open(ROOT / "workflow/resources/audioset.csv", newline="") as file:
        found = [tuple(row[name] for name in ("index", "id", "event_label")) for row in csv.DictReader(file)]
    assert found == expected and len(found) == CLASSES


# ---- its log-mel -----------------------------------------------------------------------------------------------------


def mel_of_tensorflow(bands=64, bins=257, rate=16000, low=125.0, high=7500.0):
    """`tf.signal.linear_to_mel_weight_matrix`, (frequencies, bands)."""

    def mel(hertz):
        return 1127.0 * math.log1p(hertz / 700.0)

    edges = [mel(low) + number * (mel(high) - mel(low)) / (bands + 1) for number in range(bands + 2)]
    weights = np.zeros((bins, bands))
    for frequency in range(1, bins):  # The first frequency is in no band.
        at = mel(frequency * rate / 2 / (bins - 1))
        for band, (lower, centre, upper) in enumerate(zip(edges, edges[1:], edges[2:])):
            weights[frequency, band] = max(0.0, min((at - lower) / (centre - lower), (upper - at) / (upper - centre)))
    return weights


def log_mel_of_tensorflow(samples):
    """YAMNet's features of a signal: `tf.signal.stft` (25 ms every 10 ms, without padding), mel bands, logarithm."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)  # periodic
    begins = range(0, len(samples) - 400 + 1, 160)
    spectra = np.abs(np.stack([np.fft.rfft(samples[begin : begin + 400] * hann, 512) for begin in begins]))
    return np.log(spectra @ mel_of_tensorflow() + 0.001)


def sounds():
    """Windows of 2.56 s at 16 kHz, (windows, samples)."""
    rng, seconds = np.random.default_rng(0), np.arange(40960) / 16000
    tone = np.sin(2 * np.pi * 440.7 * seconds)
    return np.stack([0.1 * rng.normal(size=40960), 0.5 * tone, 1e-4 * tone, 0 * tone, (3 * tone).clip(-1, 1)]).astype(
        np.float32
    )


@pytest.mark.parametrize("precision, beside_a_loud_tone", [("double", 1e-4), ("single", 5e-3)])
def test_log_mel_is_tensorflow_s(front_end, precision, beside_a_loud_tone):
    """A frame is centred on its sample here and begins with it there; beyond a window's edges lie zeros.

    In single precision, a band far below a tone is rounded: there the difference was 0.003, elsewhere 0.000001.
    """
    found = front_end(sounds(), precision)
    assert found.shape == (5, 257, 64) and found.dtype == np.float32
    for number, (image, samples) in enumerate(zip(found, sounds(), strict=True)):
        expected = log_mel_of_tensorflow(np.pad(samples.astype(float), 200))
        np.testing.assert_allclose(image, expected, rtol=0, atol=beside_a_loud_tone if number in (1, 4) else 1e-4)


def test_mel_filters_are_tensorflow_s(front_end):
    np.testing.assert_allclose(front_end.mel, mel_of_tensorflow(), rtol=0, atol=1e-9)


def test_log_mel_keeps_the_level_of_a_window(front_end):
    loud, soft = front_end(np.stack([sounds()[0], sounds()[0] / 10]))
    assert np.median(loud - soft) == pytest.approx(np.log(10), abs=0.05)


def test_log_mel_of_speech_is_that_of_coral(front_end, shared_yamnet, speech):
    """Coral scales the audio to peak 1, and computes in single precision on a microcontroller."""
    samples = np.fromfile(shared_yamnet / "yamnet_test_audio.bin", np.int16).astype(float)
    samples /= np.abs(samples).max()
    # With 120 zeros in front, the third frame is centred on sample 200, as Coral's first one is.
    padded = np.pad(samples, 120)[None]
    image = front_end(padded)[0, 2:98]
    difference = np.abs(image - speech[0])
    assert difference.mean() < 0.02 and difference.max() < 0.52
