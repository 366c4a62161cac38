"""The config: every mistake is one clear line; which runs there are; when code counts as changed."""

import copy
import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

import settings
from places import ROOT
from settings import (
    DATA_KEYS,
    Runs,
    check_config,
    code_digest,
    collect_settings,
    dataset_settings,
    event_labels,
    fetch_settings,
    is_fetched,
    portable,
    read_as,
    recording_files,
    scored_windows,
    source_files,
    stretch_settings,
)

OVERLAYS = sorted({*ROOT.glob("config/*.yaml"), *ROOT.glob("tests/config/*.yaml")} - {ROOT / "config" / "config.yaml"})
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


@pytest.fixture(scope="module")
def default():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def config(default):
    """A default config to change."""
    return copy.deepcopy(default)


@pytest.fixture
def real(config, tmp_path):
    """The default config with recordings in the ESC-50 layout for its dataset."""
    (tmp_path / "esc").mkdir()
    config["datasets"]["builtin"] = copy.deepcopy(ESC50)
    config["datasets"]["builtin"]["recordings"]["path"] = str(tmp_path / "esc")
    return config


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


# ---- configs that are right ------------------------------------------------------------------------------------------


def test_default_config_is_right(config):
    check_config(config)


def test_real_recordings_are_right(real):
    check_config(real)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_overlay_is_right_when_merged_as_snakemake_does(config, overlay, tmp_path):
    changes = yaml.safe_load(overlay.read_text())
    for dataset in changes.get("datasets", {}).values():
        if "path" in dataset["recordings"]:
            (tmp_path / "dog").mkdir()
            dataset["recordings"]["path"] = str(tmp_path)  # the recordings themselves need not be here
    update_config(config, changes)
    check_config(config)
    assert config["dataset"] in changes.get("datasets", config["datasets"])
    assert config["studies"] and config["features"]["n_fft"] == 2048  # what an overlay leaves alone stays


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_large_100", "convnext_atto", "resnet18.a1_in1k"])
def test_another_network_of_timm_is_right_by_its_name_alone(config, name):
    run = {"label": "another", "backbone": name, "mask": "middle", "pretrained": True}
    config["studies"]["networks"]["runs"].append(run)
    config["studies"]["mask_study"]["backbone"] = name
    check_config(config)
    runs = Runs(config)
    assert runs.named[f"{name}-mask_middle-pretrained_True-seed_0"]["network"]["backbone"] == name


# ---- one line per mistake --------------------------------------------------------------------------------------------

