"""Training: Adam on the paper's loss, SpecAugment on training batches, the best epoch by validation F1 kept.

Read from the top: `fit` is the whole of it, `train_epoch` an epoch, `yoho.training.step` a batch. Both readings:
`settings["input"]`, `["augmentation"]` and `["l2"]` say how features enter, how they are masked and what is added
to the loss. Figures behind the choices for speed: results/reference/throughput/README.md.
"""

from functools import partial

import numpy as np
import pandas as pd
import torch

from yoho.networks.backbones import RESCALING
from yoho.training.batches import batches, mean_and_deviation, to_device
from yoho.training.checkpoint import copied
from yoho.training.penalty import penalty
from yoho.training.prediction import predict
from yoho.training.step import Step, adam, masks_of
from yoho.windows.augment import spec_augment
from yoho.windows.loss import data_loss


def fit(network, train, valid, held_out, score, progress, checkpoint, *, settings, seed, device):
    """Train `network`; returns (history, class-wise history, best weights, best epoch).

    train, valid, held_out: (features (windows, frames, mel bands) in dB, targets (windows, bins, 3 * classes)),
    `Stored` or tensors on the CPU: what is fitted, what is scored after each epoch, what the validation loss is
    computed on (None, as described: `valid` itself). score: takes the outputs for `valid` and returns (overall,
    class-wise) as `segment_scores` does; progress: tqdm or like it; checkpoint: a `Checkpoint`, from which training
    goes on and to which each epoch is written; settings: a run's training settings, its precision chosen.
    history: a row per epoch; losses are means per window, the training loss and penalty over the epoch's
    own batches, the validation loss and penalty of the weights at its end.
    Raises FloatingPointError, naming epoch, batch and learning rate, where the loss is no longer a number.
    """
    network.to(device, memory_format=torch.channels_last)
    mean, deviation = mean_and_deviation(train[0])
    if settings["input"] == "standardised":
        network.standardise(mean, deviation)
    else:  # decibels, as released
        network.standardise(0.0, RESCALING.get(network.backbone_name, 1.0))
    masks, optimiser = masks_of(settings["augmentation"], mean), adam(network, settings["learning_rate"], device)
    done = {"history": [], "classwise": [], "best": None}
    kept = checkpoint.load(device)
    if kept and len(kept["done"]["history"]) > settings["epochs"]:
        checkpoint.refuse(f"holds more than {settings['epochs']} epochs")
    elif kept:
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        done = copied(kept["done"])  # the best weights, too, lie on the CPU
        print(f"{checkpoint.path}: goes on after epoch {len(done['history'])}")
    train, valid = to_device(train, device, settings["kept"]), to_device(valid, device)
    held_out = valid if held_out is None else to_device(held_out, device)
    step = Step(network, optimiser, masks, settings, device)
    steps, first = -(-len(train[0]) // settings["batch_size"]), len(done["history"]) + 1
    bar = progress(total=settings["epochs"] * steps, initial=(first - 1) * steps, unit="batch")
    with bar, checkpoint.in_background() as save:
        for epoch in range(first, settings["epochs"] + 1):
            rate = learning_rate(epoch, settings)
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)
            draws, name = epoch_seed(seed, epoch), f"epoch {epoch} at learning rate {rate:g}"
            train_data_loss, train_penalty = train_epoch(step, train, draws, bar, name)
            outputs, scored_loss, valid_data_loss = validate(
                network,
                valid,
                held_out,
                draws,
                masks if settings["augmentation"]["validation"] else None,
                settings,
                device,
            )
            if not np.isfinite(scored_loss + valid_data_loss):
                raise FloatingPointError(f"{name}: the validation loss is {valid_data_loss:g}")
            valid_penalty = penalty(network, settings["l2"]).item()
            losses = {
                "train_data_loss": train_data_loss,
                "train_penalty": train_penalty,
                "train_loss": train_data_loss + train_penalty,
                "valid_data_loss": valid_data_loss,
                "valid_penalty": valid_penalty,
                "valid_loss": valid_data_loss + valid_penalty,
            }
            overall, per_class = score(outputs.numpy())
            overall = {name: float(value) for name, value in overall.items()}
            row = {"epoch": epoch, "learning_rate": rate} | losses | overall
            done["history"].append(row)
            done["classwise"] += per_class.assign(epoch=epoch).to_dict("records")
            # Of two epochs with one F1 (both 0, say) the one with the lower loss on what was scored is better.
            rank = [overall["f1"], -scored_loss]
            if done["best"] is None or rank > done["best"]["rank"]:
                done["best"] = {"rank": rank, "epoch": epoch, "weights": copied(network.state_dict())}
            save({"network": network.state_dict(), "optimiser": optimiser.state_dict(), "done": done})
            bar.set_postfix(epoch=epoch, loss=f"{train_data_loss:.2f}", F1=f"{overall['f1']:.3f}")
            print(", ".join(f"{name} {value:.4g}" for name, value in row.items()))
    best = done["best"]
    return pd.DataFrame(done["history"]), pd.DataFrame(done["classwise"]), best["weights"], best["epoch"]


def train_epoch(step, train, seed, bar, name):
    """One pass over the training windows in random order; returns mean data loss and mean penalty.

    name: of the epoch, for an error. Nothing here waits for the device before the epoch's end.
    """
    torch.manual_seed(seed)  # dropout and stochastic depth
    step.generator.manual_seed(seed)
    order = torch.randperm(len(train[0]), generator=step.generator, device=step.device)
    parts = order.split(step.settings["batch_size"])
    losses = torch.zeros(len(parts), 2, device=step.device)
    for number, (features, targets) in enumerate(batches(train, parts, step.device)):
        losses[number] = step(features, targets)
        bar.update()
    losses = losses.cpu()
    broken = (~losses.isfinite().all(dim=1)).nonzero()
    if len(broken):
        number = broken[0].item()
        raise FloatingPointError(f"{name}, batch {number + 1} of {len(parts)}: the loss is {losses[number].sum():g}")
    sizes = torch.tensor([[len(part)] for part in parts])
    return ((losses.double() * sizes).sum(dim=0) / len(order)).tolist()


def validate(network, valid, held_out, seed, masks, settings, device):
    """Outputs for the windows that are scored, the mean data loss on them, and that on the windows held out.

    masks: what the windows held out are masked with, as released; None, as described: nothing.
    """
    apply = partial(predict, network, device=device)
    outputs = apply(valid[0])
    loss = data_loss(outputs, valid[1][:].cpu()).mean().item()
    if masks is None and held_out is valid:
        return outputs, loss, loss
    if masks is None:
        fitted = apply(held_out[0])
    else:
        augment = partial(spec_augment, generator=torch.Generator(device).manual_seed(seed), **masks)
        fitted = apply(held_out[0], at_once=settings["batch_size"], augment=augment)
    return outputs, loss, data_loss(fitted, held_out[1][:].cpu()).mean().item()


def learning_rate(epoch, settings):
    """Learning rate of an epoch (from 1): constant, or times `step_factor` every `step_every` epochs."""
    steps = {"constant": 0, "step": (epoch - 1) // settings["step_every"]}[settings["schedule"]]
    return settings["learning_rate"] * settings["step_factor"] ** steps


def epoch_seed(seed, epoch):
    """A seed for every random draw of one epoch: an epoch repeats whatever ran before it."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
