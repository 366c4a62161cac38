"""Train one network, keep its curve and its best weights, and score them on the test split (Figures 4-6)."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch

from yoho import job
from yoho.events import read_table, write_table
from yoho.files import write_whole
from yoho.networks.card import card_scores, model_card
from yoho.networks.device import choose_device, device_name
from yoho.networks.network import Network, load_network, save_network
from yoho.provenance import commit, digest
from yoho.scoring.evaluation import evaluate
from yoho.scoring.segments import score_outputs
from yoho.scoring.thresholds import tune_thresholds
from yoho.training.batches import Stored
from yoho.training.checkpoint import Checkpoint
from yoho.training.fit import fit
from yoho.training.prediction import predict
from yoho.training.step import choose_precision


def train_network(
    files,
    made,
    run,
    *,
    event_labels,
    settings,
    windows,
    features,
    sample_rate,
    scoring,
    candidates,
    segmenting,
    data,
    training_code,
):
    training, decoding, seed = settings["training"], settings["decoding"], settings["seed"]
    device = choose_device(training["device"], training["deterministic"])
    train, valid, held_out = (stored(files, use) for use in ("train", "valid", "held_out"))
    torch.manual_seed(seed)
    network = settings["network"] | {
        "pretrained": training["pretrained"],
        "classes": len(event_labels),
        "frames": train[0].shape[1],
        "n_mels": train[0].shape[2],
        "bins": train[1].shape[1],
    }
    model = Network(**network)
    training = training | {"precision": choose_precision(model, device, training["precision"])}
    scored = {
        "windows": read_table(files.valid_windows),
        "reference": read_table(files.valid_events),
        "event_labels": event_labels,
        "window_length": windows["length"],
        "decoding": decoding,
        "resolution": scoring["resolution"],
    }
    # What the weights depend on. Not the epochs: more of them go on from the checkpoint of fewer. Nor the graph, whose
    # kernels are the same as without it.
    depends = network | {key: value for key, value in training.items() if key not in ("epochs", "graph")}
    depends |= {"event_labels": event_labels, "decoding": decoding, "resolution": scoring["resolution"], "seed": seed}
    learned = {files[name]: None for name in files.keys() if name.startswith(("train", "valid", "held_out"))}  # noqa: SIM118
    depends |= {"device": device.type, "data": digest(learned), "code": training_code}
    depends |= {package.__name__: str(package.__version__) for package in (torch, timm)}
    checkpoint = Checkpoint(Path(made.weights).parent / "checkpoint.pt", depends, job.say)
    print(f"{run}: {len(train[0])} windows, {device.type}, {training['precision']}, {torch.get_num_threads()} threads")
    # A job whose Snakemake was killed ends within a second or two.
    with checkpoint.alone(patience=10):
        history, classwise, weights, best = fit(
            model,
            train,
            valid,
            None if files.held_out_features == files.valid_features else held_out,
            partial(score_outputs, **scored),
            partial(job.progress, desc=run),
            checkpoint,
            settings=training,
            seed=seed,
            device=device,
        )
    history.to_csv(made.history, index=False, float_format="%.9g")
    classwise.to_csv(made.classwise, index=False, float_format="%.9g")
    model.load_state_dict(weights)
    outputs = predict(model, valid[0], device=device).numpy()
    sizes = {"train": len(train[0]), "valid": len(valid[0]), "test": len(Stored(files.test_features))}
    description = {
        "run": run,
        **model_card(event_labels, data | {"windows": sizes}, windows, sample_rate),
        "event_labels": event_labels,
        "network": network,
        "sample_rate": sample_rate,
        "windows": windows,
        "features": features,
        "decoding": decoding,
        "segmenting": segmenting,
        "thresholds": tune_thresholds(outputs, **scored, candidates=candidates),
        "training": training,
        "seed": seed,
        "best_epoch": best,
        "validation": history.iloc[best - 1].to_dict(),
        "made_with": {
            "commit": commit(),
            "device": device_name(device),
            "versions": {package.__name__: str(package.__version__) for package in (np, timm, torch)},
        },
    }
    save_network(weights, description, Path(made.weights).parent)


def evaluate_network(files, made, *, scoring):
    network, description = load_network(Path(made.weights).parent)
    training, event_labels = description["training"], description["event_labels"]
    device = choose_device(training["device"], training["deterministic"])
    outputs = predict(network.to(device), Stored(files.test_features), device=device).numpy()
    windows, reference, plan, recordings = (
        read_table(files[name]) for name in ("test_windows", "test_events", "test_plan", "recordings")
    )
    events, scores, tallies = evaluate(
        outputs,
        np.load(files.test_targets),
        windows,
        reference,
        plan,
        recordings,
        event_labels,
        description["windows"]["length"],
        description["decoding"],
        scoring,
    )
    np.savez_compressed(made.test_outputs, outputs=outputs)
    write_table(events, made.test_events)
    write_table(tallies, made.test_recordings)
    result = {"best_epoch": description["best_epoch"], "scores": scores.to_dict("records")}
    Path(made.test_scores).write_text(json.dumps(result, indent=2) + "\n")
    description |= {"test": card_scores(scores)}
    write_whole(Path(made.description), f"{json.dumps(description, indent=2)}\n".encode())


def stored(files, use):
    """Features and targets of windows."""
    return [Stored(files[f"{use}_{part}"]) for part in ("features", "targets")]


if __name__ == "__main__":
    job.start(snakemake)
    params = job.params(snakemake)
    train_network(snakemake.input, snakemake.output, snakemake.wildcards.run, **params)
    evaluate_network(snakemake.input, snakemake.output, scoring=params["scoring"])
