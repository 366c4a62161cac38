"""The config, checked and cut into the slices that jobs get; which runs there are; digests of the code.

Snakemake finds this module beside the rules. It imports no package of the jobs: those may live in conda
environments of their own.
"""

import hashlib
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators
from snakemake.exceptions import WorkflowError
from snakemake.io import contains_wildcard

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"

# Differences between the readings that make other training data; the others concern a run alone.
DATA_KEYS = ("pool", "slices", "draw", "targets")

# Differences that change no weights: what is decoded from the outputs, what the validation loss is computed on.
AFTER_TRAINING = ("decode", "hop")

# Keys of a source that say what to fetch; the others say what is read, and how.
FETCH_KEYS = {
    "bbc": (
        *("accept_licence", "manifest", "catalogue", "classes", "search", "media", "page_size", "passes", "format"),
        "max_per_class",
    ),
    "esc50": ("address",),
}

# Keys whose value is a file or folder of the user's.
PATHS = ("path", "manifest", "catalogue", "audio", "weights")

# Names in tables and pages that stand for all classes, and for the true events.
OVERALL, TRUE = "overall", "true"

LONGEST_LABEL = 80  # characters: a longer one leaves a figure no room

# Short names of settings in the names of runs.
SHORT = {"learning_rate": "lr", "batch_size": "batch"}


WHOLE = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
Validator = validators.extend(Draft202012Validator, type_checker=WHOLE)


def check_config(config):
    """Raise WorkflowError with one line per mistake in the config, naming key and value."""
    schema = Validator(yaml.safe_load(SCHEMA.read_text()))
    mistakes = [explain(error) for error in schema.iter_errors(config)]
    if not mistakes and config["dataset"] not in config["datasets"]:
        mistakes.append(f"dataset: {config['dataset']!r} is not in `datasets`; it has {', '.join(config['datasets'])}")
    if not mistakes:
        mistakes += check_dataset(config["dataset"], config["datasets"][config["dataset"]])
        mistakes += check_background(config)
        mistakes += check_studies(config)
    if mistakes:
        raise WorkflowError("The config cannot be used (config/README.md explains each key):\n" + "\n".join(mistakes))


