"""Train a head that listens for words on some classes, and segment test mixes with all queries of a table."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import torch
from safetensors.torch import load_file, save

from yoho import job
from yoho.events import read_table, write_table
from yoho.files import write_whole
from yoho.networks.conditioned import Asked, Conditioned
from yoho.networks.device import predict
from yoho.networks.run_folder import read_description
from yoho.referring.encoder import load_encoder
from yoho.scoring.segments import Scorer
from yoho.training.batches import Stored
from yoho.training.fit import fit
from yoho.windows.targets import Decoder

CPU = torch.device("cpu")  # On a GPU, a CUDA graph would repeat the phrasings of its first batch.
# The training takes a minute, and needs no checkpoint.
NO_CHECKPOINT = SimpleNamespace(restore=lambda device: None, in_background=lambda: nullcontext(lambda state: None))


def train_referring(files, made, run, *, event_labels, seed, training, decoding, resolution, thresholds):
    """Write weights, history, and the events of all queries, whose event_label is the query, at each threshold."""
    encode = load_encoder()
    queries = read_table(files.queries, sep=",")
    vectors = torch.from_numpy(encode(queries["query"]))
    train, valid = ([Stored(files[f"{split}_{part}"]) for part in ("maps", "targets")] for split in ("train", "valid"))
    torch.manual_seed(seed)
    head = Conditioned(train[0].shape[1], vectors.shape[1], dropout=training["dropout"])
    if files.ear:
        head.start_from(*ear_classifier(files, encode))
    phrasings = [vectors[(queries["event_label"] == label).to_numpy()] for label in event_labels]
    scorer = Scorer(
        read_table(files.valid_windows), read_table(files.valid_events), Decoder(event_labels, **decoding), resolution
    )
    how = {"score": scorer, "progress": partial(job.progress, desc=run), "settings": training, "seed": seed}
    fitted = fit(Asked(head, phrasings), train, valid, NO_CHECKPOINT, **how, device=CPU)
    fitted.history.to_csv(made.history, index=False, float_format="%.9g")
    write_whole(made.weights, save(fitted.weights))
    asked = Asked(head, list(vectors[:, None]))
    asked.load_state_dict(fitted.weights)
    outputs, windows = predict(asked, Stored(files.test_maps), device=CPU).numpy(), read_table(files.test_windows)
    decoders = {level: Decoder(list(queries["query"]), **decoding | {"threshold": level}) for level in thresholds}
    found = [each.events(outputs, windows).assign(threshold=level) for level, each in decoders.items()]
    write_table(pd.concat(found), made.test_events)


def ear_classifier(files, encode):
    """Weights, bias and vectors of the ear's classes, twice: once by their names, once by their descriptions."""
    description, weights = read_description(Path(files.ear).parent), load_file(files.ear)
    names, texts = description["event_labels"], description["descriptions"]
    bias = weights["head.bias"] - torch.tensor(read_table(files.classes, sep=",")["threshold"]).float()
    vectors = torch.from_numpy(encode(names + [texts[name] for name in names]))
    return weights["head.weight"][..., 0].repeat(2, 1), bias.repeat(2), vectors


if __name__ == "__main__":
    job.start(snakemake)
    train_referring(snakemake.input, snakemake.output, snakemake.wildcards.run, **job.params(snakemake))
