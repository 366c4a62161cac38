"""The CRNN, YOHO's rival: its sizes, what its outputs mean, its ONNX file, and that it learns."""

import numpy as np
import pytest
import torch

import small
from untrained import fitted
from yoho import InputError
from yoho.networks.crnn import Recurrent
from yoho.networks.export import onnx_model
from yoho.networks.network import Network
from yoho.networks.runtime import OnnxEngine
from yoho.networks.sizes import network_size
from yoho.training.fit import fit


def crnn(frames=257, bins=64, classes=2):
    torch.manual_seed(0)
    kind = {"backbone": "crnn", "mask": "none", "masking": "multiply", "pretrained": False}
    return Network(**kind, classes=classes, frames=frames, n_mels=40, bins=bins)


@pytest.mark.parametrize("frames, bins", [(257, 64), (1025, 256)])
def test_presence_of_each_frame_lasts_from_its_start_to_its_end(frames, bins):
    network = crnn(frames, bins).eval()
    windows = torch.randn(2, frames, 40)
    assert network.maps(windows).shape == (2, 256, bins, 1)
    presence, start, end = network(windows).unflatten(-1, (2, 3)).unbind(-1)
    assert presence.shape == (2, bins, 2) and ((presence > 0) & (presence < 1)).all() and presence.std() > 0
    assert (start == 0).all() and (end == 1).all()


def test_frame_hears_what_is_before_and_after_it():
    windows = torch.randn(1, 257, 40, requires_grad=True)
    crnn().eval()(windows)[0, 32, 0].backward()
    assert (windows.grad[0, [0, -2]] != 0).any(dim=1).all()  # The last frame of 257 is beyond the last pooling.


def test_parameters_and_arithmetic_by_hand():
    sizes, cells = (1, 16, 32, 64, 128, 128), (257 * 40, 128 * 20, 64 * 10, 64 * 5, 64 * 2)
    pairs = list(zip(sizes, sizes[1:]))
    # convolution, batch norm, gated linear unit; then two GRU layers of two directions with two biases; then the head
    parameters = sum(9 * a * b + b + 2 * b + b * b + b for a, b in pairs)
    parameters += 2 * 3 * 128 * (128 + 128 + 2) + 2 * 3 * 128 * (256 + 128 + 2) + 257 * 2
    arithmetic = sum((9 * a * b + b * b) * places for (a, b), places in zip(pairs, cells))
    arithmetic += 64 * (2 * 3 * 128 * (128 + 128) + 2 * 3 * 128 * (256 + 128) + 256 * 2)
    found = network_size(crnn(), 257, 40)
    assert found["trainable_parameters"] == parameters and found["multiply_accumulates"] == arithmetic


def test_other_number_of_bins_is_one_line():
    with pytest.raises(InputError, match="^backbone crnn: gives 64 frames for 9 bins; name windows with as many bins$"):
        crnn(bins=9)


def test_onnx_runtime_computes_the_same_for_any_number_of_windows():
    network, generator = crnn(), torch.Generator().manual_seed(1)
    windows = torch.randn(5, 257, 40, generator=generator)
    fitted(network, windows)
    for norm in ("weight_ih_l0", "weight_hh_l1_reverse", "bias_hh_l0", "bias_ih_l1"):  # larger, so that gates matter
        with torch.no_grad():
            getattr(network.backbone.recurrent, norm).mul_(4)
    engine = OnnxEngine(onnx_model(network, windows, "features").SerializeToString())
    for count in (1, 5):
        with torch.no_grad():
            expected = network(windows[:count]).numpy()
        np.testing.assert_allclose(engine(windows[:count].numpy()), expected, atol=1e-5)
    assert expected[..., ::3].std() > 0.01


def test_recurrent_layers_are_those_of_pytorch():
    torch.manual_seed(0)
    layers = Recurrent(3, 4, 2)
    plain = torch.nn.GRU(3, 4, 2, batch_first=True, bidirectional=True)
    plain.load_state_dict(layers.state_dict())
    frames = torch.randn(2, 5, 3)
    torch.testing.assert_close(layers(frames), plain(frames)[0])


def test_training_on_presence_learns_in_which_frames_a_class_sounds():
    rng = np.random.default_rng(0)
    present = np.repeat(rng.random((24, 8, 2)) < 0.5, 8, axis=1)  # (windows, 64 frames, classes)
    features = rng.normal(-60, 3, (24, 257, 40))
    features[:, :256, :20] += 30 * np.repeat(present[..., :1], 4, axis=1)
    features[:, :256, 20:] += 30 * np.repeat(present[..., 1:], 4, axis=1)
    targets = np.zeros((24, 64, 2, 3))
    targets[..., 0] = targets[..., 2] = present
    data = [torch.tensor(part, dtype=torch.float32) for part in (features, targets.reshape(24, 64, 6))]
    settings = small.SETTINGS | {"loss": "cross_entropy", "learning_rate": 0.003, "epochs": 8, "batch_size": 6}
    how = {"score": small.bin_scores(data[1]), "progress": small.Bar, "seed": 0, "device": small.CPU}
    found = fit(crnn(), data, data, small.NothingKept(), settings=settings, **how)
    losses = found.history["train_data_loss"]
    assert losses.iloc[0] < 2 * np.log(2) and losses.iloc[-1] < losses.iloc[0] / 2
    assert found.history["f1"].iloc[-1] > 0.9
