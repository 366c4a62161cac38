"""Train one network and keep its curve and its best weights (Figures 4-6)."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from yoho import job
from yoho.events import read_table
from yoho.model import Network, save_network
from yoho.scoring import score_outputs
from yoho.training import choose_precision, fit


def train_network(files, made, run, *, event_labels, settings, windows, features, sample_rate, resolution):
    device = job.choose_device(settings["training"]["device"])
    # "c": mapped from disk, and private to this process.
    train, valid, held_out = (
        [torch.from_numpy(np.load(files[f"{use}_{part}"], mmap_mode="c")) for part in ("features", "targets")]
        for use in ("train", "valid", "held_out")
    )
    if files.held_out_features == files.valid_features:
        held_out = valid
    torch.manual_seed(settings["seed"])
    network = settings["network"] | {
        "pretrained": settings["training"]["pretrained"],
        "classes": len(event_labels),
        "frames": train[0].shape[1],
        "n_mels": train[0].shape[2],
        "bins": train[1].shape[1],
    }
    score = partial(
        score_outputs,
        windows=read_table(files.valid_windows),
        reference=read_table(files.valid_events),
        event_labels=event_labels,
        window_length=windows["length"],
        decoding=settings["decoding"],
        resolution=resolution,
    )
    model = Network(**network)
    training = settings["training"]
    training = training | {"precision": choose_precision(model, device, training["precision"])}
    print(f"{run}: {len(train[0])} windows, {device.type}, {training['precision']}, {torch.get_num_threads()} threads")
    history, classwise, weights, best = fit(
        model,
        train,
        valid,
        held_out,
        score,
        partial(job.progress, desc=run),
        settings=training,
        seed=settings["seed"],
        device=device,
    )
    history.to_csv(made.history, index=False, float_format="%.9g")
    classwise.to_csv(made.classwise, index=False, float_format="%.9g")
    description = {
        "run": run,
        "event_labels": event_labels,
        "network": network,
        "sample_rate": sample_rate,
        "windows": windows,
        "features": features,
        "decoding": settings["decoding"],
        "training": training,
        "seed": settings["seed"],
        "best_epoch": best,
        "validation": history.iloc[best - 1].to_dict(),
    }
    save_network(weights, description, Path(made.weights).parent)


if __name__ == "__main__":
    job.start(snakemake)
    train_network(
        snakemake.input,
        snakemake.output,
        snakemake.wildcards.run,
        **job.settings(snakemake),
    )
