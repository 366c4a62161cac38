"""Training: Adam on the run's loss, with SpecAugment. The weights of the best or of the last epoch are kept.

With `ema_decay`, these are exponential moving averages of the weights, which vary less from step to step.

`fit` is the whole training, `train_epoch` one epoch, `yoho.training.step` one batch. In a run's training settings,
`input`, `augmentation` and `l2` differ between the described and the released reading. The choices for speed follow
measurements: results/reference/throughput/README.md.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from yoho.networks.backbones import find_backbone
from yoho.networks.device import predict
from yoho.networks.network import Network, OnMaps
from yoho.networks.pretrained import freeze, load_backbone
from yoho.training.batches import batches, copied, mean_and_deviation, to_device
from yoho.training.step import Step, adam, augmentation_arguments, choose_precision, penalty
from yoho.windows.augment import spec_augment
from yoho.windows.loss import LOSSES

CALIBRATION = 16  # batches on which the batch norms of averaged weights are calibrated


class Fitted(NamedTuple):
    """The result of a training.

    history: a row for each epoch; classwise: a row for each epoch and class; weights: those that are kept, by name,
    on the CPU; epoch: the one that ended with these weights, counted from 1; begun: as `fit` got it when the training
    was begun, before any resumption.
    """

    history: pd.DataFrame
    classwise: pd.DataFrame
    weights: dict
    epoch: int
    begun: dict | None


def prepare(network, training, seed, device, start=None):
    """The network of a run with its first weights, and the run's training settings, complete.

    network: arguments of `Network`; training: the run's settings, of which "precision" may be "auto"; start: a
    `weights.safetensors` that holds the pretrained weights of a backbone `from_ear`.
    """
    torch.manual_seed(seed)
    built = Network(**network)
    if find_backbone(network["backbone"]).from_ear:
        training = training | {"input": "unchanged"}
        if network["pretrained"]:
            load_backbone(built.backbone, start)
    freeze(built, training["frozen"])
    return built, training | {"precision": choose_precision(built, device, training["precision"])}


def learns_on_maps(network, frozen):
    """Whether a run learns from the feature maps of its backbone, which are then computed once for all epochs.

    Its windows have no stripes of SpecAugment, and its features no statistics of the training data.
    network: arguments of `Network`. `Run.images` in rules/runs.py has the same condition.
    """
    return frozen == "backbone" and network["pretrained"] and find_backbone(network["backbone"]).from_ear


def fit(network, train, valid, checkpoint, *, held_out=None, score, progress, settings, seed, device, begun=None):
    """Train a network; returns `Fitted`. Training continues from the checkpoint if there is one.

    network: a `Network`, or an `OnMaps` that learns from feature maps instead of features.
    train, valid, held_out: (features (windows, frames, mel bands), targets (windows, bins, 3 * classes)), as tensors on
    the CPU or `Stored`. The network learns from `train` and is scored on `valid` after each epoch; the validation loss
    is computed on `held_out` or, without it (as described), on `valid`. The weights that are kept are those of the
    last epoch or of the epoch with the best validation F1, as `settings["tested_epoch"]` says.
    checkpoint: a `Checkpoint`, saved after each epoch; score: maps the outputs for `valid` to (overall, class-wise)
    scores as in `segment_scores`; progress: `tqdm` or similar; settings: a run's training settings with its
    precision chosen; begun: a dict that describes the beginning.
    The history's `windows_seen` counts the training windows of all epochs so far, with repetitions. Its losses are
    means per window: the training loss and penalty over the epoch's batches, the validation loss and penalty with the
    weights at its end.
    Raises FloatingPointError, naming epoch, batch and learning rate, if a loss is not finite.
    """
    network.to(device, memory_format=torch.channels_last)
    augmentation = None
    if not isinstance(network, OnMaps):
        mean, deviation = mean_and_deviation(train[0])
        scales = {"standardised": (mean, deviation), "decibels": (0.0, network.divisor)}  # as described, as released
        network.standardise(*(scales | {"unchanged": (0.0, 1.0)})[settings["input"]])
        augmentation = augmentation_arguments(settings["augmentation"], mean)
    step = Step(network, adam(network, settings, device), augmentation, settings, device)
    done = resume(checkpoint, step, settings["epochs"], begun)
    train, valid = to_device(train, device, settings["kept"]), to_device(valid, device)
    held_out = valid if held_out is None else to_device(held_out, device)
    epochs, finished = range(1, settings["epochs"] + 1), len(done["history"])
    sizes = [len(rows_of(epoch, len(train[0]), settings["epoch_share"])) for epoch in epochs]
    steps = [-(-size // settings["batch_size"]) for size in sizes]
    bar = progress(total=sum(steps), initial=sum(steps[:finished]), unit="batch")
    with bar, checkpoint.in_background() as save:
        for epoch in epochs[finished:]:
            rate, draws = learning_rate(epoch, settings), seed_of(seed, epoch)
            for group in step.optimiser.param_groups:
                group["lr"].fill_(rate)
            train_losses = train_epoch(step, train, draws, bar, epoch)
            outputs, scored_loss, valid_loss = validate(step, valid, held_out, draws)
            if not np.isfinite(scored_loss + valid_loss):
                raise FloatingPointError(
                    f"epoch {epoch} at learning rate {rate:g}: the validation loss is {valid_loss:g}"
                )
            losses = loss_columns("train", *train_losses)
            losses |= loss_columns("valid", valid_loss, penalty(step.averaged.network, settings["l2"]).item())
            overall, per_class = score(outputs.numpy())
            overall = {name: float(value) for name, value in overall.items()}
            row = {"epoch": epoch, "windows_seen": sum(sizes[:epoch]), "learning_rate": rate} | losses | overall
            done["history"].append(row)
            done["classwise"] += per_class.assign(epoch=epoch).to_dict("records")
            # Of two epochs with the same F1, for example 0, the one with the lower loss on scored windows is better.
            rank = {"best": [overall["f1"], -scored_loss], "last": [epoch]}[settings["tested_epoch"]]
            if done["best"] is None or rank > done["best"]["rank"]:
                done["best"] = {"rank": rank, "epoch": epoch, "weights": copied(step.averaged.network.state_dict())}
            save(step.state() | {"done": done})
            bar.set_postfix(epoch=epoch, loss=f"{row['train_data_loss']:.2f}", F1=f"{overall['f1']:.3f}")
            print(", ".join(f"{name} {value:.6g}" for name, value in row.items()))
    best = done["best"]
    tables = pd.DataFrame(done["history"]), pd.DataFrame(done["classwise"])
    return Fitted(*tables, best["weights"], best["epoch"], done["begun"])


def resume(checkpoint, step, epochs, begun):
    """Load a checkpoint's state into a step; refuse it if it holds more than `epochs` epochs.

    Returns the record so far: {"history": rows, "classwise": rows, "best": {"rank", "epoch", "weights"} or None,
    "begun"}; without a checkpoint it has begun as `begun` says.
    """
    state = checkpoint.restore(step.device)
    if state and len(state["done"]["history"]) > epochs:
        checkpoint.refuse(f"holds more than {epochs} epochs")
    elif state:
        step.load(state)
        done = copied(state["done"])  # The best weights belong on the CPU.
        print(f"{checkpoint.path}: goes on after epoch {len(done['history'])}")
        return done
    return {"history": [], "classwise": [], "best": None, "begun": begun}


def train_epoch(step, train, seed, bar, epoch):
    """Train on an epoch's windows once in random order; returns the means per window of (data loss, penalty).

    epoch: its number, from 1. The loop never waits for the device before the end of the epoch.
    Dropout and stochastic depth draw from a new seed in each batch. Otherwise the draws of a mask's dropout in one
    batch would change those of the backbone in the next.
    """
    step.generator.manual_seed(seed)
    rows = rows_of(epoch, len(train[0]), step.settings["epoch_share"])
    order = rows.start + torch.randperm(len(rows), generator=step.generator, device=step.device)
    parts = order.split(step.settings["batch_size"])
    losses = torch.zeros(len(parts), 2, device=step.device)
    for number, (features, targets) in enumerate(batches(train, parts, step.device)):
        torch.manual_seed(seed_of(seed, number))
        losses[number] = step(features, targets)
        step.averaged.update()
        bar.update()
    step.averaged.calibrate(features.float() for features, _ in batches(train, parts[:CALIBRATION], step.device))
    losses = losses.cpu()
    broken = (~losses.isfinite().all(dim=1)).nonzero()
    if len(broken):
        number = broken[0].item()
        rate, loss = step.optimiser.param_groups[0]["lr"].item(), losses[number].sum()
        raise FloatingPointError(
            f"epoch {epoch} at learning rate {rate:g}, batch {number + 1} of {len(parts)}: the loss is {loss:g}"
        )
    sizes = torch.tensor([[len(part)] for part in parts])
    return ((losses.double() * sizes).sum(dim=0) / len(order)).tolist()


def rows_of(epoch, count, share):
    """The range of rows, of `count` training windows, that an epoch (from 1) takes.

    The rows are divided into 1 / share parts, whose sizes differ by one at most, and the epochs take them in turn.
    """
    parts = round(1 / share)
    part = (epoch - 1) % parts
    return range(part * count // parts, (part + 1) * count // parts)


def validate(step, valid, held_out, seed):
    """Outputs for the scored windows, and the mean data losses on the scored and on the held-out windows.

    As released, SpecAugment masks the held-out windows; as described, it does not.
    """
    data_loss = LOSSES[step.settings["loss"]]
    apply = partial(predict, step.averaged.network, device=step.device)
    outputs = apply(valid[0])
    loss = data_loss(outputs, valid[1][:].cpu()).mean().item()
    masked = step.augmentation and step.settings["augmentation"]["validation"]
    if not masked and held_out is valid:
        return outputs, loss, loss
    if masked:
        generator = torch.Generator(step.device).manual_seed(seed)
        augment = partial(spec_augment, generator=generator, **step.augmentation)
        held_out_outputs = apply(held_out[0], batch_size=step.settings["batch_size"], augment=augment)
    else:
        held_out_outputs = apply(held_out[0])
    return outputs, loss, data_loss(held_out_outputs, held_out[1][:].cpu()).mean().item()


def loss_columns(split, loss, extra):
    """A split's columns of the history: data loss, penalty, and their sum."""
    return {f"{split}_data_loss": loss, f"{split}_penalty": extra, f"{split}_loss": loss + extra}


def learning_rate(epoch, settings):
    """Learning rate of an epoch (from 1).

    It is constant, or multiplied by `step_factor` every `step_every` epochs, or falls as a cosine towards 0.
    """
    if settings["schedule"] == "cosine":
        return settings["learning_rate"] * (1 + math.cos(math.pi * (epoch - 1) / settings["epochs"])) / 2
    steps = {"constant": 0, "step": (epoch - 1) // settings["step_every"]}[settings["schedule"]]
    return settings["learning_rate"] * settings["step_factor"] ** steps


def seed_of(seed, number):
    """A seed for one of the parts, by its number, of what has a seed: an epoch of a run, or a batch of an epoch.

    The part's random draws then do not depend on earlier parts.
    """
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