MISTAKES = [
    ("windows.hop.score", 5.0, r"windows\.hop\.score: 5\.0 is more than windows\.length"),
    ("windows.hop.averaged", 5.0, r"windows\.hop\.averaged: 5\.0 is more than windows\.length"),
    ("decoding.method", "median", r"decoding\.method: 'median'.*'bins', 'averaged'"),
    ("decoding.averaged.edge", 0, r"decoding\.averaged\.edge: 0 .*minimum"),
    ("segmenting.decoding", "tuned", r"segmenting\.decoding: 'tuned'.*'bins', 'averaged'"),
    ("segmenting.silence", 3, r"segmenting\.silence: 3 .*maximum"),
    ("segmenting.high_pass", "2 Hz", r"segmenting\.high_pass: '2 Hz' is not of type"),
    ("windows.bins", 8, r"windows\.bins: 8 bins for 257 frames .* must be 9"),
    ("features.hop_length", 882, r"windows\.bins: 9 bins for 129 frames .* must be 5"),
    ("mixing.shortest_segment", 20, r"mixing\.shortest_segment: 20 is more than longest_segment"),
    ("datasets.builtin.recordings.per_class", 2, r"recordings\.per_class: 2 is fewer than the three splits need"),
    ("studies.networks.runs.1.pretrained", True, r"studies\.networks\.runs\[1\]\.pretrained: "),
    # what is set to what, and what the line names
    ("epochs", 3, "unknown key epochs; known are dataset, datasets"),
    ("training.momentum", 0.9, "training: unknown key momentum; known are epochs, batch_size"),
    ("training.augmentation.mask", 1, "training.augmentation: unknown key mask"),
    ("studies.networks.runs.1.dropout", 0.5, r"studies\.networks\.runs\[1\]: unknown key dropout"),
    ("studies.noise", {"seeds": [0], "runs": []}, "studies: unknown key noise; known are networks, mask"),
    ("datasets.builtin.recordings.path", "esc", r"datasets\.builtin\.recordings: unknown key path"),
    ("training.learning_rate", "1e-4", r"training\.learning_rate: '1e-4' is not of type number"),
    ("training.epochs", "ten", r"training\.epochs: 'ten' is not of type integer"),
    ("training.epochs", 2.5, r"training\.epochs: 2\.5 is not of type integer"),
    ("training.epochs", True, r"training\.epochs: True is not of type integer"),
    ("training.pretrained", "yes", r"training\.pretrained: 'yes' is not of type boolean"),
    ("mixing", None, "mixing: None is not of type object"),
    ("studies.mask.seeds", 0, r"studies\.mask\.seeds: 0 is not of type array"),
    ("training.epochs", 0, r"training\.epochs: 0 .*minimum"),
    ("training.learning_rate", 0, r"training\.learning_rate: 0 .*minimum"),
    ("training.learning_rate", -0.1, r"training\.learning_rate: -0\.1 .*minimum"),
    ("decoding.threshold", 1.5, r"decoding\.threshold: 1\.5 .*maximum"),
    ("decoding.thresholds", 0.3, r"decoding\.thresholds: 0\.3 is not of type array"),
    ("decoding.thresholds", [], r"decoding\.thresholds: \[\] "),
    ("decoding.thresholds", [0.3, 0.3], r"decoding\.thresholds: \[0\.3, 0\.3\]"),
    ("decoding.thresholds", [0.3, 30], r"decoding\.thresholds\[1\]: 30 .*maximum"),
    ("training.schedule", "cosine", r"training\.schedule: 'cosine'.*'constant', 'step'"),
    ("training.device", "gpu", r"training\.device: 'gpu'.*'auto', 'cpu', 'cuda'"),
    ("studies.networks.runs.0.backbone", "ResNet 18", r"studies\.networks\.runs\[0\]\.backbone: 'ResNet 18'"),
    ("studies.mask_study.backbone", "../resnet18", r"studies\.mask_study\.backbone: '\.\./resnet18'"),
    ("studies.networks.runs.0.mask", "front", r"studies\.networks\.runs\[0\]\.mask: 'front'.*'middle'"),
    ("studies.networks.runs.1.mask", "middle", r"studies\.networks\.runs\[1\]\.mask: 'middle'.*'none', 'backbone'"),
    ("studies.networks.runs.1.mask", "head", r"studies\.networks\.runs\[1\]\.mask: 'head'.*'none', 'backbone'"),
    ("studies.mask.seeds", [1, 1], r"studies\.mask\.seeds: \[1, 1\]"),
    ("studies.mask.runs.1.label", "with mask", r"studies\.mask\.runs\[1\]: .*label 'with mask'.*twice.*runs\[0\]"),
    ("studies.mask.runs.1.label", "two\nlines", r"studies\.mask\.runs\[1\]: label 'two\\nlines' .*line break"),
    ("studies.networks.runs.1.label", "true", r"studies\.networks\.runs\[1\]: label 'true' .*something else"),
    ("studies.audit.runs.0.label", "x" * 81, r"studies\.audit\.runs\[0\]: label 'x+' has 81 characters; at most 80"),
    ("dataset", "nature", "dataset: 'nature'.*builtin"),
    ("dataset", 7, "dataset: 7 is not of type string"),
    ("datasets.builtin.source", "bbc-archive", r"datasets\.builtin\.source: 'bbc-archive'.*'synthetic'"),
    ("datasets.builtin.recordings.event_labels", ["car", "dog"], r"event_labels\[1\]: 'dog'.*'rainforest'"),
    ("datasets.builtin.recordings.event_labels", ["car", "car"], r"recordings\.event_labels: \['car', 'car'\]"),
    ("datasets.builtin.recordings.duration", [9, 3], r"datasets\.builtin\.recordings\.duration: \[9, 3\]"),
    ("datasets.builtin.recordings.level", [-10, -30], r"datasets\.builtin\.recordings\.level: \[-10, -30\]"),
    ("datasets.builtin.recordings.snr", [30, 6], r"datasets\.builtin\.recordings\.snr: \[30, 6\]"),
    ("datasets.builtin.recordings.sample_rate", 4000, r"datasets\.builtin\.recordings\.sample_rate: 4000 .*minimum"),
    ("datasets.builtin.recordings.duration", [3], r"datasets\.builtin\.recordings\.duration: \[3\]"),
    ("datasets.builtin.recordings.duration", [3, 4, 5], r"datasets\.builtin\.recordings\.duration: "),
    ("datasets.builtin.recordings.splits.test", 0, r"recordings\.splits\.test: 0 "),
    ("datasets.builtin.mixes.test", 0, r"datasets\.builtin\.mixes\.test: 0 "),
    ("datasets.figures", copy.deepcopy(ESC50), "datasets: 'figures'"),
    ("datasets.my data", copy.deepcopy(ESC50), "datasets: 'my data'"),
    ("mixing.duration", [127, 55], r"mixing\.duration: \[127, 55\]"),
    ("features.win_length", 4096, r"features\.win_length: 4096.*n_fft"),
    # A mix ends with the segment that makes it long enough, so the range must leave room for the longest one.
    ("mixing.duration", [55, 60], r"mixing\.duration: \[55, 60\].*longest_segment"),
    ("bad_recordings", "ignore", r"bad_recordings: 'ignore'.*'stop', 'leave_out'"),
    ("downloads.connections", 100, r"downloads\.connections: 100 .*maximum"),
    ("downloads.rate", 0, r"downloads\.rate: 0 .*minimum"),
    ("downloads.timeouts", [10], r"downloads\.timeouts: \[10\]"),
    ("downloads.backoff", [60, 1], r"downloads\.backoff: \[60, 1\] must be \[first, longest\]"),
    ("downloads.proxy", "x", "downloads: unknown key proxy; known are connections, rate"),
    # readings
    ("mixing.drawn_segments", 0, r"mixing\.drawn_segments: 0 .*minimum"),
    ("training.l2", 0.1, "training: unknown key l2"),
    ("training.augmentation.fill", 0, "training.augmentation: unknown key fill"),
    ("decoding.end_from", "bin", "decoding: unknown key end_from"),
    ("readings.measured", {}, "readings: unknown key measured; known are described, released"),
    ("readings.described.crossfade", 0.1, "readings.described: unknown key crossfade; known are pool, slices"),
    ("readings.released.pool", "own", r"readings\.released\.pool: 'own'.*'split', 'shared'"),
    ("readings.released.draw", "deal all", r"readings\.released\.draw: .*'deal', 'replace'"),
    ("readings.released.hop", 1.0, r"readings\.released\.hop: 1\.0.*'score', 'train'"),
    ("readings.released.l2", 0.01, r"readings\.released\.l2: 0\.01 is not of type object"),
    ("readings.released.l2.first", -1, r"readings\.released\.l2\.first: -1 .*minimum"),
    ("readings.described.augmentation.fill", "median", r"readings\.described\.augmentation\.fill: 'median'"),
    ("readings.released.decode", "window", r"readings\.released\.decode: 'window'.*'bin', 'onset'"),
    ("studies.networks.runs.0.l2", 0.01, r"studies\.networks\.runs\[0\]\.l2: 0\.01.*'described', 'released'"),
    ("studies.audit.runs.0.reading", "both", r"studies\.audit\.runs\[0\]\.reading: 'both'.*'released'"),
    ("datasets.builtin.pool", "shared", r"datasets\.builtin\.pool: 'shared'.*'described', 'released'"),
    ("datasets.builtin.l2", "released", r"datasets\.builtin: unknown key l2; known are source"),
    # the mask study
    ("studies.mask_study.runs", [], "studies.mask_study: unknown key runs; known are seeds, backbone, cells"),
    ("studies.mask_study.cells", [], r"studies\.mask_study\.cells: \[\]"),
    ("studies.mask_study.cells.0.mask", "none", r"studies\.mask_study\.cells\[0\]: unknown key mask"),
    ("studies.mask_study.cells.0.masks", ["none"], r"studies\.mask_study\.cells\[0\]\.masks: \['none'\]"),
    ("studies.mask_study.cells.0.masks", ["head", "middle"], r"cells\[0\]\.masks: \['head', 'middle'\].*contain"),
    ("studies.mask_study.cells.0.masks", ["none", "none"], r"cells\[0\]\.masks: \['none', 'none'\]"),
    ("studies.mask_study.cells.0.masks", ["none", "tail"], r"cells\[0\]\.masks\[1\]: 'tail'.*'middle'"),
    # the claims
    ("claims.C8", {}, "claims: unknown key C8"),
    ("claims.level", 0, r"claims\.level: 0 .*minimum"),
    ("claims.level", 5, r"claims\.level: 5 .*maximum"),
    ("claims.replicates", 10, r"claims\.replicates: 10 .*minimum"),
    ("claims.trained.floor", 50, r"claims\.trained\.floor: 50 .*maximum"),
    ("claims.expected_deviation.f1", 0, r"claims\.expected_deviation\.f1: 0 .*minimum"),
    ("claims.C1.margin", 0, r"claims\.C1\.margin: 0 .*minimum"),
    ("claims.C2.margin", 0.01, "claims.C2: unknown key margin; known are claim, statistic"),
    ("claims.C5.margin", 0.01, r"claims\.C5\.margin: 0\.01 is not of type object"),
    ("claims.C5.margin.epochs", -1, r"claims\.C5\.margin\.epochs: -1 .*minimum"),
    ("claims.networks.rival", "YOHO", "claims.networks: unknown key rival"),
    # false alarms
    ("false_alarms.recordings", 0, r"false_alarms\.recordings: 0 .*minimum"),
    ("false_alarms.level", [-60, 0], r"false_alarms\.level\[1\]: 0 .*maximum"),
]


@pytest.mark.parametrize("keys, value, line", MISTAKES)
def test_mistake_is_one_line_that_names_key_and_value(config, keys, value, line):
    put(config, keys, value)
    (found,) = mistakes(config)
    assert re.search(line, found), found


REAL_MISTAKES = [
    ("path", "/no/such/folder", r"recordings\.path: no such folder or \.zip: /no/such/folder"),
    ("path", "", r"recordings\.path: ''"),
    ("folds", {"train": [1, 2], "valid": [2], "test": [4]}, r"recordings\.folds: .*twice.*\[1, 2\]"),
    ("folds", {"train": [1, 2], "valid": [3], "test": []}, r"recordings\.folds\.test: \[\]"),
    ("folds", {"train": [1, 2], "valid": [3], "test": ["four"]}, r"recordings\.folds\.test\[0\]: 'four'"),
    ("classes", [], r"recordings\.classes: "),
    ("classes.1.event_label", "dog", r"recordings\.classes: .*event_label.*twice"),
    ("classes.1.categories", ["dog", "rain"], r"recordings\.classes: .*category.*twice"),
    ("classes.1.categories", [], r"recordings\.classes\[1\]\.categories: \[\]"),
    ("trim_db", "40 dB", r"recordings\.trim_db: '40 dB' is not of type number"),
    ("seed", 0, r"datasets\.builtin\.recordings: unknown key seed"),
]


