"""Train one network, write its curves and weights, and score it on the test split (Figures 4-6)."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch

from yoho import InputError, job
from yoho.events import read_table, write_table
from yoho.files import write_whole
from yoho.networks.backbones import check_front_end
from yoho.networks.card import made_with, model_card
from yoho.networks.device import choose_device, predict
from yoho.networks.export import check_export, exported
from yoho.networks.network import OnMaps
from yoho.networks.run_folder import write_description
from yoho.networks.saving import load_network, save_network
from yoho.networks.sizes import window_sizes
from yoho.provenance import commit, device_name, digest
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.records import TALLIES, write_record
from yoho.scoring.segments import Scorer
from yoho.scoring.tallies import field_recordings, recording_tallies
from yoho.scoring.thresholds import tune_thresholds
from yoho.training.batches import Stored, copied
from yoho.training.checkpoint import Checkpoint
from yoho.training.fit import fit, learns_on_maps, prepare
from yoho.windows.front_ends import build_front_end
from yoho.windows.targets import Decoder

SPLITS = ("train", "valid", "test")


def train_network(
    files,
    made,
    run,
    *,
    event_labels,
    settings,
    front_end,
    windows,
    scoring,
    candidates,
    segmenting,
    data,
    training_code,
):
    training, seed = settings["training"], settings["seed"]
    check_front_end(settings["network"]["backbone"], front_end["kind"])
    device = choose_device(training["device"], training["deterministic"])
    train, valid, held_out = (
        [Stored(files[f"{use}_{part}"]) for part in ("features", "targets")] for use in ("train", "valid", "held_out")
    )
    front = build_front_end(**{key: value for key, value in front_end.items() if key != "name"})
    network = settings["network"] | {key: training[key] for key in ("pretrained", "dropout")}
    network |= window_sizes((front.frames(windows["length"]), front.n_mels), train[1].shape[1:])
    model, training = prepare(network, training, seed, device, files.ear)
    check_export(model, network)  # not only after the training
    learner = OnMaps(model) if learns_on_maps(network, training["frozen"]) else model
    settings = settings | {"network": network, "training": training}  # The other keys are "decoding" and "seed".
    decoder = Decoder(event_labels, windows["length"], **settings["decoding"])
    scorer = Scorer(read_table(files.valid_windows), read_table(files.valid_events), decoder, scoring["resolution"])
    depends = {"device": device.type, "code": training_code} | fingerprint(files, scorer, settings)
    checkpoint = Checkpoint(Path(made.weights).with_name("checkpoint.pt"), depends, job.say)
    print(f"{run}: {len(train[0])} windows, {device.type}, {training['precision']}, {torch.get_num_threads()} threads")
    held_out = None if files.held_out_features == files.valid_features else held_out
    how = {"held_out": held_out, "score": scorer, "progress": partial(job.progress, desc=run)}
    how |= {"settings": training, "seed": seed, "device": device, "begun": {"commit": commit(), "started": now()}}
    # A job whose Snakemake was killed frees its lock within two seconds.
    with checkpoint.locked(patience=10):
        fitted = fit(learner, train, valid, checkpoint, **how)
    fitted.history.to_csv(made.history, index=False, float_format="%.9g")
    fitted.classwise.to_csv(made.classwise, index=False, float_format="%.9g")
    learner.load_state_dict(fitted.weights)
    outputs = predict(learner, valid[0], device=device).numpy()
    data = data | {"windows": {split: len(Stored(files[f"{split}_targets"])) for split in SPLITS}}
    from_ear = bool(files.ear)
    description = {"run": run} | model_card(event_labels, data, windows, front, from_ear) | settings
    description |= {
        "event_labels": event_labels,
        "windows": windows,
        "front_end": front_end["name"],
        "sample_rate": front.sample_rate,
        "features": {key: value for key, value in front_end.items() if key not in ("name", "sample_rate")},
        "segmenting": segmenting,
        "thresholds": tune_thresholds(scorer, outputs, candidates),
        "best_epoch": fitted.epoch,
        "validation": fitted.history.iloc[fitted.epoch - 1].to_dict(),
        "made_with": made_with(device, np, timm, torch),
    }
    save_network(copied(model.state_dict()), description, Path(made.weights).parent)
    return fitted.begun


def fingerprint(files, scorer, settings):
    """All that a run's weights depend on, except the device and the code."""
    # CUDA graphs run the same kernels. A checkpoint of fewer epochs can be continued, unless they change the rates.
    left_out = ("graph",) if settings["training"]["schedule"] == "cosine" else ("graph", "epochs")
    training = {key: value for key, value in settings["training"].items() if key not in left_out}
    scored = {"event_labels": scorer.decoder.event_labels, "resolution": scorer.resolution}
    used = ("train_features", "train_targets", "valid", "held_out", "ear")
    names = [name for name in files.keys() if name.startswith(used)]  # noqa: SIM118
    data = {files[name]: None for name in names if files[name]}
    versions = {package.__name__: str(package.__version__) for package in (torch, timm)}
    given = {key: settings[key] for key in ("decoding", "seed")}
    return settings["network"] | training | scored | given | {"data": digest(data)} | versions


