"""Checks of the config before anything else: by its schema, and for mistakes that a schema cannot detect."""

import os
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators
from snakemake.exceptions import WorkflowError
from validate_runs import check_bins, check_effect, check_front_end, check_frozen, check_loss, check_named_windows

from datasets import (
    SOUNDS,
    completed,
    event_labels,
    read_as,
    recording_files,
    source_of,
    unknown_sounds,
    window_frames,
    window_settings,
)
from runs import (
    EAR_BACKBONES,
    NECKLESS_BACKBONES,
    audit_sides,
    make_run,
    released_keys,
    study_runs,
)
from yoho.segmenting.classes import similar

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"

# PyYAML's loader in C takes a tenth of the time of that in Python, but not every build of PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Names in tables and pages: of all classes together, of the true events, and of a network that stands beside the runs.
OVERALL, TRUE, EAR = "overall", "true", "untrained ear"

LONGEST_LABEL = 80  # characters; a figure has no room for more

# A plain JSON schema accepts 10.0 as an integer.
WHOLE = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
Validator = validators.extend(Draft202012Validator, type_checker=WHOLE)


def check_config(config):
    """Raise WorkflowError if the config has mistakes, with a line for each that names the key and the value."""
    schema = Validator(yaml.load(SCHEMA.read_text(), LOADER))
    mistakes = [explain(error) for error in schema.iter_errors(config)]
    if not mistakes and config["dataset"] not in config["datasets"]:
        known = ", ".join(config["datasets"])
        mistakes.append(f"dataset: {config['dataset']!r} is not in `datasets`; choose one of {known}")
    mistakes = mistakes or list(check_like(config))
    if not mistakes:
        config = config | {"datasets": completed(config["datasets"])}
        checks = (
            check_dataset,
            check_background,
            check_overlap,
            check_mixes,
            check_windows,
            check_scoring,
            check_studies,
        )
        checks += check_training, check_claims, check_ear, check_audio
        for check in checks:
            mistakes += check(config)
    if mistakes:
        raise WorkflowError("The config cannot be used (config/README.md explains each key):\n" + "\n".join(mistakes))


