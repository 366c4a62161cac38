# The checked config, the runs of its studies, and functions that the other rule files share.
import os
import re
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from digest import SCRIPTS, WEIGHTS, code_digest

sys.path.append(str(SCRIPTS))  # The package there holds a record for each source of recordings.

from datasets import (
    DATA_KEYS,
    SOURCES,
    completed,
    dataset_settings,
    ear_names,
    event_labels,
    nameless,
    portable,
    read_as,
    recordings_of,
    seed_of,
    scored_windows,
    scoring_settings,
    source_of,
    window_settings,
    without_seed,
)
from locking import lock_at_work
from runs import EAR_BACKBONES
from stopping import stop_at_sigterm
from records import Runs
from user_files import as_text, audio_places, shards_in
from validate import check_config
from watching import watch_archives
from yoho.segmenting.choice import choose_network

check_config(config)
config["datasets"] = completed(config["datasets"])
config |= {key: as_text(config[key]) for key in ("audio", "weights") if config.get(key) is not None}

DATASET = config["dataset"]
runs = Runs(config)
# The windows on which the runs are scored that have the usual ones.
SCORED = scored_windows(config)
BASES = "|".join(map(re.escape, config["datasets"]))

# The report plays the first test mixes, with the events that the first seed of each network found there.
EXAMPLES = min(config["figures"]["examples"], config["datasets"][DATASET]["mixes"]["test"])
SHOWN = {}
for label, name in runs.studies["networks"]:
    SHOWN.setdefault(label, name)

FIGURES = [4, 5, 6] if runs.studies["mask"] else [4, 5]

# The datasets over which scores are pooled.
POOLED = config["scoring"]["pooled"]

# The files of the ear: a published network that hears before any training.
EAR = multiext("results/ear/", "model.json", "weights.safetensors", "network.onnx")

# The settings of scores without those that only a target of their own uses.
SCORING = scoring_settings(config)
MAPPING = {key: value for key, value in config["referring"].items() if key not in ("thresholds", "sounddescs")}

# What shapes the events that are found in the user's audio, besides the network.
SEGMENTING = {
    "queries": config["segmenting"]["queries"],
    "referring": MAPPING if config["segmenting"]["queries"] else None,
    "code": code_digest("yoho.segmenting.segmenter"),
}

# The settings of windows without their front ends.
WINDOWS = window_settings(config)

# A run may train on a variant of a dataset, such as builtin-pool_released, and with training data that its seed draws
# anew, such as study-seed_3. Files of the latter that take much space are deleted after their last use.
VARIANT = f"(?:-(?:{'|'.join(DATA_KEYS)})_(?:described|released))*"
OF_SEED = r"-seed_\d+"
DATA, DATA_OF_SEED = f"(?:{BASES}){VARIANT}", f"(?:{BASES}){OF_SEED}{VARIANT}"

# The folder that keeps records of finished runs, or None; and the place of each run in the order of training.
RECORDS = config["claims"]["records"]
PLACES = {run: place for place, run in enumerate(runs.study() if RECORDS else runs.longest_first())}


wildcard_constraints:
    base=BASES,
    dataset=f"{DATA}|{DATA_OF_SEED}",
    split="train|valid|test",
    use=f"(?:train|score|averaged)(?:_(?:{'|'.join(config['windows']['others'])}))?",
    mix=r"test-\d+",
    front_end="|".join(config["windows"]["front_ends"]),
    backbone="|".join(EAR_BACKBONES),
    run="|".join(map(re.escape, runs.named)),
    place="[^/]+",
    shard="[0-9]+",


def dataset(wildcards):
    """Settings of the dataset, or of the variant of a dataset, that a path names."""
    return dataset_settings(config, wildcards.dataset)


def reading(key):
    """The value of one difference between the readings, for the dataset that a path names."""
    return lambda wildcards: read_as(config, dataset(wildcards))[key]


def labels(wildcards):
    """Classes of the dataset that a path names."""
    return event_labels(dataset(wildcards))


def shown_labels(wildcards):
    """Classes of the configured dataset, from a function because Snakemake takes {name} in `params` for a wildcard."""
    return event_labels(config["datasets"][DATASET])


def window_setting(key):
    """A function that returns the length, the bins or the hop of the windows that a path names."""

    def setting(wildcards):
        hop, _, name = wildcards.use.partition("_")
        found = window_settings(config, name)[key]
        return found[hop] if key == "hop" else found

    return setting


def mixes_seed(wildcards):
    """The seed of the mixes of the dataset that a path names."""
    return dataset(wildcards)["mixes"]["seed"]


