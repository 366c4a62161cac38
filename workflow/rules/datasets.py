"""The slices of the config that the jobs of a dataset get."""

import csv
import os
import re
from pathlib import Path

from yoho.folders import walk
from yoho.networks.making import AUDIOSET
from yoho.recordings.sources import SOURCES
from yoho.segmenting.classes import composed, similar

SOUNDS = [row["event_label"] for row in csv.DictReader(AUDIOSET.read_text(encoding="utf-8").splitlines())]

# Differences between the readings that change the training data. The other differences concern a run alone.
DATA_KEYS = ("pool", "slices", "draw", "targets")

# Settings of `scoring` that only a target of their own uses; scores and records do not depend on them.
APART = ("pooled", "psds", "overlap")

# Keys whose values are files or folders of the user: of background, of segmenting, and of the sources.
PATHS = {"path", "audio", "weights"}.union(*(source.paths for source in SOURCES.values()))


# ---- readings --------------------------------------------------------------------------------------------------------


def read_as(config, entry):
    """The values that a dataset or a run has for all differences between the readings, {key: value}."""
    return {key: config["readings"][column_of(entry, key)][key] for key in config["readings"]["described"]}


def column_of(entry, key):
    """The reading, `described` or `released`, that a dataset or a run takes for one difference."""
    return entry.get(key, entry.get("reading", "described"))


def completed(datasets):
    """The datasets, each with what it does not state itself from the one that it is `like`."""
    return {name: datasets.get(entry.get("like"), {}) | entry for name, entry in datasets.items()}


def dataset_settings(config, name):
    """Settings of a dataset or of a variant: `builtin-pool_released` is `builtin` with the key `pool` as released.

    `study-seed_3` is `study` with the training recordings and mixes that the training seed 3 draws anew.
    """
    base, *switches = name.split("-")
    own = dict(switch.rsplit("_", 1) for switch in switches)
    entry, seed = config["datasets"][base], own.pop("seed", None)
    return (entry if seed is None else drawn_anew(entry, int(seed))) | own


def drawn_anew(entry, seed):
    """A dataset with the training recordings and mixes that a training seed draws anew."""
    mixes = entry["mixes"] | {"seed": entry["mixes"]["seed"] + 1000 * (seed + 1)}
    recordings = source_of(entry).anew(entry["recordings"], seed) or entry["recordings"]
    return entry | {"mixes": mixes, "recordings": recordings}


def seed_of(name):
    """The training seed that draws the data of a variant anew; None for any other dataset or variant."""
    found = re.search(r"-seed_(\d+)", name)
    return int(found[1]) if found else None


def without_seed(name):
    """The dataset or variant whose validation and test mixes belong to a variant that a training seed draws anew."""
    return re.sub(r"-seed_\d+", "", name)


def recordings_of(config, name):
    """The dataset or variant whose recordings are those of a dataset or variant.

    A dataset that is `like` another one has its recordings. A training seed has recordings of its own if the source
    can draw them anew, except where a shared pool needs those of validation and test.
    """
    base, *switches = name.split("-")
    entry, settings = config["datasets"][base], dataset_settings(config, name)
    own = [switch for switch in switches if switch.startswith("seed_")]
    redrawn = own and source_of(entry).anew(entry["recordings"], 0) and read_as(config, settings)["pool"] == "split"
    base = entry.get("like", base)
    return f"{base}-{own[0]}" if redrawn else base


# ---- recordings ------------------------------------------------------------------------------------------------------


def source_of(dataset):
    """The source of a dataset's recordings."""
    return SOURCES[dataset["source"]]


def event_labels(dataset):
    """The classes of a dataset, in the order of the targets."""
    return source_of(dataset).event_labels(dataset["recordings"])


def source_files(dataset):
    """The user's files from which a dataset's recordings are collected, or which say what to download."""
    return source_of(dataset).files(dataset["recordings"])


def recording_files(config, name):
    """The user's files from which a dataset or variant is made, its background included.

    If one of them changes, the dataset is made again. Files that say what to download count with the manifest.
    """
    dataset = dataset_settings(config, name)
    background = dataset.get("background") or {"path": None}
    own = walk(background["path"]).files if background["path"] else []
    return ([] if fetch_settings(config, name) else source_files(dataset)) + list(map(str, own))


def fetch_settings(config, name):
    """The settings of the job that downloads the recordings of a dataset; None if nothing is downloaded."""
    dataset = dataset_settings(config, name)
    return source_of(dataset).fetch_settings(dataset["recordings"], config["recordings"])