def explain(error):
    """One line for one schema error: where, what, and what is allowed there."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    prefix = f"{key}: " if key else ""
    if error.validator == "additionalProperties":
        unknown = sorted(str(key) for key in set(error.instance) - set(error.schema["properties"]))
        return f"{prefix}unknown key {', '.join(unknown)}; known are {', '.join(error.schema['properties'])}"
    if error.validator == "type":
        return f"{prefix}{error.instance!r} is not of type {error.schema['type']}"
    return f"{prefix}{error.message}"


# What a path of each source leads to.
MEANT = {
    ("esc50", "path"): "folder or .zip",
    ("folder", "path"): "folder",
    ("bbc", "manifest"): "manifest.tsv",
    ("bbc", "catalogue"): "table",
}


def check_dataset(name, dataset):
    """Mistakes of the chosen dataset that a schema cannot see."""
    where, recordings = f"datasets.{name}.recordings", dataset["recordings"]
    for key in ("path", "manifest", "catalogue"):
        path = Path(recordings.get(key) or ".")
        if not (path.is_dir() if MEANT.get((dataset["source"], key)) == "folder" else path.exists()):
            yield f"{where}.{key}: no such {MEANT[dataset['source'], key]}: {path.resolve()}; set it to where it lies"
        elif (dataset["source"], key) == ("folder", "path") and not event_labels(dataset):
            yield f"{where}.path: no folder in {path.resolve()}; each class is a folder of its recordings"
    if dataset["source"] == "bbc":
        yield from check_bbc(where, recordings, Path(f"results/{name}/manifest.tsv"))
    if dataset["source"] == "esc50":
        if ("path" in recordings) == ("address" in recordings):
            yield f"{where}: give path, where ESC-50 lies, or address, where it is fetched from"
        folds = [fold for members in recordings["folds"].values() for fold in members]
        if len(folds) != len(set(folds)):
            yield f"{where}.folds: a fold is there twice: {recordings['folds']}"
        if repeated(entry["event_label"] for entry in recordings["classes"]):
            yield f"{where}.classes: an event_label is there twice"
        if repeated(category for entry in recordings["classes"] for category in entry["categories"]):
            yield f"{where}.classes: a category is there twice"
    if recordings.get("per_class", 3) < 3:
        yield f"{where}.per_class: {recordings['per_class']} is fewer than the three splits need"
    for key in ("duration", "level", "snr"):
        if key in recordings and recordings[key][0] > recordings[key][1]:
            yield f"{where}.{key}: {recordings[key]} must be [smallest, largest]"
    if dataset["source"] == "folder" and not Path(recordings["path"]).is_dir():
        return  # which is said already
    for event_label in event_labels(dataset):
        yield from check_label(f"{where}: class", event_label, OVERALL)
    if refused := [file for file in source_files(dataset) if not is_input(file)]:
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        yield f"{where}: {refused[0]!r}{more}: {NO_INPUT}"


NO_INPUT = "Snakemake reads no file of such a name, which is no text or holds a name in braces; rename it"


def is_input(path):
    """Whether Snakemake can have a path as an input: it takes {name} for a wildcard, and writes paths as UTF-8."""
    return not contains_wildcard(path) and is_text(path)


def is_text(name):
    """Whether a name of a file is text: the bytes of one that is not are surrogates."""
    return not re.search("[\ud800-\udfff]", name)


def check_label(where, label, taken):
    """Mistakes of a label that stands in tables, figures and pages; taken: what means something else there."""
    if not label.isprintable():
        yield f"{where} {label!r} holds what cannot be shown, as a line break; rename it"
    elif len(label) > LONGEST_LABEL:
        yield f"{where} {label!r} has {len(label)} characters; at most {LONGEST_LABEL} fit into a figure"
    elif label == taken:
        yield f"{where} {label!r} is what tables and pages call something else; rename it"


def check_background(config):
    """Mistakes of the background of the chosen dataset; none where it has none."""
    dataset = config["datasets"][config["dataset"]]
    where, background = f"datasets.{config['dataset']}.background", dataset.get("background")
    if not background:
        return
    for key in ("duration", "level"):
        if background[key][0] > background[key][1]:
            yield f"{where}.{key}: {background[key]} must be [smallest, largest]"
    if background["duration"][1] > config["mixing"]["longest_segment"]:
        yield f"{where}.duration: {background['duration']} reaches beyond mixing.longest_segment"
    if "background" in event_labels(dataset):
        yield f"{where}: a class is called background too; recordings of no class belong in {where}.path"
    if background["path"] is None:
        return
    path = Path(background["path"]).resolve()
    if not path.is_dir():
        yield f"{where}.path: no such folder: {path}; set it to where your background lies, or to null"
    elif dataset["source"] == "folder" and path.is_relative_to(Path(dataset["recordings"]["path"]).resolve()):
        yield f"{where}.path: {path} lies in the folder of recordings, where each folder is a class; move it elsewhere"


def check_bbc(where, recordings, made):
    """Mistakes of a dataset of BBC Sound Effects, whose manifest is made at the path `made`."""
    if recordings["manifest"] and Path(recordings["manifest"]).resolve() == made.resolve():
        yield f"{where}.manifest: {recordings['manifest']} is made anew; keep the one to read elsewhere"
    if repeated(entry["event_label"] for entry in recordings["classes"]):
        yield f"{where}.classes: an event_label is there twice"
    for rule in (rule for entry in recordings["classes"] for rule in entry["rules"]):
        try:
            re.compile(rule.get("pattern", ""))
        except re.error as error:
            yield f"{where}.classes: {rule['pattern']!r} is no regular expression ({error})"


def repeated(values):
    """Whether a value is there twice."""
    values = list(values)
    return len(values) != len(set(values))


def check_studies(config):
    """Mistakes across sections."""
    if config["downloads"]["backoff"][0] > config["downloads"]["backoff"][1]:
        yield f"downloads.backoff: {config['downloads']['backoff']} must be [first, longest]"
    if config["mixing"]["duration"][0] > config["mixing"]["duration"][1]:
        yield f"mixing.duration: {config['mixing']['duration']} must be [shortest, longest]"
    elif config["mixing"]["duration"][1] - config["mixing"]["duration"][0] < config["mixing"]["longest_segment"]:
        yield f"mixing.duration: {config['mixing']['duration']} must span at least longest_segment"
    if config["mixing"]["shortest_segment"] > config["mixing"]["longest_segment"]:
        yield f"mixing.shortest_segment: {config['mixing']['shortest_segment']} is more than longest_segment"
    windows, frames = config["windows"], window_frames(config)
    for use, hop in windows["hop"].items():
        if hop > windows["length"]:
            yield f"windows.hop.{use}: {hop} is more than windows.length: parts of a mix would be in no window"
    if -(-frames // 32) != windows["bins"]:
        yield (
            f"windows.bins: {windows['bins']} bins for {frames} frames a window; the networks halve five times, "
            f"so it must be {-(-frames // 32)} (or change windows.length or features.hop_length)"
        )
    study = config["studies"]["mask_study"]
    neck = {mask for cell in study["cells"] for mask in cell["masks"]} - {"none", "backbone"}
    if study["backbone"] == "vggish" and neck:
        yield f"studies.mask_study: VGGish has no neck and so no place for a mask at {', '.join(sorted(neck))}"
    for number, run in enumerate(config["studies"]["audit"]["runs"]):
        if not released_keys(config, run):
            yield f"studies.audit.runs[{number}]: {run['label']!r} has no released key to compare with"
    if config["features"]["win_length"] > config["features"]["n_fft"]:
        yield f"features.win_length: {config['features']['win_length']} is more than n_fft"
    for study in config["studies"]:
        yield from check_runs(config, study)


def check_runs(config, study):
    """Mistakes of a study's labels; and runs that are one and the same, of which a figure shows but one."""
    settings, runs = config["studies"][study], Runs(config)
    kind = "runs" if "runs" in settings else "cells"
    keys, labels = {}, {}
    for number, entry in enumerate(settings[kind]):
        key = f"studies.{study}.{kind}[{number}]"
        for run in study_runs(settings | {kind: [entry]}):
            label = run["label"]
            sides = audit_sides(config, run).values() if study == "audit" else [run]
            same = tuple(runs.add(side, settings["seeds"][0]) for side in sides)
            found = list(check_label(f"{key}: label", label, TRUE))
            if label in keys:
                found.append(f"{key}: the label {label!r} is there twice: {keys[label]} has it too; change one of them")
            elif same in labels:
                first = labels[same]
                found.append(f"{key}: {label!r} is the same run as {first!r}, {keys[first]}; remove one of them")
            if found:
                yield found[0]
                break  # of a cell, whose other masks have the same mistake
            keys[label], labels[same] = key, label