def base(wildcards):
    """The dataset that a path names, without the part that names a variant."""
    return wildcards.dataset.partition("-")[0]


def mixes_of(data):
    """The dataset or variant from whose mixes windows are cut. A variant in `targets` alone uses the same mixes."""
    return re.sub("-targets_[a-z]+", "", data)


def source_digest(script, name):
    """Digest of a script, and of the function of its verb in the source of a dataset, which it imports by name."""
    source, verb = config["datasets"][name.partition("-")[0]]["source"], script.partition("_")[0]
    return code_digest(script, f"yoho.recordings.{source}:{verb}")


def all_code():
    """Digest of all scripts, and of all sources, which they import by name."""
    scripts = (path.stem for path in SCRIPTS.glob("*.py"))
    return code_digest(*scripts, *(f"yoho.recordings.{source}" for source in SOURCES))


def card_data(wildcards):
    """A description of the data on which a run is trained, for the model card."""
    own = dataset(wildcards)
    source = source_of(own)
    return {
        "dataset": wildcards.dataset,
        "trained_on": runs.training_data(wildcards.dataset, wildcards.run),
        **{key: portable(own[key]) for key in ("source", "mixes", "background", "overlap") if own.get(key)},
        **{"origin": source.origin, "licence": source.licence, "limit": source.limit},
    }


def in_order(wildcards):
    """Priority of a job: data come before other jobs, which have 0, and trainings after them, in the order of `PLACES`.

    So a finished training is scored and recorded before the next one starts. Where records are kept, data and trainings
    of lower seeds come before those of higher ones.
    """
    run = runs.named.get(getattr(wildcards, "run", None))
    name = getattr(wildcards, "dataset", None) or getattr(wildcards, "pool", "")
    seed = (run.seed if run else seed_of(name) or 0) if RECORDS else 0
    place = seed * len(runs.named) + (2 + PLACES.get(run.name, 0) if run else 0)
    return 1 - place


def run_windows(use, file):
    """A function that returns the path of a file of a run's windows.

    use: "train", "valid" and "test" (for the scores), or "held_out" (for the validation loss). file: may contain
    {front_end} and {images}, the features or the maps from which the run learns. A run is always tested on the
    dataset's own test mixes.
    """

    def path(wildcards):
        run = runs.named[wildcards.run]
        data = wildcards.dataset if use == "test" else runs.training_data(wildcards.dataset, wildcards.run)
        data = data if use == "train" else without_seed(data)
        folder = {
            "train": "train/train",
            "valid": f"valid/{run.scored}",
            "test": f"test/{run.scored}",
            "held_out": f"valid/{runs.held_out(wildcards.run)}",
        }
        form = f"_{run.windows}" if run.windows else ""
        own = file.format(front_end=run.front_end, images=run.images)
        return f"results/{data}/windows/{folder[use]}{form}/{own}"

    return path


def table_of_test_windows(run):
    """The table of the windows on which a run of the configured dataset is tested."""
    return run_windows("test", "windows.tsv")(SimpleNamespace(dataset=DATASET, run=run))


def mixes_of_run(split, file):
    """A function that returns the path of a file of the training or validation mixes of a run."""

    def path(wildcards):
        data = mixes_of(runs.training_data(wildcards.dataset, wildcards.run))
        return f"results/{data if split == 'train' else without_seed(data)}/mixes/{split}/{file}"

    return path


def recordings_table(wildcards):
    """The table of the recordings of the dataset that a path names."""
    return f"results/{recordings_of(config, wildcards.get('dataset') or wildcards.base)}/recordings.tsv"


def ear_classes(dataset):
    """The table of the ear's classes with which it is scored on a dataset; [] if the ear's own thresholds count.

    Raises WorkflowError if a class of the dataset is no sound of AudioSet.
    """
    for line in nameless(config, dataset):
        raise WorkflowError(line)
    return f"results/{dataset}/ear/audioset_train.csv" if config["ear"]["calibration"]["own"] else []


def pooled_networks():
    """The networks whose scores are pooled: {label: [folder of each seed's run, below that of a dataset]}."""
    networks = {"untrained ear": ["ear"]}
    for label, run in runs.studies["networks"]:
        networks.setdefault(label, []).append(f"runs/{run}")
    return networks


def pooled_places():
    """The folders of a pooled network and the datasets, in the order of the table: pairs (folder, dataset)."""
    return [place for folders in pooled_networks().values() for place in product(folders, POOLED)]