@pytest.mark.parametrize("keys, value, line", REAL_MISTAKES)
def test_mistake_about_real_recordings_is_one_line_that_names_key_and_value(real, keys, value, line):
    put(real, f"datasets.builtin.recordings.{keys}", value)
    (found,) = mistakes(real)
    assert re.search(line, found), found


def test_path_of_a_zip_that_is_not_there_is_named(real, tmp_path):
    real["datasets"]["builtin"]["recordings"]["path"] = str(tmp_path / "esc.zip")
    assert f"{tmp_path}/esc.zip" in mistakes(real)[0]
    (tmp_path / "esc.zip").touch()
    check_config(real)


@pytest.mark.parametrize("given", [["path", "address"], []])
def test_esc50_has_either_a_path_or_an_address(real, given):
    recordings = real["datasets"]["builtin"]["recordings"]
    path = recordings.pop("path")
    recordings |= {key: {"path": path, "address": "https://example.org/esc.zip"}[key] for key in given}
    (found,) = mistakes(real)
    assert found.startswith("datasets.builtin.recordings: give path, where ESC-50 lies, or address")


FOLDER = {
    "source": "folder",
    "recordings": {"path": "own", "trim_db": 40, "splits": {"train": 0.6, "valid": 0.2, "test": 0.2}, "seed": 0},
    "mixes": {"train": 2, "valid": 1, "test": 1, "seed": 0},
}


