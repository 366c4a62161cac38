"""Training learns, repeats itself, keeps the best or the last epoch and does not augment what it scores."""

import errno
import io
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from timm.layers import DropPath
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from small import (
    AUGMENTATION,
    BINS,
    CLASSES,
    CPU,
    MASKS,
    NO_PENALTY,
    RELEASED,
    SETTINGS,
    Bar,
    Killed,
    NothingKept,
    Small,
    bin_scores,
    made_up,
    paper_network,
    same,
)
from yoho import InputError, job
from yoho import files as files_module
from yoho.networks.backbones import BACKBONES
from yoho.networks.device import predict
from yoho.networks.masking import POSITIONS
from yoho.networks.network import Network
from yoho.scoring.segments import SCORES
from yoho.training.batches import Stored, batches, mean_and_deviation, to_device
from yoho.training.checkpoint import Checkpoint
from yoho.training.fit import fit, learning_rate, rows_of, seed_of
from yoho.training.step import autocast, choose_precision, penalty
from yoho.windows.augment import spec_augment
from yoho.windows.loss import data_loss

HISTORY = ["epoch", "windows_seen", "learning_rate", "train_data_loss", "train_penalty", "train_loss"]
HISTORY += ["valid_data_loss", "valid_penalty", "valid_loss"]


def train(seed=0, network=None, score=None, bar=Bar, data=None, held_out=None, checkpoint=None, begun=None, **changes):
    """Train a small network; returns `Fitted`."""
    torch.manual_seed(seed)
    network = network or Small()
    training, valid = data or (made_up(30, 1), made_up(20, 2))
    settings, score = SETTINGS | changes, score or bin_scores(valid[1])
    run = {"score": score, "progress": bar, "settings": settings, "seed": seed, "device": CPU, "begun": begun}
    return fit(network, training, valid, checkpoint or NothingKept(), held_out=held_out, **run)


def outputs_of(network, features, **changes):
    """`predict` on the CPU."""
    return predict(network, features, **{"device": CPU} | changes)


def spying():
    """A small network that records its input: (network, {training or not: batches of windows})."""
    seen = {True: [], False: []}

    class Spy(Small):
        def forward(self, windows):
            seen[self.training].append(windows.detach().clone())
            return super().forward(windows)

    return Spy(), seen


# ---- learning --------------------------------------------------------------------------------------------------------


def test_loss_falls_and_f1_rises():
    history = train(epochs=12, learning_rate=0.003).history
    assert history["train_data_loss"].iloc[-1] < 0.5 * history["train_data_loss"].iloc[0]
    assert history["valid_data_loss"].iloc[-1] < 0.5 * history["valid_data_loss"].iloc[0]
    assert history["f1"].iloc[-1] > 0.9 > history["f1"].iloc[0]


def test_same_seed_same_history_and_weights():
    history, classwise, weights, best = train(seed=3)[:4]
    again, classwise_again, weights_again, best_again = train(seed=3)[:4]
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    pd.testing.assert_frame_equal(classwise, classwise_again, check_exact=True)
    assert best == best_again and weights.keys() == weights_again.keys()
    assert all(torch.equal(weights[name], weights_again[name]) for name in weights)


def test_other_seed_other_history_even_from_the_same_weights():
    start = Small().state_dict()

    def trained(seed):
        network = Small()
        network.load_state_dict(start)
        training, valid = made_up(30, 1), made_up(20, 2)
        score = bin_scores(valid[1])
        history = train(seed, network, score, data=(training, valid)).history
        return history["train_data_loss"].to_list()

    assert trained(0) == trained(0) != trained(1)


def test_draws_of_the_caller_do_not_change_the_training():
    """Random numbers that other code draws after the network is built, such as a score, change nothing."""
    training, valid = made_up(30, 1), made_up(20, 2)
    score = bin_scores(valid[1])

    def drawing(outputs):
        torch.rand(7)
        return score(outputs)

    first, second = (train(score=own, data=(training, valid)).history for own in (score, drawing))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_epochs_differ_in_order_and_masks():
    assert len({seed_of(seed, epoch) for seed in range(20) for epoch in range(1, 101)}) == 2000
    assert seed_of(1, 2) == seed_of(1, 2)