def collect_settings(config, name):
    """The settings of the job that collects the recordings of a dataset.

    Returns {"settings" of the source, "listening", "splitting", "background"}. Each of the last three is None if the
    dataset does not need it.
    """
    dataset, background = dataset_settings(config, name), background_settings(config, name)
    source, recordings = source_of(dataset), dataset["recordings"]
    settings = source.collect_settings(recordings, f"results/{name}", config["recordings"])
    listening = listening_settings(config) | {"trim_db": recordings["trim_db"]} if source.listens else None
    splitting = {key: recordings[key] for key in ("splits", "seed")} if source.splits else None
    return {"settings": settings, "listening": listening, "splitting": splitting, "background": background}


def listening_settings(config):
    """Settings for the examination of recordings from outside the workflow."""
    mixes = config["mixes"]
    return {
        "bad": config["recordings"]["bad"],
        "shortest": mixes["shortest_clip"],
        "sample_rate": mixes["sample_rate"],
    }


def background_settings(config, name):
    """Settings for collecting the background of a dataset; None for a dataset without background."""
    background = dataset_settings(config, name).get("background")
    if not background:
        return None
    own = {key: value for key, value in background.items() if key != "share"}
    sample_rate, longest = config["mixes"]["sample_rate"], max(background["duration"])
    return own | {"duration": longest, "listening": listening_settings(config), "sample_rate": sample_rate}


def stretch_settings(dataset):
    """Settings for the stretches of background in a dataset's mixes; None for a dataset without background."""
    background = dataset.get("background")
    return {key: background[key] for key in ("share", "duration")} if background else None


# ---- windows ---------------------------------------------------------------------------------------------------------


def window_settings(config, name=None):
    """Length, bins and hops of the usual windows, or of those in `windows.others` that have a name.

    What other windows do not state is as usual.
    """
    usual = {key: config["windows"][key] for key in ("length", "bins", "hop")}
    other = config["windows"]["others"].get(name, {})
    own = {key: other[key] for key in ("length", "bins") if key in other}
    return usual | own | {"hop": usual["hop"] | other.get("hop", {})}


def window_frames(config, name, length):
    """Frames of the image of a window by a front end: 257 for 2.56 s at 44.1 kHz and a hop of 441 samples."""
    settings = config["windows"]["front_ends"][name]
    return round(length * settings["sample_rate"]) // settings["hop_length"] + 1


def scored_windows(config):
    """The windows on which scores are computed, as a key of `windows.hop`."""
    return {"bins": "score", "averaged": "averaged"}[config["decoding"]["method"]]


def ear_names(config, name):
    """{event_label: names of sounds of AudioSet} for the classes of a dataset: of `ear.names`, or else its own name."""
    given = {composed(label): sounds for label, sounds in config["ear"]["names"].items()}
    labels = event_labels(config["datasets"][name])
    return {label: given.get(composed(label), [label.replace("_", " ")]) for label in labels}


def nameless(config, name):
    """Yield a line for each class of a dataset that is no sound of AudioSet, neither by `ear.names` nor by its name."""
    for label, sounds in ear_names(config, name).items():
        if unknown := unknown_sounds(sounds):
            names = "; ".join(similar(unknown[0], SOUNDS))
            yield f"ear.names: {label}: no sound of AudioSet; add its sounds to ear.names; similar names are {names}"


def unknown_sounds(names):
    """Those names that are no sounds of AudioSet."""
    known = {sound.casefold() for sound in SOUNDS}
    return [name for name in names if name.casefold() not in known]


def scoring_settings(config):
    """The settings of the scores that a run's training computes, and on which records rest."""
    return {key: value for key, value in config["scoring"].items() if key not in APART}


# ---- segmenting ------------------------------------------------------------------------------------------------------


def segmenting_settings(config):
    """Settings for segmenting audio with a run, which its model.json records."""
    settings = {key: config["segmenting"][key] for key in ("decoding", "silence", "high_pass")}
    return settings | {"averaged": config["decoding"]["averaged"]}


def trained_networks(weights):
    """The files of weights with which audio can be segmented, {path: time of writing}.

    If this result changes, the audio is segmented again.

    weights: the folder of a run, or None for all runs.
    """
    folders = [Path(weights)] if weights else Path("results").glob("*/runs/*")
    files = [folder / "weights.safetensors" for folder in folders]
    return {str(file): file.stat().st_mtime_ns for file in sorted(files) if os.path.isfile(file)}


# ---- names of files --------------------------------------------------------------------------------------------------


def portable(value):
    """A config, or a part of one, in which every absolute path is replaced by its last name."""
    if isinstance(value, dict):
        return {key: without_place(part) if key in PATHS else portable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [portable(part) for part in value]
    return value


def without_place(value):
    """A path, or each of several, without its folders if it is absolute or begins at home."""
    if isinstance(value, (list, tuple)):
        return [without_place(part) for part in value]
    return Path(value).name if isinstance(value, str) and value.startswith(("/", "~")) else value