def evaluate_network(files, made, run, *, scoring, recorded, begun):
    network, description = load_network(Path(made.weights).parent)
    training = description["training"]
    device = choose_device(training["device"], training["deterministic"])
    outputs = predict(network.to(device), Stored(files.test_features), device=device).numpy()
    windows, reference, plan, recordings = (
        read_table(files[name]) for name in ("test_windows", "test_events", "test_plan", "recordings")
    )
    decoder = Decoder(description["event_labels"], description["windows"]["length"], **description["decoding"])
    scorer = Scorer(windows, reference, decoder, scoring["resolution"])
    events = decoder.events(outputs, windows)
    scores = sed_eval_scores(reference, events, scorer.durations, decoder.event_labels, scoring)
    plan = field_recordings(plan, recordings)
    tallies = recording_tallies(scorer, outputs, np.load(files.test_targets), events, plan, tolerances=scoring)
    np.savez_compressed(made.test_outputs, outputs=outputs)
    write_table(events, made.test_events)
    write_table(tallies, made.test_recordings)
    result = {"best_epoch": description["best_epoch"], "scores": scores.to_dict("records")}
    Path(made.test_scores).write_text(json.dumps(result, indent=2) + "\n")
    f1 = scores.set_index("event_label")[["segment_f1", "event_f1"]].to_dict("index")
    write_description(description | {"test": f1}, Path(made.description))
    history = read_table(made.history, sep=",")
    about = {"run": run, "settings": recorded["settings"], "test": digest([files.test_plan, files.test_events])}
    about |= {"tallies": TALLIES, "epoch": description["best_epoch"], "precision": training["precision"]}
    about |= {"exposure": exposure(files, history, about["epoch"]) | {"anew": recorded["anew"]}}
    about |= {"processor": device_name(device), "finished": now()} | begun
    write_record(made.record, about, history, tallies)


def exposure(files, history, epoch):
    """What a run has learned from until its tested epoch: windows seen, and the mixes and recordings in them."""
    seen = int(history["windows_seen"][epoch - 1])
    mixes = read_table(files.train_windows)["filename"][:seen].unique()  # The first epochs take the first windows.
    plan = read_table(files.train_plan)
    recordings = plan["recording"][plan["filename"].isin(mixes)].nunique()
    return {"windows_seen": seen, "mixes": len(mixes), "recordings": recordings}


def train_and_evaluate(files, made, run, params):
    """The whole job of a run; InputError before the training if the record of the run would rest on other test mixes.

    The record gets the commit and the time at which the training was begun: the code may be another when it ends.
    """
    recorded = params["recorded"]
    if recorded["test"] not in (None, digest([files.test_plan, files.test_events])):
        raise InputError(
            f"{files.test_plan}: is not the plan of claims.test, so no record of a run that is tested on it would count"
        )
    begun = train_network(files, made, run, **{name: value for name, value in params.items() if name != "recorded"})
    evaluate_network(files, made, run, scoring=params["scoring"], recorded=recorded, begun=begun)
    write_whole(made.network, exported(Path(made.weights).parent, checked=True))


def now():
    """The time, as ISO 8601 has it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}"


if __name__ == "__main__":
    job.start(snakemake)
    train_and_evaluate(snakemake.input, snakemake.output, snakemake.wildcards.run, job.params(snakemake))