@pytest.mark.parametrize(
    "share, parts",
    [(1, [range(30)]), (0.5, [range(15), range(15, 30)]), (0.3, [range(10), range(10, 20), range(20, 30)])],
)
def test_epochs_take_the_parts_of_the_windows_in_turn_each_in_an_order_of_its_own(share, parts):
    network, seen = spying()
    training = made_up(30, 1)
    augmentation = AUGMENTATION | {"frequency_stripes": 0, "time_stripes": 0}
    history = train(
        network=network, data=(training, made_up(20, 2)), epochs=6, epoch_share=share, augmentation=augmentation
    ).history
    same_window = (torch.cat(seen[True])[:, None] == training[0]).all(dim=(2, 3))
    orders = [order.tolist() for order in same_window.nonzero()[:, 1].split(30 // len(parts))]
    assert [sorted(order) for order in orders] == [list(part) for part in parts] * (6 // len(parts))
    assert len({tuple(order) for order in orders}) == 6
    assert not any(order == sorted(order) for order in orders)
    assert history["windows_seen"].to_list() == [30 // len(parts) * epoch for epoch in range(1, 7)]


@pytest.mark.parametrize("count, share, sizes", [(31, 1 / 3, {10, 11}), (60_000, 1 / 16, {3750}), (7, 1, {7})])
def test_parts_of_the_windows_are_whole_and_equal_but_for_one_window(count, share, sizes):
    parts = [rows_of(epoch, count, share) for epoch in range(1, round(1 / share) + 1)]
    assert [row for part in parts for row in part] == list(range(count))
    assert {len(part) for part in parts} == sizes
    assert rows_of(len(parts) + 1, count, share) == parts[0]


def test_windows_seen_are_counted_where_parts_differ_in_size():
    history = train(data=(made_up(31, 1), made_up(20, 2)), epochs=4, epoch_share=1 / 3).history
    assert history["windows_seen"].to_list() == [10, 20, 31, 41]


def draws_of(mask):
    """What stochastic depth and the dropout before the neck keep in three batches of four windows.

    A list with a bool tensor, (batch,) or (batch, channels), for each of these layers and batches.
    """
    torch.manual_seed(0)
    sizes = {"classes": CLASSES, "frames": 64, "n_mels": 40, "bins": 2}
    settings = {"backbone": "efficientnet", "mask": mask, "masking": "multiply", "pretrained": False, "dropout": 0.3}
    network, kept = Network(**settings, **sizes), []

    def keep(layer, _, output):
        if layer.training:
            kept.append(output.flatten(-2).any(dim=-1) if layer is network.dropout else output.flatten(1).any(dim=1))

    for layer in network.modules():
        if layer is network.dropout or isinstance(layer, DropPath):
            layer.register_forward_hook(keep)
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(12, 64, 40, generator=generator), torch.rand(12, 2, 3 * CLASSES, generator=generator)
    train(network=network, data=(data, data), score=scripted([0.5]), epochs=1, batch_size=4)
    return kept


@pytest.mark.parametrize("mask", POSITIONS)
def test_a_mask_does_not_change_what_stochastic_depth_and_dropout_draw(mask):
    """Its own dropout draws in every batch."""
    plain, masked = draws_of("none"), draws_of(mask)
    assert all(torch.equal(one, other) for one, other in zip(plain, masked, strict=True))
    first, second, third = zip(*[iter(plain)] * (len(plain) // 3), strict=True)
    for one, other in ((first, second), (second, third)):
        assert any(not torch.equal(before, after) for before, after in zip(one, other, strict=True))


def test_weights_move_with_every_batch_of_an_epoch():
    class Recorder(Bar):
        seen = []

        def update(self):
            super().update()
            self.seen.append(network.head.weight.detach().clone())

    network = Small()
    train(network=network, bar=Recorder, epochs=1)
    assert len(Recorder.seen) == 4  # 30 windows in batches of 8
    assert not any(torch.equal(one, other) for one, other in zip(Recorder.seen[:-1], Recorder.seen[1:], strict=True))


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_history_has_a_row_an_epoch_and_no_clock():
    history, classwise, _, _ = train()[:4]
    assert list(history.columns) == [*HISTORY, *SCORES]
    assert history["epoch"].to_list() == [1, 2, 3, 4]
    assert history.notna().all(axis=None)
    assert set(classwise.columns) == {"epoch", "event_label", *SCORES}
    assert classwise["epoch"].to_list() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert classwise["event_label"].to_list() == ["high", "low"] * 4


def scripted(f1s):
    """A score that ignores the outputs and gives one of these F1s for each epoch."""
    values = iter(f1s)

    def score(outputs):
        f1 = next(values)
        return dict.fromkeys(SCORES, f1), pd.DataFrame({"event_label": ["high"]} | dict.fromkeys(SCORES, [f1]))

    return score


@pytest.mark.parametrize(
    "f1s, best",
    [([0.1, 0.6, 0.5, 0.2], 2), ([0.9, 0.6, 0.5, 0.2], 1), ([0.1, 0.2, 0.3, 0.4], 4), ([0.3, 0.1, 0.31, 0.2], 3)],
)
def test_best_epoch_is_the_best_by_validation_f1(f1s, best):
    history, _, _, found = train(score=scripted(f1s))[:4]
    assert found == best == history["f1"].idxmax() + 1


def test_of_epochs_with_one_f1_the_lowest_validation_loss_wins():
    """The learning rate rises a hundredfold after three epochs, and so does the loss."""
    settings = {"epochs": 6, "learning_rate": 0.003, "schedule": "step", "step_every": 3, "step_factor": 100.0}
    history, _, _, best = train(score=scripted([0.0] * 6), **settings)[:4]
    assert best == history["valid_data_loss"].idxmin() + 1
    assert 1 < best < 6


def test_a_tie_is_not_broken_by_the_windows_of_the_validation_loss():
    """`hop` and masked validation windows change only the reported loss, never the epoch that is kept."""
    settings = {"epochs": 6, "learning_rate": 0.2}
    plain = train(score=scripted([0.5] * 6), **settings)
    masked = train(score=scripted([0.5] * 6), augmentation=AUGMENTATION | {"validation": True}, **settings)
    assert not np.allclose(plain.history["valid_data_loss"], masked.history["valid_data_loss"])
    assert plain.epoch == masked.epoch


@pytest.mark.parametrize("tested, best, kept", [("best", 1, 1), ("best", 3, 3), ("best", 6, 6), ("last", 3, 6)])
def test_weights_returned_are_those_of_the_best_or_the_last_epoch(tested, best, kept):
    """The validation loss computed from them equals that of the history, which had no augmentation or dropout."""
    f1s = [0.5] * 6
    f1s[best - 1] = 0.9
    valid = made_up(20, 2)
    history, _, weights, found = train(
        score=scripted(f1s), epochs=6, tested_epoch=tested, data=(made_up(30, 1), valid)
    )[:4]
    network = Small()
    network.load_state_dict(weights)
    loss = data_loss(outputs_of(network, valid[0]), valid[1]).mean().item()
    assert found == kept
    assert loss == pytest.approx(history["valid_data_loss"][kept - 1], rel=1e-5)
    assert (history["valid_data_loss"].drop(kept - 1) - loss).abs().min() > 1e-4


def test_weights_returned_carry_the_mean_and_deviation_of_the_training_features():
    training = made_up(30, 1)
    weights = train(data=(training, made_up(20, 2)), epochs=1).weights
    assert weights["mean"].item() == pytest.approx(training[0].mean().item(), rel=1e-5)
    assert weights["deviation"].item() == pytest.approx(training[0].std().item(), rel=1e-5)


def test_averages_of_the_weights_are_validated_and_kept_and_the_weights_learn_as_without_them():
    valid = made_up(20, 2)
    plain, averaged = (train(tested_epoch="last", data=(made_up(30, 1), valid), ema_decay=ema) for ema in (0, 0.9))
    learned = ["train_data_loss", "train_penalty", "learning_rate"]
    assert averaged.history[learned].equals(plain.history[learned])
    network = Small()
    network.load_state_dict(averaged.weights)
    loss = data_loss(outputs_of(network, valid[0]), valid[1]).mean().item()
    assert loss == pytest.approx(averaged.history["valid_data_loss"].iloc[-1], rel=1e-5)
    assert not np.isclose(loss, plain.history["valid_data_loss"].iloc[-1], rtol=1e-3)


@pytest.mark.parametrize("backbone, deviation", [("mobilenet", 1), ("vggish_linear", 1), ("efficientnet", 255)])
def test_decibels_enter_as_they_are_or_by_255_as_released(backbone, deviation):
    network = Small()
    network.divisor = BACKBONES[backbone].divisor
    weights = train(network=network, epochs=1, input="decibels").weights
    assert (weights["mean"].item(), weights["deviation"].item()) == (0, deviation)


# ---- SpecAugment and dropout -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fill, given", [("mean", "standardised"), ("mean", "decibels"), (0, "decibels"), (-7.5, "standardised")]
)
def test_specaugment_is_on_training_batches_alone(fill, given):
    """Training sees masked windows, validation the windows themselves."""
    network, seen = spying()
    training, valid = made_up(30, 1), made_up(20, 2)
    augmentation = AUGMENTATION | {"fill": fill}
    train(network=network, data=(training, valid), epochs=1, augmentation=augmentation, input=given)
    assert torch.equal(torch.cat(seen[False]), valid[0])
    batches = torch.cat(seen[True])
    masked = (batches - (training[0].mean() if fill == "mean" else fill)).abs() < 1e-4
    assert len(batches) == 30 and masked.flatten(1).any(1).sum() > 20
    for window, kept in zip(batches, ~masked, strict=True):  # the training window except where it is masked
        assert sum(torch.equal(window[kept], other[kept]) for other in training[0]) == 1


@pytest.mark.parametrize("draw, shared", [("window", False), ("batch", True)])
def test_windows_of_a_batch_share_their_masks_where_they_are_drawn_for_the_batch(draw, shared):
    network, seen = spying()
    train(network=network, epochs=2, augmentation=AUGMENTATION | {"draw": draw, "fill": 0})
    masks = [batch == 0 for batch in seen[True]]
    assert [torch.equal(mask, mask[:1].expand_as(mask)) for mask in masks] == [shared] * 8
    assert len({tuple(mask[0].flatten().tolist()) for mask in masks}) > 5  # each batch has others


def test_without_masks_training_sees_every_window_once_an_epoch_in_another_order():
    network, seen = spying()
    training = made_up(30, 1)
    augmentation = AUGMENTATION | {"frequency_stripes": 0, "time_stripes": 0}
    train(network=network, data=(training, made_up(20, 2)), epochs=2, augmentation=augmentation)
    first, second = torch.cat(seen[True][:4]), torch.cat(seen[True][4:])
    for epoch in (first, second):
        assert torch.equal(epoch.flatten(1).sum(1).sort()[0], training[0].flatten(1).sum(1).sort()[0])
    assert not torch.equal(first, second) and not torch.equal(first, training[0])


# ---- what the validation loss is computed on -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"held_out": made_up(24, 9)},
        {"augmentation": AUGMENTATION | {"validation": True}},
        {"held_out": made_up(24, 9), "augmentation": AUGMENTATION | {"validation": True}},
    ],
    ids=["other windows", "masked", "both"],
)
def test_validation_loss_alone_differs_with_what_it_is_computed_on(changes):
    """Weights, F1 and training loss stay the same to the bit: the score still gets the outputs for `valid`."""
    torch.manual_seed(0)
    network, other = Small(), Small()
    other.load_state_dict(network.state_dict())
    history, classwise, weights, best = train(network=network)[:4]
    other_history, other_classwise, other_weights, other_best = train(network=other, **changes)[:4]
    assert best == other_best
    for one, again in ((network.state_dict(), other.state_dict()), (weights, other_weights)):
        assert all(torch.equal(one[name], again[name]) for name in one)
    pd.testing.assert_frame_equal(classwise, other_classwise, check_exact=True)
    moved = ["valid_data_loss", "valid_loss"]
    pd.testing.assert_frame_equal(history.drop(columns=moved), other_history.drop(columns=moved), check_exact=True)
    assert ((history[moved] - other_history[moved]).abs() > 1e-3).all(axis=None)


def test_validation_loss_is_that_of_the_held_out_windows():
    held_out, network = made_up(24, 9), Small()
    history = train(network=network, held_out=held_out).history
    loss = data_loss(outputs_of(network, held_out[0]), held_out[1]).mean().item()
    assert history["valid_data_loss"].iloc[-1] == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("other", [False, True])
def test_validation_masks_the_held_out_windows_as_released(other):
    """First come the scored windows, unmasked, then those of the loss, with new stripes in each epoch."""
    network, seen = spying()
    valid, held_out = made_up(20, 2), made_up(24, 9) if other else None
    expected = (held_out or valid)[0]
    augmentation = AUGMENTATION | RELEASED
    train(network=network, data=(made_up(30, 1), valid), held_out=held_out, epochs=2, augmentation=augmentation)
    epochs = torch.cat(seen[False]).split(20 + len(expected))
    masks = []
    for windows in epochs:
        assert torch.equal(windows[:20], valid[0])
        masks.append(windows[20:] == 0)
        assert torch.equal(windows[20:][~masks[-1]], expected[~masks[-1]])
        batches = masks[-1].split(SETTINGS["batch_size"])
        assert all(torch.equal(mask, mask[:1].expand_as(mask)) for mask in batches)
        assert not torch.equal(batches[0], batches[1])
    assert len(masks) == 2 and all(mask.any() for mask in masks) and not torch.equal(*masks)


def test_windows_of_the_loss_are_looked_at_once_where_they_are_those_of_the_score():
    """As described. Other windows follow those of the score, unmasked."""
    valid, held_out = made_up(20, 2), made_up(24, 9)
    for given, expected in ((None, [valid]), (held_out, [valid, held_out])):
        network, seen = spying()
        train(network=network, data=(made_up(30, 1), valid), held_out=given, epochs=1)
        assert torch.equal(torch.cat(seen[False]), torch.cat([features for features, _ in expected]))


# ---- loss and learning rate ------------------------------------------------------------------------------------------


def test_losses_are_means_per_window_whatever_the_batches():
    """With a tiny learning rate and neither dropout nor stripes, the loss is that of the initial weights."""
    torch.manual_seed(5)
    network = Small(dropout=0.0)
    network.features[1] = nn.Identity()
    training = made_up(30, 1)
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    augmentation, l2 = AUGMENTATION | {"frequency_stripes": 0, "time_stripes": 0}, {"first": 0.1, "pointwise": 0.3}
    settings = {"learning_rate": 1e-12, "augmentation": augmentation, "batch_size": 7, "epochs": 1, "l2": l2}
    history = train(network=network, data=(training, made_up(20, 2)), **settings).history
    first = Small(dropout=0.0)
    first.features[1] = nn.Identity()
    first.load_state_dict(start)
    first.standardise(training[0].mean(), training[0].std())
    expected = data_loss(outputs_of(first, training[0]), training[1]).mean().item()
    row = history.iloc[0]
    assert row["train_data_loss"] == pytest.approx(expected, rel=1e-4)
    assert row["train_penalty"] == pytest.approx(penalty(first, l2).item(), rel=1e-4)


def test_reported_loss_is_data_loss_and_penalty():
    history = train(l2={"first": 0.05, "pointwise": 0.05}).history
    assert (history["train_penalty"] > 0).all()
    np.testing.assert_allclose(history["train_loss"], history["train_data_loss"] + history["train_penalty"])
    np.testing.assert_allclose(history["valid_loss"], history["valid_data_loss"] + history["valid_penalty"])
    assert (history["valid_penalty"] > 0).all() and (history["valid_penalty"] != history["train_penalty"]).all()
    without = train().history
    assert (without["train_penalty"] == 0).all() and without["valid_loss"].equals(without["valid_data_loss"])


def test_penalty_pulls_in_the_kernels_that_it_names():
    names = {"first": "features.0.weight", "pointwise": "head.weight"}
    plain = train(learning_rate=0.02).weights
    for pulled in names:
        weights = train(learning_rate=0.02, l2=NO_PENALTY | {pulled: 1.0}).weights
        for kernel, name in names.items():
            assert (weights[name].norm() < 0.7 * plain[name].norm()) == (kernel == pulled)


@pytest.mark.parametrize("epoch, steps", [(1, 0), (30, 0), (31, 1), (60, 1), (61, 2), (100, 3)])
def test_step_schedule(epoch, steps):
    settings = {"learning_rate": 0.001, "schedule": "step", "step_every": 30, "step_factor": 0.1}
    assert learning_rate(epoch, settings) == pytest.approx(0.001 * 0.1**steps)
    assert learning_rate(epoch, settings | {"schedule": "constant"}) == 0.001


def test_cosine_schedule():
    """It starts at the learning rate, and would reach 0 after the last epoch."""
    settings = {"learning_rate": 0.001, "schedule": "cosine", "epochs": 6}
    rates = [learning_rate(epoch, settings) for epoch in range(1, 8)]
    assert rates == pytest.approx([0.001, 0.000933, 0.00075, 0.0005, 0.00025, 0.000067, 0], abs=1e-6)
    assert all(type(rate) is float for rate in rates)  # A checkpoint holds plain numbers.


def test_optimiser_follows_the_schedule():
    """From the third epoch on the rate is tiny, and the weights hardly change."""
    history = train(schedule="step", step_every=2, step_factor=1e-12, epochs=4, learning_rate=0.02).history
    np.testing.assert_allclose(history["learning_rate"], [0.02, 0.02, 2e-14, 2e-14])
    steps = history["valid_data_loss"].diff().abs()
    assert steps[1] > 1e-2
    network = Small(dropout=0.0)
    network.features[1] = nn.Identity()  # batch statistics change at any rate
    still = train(network=network, schedule="step", step_every=2, step_factor=1e-12).history
    assert still["valid_data_loss"][2] == pytest.approx(still["valid_data_loss"][3], rel=1e-6)
    assert still["valid_data_loss"][0] != pytest.approx(still["valid_data_loss"][1], rel=1e-4)


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_loss_that_is_no_number_is_an_error_with_epoch_batch_and_learning_rate():
    features, targets = made_up(30, 1)
    features[3, 4, 5] = np.nan  # The mean is then NaN, and so is every window.
    with pytest.raises(FloatingPointError, match=r"epoch 1 at learning rate 0\.01, batch 1 of 4: the loss is nan"):
        train(data=((features, targets), made_up(20, 2)))


@pytest.mark.parametrize("value, text", [(np.nan, "nan"), (np.inf, "(inf|nan)")])
def test_loss_that_is_no_number_later_names_that_epoch_and_batch(value, text):
    class Failing(Small):
        passes = 0

        def forward(self, windows):
            self.passes += self.training
            return super().forward(windows) * (value if self.passes == 10 and self.training else 1)

    with pytest.raises(FloatingPointError, match=f"epoch 3 at learning rate 0.01, batch 2 of 4: the loss is {text}"):
        train(network=Failing())


def test_validation_loss_that_is_no_number_is_an_error_too():
    """The last step of an epoch can spoil the weights. No NaN may enter the history unnoticed."""

    class Failing(Small):
        def forward(self, windows):
            return super().forward(windows) * (1 if self.training else np.nan)

    with pytest.raises(FloatingPointError, match="epoch 1 at learning rate 0.01: the validation loss is nan"):
        train(network=Failing(), epochs=1)


# ---- going on --------------------------------------------------------------------------------------------------------


def killed_at(moment, monkeypatch):
    """Make the writing of the third checkpoint end at a given moment, as SIGKILL would."""
    count = iter(range(100))

    class Dying(io.FileIO):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise Killed

    def opening(path, mode):
        now = next(count) == 2
        if now and moment == "before the write":
            raise Killed
        if now and moment == "after the write":
            monkeypatch.setattr(files_module.os, "fsync", dying)
        if now and moment in ("before the rename", "after the rename"):
            monkeypatch.setattr(files_module.Path, "replace", dying)
        return Dying(path, mode) if now and moment == "during the write" else open(path, mode)

    replace = Path.replace

    def dying(part, path=None):
        if moment == "after the rename":
            replace(part, path)
        raise Killed

    monkeypatch.setattr(files_module, "open", opening, raising=False)


REFUSED = "it was renamed to checkpoint.pt.refused, and the run starts afresh"
MOMENTS = ["before the write", "during the write", "after the write", "before the rename", "after the rename"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_training_killed_around_its_checkpoint_goes_on_to_the_same_bits(tmp_path, monkeypatch, moment):
    whole = train(epochs=5, schedule="step")
    path = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(moment, patch)
        train(epochs=5, schedule="step", checkpoint=Checkpoint(path, {"seed": 0}, pytest.fail))
    done = 3 if moment == "after the rename" else 2
    assert len(Checkpoint(path, {"seed": 0}, pytest.fail).restore(CPU)["done"]["history"]) == done
    bars = []

    def bar(**settings):
        bars.append(Bar(**settings))
        return bars[-1]

    resumed = train(epochs=5, schedule="step", checkpoint=Checkpoint(path, {"seed": 0}, pytest.fail), bar=bar)
    assert same(whole, resumed)
    assert [values["epoch"] for values in bars[0].shown] == list(range(done + 1, 6))
    assert bars[0].count == bars[0].total == 20
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt"}


@pytest.mark.parametrize("share, batches, batch", [(1, 4, 0), (1, 4, 1), (1, 4, 3), (0.3, 2, 1)])
def test_a_training_killed_within_an_epoch_goes_on_to_the_same_bits(tmp_path, share, batches, batch):
    settings = {"epochs": 4, "epoch_share": share, "tested_epoch": "last", "ema_decay": 0.9}
    whole = train(**settings)

    class Killing(Bar):
        def update(self):
            super().update()
            if self.count == 2 * batches + batch + 1:
                raise Killed

    path, bars = tmp_path / "checkpoint.pt", []
    with pytest.raises(Killed):
        train(checkpoint=Checkpoint(path, {}, pytest.fail), bar=Killing, **settings)

    def bar(**settings):
        bars.append(Bar(**settings))
        return bars[-1]

    resumed = train(checkpoint=Checkpoint(path, {}, pytest.fail), bar=bar, **settings)
    assert same(whole, resumed) and whole.epoch == 4
    assert bars[0].count == bars[0].total == 4 * batches


def test_a_training_killed_again_and_again_goes_on_to_the_same_bits(tmp_path):
    """It is killed once in every epoch."""
    whole, path = train(epochs=4, seed=7), tmp_path / "checkpoint.pt"

    for epoch in range(1, 4):

        class Killing(Bar):
            def update(self, last=4 * epoch + 2):
                super().update()
                if self.count == last:
                    raise Killed

        with pytest.raises(Killed):
            train(epochs=4, seed=7, checkpoint=Checkpoint(path, {}, pytest.fail), bar=Killing)
    assert same(whole, train(epochs=4, seed=7, checkpoint=Checkpoint(path, {}, pytest.fail)))


def test_a_finished_training_is_not_repeated_and_a_longer_one_goes_on_from_it(tmp_path):
    path = tmp_path / "checkpoint.pt"
    first = train(epochs=3, checkpoint=Checkpoint(path, {}, pytest.fail))
    assert same(first, train(epochs=3, checkpoint=Checkpoint(path, {}, pytest.fail), score=pytest.fail))
    assert same(train(epochs=6), train(epochs=6, checkpoint=Checkpoint(path, {}, pytest.fail)))


def test_a_training_that_goes_on_says_when_it_was_begun(tmp_path):
    def begun(epochs, day, said):
        checkpoint = Checkpoint(tmp_path / "checkpoint.pt", {}, said)
        return train(epochs=epochs, checkpoint=checkpoint, begun={"day": day}).begun["day"]

    assert [begun(epochs, day, pytest.fail) for epochs, day in ((2, 1), (2, 2), (3, 3))] == [1, 1, 1]
    assert begun(1, 4, lambda line: None) == 4  # It starts afresh, because the checkpoint holds three epochs.


def test_a_longer_training_is_refused_and_a_shorter_one_starts_afresh(tmp_path):
    path, said = tmp_path / "checkpoint.pt", []
    train(epochs=5, checkpoint=Checkpoint(path, {}, pytest.fail))
    assert same(train(epochs=3), train(epochs=3, checkpoint=Checkpoint(path, {}, said.append)))
    assert said == [f"{path}: holds more than 3 epochs; {REFUSED}"]
    Path(f"{path}.refused").replace(path)  # nothing is lost
    assert same(train(epochs=5), train(epochs=5, checkpoint=Checkpoint(path, {}, pytest.fail)))


def test_a_loss_that_is_no_number_leaves_the_last_good_state(tmp_path):
    class Failing(Small):
        passes = 0

        def forward(self, windows):
            self.passes += self.training
            return super().forward(windows) * (np.nan if self.passes == 10 and self.training else 1)

    path = tmp_path / "checkpoint.pt"
    torch.manual_seed(0)
    with pytest.raises(FloatingPointError, match="epoch 3"):
        train(network=Failing(), checkpoint=Checkpoint(path, {}, pytest.fail))
    kept = Checkpoint(path, {}, pytest.fail).restore(CPU)
    assert len(kept["done"]["history"]) == 2
    assert all(tensor.isfinite().all() for tensor in kept["network"].values())
    assert same(train(), train(checkpoint=Checkpoint(path, {}, pytest.fail)))


def test_a_full_disk_leaves_the_last_good_state(tmp_path, monkeypatch):
    path, count, fsync = tmp_path / "checkpoint.pt", iter(range(100)), os.fsync

    def full(descriptor):
        if next(count) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch, pytest.raises(OSError) as raised:
        patch.setattr(files_module.os, "fsync", full)
        train(checkpoint=Checkpoint(path, {}, pytest.fail))
    assert raised.value.errno == errno.ENOSPC and raised.value.filename == str(path)
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt"}
    assert len(Checkpoint(path, {}, pytest.fail).restore(CPU)["done"]["history"]) == 2
    assert same(train(), train(checkpoint=Checkpoint(path, {}, pytest.fail)))


# ---- batches ---------------------------------------------------------------------------------------------------------


def stored(folder, arrays):
    """The same arrays in files."""
    paths = [folder / f"{number}.npy" for number in range(len(arrays))]
    for path, array in zip(paths, arrays, strict=True):
        np.save(path, array.numpy())
    return [Stored(path) for path in paths]


@pytest.mark.parametrize("size", [1, 8, 30, 64])
def test_batches_that_are_read_ahead_are_those_cut_in_place(tmp_path, size):
    tensors = made_up(30, 1)
    parts = torch.randperm(30, generator=torch.Generator().manual_seed(1)).split(size)
    in_place, ahead = (batches(arrays, parts, CPU) for arrays in (tensors, stored(tmp_path, tensors)))
    for one, other, part in zip(in_place, ahead, parts, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
        assert torch.equal(one[0], tensors[0][part])


def test_a_training_from_files_is_the_same_to_the_bit(tmp_path):
    training, valid = made_up(30, 1), made_up(20, 2)
    (tmp_path / "valid").mkdir()
    from_files = stored(tmp_path, training), stored(tmp_path / "valid", valid)
    assert same(train(data=(training, valid)), train(data=from_files, score=bin_scores(valid[1])))


def test_few_batches_are_read_ahead():
    """Memory does not grow with the number of batches."""

    class Counting:
        read = 0

        def __getitem__(self, part):
            self.read += 1
            return torch.zeros(len(part))

    counting = Counting()
    reading = batches([counting], torch.arange(300).split(3), CPU, ahead=4)
    for _ in range(10):
        next(reading)
    time.sleep(0.1)
    assert counting.read <= 10 + 5
    assert len(list(reading)) == 90 and counting.read == 100


def test_an_error_while_reading_ahead_reaches_the_training(tmp_path):
    arrays = stored(tmp_path, made_up(30, 1))
    reading = batches(arrays, torch.arange(30).split(3), CPU)
    arrays[0].path.unlink()
    with pytest.raises(FileNotFoundError):
        list(reading)


@pytest.mark.parametrize("windows", [1, 30, 700])
def test_mean_and_deviation_are_those_of_all_features(windows):
    features = made_up(windows, 1)[0]
    mean, deviation = mean_and_deviation(features)
    assert mean == pytest.approx(features.double().mean().item(), rel=1e-9)
    assert deviation == pytest.approx(features.double().std().item(), rel=1e-9)


# ---- progress, precision ---------------------------------------------------------------------------------------------


def test_progress_counts_batches_and_shows_epoch_loss_and_f1():
    bars = []

    def bar(**settings):
        bars.append(Bar(**settings))
        return bars[-1]

    train(bar=bar)
    assert bars[0].total == bars[0].count == 4 * 4
    assert [values["epoch"] for values in bars[0].shown] == [1, 2, 3, 4]
    assert all({"loss", "F1"} <= values.keys() for values in bars[0].shown)


@pytest.mark.parametrize("batch_size", [1, 7, 20, 100])
def test_prediction_does_not_depend_on_how_large_the_batches_are(batch_size):
    torch.manual_seed(0)
    network, features = Small(), made_up(20, 2)[0]
    expected = outputs_of(network, features)
    assert expected.shape == (20, BINS, 3 * CLASSES) and expected.dtype == torch.float32
    torch.testing.assert_close(outputs_of(network, features, batch_size=batch_size), expected, atol=1e-6, rtol=1e-5)


def test_prediction_is_in_evaluation_mode_and_leaves_the_network_as_it_was():
    network = Small(dropout=0.9).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    first, second = (outputs_of(network, made_up(20, 2)[0]) for _ in range(2))
    assert torch.equal(first, second) and network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_precision_is_what_is_asked_for():
    def format_of(precision):
        with autocast(CPU, precision):
            return nn.Linear(2, 2)(torch.ones(1, 2)).dtype

    assert format_of("float32") == torch.float32
    assert format_of("bfloat16") == torch.bfloat16


@pytest.mark.parametrize("native", [True, False])
def test_auto_takes_bfloat16_where_the_processor_has_it_but_not_for_depthwise_convolutions(monkeypatch, native):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    dense, depthwise, fast = nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, groups=4), "bfloat16" if native else "float32"
    assert choose_precision(dense, CPU, "auto") == fast
    assert choose_precision(depthwise, CPU, "auto") == "float32"
    assert choose_precision(depthwise, torch.device("cuda"), "auto") == "bfloat16"
    assert choose_precision(dense, CPU, "float32") == "float32"
    assert choose_precision(depthwise, CPU, "bfloat16") == "bfloat16"


def test_scores_are_computed_in_float32_whatever_is_trained_in():
    network, formats = Small(), {True: set(), False: set()}
    network.features[0].register_forward_hook(lambda layer, _, output: formats[layer.training].add(output.dtype))
    held_out = made_up(20, 3)
    train(network=network, held_out=held_out, precision="bfloat16", epochs=1)
    assert formats == {True: {torch.bfloat16}, False: {torch.float32}}


def test_bfloat16_trains_too():
    history, _, weights, _ = train(precision="bfloat16", epochs=8)[:4]
    assert history["valid_data_loss"].iloc[-1] < history["valid_data_loss"].iloc[0]
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in weights.values())


def test_a_whole_number_as_learning_rate_may_fall_below_one():
    fitted = train(learning_rate=1, schedule="step", step_every=1, step_factor=1e-9, epochs=2)
    again = train(learning_rate=1.0, schedule="step", step_every=1, step_factor=1e-9, epochs=2)
    assert same(fitted, again)


# ---- as for a GPU ----------------------------------------------------------------------------------------------------


def test_while_outputs_are_computed_cudnn_tries_nothing(monkeypatch):
    """Validation batches have several sizes, and cuDNN would time its algorithms for each of them."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    seen = []

    class Seeing(Small):
        def forward(self, windows):
            seen.append(torch.backends.cudnn.benchmark)
            return super().forward(windows)

    outputs_of(Seeing(), made_up(3, 1)[0])
    assert seen and not any(seen) and torch.backends.cudnn.benchmark


def test_windows_stay_where_they_are_if_another_training_was_faster_to_fill_the_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**12, 10**12))
    data = made_up(4, 1)

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "empty", full)
    assert to_device(data, torch.device("cuda")) is data


class NotOnTheGpu(TorchDispatchMode):
    """Records, as `found`, the operations with a CPU tensor among their arguments or results."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        tensors = (leaf for leaf in tree_leaves((args, kwargs, result)) if torch.is_tensor(leaf))
        if any(tensor.device == CPU for tensor in tensors):
            self.found.append(str(operation))
        return result


@pytest.mark.parametrize(
    "backbone, mask",
    [("mobilenet", "none"), ("vggish", "none"), ("vggish_linear", "none"), ("efficientnet", "backbone")],
)
def test_to_the_loss_nothing_is_left_to_the_cpu_that_a_cuda_graph_could_not_hold(backbone, mask):
    """The GPU tensors have no content, so reading a value would raise an error."""
    with FakeTensorMode(), torch.device("cuda"):
        network = Network(**paper_network(backbone, mask))
        features, targets = torch.empty(8, 257, 40), torch.empty(8, 9, 18)
        with NotOnTheGpu() as watch:
            outputs = network(spec_augment(features, generator=None, draw="window", fill=-40.0, **MASKS))
            losses = data_loss(outputs, targets).mean(), penalty(network, {"first": 0.001, "pointwise": 0.01})
            torch.stack([loss.detach() for loss in losses])
            assert watch.found == []
            features.cpu()
            assert watch.found != []


@pytest.mark.slow
def test_a_missing_compiler_is_one_line_that_says_what_to_set():
    from torch._inductor import config

    missing = {"cpp.cxx": ("/none/g++",), "force_disable_caches": True}
    with config.patch(missing), pytest.raises(RuntimeError) as raised:
        train(epochs=1, compile=True)
    torch.compiler.reset()
    said = job.explained(raised.value)
    assert isinstance(said, InputError) and "\n" not in str(said)
    assert str(said).startswith("training.compile: torch.compile does not work here; set it to false (")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler is here")
def test_a_compiled_training_learns_as_the_network_does_as_it_is(tmp_path):
    """Without dropout the losses are equal up to rounding, and its checkpoint fits the uncompiled network."""
    path = tmp_path / "checkpoint.pt"

    def trained(**changes):
        torch.manual_seed(0)
        return train(network=Small(dropout=0.0), **changes)

    plain = trained(epochs=3)
    compiled = trained(epochs=3, compile=True, checkpoint=Checkpoint(path, {}, pytest.fail))
    np.testing.assert_allclose(compiled.history["train_data_loss"], plain.history["train_data_loss"], rtol=1e-4)
    assert compiled.weights.keys() == plain.weights.keys()
    longer = trained(epochs=4, checkpoint=Checkpoint(path, {}, pytest.fail))
    assert longer.history["epoch"].to_list() == [1, 2, 3, 4]