@pytest.fixture
def own(config, tmp_path, monkeypatch):
    """The default config with a folder of classes for its dataset."""
    monkeypatch.chdir(tmp_path)
    for name in ("own/rain/a.wav", "own/dog/garden/a.flac", "own/dog/b.mp3", "own/.git/config", "own/README.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    config["datasets"]["builtin"] = copy.deepcopy(FOLDER)
    return config


def test_classes_of_a_folder_are_its_folders(own):
    check_config(own)
    dataset = own["datasets"]["builtin"]
    assert event_labels(dataset) == ["dog", "rain"]
    assert source_files(dataset) == ["own/dog/b.mp3", "own/dog/garden/a.flac", "own/rain/a.wav"]
    assert recording_files(own, "builtin") == source_files(dataset)
    assert not is_fetched(dataset)
    collected = collect_settings(own, "builtin")
    assert collected["settings"] == {"path": "own", "event_labels": ["dog", "rain"]}
    assert collected["listening"] == {"bad": "stop", "trim_db": 40, "shortest": 1, "sample_rate": 44100}
    assert collected["splitting"] == {"splits": {"train": 0.6, "valid": 0.2, "test": 0.2}, "seed": 0}


@pytest.mark.parametrize(
    "path, line",
    [
        ("nowhere", r"recordings\.path: no such folder: .*/nowhere; set it"),
        ("own/rain", r"recordings\.path: no folder in .*/own/rain; each class is a folder"),
        ("own/README.txt", r"recordings\.path: no such folder: .*/README.txt; set it"),
    ],
)
def test_folder_without_classes_is_named(own, path, line):
    put(own, "datasets.builtin.recordings.path", path)
    (found,) = mistakes(own)
    assert re.search(line, found), found


BACKGROUND = {
    "share": 0.2,
    "duration": [1, 8],
    "per_kind": 3,
    "level": [-60, -25],
    "path": None,
    "splits": {"train": 0.6, "valid": 0.2, "test": 0.2},
    "seed": 0,
}


@pytest.fixture
def quiet(own):
    """The same with background, some of it the user's own."""
    for name in ("quiet/a.wav", "quiet/hall/b.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    own["datasets"]["builtin"]["background"] = copy.deepcopy(BACKGROUND) | {"path": "quiet"}
    return own


def test_background_is_made_or_found_with_the_recordings_and_mixed_with_the_mixes(quiet):
    check_config(quiet)
    dataset = quiet["datasets"]["builtin"]
    assert recording_files(quiet, "builtin") == [*source_files(dataset), "quiet/a.wav", "quiet/hall/b.wav"]
    assert collect_settings(quiet, "builtin")["background"] == {
        **{key: BACKGROUND[key] for key in ("per_kind", "level", "splits", "seed")},
        "path": "quiet",
        "duration": 8,
        "sample_rate": 44100,
        "listening": {"bad": "stop", "shortest": 1, "sample_rate": 44100},
    }
    assert stretch_settings(dataset) == {"share": 0.2, "duration": [1, 8]}
    dataset["background"]["path"] = None
    check_config(quiet)
    assert recording_files(quiet, "builtin") == source_files(dataset)


def test_dataset_without_background_has_none(own):
    for dataset in ({}, {"background": None}):
        own["datasets"]["builtin"] |= dataset
        check_config(own)
        assert collect_settings(own, "builtin")["background"] is None
        assert stretch_settings(own["datasets"]["builtin"]) is None
        assert recording_files(own, "builtin") == source_files(own["datasets"]["builtin"])


@pytest.mark.parametrize(
    "key, value, line",
    [
        ("share", 0, r"background\.share: 0 .*minimum"),
        ("share", 1, r"background\.share: 1 .*maximum"),
        ("per_kind", 2, r"background\.per_kind: 2 .*minimum of 3"),
        ("level", [-60, -3], r"background\.level\[1\]: -3 .*maximum of -14"),
        ("level", [-25, -60], r"background\.level: \[-25, -60\] must be \[smallest, largest\]"),
        ("duration", [8, 1], r"background\.duration: \[8, 1\] must be \[smallest, largest\]"),
        ("duration", [1, 11], r"background\.duration: \[1, 11\] .* mixing\.longest_segment"),
        ("path", "nowhere", r"background\.path: no such folder: .*/nowhere; set it"),
        ("path", "quiet/a.wav", r"background\.path: no such folder: .*/quiet/a\.wav; set it"),
        ("path", "own/rain", r"background\.path: .*/own/rain lies in the folder of recordings.*move it"),
        ("kinds", ["room"], r"background: unknown key kinds; known are share"),
    ],
)
def test_mistake_about_background_is_one_line_that_names_key_and_value(quiet, key, value, line):
    put(quiet, f"datasets.builtin.background.{key}", value)
    (found,) = mistakes(quiet)
    assert re.search(line, found), found


def test_class_that_is_called_background_too_is_named(quiet):
    Path("own/background").mkdir()
    (found,) = mistakes(quiet)
    assert re.search(
        r"builtin\.background: a class is called background too; .* belong in .*background\.path", found
    ), found
    del quiet["datasets"]["builtin"]["background"]
    check_config(quiet)


@pytest.mark.parametrize(
    "file, line",
    [
        ("two\nlines/a.wav", r"recordings: class 'two\\nlines' .*line break"),
        ("overall/a.wav", r"recordings: class 'overall' .*something else"),
        ("x" * 90 + "/a.wav", r"recordings: class 'x+' has 90 characters; at most 80"),
        ("rain/{a}.wav", r"recordings: 'own/rain/\{a\}\.wav': Snakemake .*rename it"),
        ("rain/{a,b+}.wav", r"recordings: 'own/rain/\{a,b\+\}\.wav': Snakemake .*rename it"),
        ("rain/\udcff.wav", r"recordings: 'own/rain/\\udcff\.wav': Snakemake .*rename it"),
    ],
)
def test_name_in_a_folder_that_cannot_work_is_a_line(own, file, line):
    Path("own", file).parent.mkdir(exist_ok=True)
    Path("own", file).touch()
    (found,) = mistakes(own)
    assert re.search(line, found), found
    assert "\n" not in found
    found.encode()


@pytest.mark.parametrize("name", ["~me", "a b", "{", "{}", "100 %", "'\"", "$x", "_hidden", "鳥", "*?[a]", "NA"])
def test_name_in_a_folder_that_can_work_does(own, name):
    Path("own", name).mkdir()
    Path("own", name, f"{name}.wav").touch()
    check_config(own)
    assert event_labels(own["datasets"]["builtin"]) == sorted(["dog", "rain", name])


@pytest.fixture
def library(config, tmp_path, monkeypatch):
    """The default config with BBC Sound Effects, as described, for its dataset."""
    monkeypatch.chdir(tmp_path)
    config["datasets"]["builtin"] = yaml.safe_load((ROOT / "config" / "bbc.yaml").read_text())["datasets"]["bbc"]
    return config


LIBRARY_MISTAKES = [
    ("accept_licence", "yes", r"recordings\.accept_licence: 'yes' is not of type boolean"),
    ("format", "flac", r"recordings\.format: 'flac'.*'wav', 'mp3'"),
    ("max_per_class", 2, r"recordings\.max_per_class: 2 "),
    ("page_size", 20000, r"recordings\.page_size: 20000 .*maximum"),
    ("search", "example.org", r"recordings\.search: 'example\.org'"),
    ("manifest", "kept.tsv", r"recordings\.manifest: no such manifest\.tsv: .*/kept\.tsv"),
    ("catalogue", "discs.csv", r"recordings\.catalogue: no such table: .*/discs\.csv"),
    ("classes.1.event_label", "crowds", r"recordings\.classes: .*event_label.*twice"),
    ("classes.1.rules", [], r"classes\[1\]\.rules: \[\]"),
    ("classes.1.rules.0.pattern", "(car", r"recordings\.classes: '\(car' is no regular expression"),
    ("classes.1.rules.0.fields", ["title"], r"rules\[0\]\.fields\[0\]: 'title'.*'cd_name'"),
    ("classes.2.rules.0.pattern", "crowd", r"classes\[2\]\.rules\[0\]: 'fields' is a dependency of 'pattern'"),
    ("classes.2.rules.0.word", "crowd", r"classes\[2\]\.rules\[0\]: unknown key word; known are category, query"),
]


@pytest.mark.parametrize("keys, value, line", LIBRARY_MISTAKES)
def test_mistake_about_the_library_is_one_line_that_names_key_and_value(library, keys, value, line):
    put(library, f"datasets.builtin.recordings.{keys}", value)
    (found,) = mistakes(library)
    assert re.search(line, found), found


def test_manifest_to_read_is_not_the_one_that_is_made(library):
    kept = Path("results/builtin/manifest.tsv")
    kept.parent.mkdir(parents=True)
    kept.touch()
    put(library, "datasets.builtin.recordings.manifest", str(kept.resolve()))
    (found,) = mistakes(library)
    assert re.search(r"recordings\.manifest: .* is made anew; keep the one to read elsewhere", found), found
    kept.rename("kept.tsv")
    put(library, "datasets.builtin.recordings.manifest", "kept.tsv")
    check_config(library)
    assert source_files(library["datasets"]["builtin"]) == ["kept.tsv"]


def test_what_is_fetched_and_what_is_collected_have_settings_of_their_own(library):
    """So that another `trim_db` fetches nothing anew."""
    recordings = library["datasets"]["builtin"]["recordings"]
    assert recording_files(library, "builtin") == ["results/builtin/manifest.tsv"]
    fetched, collected = fetch_settings(library, "builtin"), collect_settings(library, "builtin")
    assert collected["settings"] == {"path": "results/builtin/manifest.tsv"}
    assert set(fetched) - {"bad"} == set(recordings) - {"trim_db", "splits", "seed"}
    assert fetched["bad"] == collected["listening"]["bad"] == "stop"


def test_esc50_by_address_is_read_from_where_it_is_fetched_to(real):
    recordings = real["datasets"]["builtin"]["recordings"]
    del recordings["path"]
    recordings["address"] = "https://example.org/esc.zip"
    check_config(real)
    assert source_files(real["datasets"]["builtin"]) == []
    assert recording_files(real, "builtin") == ["results/builtin/manifest.tsv"]
    fetched, collected = fetch_settings(real, "builtin"), collect_settings(real, "builtin")
    assert fetched == {"address": "https://example.org/esc.zip", "name": fetched["name"]}
    assert collected["settings"]["path"] == f"results/builtin/downloads/{fetched['name']}"
    recordings["address"] = "https://example.org/other.zip"  # another archive, not the one that is there
    assert fetch_settings(real, "builtin")["name"] != fetched["name"]
    assert set(collected["settings"]) == {"path", "classes", "folds", "unpacked"} and collected["splitting"] is None


def test_built_in_recordings_are_neither_fetched_nor_heard(config):
    dataset = config["datasets"]["builtin"]
    expected = {"settings": dataset["recordings"], "listening": None, "splitting": None, "background": None}
    assert collect_settings(config, "builtin") == expected and recording_files(config, "builtin") == []


@pytest.mark.parametrize(
    "keys, line",
    [
        ("dataset", "'dataset'"),
        ("bad_recordings", "'bad_recordings'"),
        ("downloads.unpacked.ratio", "downloads.unpacked: 'ratio'"),
        ("training.epochs", "training: 'epochs'"),
        ("studies.mask", "studies: 'mask'"),
        ("datasets.builtin.mixes", "datasets.builtin: 'mixes'"),
        ("datasets.builtin.recordings.seed", "datasets.builtin.recordings: 'seed'"),
        ("datasets.builtin.source", "datasets.builtin: 'source'"),
        ("readings.released.hop", "readings.released: 'hop'"),
        ("studies.audit", "studies: 'audit'"),
        ("studies.mask_study.cells", "studies.mask_study: 'cells'"),
        ("claims.C7", "claims: 'C7'"),
        ("claims.C4.slight", "claims.C4: 'slight'"),
        ("claims.C5.margin.data_loss", "claims.C5.margin: 'data_loss'"),
        ("claims.trained.rise", "claims.trained: 'rise'"),
    ],
)
def test_missing_key_is_one_line_that_names_it(config, keys, line):
    remove(config, keys)
    (found,) = mistakes(config)
    assert found.startswith(line) and "required" in found


def test_run_without_a_backbone_is_one_line(config):
    config["studies"]["networks"]["runs"][0] = {"label": "YOHO", "mask": "middle"}
    (found,) = mistakes(config)
    assert found.startswith("studies.networks.runs[0]: 'backbone'")


@pytest.mark.parametrize("keys", ["training.epochs", "training.batch_size", "datasets.builtin.mixes.train"])
def test_whole_number_written_with_a_point_is_a_mistake(config, keys):
    """`epochs: 10.0` passes a plain JSON schema as an integer, and would fail as range(10.0) in the job."""
    put(config, keys, 10.0)
    (found,) = mistakes(config)
    assert found == f"{keys}: 10.0 is not of type integer"


@pytest.mark.parametrize("key", [True, 2024, 1.5])
def test_key_that_is_no_text_is_named(config, key):
    """YAML reads `on:` as True and `2024:` as a number."""
    config["training"][key] = 1
    (found,) = mistakes(config)
    assert found.startswith(f"training: unknown key {key}")


def test_dataset_whose_name_is_no_text_is_named(config):
    config["datasets"][2024] = copy.deepcopy(ESC50)
    (found,) = mistakes(config)
    assert found.startswith("datasets") and "2024" in found


@pytest.mark.parametrize(
    "study, twin",
    [
        ("networks", {}),
        ("networks", {"learning_rate": 0.001}),  # what `training` says already
        ("networks", {"reading": "described"}),
        ("mask", {}),
        ("audit", {}),
        ("audit", {"l2": "described"}),
    ],
)
def test_two_labels_for_one_run_in_a_study_are_a_mistake(config, study, twin):
    """The figure could show one of them only."""
    config["training"]["learning_rate"] = 0.001
    runs = config["studies"][study]["runs"]
    runs.append(runs[0] | twin | {"label": "again"})
    (found,) = mistakes(config)
    key, first = f"studies.{study}.runs", runs[0]["label"]
    assert found.startswith(f"{key}[{len(runs) - 1}]: 'again' is the same run as {first!r}, {key}[0];")


def test_audited_differences_of_one_released_run_are_two(config):
    """On a dataset that is released in `pool` the runs are the same; what they are compared with is not."""
    config["datasets"]["builtin"]["pool"] = "released"
    run = {"backbone": "mobilenet", "mask": "none", "l2": "released"}
    config["studies"]["audit"]["runs"] = [run | {"label": "L2"}, run | {"label": "L2 and pool", "pool": "released"}]
    check_config(config)


@pytest.mark.parametrize("again", [{}, {"epochs": 6}])
def test_two_cells_with_the_same_settings_are_a_mistake(config, again):
    """Their networks could not be told apart by label, or are the same networks."""
    cells, config["training"]["epochs"] = config["studies"]["mask_study"]["cells"], 6
    cells.append(cells[0] | {"masks": ["none", "head"]} | again)
    (found,) = mistakes(config)
    assert found.startswith("studies.mask_study.cells[4]: ")
    assert ("is the same run as 'lr 0.0001, schedule constant, mask none'" if again else "twice") in found
    assert "studies.mask_study.cells[0]" in found


@pytest.mark.parametrize(
    "label", ["~2x", "~", "/", "{seed}", "}{", "100 %", "'\"", "$x", r"$\foo$", "_", "鳥", "*?[a]"]
)
def test_any_label_of_one_line_will_do(config, label):
    config["studies"]["networks"]["runs"][1]["label"] = label
    check_config(config)
    assert portable(config)["studies"] == config["studies"]


def test_unmasked_network_of_the_claims_needs_no_run_of_its_own(config):
    config["claims"]["networks"]["unmasked"] = "plain"
    check_config(config)


def test_mask_study_of_vggish_with_a_mask_in_its_neck_is_a_mistake(config):
    config["studies"]["mask_study"]["backbone"] = "vggish"
    assert "middle" in mistakes(config)[0]


def test_every_mistake_has_a_line_of_its_own(config):
    put(config, "training.epochs", 0)
    put(config, "training.batch_size", "many")
    put(config, "scoring.unit", "s")
    lines = mistakes(config)
    assert len(lines) == 3
    assert {line.split(":")[0] for line in lines} == {"training.epochs", "training.batch_size", "scoring"}


# ---- datasets --------------------------------------------------------------------------------------------------------


def test_classes_of_a_dataset_in_the_order_of_the_config(config):
    expected = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]
    assert event_labels(config["datasets"]["builtin"]) == expected
    assert event_labels(ESC50) == ["dog", "rain"]


def test_files_that_a_dataset_is_read_from(config, tmp_path):
    assert source_files(config["datasets"]["builtin"]) == []
    dataset = copy.deepcopy(ESC50)
    for path, file in ((tmp_path / "esc", tmp_path / "esc" / "meta" / "esc50.csv"), (tmp_path / "esc.zip",) * 2):
        dataset["recordings"]["path"] = str(path)
        assert source_files(dataset) == []
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        assert source_files(dataset) == [str(file)]


# ---- readings --------------------------------------------------------------------------------------------------------

RELEASED = {
    "pool": "shared",
    "slices": "last",
    "draw": "replace",
    "targets": "rounded",
    "hop": "train",
    "augmentation": {"draw": "batch", "fill": 0, "validation": True},
    "input": "decibels",
    "vggish": "vggish_linear",
    "masking": "multiply_and_divide",
    "l2": {"first": 0.001, "pointwise": 0.01},
    "decode": "onset",
}


def test_no_key_or_described_is_the_first_column(config):
    described = config["readings"]["described"]
    assert list(described) == list(RELEASED)
    assert read_as(config, {}) == read_as(config, {"reading": "described"}) == described
    assert read_as(config, {"l2": "described"}) == described


def test_released_is_the_second_column(config):
    assert read_as(config, {"reading": "released"}) == RELEASED


@pytest.mark.parametrize("key", RELEASED)
def test_one_key_is_of_the_other_column(config, key):
    described = config["readings"]["described"]
    assert described[key] != RELEASED[key]
    assert read_as(config, {key: "released"}) == described | {key: RELEASED[key]}
    assert read_as(config, {"reading": "released", key: "described"}) == RELEASED | {key: described[key]}


def test_variant_of_a_dataset_is_the_dataset_with_its_keys(config):
    config["datasets"]["my_data.2"] = config["datasets"]["builtin"] | {"reading": "released"}
    for base in ("builtin", "my_data.2"):
        dataset = config["datasets"][base]
        assert dataset_settings(config, base) == dataset
        variant = dataset_settings(config, f"{base}-pool_released-targets_described")
        assert variant == dataset | {"pool": "released", "targets": "described"}
    assert "pool" not in config["datasets"]["builtin"]


# ---- runs ------------------------------------------------------------------------------------------------------------

TRAINING = {
    "learning_rate": 0.001,
    "schedule": "constant",
    "step_every": 30,
    "step_factor": 0.1,
    "epochs": 10,
    "batch_size": 16,
    "pretrained": False,
}
LOW = {"backbone": "efficientnet", "learning_rate": 0.0001}
YOHO = {"label": "YOHO", "backbone": "mobilenet", "mask": "none"}
STUDIES = {
    "networks": {
        "seeds": [0],
        "runs": [
            YOHO,
            {"label": "VGGish", "backbone": "vggish", "mask": "none"},
            {"label": "EfficientNet + mask", "backbone": "efficientnet", "mask": "backbone"},
        ],
    },
    "mask": {
        "seeds": [0],
        "runs": [{"label": "with mask", "mask": "backbone"} | LOW, {"label": "without mask", "mask": "none"} | LOW],
    },
    "mask_study": {
        "seeds": [0],
        "backbone": "efficientnet",
        "cells": [{"learning_rate": 0.0001, "schedule": "constant", "masks": ["none", "head"]}],
    },
    "audit": {"seeds": [0], "runs": [YOHO | {"label": "targets", "targets": "released"}]},
}
NAMES = {
    "networks": ["mobilenet-seed_0", "vggish-seed_0", "efficientnet-mask_backbone-seed_0"],
    "mask": ["efficientnet-mask_backbone-lr_0.0001-seed_0", "efficientnet-lr_0.0001-seed_0"],
    "mask_study": ["efficientnet-lr_0.0001-seed_0", "efficientnet-mask_head-lr_0.0001-seed_0"],
    "claims": [
        *("mobilenet-seed_0", "vggish-seed_0", "efficientnet-mask_backbone-seed_0", "efficientnet-seed_0"),
        *("mobilenet-l2_released-seed_0", "efficientnet-mask_backbone-l2_released-seed_0"),
    ],
    "audit": ["mobilenet-seed_0", "mobilenet-targets_released-seed_0"],
}
ALL_NAMES = {name for names in NAMES.values() for name in names}


@pytest.fixture
def studied(config):
    """The default config with a training section and studies that stay as they are."""
    return config | {"training": config["training"] | TRAINING, "studies": copy.deepcopy(STUDIES)}


def enter(config, **own):
    """A run more in the study `networks`: (runs, its name)."""
    run = {"label": "new", "backbone": "efficientnet", "mask": "backbone"} | own
    config["studies"]["networks"]["runs"].append(run)
    check_config(config)
    runs = Runs(config)
    label, name = runs.studies["networks"][-1]
    assert label == "new" and re.fullmatch(r"[\w.+-]+", name) and len(name) < 80
    return runs, name


def test_names_of_runs_are_short_and_stable(studied):
    check_config(studied)
    runs = Runs(studied)
    assert {study: runs.of(study) for study in NAMES} == NAMES
    assert set(runs.named) == ALL_NAMES
    assert all(re.fullmatch(r"[\w.+-]+", name) for name in runs.named)  # what the rules take as a run


def test_new_default_neither_renames_nor_adds_a_run(studied):
    studied["training"]["label_smoothing"] = 0.0
    for reading in ("described", "released"):
        studied["readings"][reading]["gain"] = reading
    runs = Runs(studied)
    assert {study: runs.of(study) for study in NAMES} == NAMES


def test_setting_that_says_what_is_the_default_does_not_rename(studied):
    studied["studies"]["networks"]["runs"][0]["learning_rate"] = studied["training"]["learning_rate"]
    studied["studies"]["networks"]["runs"][0]["pretrained"] = False
    assert Runs(studied).of("networks") == NAMES["networks"]


@pytest.mark.parametrize("key", RELEASED)
def test_reading_key_that_says_what_is_the_default_does_not_rename(studied, key):
    studied["studies"]["networks"]["runs"][0][key] = "described"
    assert Runs(studied).of("networks") == NAMES["networks"]


@pytest.mark.parametrize("own", [{"reading": "described"}, {"reading": "described", "l2": "described"}])
def test_described_reading_does_not_rename(studied, own):
    studied["studies"]["networks"]["runs"][0] |= own
    assert Runs(studied).of("networks") == NAMES["networks"]


def test_key_that_says_what_the_run_s_reading_says_does_not_rename(studied):
    _, name = enter(copy.deepcopy(studied), reading="released")
    assert enter(studied, reading="released", l2="released")[1] == name


def test_order_of_a_run_s_settings_does_not_rename(studied):
    first = {"label": "a", "backbone": "mobilenet", "mask": "head", "epochs": 7, "l2": "released", "hop": "released"}
    studied["studies"]["mask"]["runs"] = [first, dict(reversed(first.items())) | {"label": "b"}]
    assert len(Runs(studied).of("mask")) == 1


def test_run_that_two_studies_share_is_one_run_with_a_label_in_each(studied):
    studied["studies"]["mask"]["runs"].append({"label": "at 0.001", "backbone": "efficientnet", "mask": "backbone"})
    runs = Runs(studied)
    assert set(runs.named) == ALL_NAMES
    assert runs.of("networks", "mask") == [*NAMES["networks"], *NAMES["mask"]]
    shared = "efficientnet-mask_backbone-seed_0"
    assert ("EfficientNet + mask", shared) in runs.studies["networks"] and ("at 0.001", shared) in runs.studies["mask"]


def test_every_seed_is_a_run(studied):
    studied["studies"]["mask"]["seeds"] = [0, 1, 12]
    runs = Runs(studied)
    assert len(runs.of("mask")) == 6
    assert {runs.named[name]["seed"] for name in runs.of("mask")} == {0, 1, 12}


@pytest.mark.parametrize(
    "own",
    [
        {"learning_rate": 0.0005},
        {"learning_rate": 1e-5},
        {"epochs": 3},
        {"batch_size": 4},
        {"schedule": "step"},
        {"schedule": "step", "step_every": 7},
        {"step_factor": 0.5},
        {"pretrained": True},
        {"mask": "middle"},
        {"mask": "head"},
        {"backbone": "mobilenet"},
    ],
)
def test_run_with_another_setting_has_another_name_and_that_setting(studied, own):
    runs, name = enter(studied, **own)
    assert name not in ALL_NAMES
    chosen = runs.named[name]
    for key, value in own.items():
        assert (chosen["network"] | chosen["training"])[key] == value


def test_run_has_its_own_settings_over_those_of_the_training_section(studied):
    runs = Runs(studied)
    chosen = runs.named["efficientnet-mask_backbone-lr_0.0001-seed_0"]
    assert chosen["network"] == {"backbone": "efficientnet", "mask": "backbone", "masking": "multiply"}
    described = studied["readings"]["described"]
    augmentation = studied["training"]["augmentation"] | described["augmentation"]
    expected = studied["training"] | {"augmentation": augmentation, "input": "standardised", "l2": described["l2"]}
    assert chosen["training"] == expected | {"learning_rate": 0.0001}
    assert runs.named["mobilenet-seed_0"]["training"] == expected
    assert chosen["decoding"] == decoded(studied)


def decoded(config):
    """How a run's outputs are decoded: the candidates for other thresholds are not in it."""
    return {key: config["decoding"][key] for key in ("threshold", "merge_gap")} | {"end_from": "bin"}


def test_what_tells_a_run_from_others(studied):
    name = "efficientnet-mask_head-lr_0.0001-seed_0"
    assert Runs(studied).summary(name) == {
        **{"run": name, "backbone": "efficientnet", "mask": "head", "masking": "multiply"},
        **{"learning_rate": 0.0001, "schedule": "constant", "epochs": 10, "seed": 0},
    }


# ---- runs of the other reading ---------------------------------------------------------------------------------------


def places(runs, name):
    """Where each reading key of a run ends up: {key: value}."""
    run = runs.named[name]
    augmentation = {key: run["training"]["augmentation"][key] for key in RELEASED["augmentation"]}
    return {
        "hop": runs.held_out(name),
        "augmentation": augmentation,
        **{key: run["training"][key] for key in ("input", "l2")},
        "vggish": run["network"]["backbone"],
        "masking": run["network"]["masking"],
        "decode": run["decoding"]["end_from"],
    }


@pytest.mark.parametrize("key", RELEASED)
def test_released_key_is_in_the_name_and_reaches_its_place_alone(studied, key):
    runs, name = enter(studied, backbone="vggish", mask="none", **{key: "released"})
    assert name == f"vggish-{key}_released-seed_0"
    expected = {place: studied["readings"]["described"][place] for place in places(runs, name)}
    data = key in ("pool", "slices", "draw", "targets")
    assert places(runs, name) == expected | ({} if data else {key: RELEASED[key]})
    assert runs.training_data("builtin", name) == (f"builtin-{key}_released" if data else "builtin")


def test_released_run_takes_all_keys_but_those_it_says_otherwise(studied):
    runs, name = enter(copy.deepcopy(studied), backbone="vggish", mask="none", reading="released")
    assert name == "vggish-reading_released-seed_0"
    assert places(runs, name) == {key: RELEASED[key] for key in places(runs, name)}
    widths = studied["training"]["augmentation"]
    assert runs.named[name]["training"]["augmentation"] == widths | RELEASED["augmentation"]
    runs, other = enter(studied, backbone="vggish", mask="none", reading="released", l2="described")
    assert other == "vggish-reading_released-l2_described-seed_0"
    expected = places(runs, other) | {"l2": RELEASED["l2"]}
    assert places(runs, other)["l2"] == {"first": 0.0, "pointwise": 0.0}
    assert expected == {key: RELEASED[key] for key in expected}


def test_linear_vggish_is_vggish_alone(studied):
    runs, name = enter(studied, vggish="released")
    assert runs.named[name]["network"]["backbone"] == "efficientnet"


def test_data_keys_of_a_run_make_a_variant_of_the_dataset_it_trains_on(studied):
    runs, name = enter(studied, targets="released", hop="released", pool="released")
    assert runs.training_data("builtin", name) == "builtin-pool_released-targets_released"
    assert runs.training_data("builtin", "mobilenet-seed_0") == "builtin"


def test_run_on_a_released_dataset_trains_on_it_and_on_a_variant_where_it_says_described(studied):
    studied["datasets"]["builtin"] |= {"reading": "released", "slices": "described"}
    runs, name = enter(studied, pool="released", slices="released", draw="described", epochs=3)
    assert runs.training_data("builtin", name) == "builtin-slices_released-draw_described"
    assert runs.training_data("builtin", "mobilenet-seed_0") == "builtin"
    read = read_as(studied, dataset_settings(studied, "builtin-slices_released-draw_described"))
    assert (read["pool"], read["slices"], read["draw"], read["targets"]) == ("shared", "last", "deal", "rounded")


def test_runs_that_train_on_different_data_are_different_runs(studied):
    studied["datasets"]["builtin"]["reading"] = "released"
    runs, name = enter(studied, backbone="mobilenet", mask="none", pool="described")
    data = {run: runs.training_data("builtin", run) for run in ("mobilenet-seed_0", name)}
    assert data == {"mobilenet-seed_0": "builtin", name: "builtin-pool_described"}


def test_released_run_trains_on_released_data(studied):
    runs, name = enter(studied, reading="released")
    read = read_as(studied, dataset_settings(studied, runs.training_data("builtin", name)))
    assert {key: read[key] for key in DATA_KEYS} == {key: RELEASED[key] for key in DATA_KEYS}


def test_claims_of_networks_that_are_not_there_ask_for_no_runs(studied):
    """The figures do not need them; the target `claims` says what is missing."""
    studied["claims"]["networks"]["baseline"] = "Yoho"
    check_config(studied)
    assert Runs(studied).arms() == {}


def test_audit_of_a_run_without_a_released_key_is_a_mistake(config):
    config["studies"]["audit"]["runs"][1] = YOHO | {"label": "nothing"}
    assert mistakes(config)[0].startswith("studies.audit.runs[1]: 'nothing' has no released key")


def test_audit_on_a_released_dataset_still_compares_described_with_released(studied):
    studied["datasets"]["builtin"]["reading"] = "released"
    runs = audited(studied, 0, pool="released")
    (row,) = runs.audit
    assert (row["described"], row["released"]) == ("mobilenet-pool_described-seed_0", "mobilenet-seed_0")
    assert runs.training_data("builtin", row["described"]) == "builtin-pool_described"


# ---- the audit, the mask study and the claims ------------------------------------------------------------------------


def audited(config, *seeds, **own):
    config["studies"]["audit"] = {"seeds": list(seeds), "runs": [YOHO | {"label": "switch"} | own]}
    check_config(config)
    return Runs(config)


def test_audit_pairs_a_run_with_itself_as_described_seed_by_seed(studied):
    runs = audited(studied, 0, 4, targets="released", learning_rate=0.0001)
    decoding = decoded(studied)
    assert runs.audit == [
        {
            "label": "switch",
            "seed": seed,
            "described": f"mobilenet-lr_0.0001-seed_{seed}",
            "described_decoding": decoding,
            "released": f"mobilenet-lr_0.0001-targets_released-seed_{seed}",
            "released_decoding": decoding,
        }
        for seed in (0, 4)
    ]
    assert runs.of("audit") == [row[reading] for row in runs.audit for reading in ("described", "released")]
    assert set(runs.of("audit")) <= set(runs.named)


def test_hop_is_audited_without_training_anew(studied):
    """It changes the validation loss that is reported, and no weights."""
    (row,) = audited(studied, 0, hop="released").audit
    assert row["described"] == row["released"] == "mobilenet-seed_0"


def test_the_averaged_decoding_comes_with_its_constants_and_its_windows(studied):
    """The default's runs depend on none of it: their slices are as they would be without."""
    assert all(run["decoding"].keys() == {"threshold", "merge_gap", "end_from"} for run in Runs(studied).named.values())
    assert scored_windows(studied) == Runs(studied).held_out("mobilenet-seed_0") == "score"
    studied["decoding"]["method"] = "averaged"
    runs, name = enter(studied, hop="released")
    assert all(run["decoding"]["averaged"] == studied["decoding"]["averaged"] for run in runs.named.values())
    assert scored_windows(studied) == runs.held_out("mobilenet-seed_0") == "averaged"
    assert runs.held_out(name) == "train"


def test_decoding_is_audited_without_training_anew(studied):
    runs = audited(studied, 0, decode="released")
    (row,) = runs.audit
    assert row["described"] == row["released"] == "mobilenet-seed_0"
    assert (row["described_decoding"]["end_from"], row["released_decoding"]["end_from"]) == ("bin", "onset")
    assert runs.of("audit") == ["mobilenet-seed_0"]
    assert runs.named["mobilenet-seed_0"]["decoding"]["end_from"] == "bin"
    assert set(runs.named) == ALL_NAMES - {"mobilenet-targets_released-seed_0"}


def test_whole_reading_can_be_audited(studied):
    (row,) = audited(studied, 0, reading="released").audit
    assert row["described"] == "mobilenet-seed_0"
    assert row["released"] == "mobilenet-reading_released-hop_described-decode_described-seed_0"
    assert (row["described_decoding"]["end_from"], row["released_decoding"]["end_from"]) == ("bin", "onset")


def test_default_audit_switches_every_difference_once(config):
    runs = Runs(config)
    rows = [row for row in runs.audit if row["seed"] == 0]
    switched = [set(run) - {"label", "backbone", "mask", *TRAINING} for run in config["studies"]["audit"]["runs"]]
    assert sorted(key for keys in switched for key in keys) == sorted(RELEASED)
    assert len(rows) == len(RELEASED) and len(runs.audit) == len(rows) * len(config["studies"]["audit"]["seeds"])


def test_mask_study_compares_every_place_with_none_within_its_cell(studied):
    study = studied["studies"]["mask_study"]
    study["seeds"] = [3, 1]
    masks = ["middle", "none", "backbone"]
    study["cells"].append({"learning_rate": 0.001, "schedule": "step", "epochs": 3, "masks": masks})
    check_config(studied)
    first, *others = Runs(studied).mask_cells()
    low, high = "lr 0.0001, schedule constant, mask", "lr 0.001, schedule step, epochs 3, mask"
    assert first == {
        "label": f"{low} head",
        "masked": {
            "label": f"{low} head",
            "runs": [f"efficientnet-mask_head-lr_0.0001-seed_{seed}" for seed in (3, 1)],
        },
        "plain": {"label": f"{low} none", "runs": [f"efficientnet-lr_0.0001-seed_{seed}" for seed in (3, 1)]},
    }
    assert [cell["label"] for cell in others] == [f"{high} middle", f"{high} backbone"]
    for cell, mask in zip(others, ("middle", "backbone"), strict=True):
        assert cell["masked"]["runs"][1] == f"efficientnet-mask_{mask}-epochs_3-schedule_step-seed_1"
        assert cell["plain"]["runs"] == [f"efficientnet-epochs_3-schedule_step-seed_{seed}" for seed in (3, 1)]


def test_claims_compare_the_networks_the_config_names_and_others_derived_from_them(studied):
    studied["studies"]["networks"]["seeds"] = [0, 5]
    studied["studies"]["networks"]["runs"][2] |= {"label": "ours", "epochs": 7}
    studied["claims"]["networks"] |= {"proposed": "ours", "unmasked": "ours, bare"}
    check_config(studied)
    runs = Runs(studied)
    proposed = "efficientnet-mask_backbone-epochs_7"
    expected = {
        "baseline": ("YOHO", "mobilenet"),
        "vggish": ("VGGish", "vggish"),
        "proposed": ("ours", proposed),
        "unmasked": ("ours, bare", "efficientnet-epochs_7"),
        "penalised_baseline": ("YOHO with L2", "mobilenet-l2_released"),
        "penalised_proposed": ("ours with L2", f"{proposed}-l2_released"),
    }
    assert runs.arms() == {
        role: {"label": label, "runs": [f"{name}-seed_{seed}" for seed in (0, 5)]}
        for role, (label, name) in expected.items()
    }
    assert runs.named[f"{proposed}-l2_released-seed_5"]["training"]["l2"] == RELEASED["l2"]
    assert runs.named[f"{proposed}-seed_5"]["training"]["l2"] == {"first": 0.0, "pointwise": 0.0}


def test_sizes_of_the_networks_that_the_claims_compare_are_looked_up_by_what_they_are(studied):
    studied["studies"]["networks"]["runs"][1]["vggish"] = "released"
    sizes = Runs(studied).sizes()
    assert sizes["baseline"] == ["mobilenet", "none", "multiply"]
    assert sizes["vggish"] == ["vggish_linear", "none", "multiply"]
    assert sizes["proposed"] == ["efficientnet", "backbone", "multiply"]


def test_seeds_behind_each_equivalence(studied):
    studied["studies"]["networks"]["seeds"] = [0, 5]
    studied["studies"]["mask_study"]["seeds"] = [0, 1, 2]
    assert Runs(studied).claim_seeds() == {"C1": 2, "C5": 3, "C6": 2}


# ---- code digests ----------------------------------------------------------------------------------------------------

SCRIPT_NAMES = sorted(path.stem for path in settings.SCRIPTS.glob("*.py"))


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A copy of the scripts and the package, of which digests are taken."""
    shutil.copytree(settings.SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(settings, "SCRIPTS", tmp_path / "scripts")
    return tmp_path / "scripts"


def edit(path, old, new):
    text = path.read_text()
    assert old in text, f"{old!r} is no longer in {path.name}: choose another line for this test"
    path.write_text(text.replace(old, new, 1))


def test_digest_is_short_and_the_same_for_the_same_code(scripts):
    digest = code_digest("make_mixes")
    assert re.fullmatch("[0-9a-f]{12}", digest) and digest == code_digest("make_mixes") != code_digest("draw_fig4")


def test_comment_docstring_and_blank_lines_do_not_change_the_digest(scripts):
    before = code_digest("train_network")
    for path in (scripts / "yoho").glob("*.py"):
        path.write_text("# A comment.\n\n\n" + path.read_text() + "\n\n# Another.\n")
    assert code_digest("train_network") == before
    edit(scripts / "yoho" / "loss.py", '"""L2 penalty', '"""The L2 penalty')
    edit(scripts / "yoho" / "loss.py", '"""The loss', '"""The paper\'s loss')
    edit(scripts / "yoho" / "model.py", '"""Log-mel windows', '"""From log-mel windows')
    assert code_digest("train_network") == before


def test_changed_formula_changes_the_digest(scripts):
    before = code_digest("train_network")
    edit(scripts / "yoho" / "loss.py", "** 2", "** 3")
    assert code_digest("train_network") != before


def test_changed_formula_of_a_module_imported_indirectly_changes_the_digest(scripts):
    """train_network imports scoring, which imports targets, which imports events."""
    assert "yoho.events import merge" not in (scripts / "train_network.py").read_text()
    before = code_digest("train_network")
    edit(scripts / "yoho" / "events.py", "1.5e-6", "2.5e-6")
    assert code_digest("train_network") != before


def test_changed_script_changes_its_own_digest_alone(scripts):
    before = code_digest("train_network"), code_digest("make_mixes")
    edit(scripts / "train_network.py", "torch.manual_seed(seed)", "torch.manual_seed(seed + 1)")
    assert code_digest("train_network") != before[0]
    assert code_digest("make_mixes") == before[1]


def test_module_that_is_left_out_is_not_followed(scripts):
    before, whole = code_digest("train_network", leave_out={"evaluation"}), code_digest("train_network")
    edit(scripts / "yoho" / "tallies.py", "+ 0.5", "+ 0.25")
    assert code_digest("train_network", leave_out={"evaluation"}) == before
    assert code_digest("train_network") != whole


def test_changed_text_that_is_no_docstring_changes_the_digest(scripts):
    before = code_digest("train_network")
    edit(scripts / "yoho" / "masking.py", '"backbone", "middle"', '"backbone", "centre"')
    assert code_digest("train_network") != before


def test_module_that_a_script_does_not_use_does_not_change_its_digest(scripts):
    before = code_digest("train_network")
    (scripts / "yoho" / "plotting.py").write_text("COLOURS = ()\n")
    assert code_digest("train_network") == before


@pytest.fixture
def own_modules():
    """The package's modules are loaded anew within the test, and are as before afterwards."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "yoho"}
    yield
    forget_package()
    sys.modules.update(before)


def forget_package():
    for name in [name for name in sys.modules if name.split(".")[0] == "yoho"]:
        del sys.modules[name]


@pytest.mark.parametrize("script", SCRIPT_NAMES)
def test_digest_follows_the_modules_that_a_script_loads_and_no_others(scripts, own_modules, script):
    forget_package()
    runpy.run_path(str(scripts / f"{script}.py"), run_name="loaded")
    loaded = {name.partition(".")[2] or "__init__" for name in sys.modules if name.split(".")[0] == "yoho"} - {"job"}
    before, texts = code_digest(script), {path: path.read_text() for path in (scripts / "yoho").glob("*.py")}
    for path, text in texts.items():
        if path.stem not in loaded:
            path.write_text(text + "\nADDED = 1\n")
    assert code_digest(script) == before
    for path, text in texts.items():
        if path.stem in loaded:
            path.write_text(text + "\nADDED = 1\n")
            assert code_digest(script) != before, path.name
            path.write_text(text)


# ---- provenance ------------------------------------------------------------------------------------------------------


def test_no_place_on_this_machine_is_written_down():
    config = {"a": [{"path": "/home/someone/ESC-50.zip"}], "audio": ["~/x/y", "data/esc"], "b": "1/2", "c": [1, None]}
    assert portable(config) == config | {"a": [{"path": "ESC-50.zip"}], "audio": ["y", "data/esc"]}


def test_what_is_no_place_is_written_down_whole():
    config = {"label": "~2x", "rules": [{"pattern": "/car/"}], "manifest": None, "path": "~nobody/x"}
    assert portable(config) == config | {"path": "x"}
