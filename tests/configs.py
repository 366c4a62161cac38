"""Configs to check, and helpers that change a config and read its mistakes."""

import pytest
from snakemake.exceptions import WorkflowError

from validate import check_config

ESC50 = {
    "source": "esc50",
    "recordings": {
        "path": "esc",
        "classes": [{"event_label": "dog", "categories": ["dog"]}, {"event_label": "rain", "categories": ["rain"]}],
        "folds": {"train": [1, 2], "valid": [3], "test": [4]},
        "trim_db": 40,
    },
    "mixes": {"train": 2, "valid": 1, "test": 1, "seed": 0},
}


def put(config, keys, value):
    """Set a value by a path of keys: "training.epochs", "studies.mask.runs.0.mask"."""
    *parents, last = [int(key) if key.isdigit() else key for key in keys.split(".")]
    for key in parents:
        config = config[key]
    config[last] = value


def remove(config, keys):
    *parents, last = keys.split(".")
    for key in parents:
        config = config[key]
    del config[last]


def mistakes(config):
    """The lines of the one error that a config gets."""
    with pytest.raises(WorkflowError) as caught:
        check_config(config)
    first, *lines = str(caught.value).splitlines()
    assert "config/README.md" in first
    return lines


FOLDER = {
    "source": "folder",
    "recordings": {"path": "own", "trim_db": 40, "splits": {"train": 0.6, "valid": 0.2, "test": 0.2}, "seed": 0},
    "mixes": {"train": 2, "valid": 1, "test": 1, "seed": 0},
}


BACKGROUND = {
    "share": 0.2,
    "duration": [1, 8],
    "per_kind": 3,
    "level": [-60, -25],
    "path": None,
    "splits": {"train": 0.6, "valid": 0.2, "test": 0.2},
    "seed": 0,
}


RELEASED = {
    "pool": "shared",
    "slices": "last",
    "draw": "replace",
    "targets": "rounded",
    "start": "random",
    "hop": "train",
    "augmentation": {"draw": "batch", "fill": 0, "validation": True},
    "input": "decibels",
    "vggish": "vggish_linear",
    "masking": "multiply_and_divide",
    "l2": {"first": 0.001, "pointwise": 0.01},
    "decode": "onset",
}
