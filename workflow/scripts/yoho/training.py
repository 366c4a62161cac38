"""Training: Adam on the paper's loss, SpecAugment on training batches, the best epoch by validation F1 kept.

Both readings: `settings["input"]`, `["augmentation"]` and `["l2"]` say how features enter, how they are masked
and what is added to the loss.
"""

from functools import partial

import numpy as np
import pandas as pd
import torch

from yoho.augment import spec_augment
from yoho.backbones import RESCALING
from yoho.loss import data_loss, penalty


def fit(network, train, valid, held_out, score, progress, *, settings, seed, device):
    """Train `network`; returns (history, class-wise history, best weights, best epoch).

    train, valid, held_out: (features (windows, frames, mel bands) in dB, targets (windows, bins, 3 * classes)),
    tensors on the CPU: what is fitted, what is scored after each epoch, what the validation loss is computed
    on (described: `valid` itself). score: takes the outputs for `valid` and returns (overall, class-wise) as
    `segment_scores` does; progress: tqdm or like it; settings: a run's training settings, its precision chosen.
    history: a row per epoch; losses are means per window, the training loss and penalty over the epoch's
    own batches, the validation loss and penalty of the weights at its end.
    Raises FloatingPointError where the loss is no longer a number.
    """
    network.to(device, memory_format=torch.channels_last)
    deviation, mean = torch.std_mean(train[0])
    if settings["input"] == "standardised":
        network.standardise(mean, deviation)
    else:  # decibels, as released
        network.standardise(0.0, RESCALING.get(network.backbone_name, 1.0))
    masks = dict(settings["augmentation"])
    masks["fill"] = mean if masks["fill"] == "mean" else masks["fill"]
    augment_validation = masks.pop("validation")
    train = [tensor.to(device) for tensor in train] if device.type == "cuda" else train
    optimiser = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"], fused=True)
    history, classwise, best, weights = [], [], None, None
    precision = settings["precision"]
    steps = -(-len(train[0]) // settings["batch_size"])
    with progress(total=settings["epochs"] * steps, unit="batch") as bar:
        for epoch in range(1, settings["epochs"] + 1):
            rate = learning_rate(epoch, settings)
            for group in optimiser.param_groups:
                group["lr"] = rate
            train_data_loss, train_penalty = train_epoch(
                network, optimiser, train, epoch_seed(seed, epoch), masks, settings, device, bar
            )
            if not np.isfinite(train_data_loss + train_penalty):
                raise FloatingPointError(f"epoch {epoch}: the loss is {train_data_loss} at learning rate {rate}")
            apply = partial(predict, network, batch_size=settings["batch_size"], device=device, precision=precision)
            outputs = fitted = apply(valid[0])
            if augment_validation:
                fitted = apply(augment_all(held_out[0], epoch_seed(seed, epoch), masks, settings["batch_size"]))
            elif held_out is not valid:
                fitted = apply(held_out[0])
            valid_data_loss = data_loss(fitted, held_out[1]).mean().item()
            valid_penalty = penalty(network, settings["l2"]).item()
            if not np.isfinite(valid_data_loss):
                raise FloatingPointError(f"epoch {epoch}: the validation loss is {valid_data_loss} at rate {rate}")
            overall, per_class = score(outputs.numpy())
            history.append(
                {
                    "epoch": epoch,
                    "learning_rate": rate,
                    "train_data_loss": train_data_loss,
                    "train_penalty": train_penalty,
                    "train_loss": train_data_loss + train_penalty,
                    "valid_data_loss": valid_data_loss,
                    "valid_penalty": valid_penalty,
                    "valid_loss": valid_data_loss + valid_penalty,
                    **overall,
                }
            )
            classwise.append(per_class.assign(epoch=epoch))
            # Of two epochs with one F1 (both 0, say) the one with the lower loss on what was scored is better.
            rank = (overall["f1"], -data_loss(outputs, valid[1]).mean().item())
            if best is None or rank > best[:2]:
                best = (*rank, epoch)
                weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
            bar.set_postfix(epoch=epoch, loss=f"{train_data_loss:.2f}", F1=f"{overall['f1']:.3f}")
            print(", ".join(f"{name} {value:.4g}" for name, value in history[-1].items()))
    return pd.DataFrame(history), pd.concat(classwise, ignore_index=True), weights, best[-1]


def train_epoch(network, optimiser, train, seed, masks, settings, device, bar):
    """One pass over the training windows in random order; returns mean data loss and mean penalty.

    masks: what `spec_augment` takes.
    """
    features, targets = train
    torch.manual_seed(seed)  # dropout and stochastic depth
    generator = torch.Generator(device).manual_seed(seed)  # order and SpecAugment
    losses = torch.zeros(2, device=device)
    network.train()
    for batch in torch.randperm(len(features), generator=generator, device=device).split(settings["batch_size"]):
        batch = batch.to(features.device)
        windows = spec_augment(features[batch], generator=generator, **masks)
        with autocast(device, settings["precision"]):
            outputs = network(windows)
        fitted = data_loss(outputs, targets[batch])
        extra = penalty(network, settings["l2"])
        optimiser.zero_grad(set_to_none=True)
        (fitted.mean() + extra).backward()
        optimiser.step()
        losses += torch.stack([fitted.detach().sum(), extra.detach() * len(batch)])
        bar.update()
    return (losses / len(features)).tolist()


def augment_all(features, seed, masks, batch_size):
    """Masked copies of all windows, batch by batch: the released code masks validation windows too."""
    generator = torch.Generator().manual_seed(seed)
    return torch.cat([spec_augment(batch, generator=generator, **masks) for batch in features.split(batch_size)])


@torch.inference_mode()
def predict(network, features, batch_size, device, precision):
    """Outputs of windows (windows, frames, mel bands): (windows, bins, 3 * classes), on the CPU."""
    network.eval()
    with autocast(device, precision):
        return torch.cat([network(batch.to(device)).float().cpu() for batch in features.split(batch_size)])


def learning_rate(epoch, settings):
    """Learning rate of an epoch (from 1): constant, or times `step_factor` every `step_every` epochs."""
    steps = {"constant": 0, "step": (epoch - 1) // settings["step_every"]}[settings["schedule"]]
    return settings["learning_rate"] * settings["step_factor"] ** steps


def epoch_seed(seed, epoch):
    """A seed for every random draw of one epoch: an epoch repeats whatever ran before it."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def choose_precision(network, device, precision):
    """The number format to compute the network in; "auto": what is faster for it on this device.

    On a CPU with bfloat16 instructions that is bfloat16 for dense convolutions (VGGish) and float32 for
    depthwise ones, which lose by it.
    """
    if precision != "auto":
        return precision
    dense = all(module.groups == 1 for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    native = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if dense and native else "float32"


def autocast(device, precision):
    """A context that computes networks in "float32" or "bfloat16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