def overlap_networks():
    """Networks on overlapping sounds, and the ear if it knows the classes: (label, trained on, folders of seeds)."""
    scored = config["scoring"]["overlap"]
    networks = {} if list(nameless(config, scored["tested"])) else {("untrained ear", ""): ["ear"]}
    for name, (label, run) in product(scored["trained"], runs.studies["networks"]):
        networks.setdefault((label, name), []).append(f"elsewhere/{name}/{run}")
    return [(*key, folders) for key, folders in networks.items()]


def overlapping(wildcards):
    """The files by which overlapping sounds are scored. Raises WorkflowError if the config names no dataset for it."""
    tested = config["scoring"]["overlap"]["tested"]
    if tested is None:
        raise WorkflowError("scoring.overlap.tested: null; name a dataset with `overlap`, as config/overlap.yaml does")
    return {name: f"results/{tested}/mixes/test/{name}.tsv" for name in ("plan", "events", "levels")} | {
        "recordings": f"results/{recordings_of(config, tested)}/recordings.tsv",
        "predictions": [f"results/{tested}/{run}/test_events.tsv" for *_, own in overlap_networks() for run in own],
    }


def claim_settings(*keys):
    """The settings of the claims that a table uses."""
    return {key: config["claims"][key] for key in keys}


def record_of(run):
    """The record of a run: a kept one, or else that which its training writes, in the folder of kept ones if any."""
    return runs.kept.get(run) or (f"{RECORDS}/{run}.zip" if RECORDS else f"results/{DATASET}/runs/{run}/record.zip")


def records_of(names):
    """The records of these runs. Raises if one is there that does not count: Snakemake would take it for a new one."""
    paths = {run: record_of(run) for run in names}
    stale = {run: path for run, path in paths.items() if run not in runs.kept and RECORDS and Path(path).exists()}
    if stale:
        reasons = "\n".join(f"  {path}: {runs.objection(run, path)}" for run, path in stale.items())
        raise WorkflowError(f"these records do not count; remove them, and their runs are trained:\n{reasons}")
    return list(paths.values())


def claimed(paths, mistakes=runs.undecidable):
    """A function that returns these paths, and first raises WorkflowError if the claims' networks have mistakes."""

    def of_claims(wildcards):
        for line in mistakes():
            raise WorkflowError(line)
        return paths(wildcards)

    return of_claims


def records(*studies):
    """The records on which the tables of some studies rest: of all runs, or of those that have one."""
    leave_out = config["claims"]["missing"] == "leave_out"
    return lambda wildcards: records_of([run for run in runs.of(*studies) if run in runs.kept or not leave_out])


def listed(target, names):
    """The records of all these runs, for a target that trains those without one; prints which ones these are."""
    if not RECORDS:
        raise WorkflowError("claims.records: null; name the folder that keeps the records of finished runs")
    missing = [run for run in names if run not in runs.kept]
    print(f"{target}: {len(names) - len(missing)} of {len(names)} runs have a record that counts", file=sys.stderr)
    for run in missing:
        print(f"  missing: {run}", file=sys.stderr)
    return records_of(names)


def of_runs(file, *studies):
    """One file of every run that some studies of the configured dataset need."""
    return expand("results/{dataset}/runs/{run}/{file}", dataset=DATASET, run=runs.of(*studies), file=file)


def audio_of(wildcards):
    """The file or folder whose events have the place that a path names."""
    places = audio_places(config.get("audio"))
    if wildcards.place not in places:
        raise WorkflowError(f"results/segments/{wildcards.place}: `audio` names {', '.join(places)}")
    return places[wildcards.place]


def shards_of(wildcards, suffix):
    """The tables of all shards of an archive, which the checkpoint `plan_archive` has listed."""
    plan = checkpoints.plan_archive.get(**wildcards).output[0]
    shards = shards_in(plan, os.stat(plan).st_mtime_ns)
    return expand("results/segments/{place}/shards/{shard}.{suffix}", **wildcards, shard=shards, suffix=suffix)


def cores_of_shard(wildcards):
    """The cores of a shard's job: one, or more if there are more cores than shards."""
    plan = f"results/segments/{wildcards.place}/plan.json"
    return max(1, (workflow.resource_settings.cores or 1) // len(shards_in(plan, os.stat(plan).st_mtime_ns)))


def ear_to_segment(wildcards):
    """The files of the ear, if it is the network that segments the audio."""
    network = config.get("weights") or choose_network("results")[0]
    return EAR if Path(network) == Path(EAR[0]).parent else []
