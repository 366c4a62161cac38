# Helpers of the rule files - the checked config, the runs of its studies, file names - and nothing else.
import re

from digest import SCRIPTS, WEIGHTS, code_digest
from settings import (
    DATA_KEYS,
    NO_INPUT,
    Runs,
    check_config,
    dataset_settings,
    event_labels,
    is_input,
    portable,
    read_as,
    scored_windows,
    source_files,
)

check_config(config)

DATASET = config["dataset"]
runs = Runs(config)
# The windows that everything is scored on.
SCORED = scored_windows(config)
BASES = "|".join(map(re.escape, config["datasets"]))

# What the report plays: the first test mixes, with what the first seed of each network found there.
EXAMPLES = min(config["figures"]["examples"], config["datasets"][DATASET]["mixes"]["test"])
SHOWN = dict(runs.studies["networks"][:: len(config["studies"]["networks"]["seeds"])])


# A run may train on a variant of a dataset: builtin-pool_released.
VARIANT = f"(?:-(?:{'|'.join(DATA_KEYS)})_(?:described|released))*"


wildcard_constraints:
    base=BASES,
    dataset=f"(?:{BASES}){VARIANT}",
    split="train|valid|test",
    use="train|score|averaged",
    mix=r"test-\d+",
    run="|".join(map(re.escape, runs.named)),


def dataset(wildcards):
    """Settings of the dataset, or variant of one, that a path names."""
    return dataset_settings(config, wildcards.dataset)


def reading(key):
    """How the dataset that a path names reads one difference."""
    return lambda wildcards: read_as(config, dataset(wildcards))[key]


def labels(wildcards):
    """Classes of the dataset that a path names."""
    return event_labels(dataset(wildcards))


def shown_labels(wildcards):
    """Classes of the configured dataset. A function: in texts of `params` Snakemake takes {name} for a wildcard."""
    return event_labels(config["datasets"][DATASET])


def base(wildcards):
    """The dataset of which a path names a variant."""
    return wildcards.dataset.partition("-")[0]


def mixes_of(data):
    """The dataset, or variant, whose mixes the windows of another are cut from: targets alone make no mixes."""
    return re.sub("-targets_[a-z]+", "", data)


def windows_of(use, file):
    """Path of windows that a run needs: to train on, to score, to compute the validation loss on."""

    def path(wildcards):
        data = runs.training_data(wildcards.dataset, wildcards.run)
        folder = {
            "train": "train/train",
            "valid": f"valid/{SCORED}",
            "held_out": f"valid/{runs.held_out(wildcards.run)}",
        }
        return f"results/{data}/windows/{folder[use]}/{file}"

    return path


def statistics(*keys):
    """The slice of the claims' settings that a table uses."""
    return {key: config["claims"][key] for key in keys}


def of_runs(file, *studies):
    """A file of every run that some studies of the configured dataset need."""
    return expand("results/{dataset}/runs/{run}/{file}", dataset=DATASET, run=runs.of(*studies), file=file)


def audio_to_segment(wildcards):
    """Files and folders that the config names."""
    if not config.get("audio"):
        raise WorkflowError("segment: name what is to be segmented, a file or a folder: --config audio=PATH")
    paths = [config["audio"]] if isinstance(config["audio"], str) else config["audio"]
    if refused := [path for path in paths if not is_input(path)]:
        raise WorkflowError(f"audio: {refused[0]!r}: {NO_INPUT}, or give it to segment_audio.py")
    return paths
