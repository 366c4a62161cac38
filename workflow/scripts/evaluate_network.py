"""Score one network's best weights on the test split (paper 3.3)."""

import json
from pathlib import Path

import numpy as np
import torch

from yoho import job
from yoho.events import read_table, write_table
from yoho.model import load_network
from yoho.scoring import mix_durations, sed_eval_scores
from yoho.tallies import field_recordings, recording_tallies
from yoho.targets import decode_outputs
from yoho.training import predict


def evaluate_network(files, made, *, decoding, scoring, device):
    device = job.choose_device(device)
    network, description = load_network(Path(files.weights).parent, device)
    training, event_labels = description["training"], description["event_labels"]
    features = torch.from_numpy(np.load(files.features, mmap_mode="c"))
    outputs = predict(network, features, training["batch_size"], device, training["precision"]).numpy()
    windows = read_table(files.windows)
    events = decode_outputs(outputs, windows, event_labels, description["windows"]["length"], **decoding)
    reference, targets = read_table(files.events), np.load(files.targets)
    plan = field_recordings(read_table(files.plan), read_table(files.recordings))
    tallies = recording_tallies(
        outputs,
        targets,
        events,
        reference,
        windows,
        plan,
        event_labels,
        description["windows"]["length"],
        scoring["resolution"],
    )
    scores = sed_eval_scores(reference, events, mix_durations(windows), event_labels, **scoring)
    np.savez_compressed(made.outputs, outputs=outputs)
    write_table(events, made.events)
    write_table(tallies, made.recordings)
    result = {"best_epoch": description["best_epoch"], "scores": scores.to_dict("records")}
    Path(made.scores).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    job.start(snakemake)
    evaluate_network(snakemake.input, snakemake.output, **job.settings(snakemake))