def explain(error):
    """One line for a schema error: the key, the value, and the allowed values."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    prefix = f"{key}: " if key else ""
    if error.validator == "additionalProperties":
        unknown = sorted(str(key) for key in set(error.instance) - set(error.schema["properties"]))
        return f"{prefix}unknown key {', '.join(unknown)}; known keys are {', '.join(error.schema['properties'])}"
    if error.validator == "type":
        wanted, value = error.schema["type"], error.instance
        # YAML reads 1, yes and null as something else than text.
        quotes = "; put it in quotes" if wanted == "string" and not isinstance(value, dict | list) else ""
        return f"{prefix}{value!r} is not of type {wanted}{quotes}"
    return f"{prefix}{error.message}"


# ---- the chosen dataset ----------------------------------------------------------------------------------------------


def check_like(config):
    """Mistakes in the datasets that are like another one."""
    known = config["datasets"]
    for name, dataset in known.items():
        if "like" in dataset and "source" not in known.get(dataset["like"], {}):
            yield f"datasets.{name}.like: {dataset['like']!r} is no dataset with a source of its own; name one"


def check_dataset(config):
    """Mistakes in the recordings of the chosen dataset."""
    name = config["dataset"]
    dataset = config["datasets"][name]
    where, recordings = f"datasets.{name}.recordings", dataset["recordings"]
    yield from source_of(dataset).mistakes(where, recordings, Path(f"results/{name}/manifest.tsv"))
    for event_label in event_labels(dataset):
        yield from check_label(f"{where}: class", event_label, {OVERALL})
    # Python reads invalid bytes of a name as surrogates.
    if foreign := [file for file in recording_files(config, name) if re.search("[\ud800-\udfff]", file)]:
        yield f"datasets.{name}: {foreign[0]!r}: this name is not valid text, which tables need; rename it"


def check_background(config):
    """Mistakes in the background of the chosen dataset, if it has one."""
    dataset = config["datasets"][config["dataset"]]
    where, background = f"datasets.{config['dataset']}.background", dataset.get("background")
    if not background:
        return
    for key in ("duration", "level"):
        yield from check_range(f"{where}.{key}", background[key], "[smallest, largest]")
    if background["duration"][1] > config["mixes"]["longest_clip"]:
        yield f"{where}.duration: {background['duration']} exceeds mixes.longest_clip; shorten the stretches"
    if "background" in event_labels(dataset):
        yield f"{where}: a class has the name background; recordings in which no class sounds belong in {where}.path"
    if background["path"] is None:
        return
    path = Path(background["path"]).resolve()
    if not os.path.isdir(path):
        yield f"{where}.path: no such folder: {path}; set it to the folder of your background, or to null"
    elif "path" in dataset["recordings"] and path.is_relative_to(Path(dataset["recordings"]["path"]).resolve()):
        yield f"{where}.path: {path} lies in the folder of the dataset's recordings; move it elsewhere"


def check_overlap(config):
    """Mistakes in the overlap of any dataset, and in what `snakemake overlap` compares."""
    known, scored = config["datasets"], config["scoring"]["overlap"]
    for name, dataset in known.items():
        for key in ("level", "gap", "crossfade") if dataset.get("overlap") else ():
            yield from check_range(f"datasets.{name}.overlap.{key}", dataset["overlap"][key], "[smallest, largest]")
    if scored["levels"] != sorted(scored["levels"]):
        yield f"scoring.overlap.levels: {scored['levels']} must ascend"
    tested = scored["tested"]
    if tested is None:
        return
    if not known.get(tested, {}).get("overlap"):
        yield f"scoring.overlap.tested: {tested!r} is no dataset with `overlap`"
        return
    for name in scored["trained"]:
        if name not in known:
            yield f"scoring.overlap.trained: {name!r} is not in `datasets`"
        elif material(config, name) != material(config, tested):
            yield f"scoring.overlap.trained: {name} has other recordings than {tested}; let one be `like` the other"


def material(config, name):
    """What decides from which recordings the mixes of each split of a dataset are made."""
    dataset = config["datasets"][name]
    return dataset["source"], dataset["recordings"], read_as(config, dataset)["pool"]


def check_range(where, pair, meant):
    """A line if a pair of numbers is in the wrong order; meant: the right order in words."""
    if pair[0] > pair[1]:
        yield f"{where}: {pair} must be {meant}"


def check_label(where, label, taken):
    """Mistakes in a label of tables, figures and pages; taken: the labels that have another meaning there."""
    if unseen := [sign for sign in label if not sign.isprintable()]:
        yield f"{where} {label!r} contains {ascii(unseen[0])}, which cannot be shown; rename it"
    elif len(label) > LONGEST_LABEL:
        yield f"{where} {label!r} has {len(label)} characters; at most {LONGEST_LABEL} fit into a figure"
    elif not label.strip():
        yield f"{where} {label!r} is blank; rename it"
    elif label in taken:
        yield f"{where} {label!r} has another meaning in tables and pages; rename it"


# ---- mixes, windows, studies -----------------------------------------------------------------------------------------


def check_mixes(config):
    """Mistakes in `recordings` and `mixes`."""
    mixes = config["mixes"]
    yield from check_range(
        "recordings.downloads.backoff", config["recordings"]["downloads"]["backoff"], "[first, longest]"
    )
    if mixes["duration"][0] > mixes["duration"][1]:
        yield f"mixes.duration: {mixes['duration']} must be [shortest, longest]"
    elif mixes["duration"][1] - mixes["duration"][0] < mixes["longest_clip"]:
        yield f"mixes.duration: {mixes['duration']} must span mixes.longest_clip or more"
    if mixes["shortest_clip"] > mixes["longest_clip"]:
        yield f"mixes.shortest_clip: {mixes['shortest_clip']} is more than mixes.longest_clip"


def check_scoring(config):
    """Mistakes in `scoring`: datasets that are pooled must have the same classes."""
    known = config["datasets"]
    for name in config["scoring"]["pooled"]:
        if name not in known:
            yield f"scoring.pooled: {name!r} is not in `datasets`"
        elif event_labels(known[name]) != event_labels(known[config["dataset"]]):
            yield f"scoring.pooled: {name} has other classes than {config['dataset']}"


def check_ear(config):
    """Mistakes in `ear`: names that are no sounds of AudioSet."""
    ear, background = config["ear"], "calibration.background.sounds"
    for key, sounds in {"names": ear["names"], background: ear["calibration"]["background"]["sounds"]}.items():
        for label, names in sounds.items():
            for name in unknown_sounds(names):
                known = "; ".join(similar(name, SOUNDS))
                yield f"ear.{key}.{label}: {name!r} is no sound of AudioSet; similar names are {known}"


def check_audio(config):
    """Mistakes in `audio`: paths that do not exist."""
    audio = [] if config.get("audio") is None else config["audio"]
    for given in audio if isinstance(audio, list) else [audio]:
        if not os.path.exists(str(given)):
            like = "" if isinstance(given, str) else "; YAML does not read it as a name: put ./ in front of it"
            yield f"audio: {given if str(given) else repr(given)}: no such file or folder{like}"


def check_hops(windows, where):
    """A line for each hop that is longer than a window."""
    for use, hop in windows["hop"].items():
        if hop > windows["length"]:
            yield f"{where}.hop.{use}: {hop} is more than {where}.length; parts of a mix would be in no window"


def check_windows(config):
    """Mistakes in `windows`."""
    windows = config["windows"]
    wide = list(check_hops(windows, "windows"))
    yield from wide
    if not wide:  # Other windows may take a hop from the usual ones, where a mistake gets one line.
        for name in windows["others"]:
            yield from check_hops(window_settings(config, name), f"windows.others.{name}")
    if windows["front_end"] not in windows["front_ends"]:
        yield f"windows.front_end: {windows['front_end']!r} is not in windows.front_ends"
    # The study of front ends is no part of other targets, so its images need not fit windows of another length or hop.
    studies = [settings for study, settings in config["studies"].items() if study != "front_ends"]
    entries = [run for study in studies for run in study_runs(study)]
    entries = [run for run in entries if "windows" not in run]  # The others are checked one by one.
    used = {windows["front_end"], *(run["front_end"] for run in entries if "front_end" in run)}
    frames = {
        name: window_frames(config, name, windows["length"]) for name in sorted(used & set(windows["front_ends"]))
    }
    wrong = [name for name in frames if -(-frames[name] // 32) != windows["bins"]]
    for name in wrong[:1]:
        yield (
            f"windows.bins: {windows['bins']} bins for {frames[name]} frames per window; the networks halve the frames "
            f"five times, so it must be {-(-frames[name] // 32)} (or change windows.length or "
            f"windows.front_ends.{name}.hop_length)"
        )
    on_ear = [run.get("front_end", windows["front_end"]) for run in entries if run["backbone"] in EAR_BACKBONES]
    for name in sorted(set(on_ear) & set(frames) - set(wrong))[:1]:
        # The patches of `yoho.networks.backbones.YAMNet`, which Snakemake cannot import without the jobs' packages.
        if frames[name] < 96 or windows["bins"] % 3:
            yield (
                f"windows.length: {frames[name]} frames and {windows['bins']} bins per window; yamnet needs at least "
                f"96 frames and a multiple of 3 bins, so change windows.length or windows.front_ends.{name}.hop_length"
            )
    for name, settings in windows["front_ends"].items():
        if settings.get("win_length", 0) > settings.get("n_fft", 0):
            yield f"windows.front_ends.{name}.win_length: {settings['win_length']} is more than n_fft"
        if "bins_per_octave" in settings:
            highest = settings["fmin"] * 2 ** ((settings["n_bins"] - 1) / settings["bins_per_octave"])
            if 2 * highest >= settings["sample_rate"]:
                yield (
                    f"windows.front_ends.{name}.fmin: the highest band is at {highest:.0f} Hz, and must be below half "
                    "the sample rate; lower fmin or n_bins, or raise bins_per_octave"
                )


def check_training(config):
    """Mistakes in the shares of the training windows that an epoch takes."""
    shares = {"training.epoch_share": config["training"]["epoch_share"]}
    for study, settings in config["studies"].items():
        shares |= {f"studies.{study}: {run['label']}": run.get("epoch_share", 1) for run in study_runs(settings)}
    for key, share in shares.items():
        if abs(1 / share - round(1 / share)) > 1e-6:
            yield f"{key}: epoch_share {share} is not 1, 1/2, 1/3, ..., so that epochs cannot take turns"


def check_claims(config):
    """Mistakes in the folder of records. The networks of the claims are checked when a target needs them."""
    claims, records = config["claims"], config["claims"]["records"]
    if claims["missing"] == "leave_out" and records is None:
        yield "claims.missing: leave_out needs records; name their folder in claims.records, or set it to train"
    # Snakemake takes {name} for a wildcard and <name> for a variable, and writes paths as UTF-8.
    if records is not None and re.search("[{}<>\ud800-\udfff]", records):
        yield f"claims.records: {records!r}: Snakemake cannot write to a folder with such a name; name another"
    elif records is not None and os.path.exists(records) and not os.path.isdir(records):
        yield f"claims.records: {records} is not a folder; name another place for the records"


def check_studies(config):
    """Mistakes in `studies`."""
    study = config["studies"]["mask_study"]
    neck = {mask for cell in study["cells"] for mask in cell["masks"]} - {"none", "backbone"}
    if study["backbone"] in NECKLESS_BACKBONES and neck:
        yield f"studies.mask_study: VGGish has no neck; remove the masks {', '.join(sorted(neck))}"
    for number, run in enumerate(config["studies"]["audit"]["runs"]):
        if not released_keys(config, run) and "placebo" not in run:
            yield f"studies.audit.runs[{number}]: {run['label']!r} has no released key; add one, or remove the run"
    for study in config["studies"]:
        if study != "search":
            yield from check_runs(config, study)


def check_runs(config, study):
    """Mistakes in the labels and front ends of a study, and different labels of one run, which a figure cannot show."""
    settings = config["studies"][study]
    kind = "runs" if "runs" in settings else "cells"
    keys, labels = {}, {}
    for number, entry in enumerate(settings[kind]):
        key = f"studies.{study}.{kind}[{number}]"
        for run in study_runs(settings | {kind: [entry]}):
            found = [*check_label(f"{key}: label", run["label"], {TRUE, EAR}), *check_front_end(config, key, run)]
            found += [] if found else check_bins(config, key, run)
            found += [*check_named_windows(config, key, run), *check_loss(config, key, run)]
            sides = audit_sides(config, run).values() if study == "audit" else [run]
            made = [make_run(config, side, settings["seeds"][0]) for side in sides]
            found += [line for one in made for line in check_frozen(key, one)]
            found += check_effect(key, run, made[-1])  # of the audit, the released side
            same = tuple(one.name for one in made)
            label, first = run["label"], labels.get(same)
            if label in keys:
                found.append(f"{key}: the label {label!r} is used twice, here and in {keys[label]}; change one of them")
            elif first is not None:
                found.append(f"{key}: {label!r} is the same run as {first!r}, {keys[first]}; remove one of them")
            if found:
                yield found[0]
                break  # The other masks of a cell have the same mistake.
            keys[label], labels[same] = key, label