def segmenting_settings(config):
    """How audio is segmented with a run, as its model.json holds it."""
    settings = {key: config["segmenting"][key] for key in ("decoding", "silence", "high_pass")}
    return settings | {"averaged": config["decoding"]["averaged"]}


def scored_windows(config):
    """Which windows scores are computed on: a key of `windows.hop`."""
    return {"bins": "score", "averaged": "averaged"}[config["decoding"]["method"]]


def window_frames(config):
    """Frames of a window: 257 for 2.56 s at 44.1 kHz and a hop of 441 samples."""
    samples = round(config["windows"]["length"] * config["mixing"]["sample_rate"])
    return samples // config["features"]["hop_length"] + 1


def portable(value):
    """A config, or a part of one, in which a file or folder of this machine keeps its name alone."""
    if isinstance(value, dict):
        return {key: without_place(part) if key in PATHS else portable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [portable(part) for part in value]
    return value


def without_place(value):
    """The value of a key of PATHS: of a path from the root or from home the name alone."""
    if isinstance(value, list):
        return [without_place(part) for part in value]
    return Path(value).name if isinstance(value, str) and value.startswith(("/", "~")) else value


def event_labels(dataset):
    """The classes of a dataset, in the order of the targets; those of a folder are the folders in it."""
    recordings = dataset["recordings"]
    if dataset["source"] == "folder":
        folders = (entry for entry in Path(recordings["path"]).iterdir() if entry.is_dir())
        return sorted(entry.name for entry in folders if not entry.name.startswith("."))
    return recordings.get("event_labels") or [entry["event_label"] for entry in recordings["classes"]]


def source_files(dataset):
    """Files of the user's that a dataset is made from: a change in one makes it anew."""
    recordings = dataset["recordings"]
    files = [Path(recordings[key]) for key in ("manifest", "catalogue") if recordings.get(key)]
    if "path" in recordings:
        path = Path(recordings["path"])
        layout = {"esc50": ("meta/esc50.csv", "audio/*"), "folder": ("[!.]*/**/*",)}[dataset["source"]]
        files += [path] if path.suffix == ".zip" else [file for part in layout for file in sorted(path.glob(part))]
    return [str(file) for file in files if file.is_file()]


def is_fetched(dataset):
    """Whether the recordings of a dataset are fetched from elsewhere."""
    return dataset["source"] == "bbc" or "address" in dataset["recordings"]


def recording_files(config, name):
    """Files that the recordings of a dataset are collected from."""
    dataset = config["datasets"][name]
    files = [f"results/{name}/manifest.tsv"] if is_fetched(dataset) else source_files(dataset)
    if background := dataset.get("background"):
        own = sorted(Path(background["path"]).rglob("[!.]*")) if background["path"] else []
        files += [str(file) for file in own if file.is_file()]
    return files


def trained_networks(weights):
    """Weights that audio can be segmented with, and when each was written: a change is a reason to do it again.

    weights: a run's folder, or None: all runs there are.
    """
    folders = [Path(weights)] if weights else Path("results").glob("*/runs/*")
    files = [folder / "weights.safetensors" for folder in folders]
    return {str(file): file.stat().st_mtime_ns for file in sorted(files) if file.is_file()}


def fetch_settings(config, name):
    """What fetching the recordings of a dataset gets."""
    dataset = config["datasets"][name]
    settings = {key: dataset["recordings"][key] for key in FETCH_KEYS[dataset["source"]]}
    if dataset["source"] == "esc50":
        return settings | {"name": archive_name(dataset)}
    return settings | {"bad": config["bad_recordings"]}


def archive_name(dataset):
    """Name of the archive that is fetched for a dataset: another address is another archive."""
    return f"ESC-50-{hashlib.sha256(dataset['recordings']['address'].encode()).hexdigest()[:8]}.zip"


def collect_settings(config, name):
    """What collecting the recordings of a dataset gets: settings of its source, of listening, of the splits and of
    background.

    Listening and splits are None where the source has its own, background where the dataset has none.
    """
    dataset = config["datasets"][name]
    source = dataset["source"]
    background = background_settings(config, name)
    settings = {key: value for key, value in dataset["recordings"].items() if key not in FETCH_KEYS.get(source, ())}
    if source == "synthetic":
        return {"settings": settings, "listening": None, "splitting": None, "background": background}
    listening = hearing(config) | {"trim_db": settings.pop("trim_db")}
    if source == "esc50":
        settings["unpacked"] = config["downloads"]["unpacked"]
    if source == "folder":
        settings["event_labels"] = event_labels(dataset)
    if is_fetched(dataset):
        file = "manifest.tsv" if source == "bbc" else f"downloads/{archive_name(dataset)}"
        settings["path"] = f"results/{name}/{file}"
    splitting = {key: settings.pop(key) for key in ("splits", "seed")} if "splits" in settings else None
    return {"settings": settings, "listening": listening, "splitting": splitting, "background": background}


def hearing(config):
    """What listening to recordings of every kind gets."""
    mixing = config["mixing"]
    return {
        "bad": config["bad_recordings"],
        "shortest": mixing["shortest_segment"],
        "sample_rate": mixing["sample_rate"],
    }


def background_settings(config, name):
    """What collecting the background of a dataset gets; None where it has none."""
    background = config["datasets"][name].get("background")
    if not background:
        return None
    own = {key: value for key, value in background.items() if key != "share"}
    longest = max(background["duration"])
    return own | {"duration": longest, "listening": hearing(config), "sample_rate": config["mixing"]["sample_rate"]}


def stretch_settings(dataset):
    """What the mixes of a dataset get of its background; None where it has none."""
    background = dataset.get("background")
    return {key: background[key] for key in ("share", "duration")} if background else None


def read_as(config, entry):
    """Every difference between the readings, {key: value}, as a dataset or run asks for it."""
    return {key: config["readings"][column_of(entry, key)][key] for key in config["readings"]["described"]}


def column_of(entry, key):
    """Which reading, `described` or `released`, a dataset or run takes for one difference."""
    return entry.get(key, entry.get("reading", "described"))


def dataset_settings(config, name):
    """Settings of a dataset, or of a variant for training: `builtin-pool_released` is `builtin` with that key."""
    base, *switches = name.split("-")
    return config["datasets"][base] | dict(switch.rsplit("_", 1) for switch in switches)


class Runs:
    """The trained networks that the studies of a config need, each under a short stable name.

    named: {name: the settings that its job gets}; columns: {name: {difference: described or released}};
    studies: {study: list of (label, name)}; audit: a row for each difference and seed: label, seed, the runs
    and decodings of both readings.
    """

    def __init__(self, config):
        self.config = config
        self.named, self.columns, self.audit = {}, {}, []
        self.studies = {
            study: [(run["label"], self.add(run, seed)) for run in study_runs(settings) for seed in settings["seeds"]]
            for study, settings in config["studies"].items()
            if study != "audit"
        }
        self.studies["claims"] = self.add_claims()
        audit = config["studies"]["audit"]
        entries = [(run, seed) for run in audit["runs"] for seed in audit["seeds"]]
        self.studies["audit"] = [side for entry in entries for side in self.pair(*entry)]

    def add(self, run, seed):
        """Enter a run; its name holds only what differs from `training`, the dataset and the described reading."""
        training, differences = self.config["training"], self.config["readings"]["described"]
        columns = run_columns(self.config, run)
        reading = {key: self.config["readings"][column][key] for key, column in columns.items()}
        chosen = {key: value for key, value in run.items() if key in training and key not in differences}
        own = {key: value for key, value in chosen.items() if value != training[key]}
        usual = run_columns(self.config, {})
        differing = {key: column for key, column in columns.items() if column != usual[key]}
        if differing and "reading" in run:
            differing = {"reading": run["reading"]} | {k: c for k, c in columns.items() if c != run["reading"]}
        parts = [run["backbone"]] + ([f"mask_{run['mask']}"] if run["mask"] != "none" else [])
        parts += [f"{SHORT.get(key, key)}_{value}" for key, value in sorted(own.items())]
        parts += [f"{key}_{column}" for key, column in differing.items()]
        name = "-".join([*parts, f"seed_{seed}"])
        backbone = reading["vggish"] if run["backbone"] == "vggish" else run["backbone"]
        augmentation = training["augmentation"] | reading["augmentation"]
        self.columns[name] = columns
        self.named[name] = {
            "network": {"backbone": backbone, "mask": run["mask"], "masking": reading["masking"]},
            "training": training | own | {"augmentation": augmentation, "input": reading["input"], "l2": reading["l2"]},
            "decoding": self.decoding(columns),
            "seed": seed,
        }
        return name

    def pair(self, run, seed):
        """Enter a run of the audit, and the same run with its released keys as described."""
        row = {"label": run["label"], "seed": seed}
        for side, entry in audit_sides(self.config, run).items():
            row[side] = self.add(entry | dict.fromkeys(AFTER_TRAINING, "described"), seed)
            row[f"{side}_decoding"] = self.decoding(run_columns(self.config, entry))
        self.audit.append(row)
        return [(row["label"], row["described"]), (row["label"], row["released"])]

    def add_claims(self):
        """Enter the networks that the claims compare: list of (role, run); none where a label is unknown.

        The roles are those of `claims.networks`, and penalised_baseline, penalised_proposed: with released L2.
        """
        study, labels = self.config["studies"]["networks"], self.config["claims"]["networks"]
        labelled = {run["label"]: run for run in study["runs"]}
        if any(labels[role] not in labelled for role in ("baseline", "vggish", "proposed")):
            return []
        entries = {role: labelled[labels[role]] for role in ("baseline", "vggish", "proposed")}
        entries["unmasked"] = entries["proposed"] | {"mask": "none"}
        entries |= {f"penalised_{role}": entries[role] | {"l2": "released"} for role in ("baseline", "proposed")}
        return [(role, self.add(run, seed)) for role, run in entries.items() for seed in study["seeds"]]

    def arms(self):
        """The networks that the claims compare: {role: label and runs, one per seed}."""
        labels, arms = self.config["claims"]["networks"], {}
        for role, run in self.studies["claims"]:
            plain = role.removeprefix("penalised_")
            label = labels[role] if role in labels else f"{labels[plain]} with L2"
            arms.setdefault(role, {"label": label, "runs": []})["runs"].append(run)
        return arms

    def sizes(self):
        """Rows of results/tables/networks.csv that the claims compare: {role: backbone, mask, masking}."""
        return {role: list(self.named[arm["runs"][0]]["network"].values()) for role, arm in self.arms().items()}

    def mask_cells(self):
        """The pairs of the mask study: label, and label and runs with the mask in some place and without."""
        study, cells = self.config["studies"]["mask_study"], []
        runs = {}
        for label, run in self.studies["mask_study"]:
            runs.setdefault(label, []).append(run)
        for cell in study["cells"]:
            arms = {entry["mask"]: entry["label"] for entry in study_runs(study | {"cells": [cell]})}
            plain = arms.pop("none")
            for label in arms.values():
                arm = {"label": label, "runs": runs[label]}
                cells.append({"label": label, "masked": arm, "plain": {"label": plain, "runs": runs[plain]}})
        return cells

    def claim_seeds(self):
        """Seeds behind each claim that tests an equivalence."""
        networks, mask = (len(self.config["studies"][study]["seeds"]) for study in ("networks", "mask_study"))
        return {"C1": networks, "C5": mask, "C6": networks}

    def summary(self, name):
        """What tells a run from others, for a table."""
        settings = self.named[name]
        keys = ("learning_rate", "schedule", "epochs")
        return {
            "run": name,
            **settings["network"],
            **{key: settings["training"][key] for key in keys},
            "seed": settings["seed"],
        }

    def decoding(self, columns):
        """How the outputs of a run of these readings are decoded, with one threshold for all classes."""
        used = ("threshold", "merge_gap", *(["averaged"] if self.config["decoding"]["method"] == "averaged" else []))
        decoding = {key: self.config["decoding"][key] for key in used}
        return decoding | {"end_from": self.config["readings"][columns["decode"]]["decode"]}

    def of(self, *studies):
        """Names of the runs of some studies, each once."""
        return list(dict.fromkeys(name for study in studies for _, name in self.studies[study]))

    def training_data(self, dataset, name):
        """The dataset, or the variant of it, that a run trains on."""
        entry = self.config["datasets"][dataset]
        own = {key: self.columns[name][key] for key in DATA_KEYS}
        return "-".join([dataset, *(f"{key}_{own[key]}" for key in DATA_KEYS if own[key] != column_of(entry, key))])

    def held_out(self, name):
        """Which windows a run's validation loss is computed on: a key of `windows.hop`."""
        use = self.config["readings"][self.columns[name]["hop"]]["hop"]
        return scored_windows(self.config) if use == "score" else use


def run_columns(config, run):
    """Which reading a run takes for each difference; the data's where it says nothing: the dataset's."""
    dataset, columns = config["datasets"][config["dataset"]], {}
    for key in config["readings"]["described"]:
        usual = column_of(dataset, key) if key in DATA_KEYS else "described"
        columns[key] = run.get(key, run.get("reading", usual))
    return columns


def released_keys(config, run):
    """Differences that a run itself asks for as released."""
    return [key for key in config["readings"]["described"] if run.get(key, run.get("reading")) == "released"]


def audit_sides(config, run):
    """A run of the audit with its released keys as described, and as it is: {reading: run}."""
    plain = {key: value for key, value in run.items() if key != "reading"}
    return {"described": plain | dict.fromkeys(released_keys(config, run), "described"), "released": run}


def study_runs(study):
    """The runs of a study: as listed, or every mask of each cell with the cell's training settings."""
    if "runs" in study:
        return study["runs"]
    runs = []
    for cell in study["cells"]:
        training = {key: value for key, value in cell.items() if key != "masks"}
        where = ", ".join(f"{SHORT.get(key, key)} {value}" for key, value in training.items())
        runs += [
            {"label": f"{where}, mask {mask}", "backbone": study["backbone"], "mask": mask} | training
            for mask in cell["masks"]
        ]
    return runs
