"""The config: every mistake is one clear line that names the key and the value."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from records import Runs
from snakemake.utils import update_config

from configs import ESC50, mistakes, put, remove
from datasets import ear_names, event_labels, portable, source_files
from places import ROOT
from validate import check_config
from yoho.networks.backbones import BACKBONES
from yoho.networks.masking import POSITIONS
from yoho.networks.network import mask_positions

OVERLAP = {"sounds": 2, "level": [-12, 12], "gap": [0.5, 6], "crossfade": [0, 0.5], "gain": 20}
OVERLAYS = sorted({*ROOT.glob("config/*.yaml"), *ROOT.glob("tests/config/*.yaml")} - {ROOT / "config" / "config.yaml"})
# Overlays whose datasets another config completes.
BELOW = {"pilot": "study", "overlap_esc10": "esc10", "overlap": "config"}


def test_default_config_is_right(config):
    check_config(config)


def test_real_recordings_are_right(real):
    check_config(real)


def test_dataset_like_another_one_names_one_with_a_source(config):
    """It may have mixes and overlap of its own, and nothing else."""
    datasets = config["datasets"]
    datasets |= {"both": {"like": "builtin", "overlap": OVERLAP}, "third": {"like": "both"}}
    assert mistakes(config) == ["datasets.third.like: 'both' is no dataset with a source of its own; name one"]
    datasets["third"] = {"like": "nobody"}
    assert mistakes(config) == ["datasets.third.like: 'nobody' is no dataset with a source of its own; name one"]
    datasets["third"] = {"like": "builtin", "source": "folder"}
    assert mistakes(config) == ["datasets.third: unknown key source; known keys are like, mixes, overlap"]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_overlay_is_right_when_merged_as_snakemake_does(config, overlay, tmp_path):
    changes = yaml.safe_load(overlay.read_text())
    if overlay.stem in BELOW:
        below = yaml.safe_load(overlay.with_stem(BELOW[overlay.stem]).read_text())
        update_config(below, changes)
        changes = below
    for dataset in changes.get("datasets", {}).values():
        if "path" in dataset.get("recordings", {}):
            (tmp_path / "dog").mkdir(exist_ok=True)
            dataset["recordings"]["path"] = str(tmp_path)  # the recordings themselves need not be here
    update_config(config, changes)
    check_config(config)
    assert config["dataset"] in changes.get("datasets", config["datasets"])
    assert (
        config["studies"] and config["windows"]["front_ends"]["log_mel"]["n_fft"] == 2048
    )  # what an overlay leaves alone stays


def test_networks_on_overlapping_sounds_are_trained_on_the_same_recordings(config):
    """A network whose training recordings are in another network's test would be favoured."""
    own = copy.deepcopy(config["datasets"]["builtin"])
    config["datasets"] |= {"both": {"like": "builtin", "overlap": OVERLAP}, "own": own}
    config["scoring"]["overlap"] |= {"tested": "both", "trained": ["builtin", "both", "own"]}
    check_config(config)
    other = ["scoring.overlap.trained: own has other recordings than both; let one be `like` the other"]
    for key, value in (("event_labels", ["car", "clocks"]), ("seed", 1)):
        config["datasets"]["own"] = own | {"recordings": own["recordings"] | {key: value}}
        assert mistakes(config) == other
    config["datasets"]["own"] = own | {"pool": "released"}
    assert mistakes(config) == other
    del config["datasets"]["own"]
    config["scoring"]["overlap"]["trained"] = ["neither"]
    assert mistakes(config) == ["scoring.overlap.trained: 'neither' is not in `datasets`"]


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_large_100", "convnext_atto", "resnet18.a1_in1k"])
def test_another_network_of_timm_is_right_by_its_name_alone(config, name):
    run = {"label": "another", "backbone": name, "mask": "middle", "pretrained": True}
    config["studies"]["networks"]["runs"].append(run)
    config["studies"]["mask_study"]["backbone"] = name
    check_config(config)
    runs = Runs(config)
    assert runs.named[f"{name}-mask_middle-pretrained_True-seed_0"].settings["network"]["backbone"] == name


MISTAKES = [
    ("scoring.overlap.tested", "builtin", r"scoring\.overlap\.tested: 'builtin' is no dataset with `overlap`"),
    ("scoring.overlap.levels", [0, 8, 4], r"scoring\.overlap\.levels: \[0, 8, 4\] must ascend"),
    ("datasets.builtin.overlap", OVERLAP | {"gap": [2, 1]}, r"builtin\.overlap\.gap: \[2, 1\] must be \[smallest"),
    ("datasets.builtin.overlap", OVERLAP | {"crossfade": [-1, 1]}, r"overlap\.crossfade\[0\]: -1 .*minimum"),
    ("windows.hop.score", 5.0, r"windows\.hop\.score: 5\.0 is more than windows\.length"),
    ("windows.hop.averaged", 5.0, r"windows\.hop\.averaged: 5\.0 is more than windows\.length"),
    ("windows.front_end", "mel", r"windows\.front_end: 'mel' is not in windows\.front_ends"),
    ("windows.front_ends", {}, r"windows\.front_ends: \{\}"),
    ("studies.networks.runs.0.front_end", "mel", r"studies\.networks\.runs\[0\]\.front_end: 'mel' is not in"),
    ("decoding.method", "median", r"decoding\.method: 'median'.*'bins', 'averaged'"),
    ("decoding.averaged.edge", 0, r"decoding\.averaged\.edge: 0 .*minimum"),
    ("segmenting.decoding", "tuned", r"segmenting\.decoding: 'tuned'.*'bins', 'averaged'"),
    ("ear.names.car", ["Car", "Tram"], r"ear\.names\.car: 'Tram' is no sound of AudioSet; similar names are "),
    ("ear.calibration.background.sounds.room", ["Humm"], r"background\.sounds\.room: 'Humm' is no .* Hum"),
    ("ear.calibration.background.sounds.cafe", ["Noise"], r"background\.sounds: 'cafe' is not one of \['silence'"),
    ("segmenting.silence", 3, r"segmenting\.silence: 3 .*maximum"),
    ("segmenting.high_pass", "2 Hz", r"segmenting\.high_pass: '2 Hz' is not of type"),
    ("windows.bins", 8, r"windows\.bins: 8 bins for 257 frames .* must be 9"),
    ("windows.front_ends.log_mel.hop_length", 882, r"windows\.bins: 9 bins for 129 frames .* must be 5"),
    ("mixes.shortest_clip", 20, r"mixes\.shortest_clip: 20 is more than mixes\.longest_clip"),
    ("datasets.builtin.recordings.per_class", 2, r"recordings\.per_class: 2 is fewer than the three splits need"),
    ("studies.networks.runs.1.pretrained", True, r"studies\.networks\.runs\[1\]\.pretrained: "),
    # what is set to what, and what the line names
    ("epochs", 3, "unknown key epochs; known keys are dataset, datasets"),
    ("training.momentum", 0.9, "training: unknown key momentum; known keys are epochs, epoch_share"),
    ("training.augmentation.mask", 1, "training.augmentation: unknown key mask"),
    ("studies.networks.runs.1.depth", 0.5, r"studies\.networks\.runs\[1\]: unknown key depth"),
    ("studies.networks.runs.1.dropout", 1, r"studies\.networks\.runs\[1\]\.dropout: 1 .*maximum"),
    ("training.weight_decay", -0.1, r"training\.weight_decay: -0\.1 .*minimum"),
    ("training.frozen", 0, r"training\.frozen: 0 "),
    ("training.frozen", "neck", r"training\.frozen: 'neck' "),
    (
        "studies.networks.runs.2.frozen",
        3,
        r"networks\.runs\[2\]: efficientnet starts from random weights, which frozen: 3 would freeze; add",
    ),
    (
        "studies.networks.runs.0.backbone",
        "yamnet",
        r"networks\.runs\[0\]: the backbone yamnet .* add front_end: yamnet",
    ),
    ("windows.front_ends.yamnet.top_db", 80, "windows.front_ends.yamnet: unknown key top_db; known keys are kind"),
    ("windows.front_ends.log_mel.kind", "stft", r"windows\.front_ends\.log_mel\.kind: 'stft' .*'log_mel', 'yamnet'"),
    ("windows.front_ends.cqt.fmin", 100, r"windows\.front_ends\.cqt\.fmin: the highest band is at 22286 Hz, .*lower"),
    ("windows.front_ends.wavelet.n_mels", 40, r"windows\.front_ends\.wavelet: unknown key n_mels; known keys are kind"),
    ("studies.noise", {"seeds": [0], "runs": []}, "studies: unknown key noise; known keys are networks, mask"),
    ("datasets.builtin.recordings.path", "esc", r"datasets\.builtin\.recordings: unknown key path"),
    ("training.learning_rate", "1e-4", r"training\.learning_rate: '1e-4' is not of type number"),
    ("training.epochs", "ten", r"training\.epochs: 'ten' is not of type integer"),
    ("training.epochs", 2.5, r"training\.epochs: 2\.5 is not of type integer"),
    ("training.epochs", True, r"training\.epochs: True is not of type integer"),
    ("training.pretrained", "yes", r"training\.pretrained: 'yes' is not of type boolean"),
    ("mixes", None, "mixes: None is not of type object"),
    ("studies.mask.seeds", 0, r"studies\.mask\.seeds: 0 is not of type array"),
    ("training.epochs", 0, r"training\.epochs: 0 .*minimum"),
    ("training.learning_rate", 0, r"training\.learning_rate: 0 .*minimum"),
    ("training.learning_rate", -0.1, r"training\.learning_rate: -0\.1 .*minimum"),
    ("decoding.threshold", 1.5, r"decoding\.threshold: 1\.5 .*maximum"),
    ("decoding.thresholds", 0.3, r"decoding\.thresholds: 0\.3 is not of type array"),
    ("decoding.thresholds", [], r"decoding\.thresholds: \[\] "),
    ("decoding.thresholds", [0.3, 0.3], r"decoding\.thresholds: \[0\.3, 0\.3\]"),
    ("decoding.thresholds", [0.3, 30], r"decoding\.thresholds\[1\]: 30 .*maximum"),
    ("training.schedule", "linear", r"training\.schedule: 'linear'.*'constant', 'step', 'cosine'"),
    ("training.device", "gpu", r"training\.device: 'gpu'.*'auto', 'cpu', 'cuda'"),
    ("studies.networks.runs.0.backbone", "ResNet 18", r"studies\.networks\.runs\[0\]\.backbone: 'ResNet 18'"),
    ("studies.mask_study.backbone", "../resnet18", r"studies\.mask_study\.backbone: '\.\./resnet18'"),
    ("studies.networks.runs.0.mask", "front", r"studies\.networks\.runs\[0\]\.mask: 'front'.*'middle'"),
    ("studies.networks.runs.1.mask", "middle", r"studies\.networks\.runs\[1\]\.mask: 'middle'.*'none', 'backbone'"),
    ("studies.networks.runs.1.mask", "head", r"studies\.networks\.runs\[1\]\.mask: 'head'.*'none', 'backbone'"),
    ("studies.mask.seeds", [1, 1], r"studies\.mask\.seeds: \[1, 1\]"),
    ("studies.mask.runs.1.label", "with mask", r"studies\.mask\.runs\[1\]: .*label 'with mask'.*twice.*runs\[0\]"),
    ("studies.mask.runs.1.label", "two\nlines", r"studies\.mask\.runs\[1\]: label 'two\\nlines' contains '\\n'"),
    ("studies.networks.runs.1.label", "true", r"studies\.networks\.runs\[1\]: label 'true' .*another meaning"),
    ("studies.networks.runs.1.label", "untrained ear", r"studies\.networks\.runs\[1\]: label .*another meaning"),
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
    ("datasets.ear", copy.deepcopy(ESC50), "datasets: 'ear'"),
    ("datasets.my data", copy.deepcopy(ESC50), "datasets: 'my data'"),
    ("mixes.duration", [127, 55], r"mixes\.duration: \[127, 55\]"),
    ("windows.front_ends.log_mel.win_length", 4096, r"windows\.front_ends\.log_mel\.win_length: 4096.*n_fft"),
    # A mix ends with the segment that makes it long enough, so the range must leave room for the longest one.
    ("mixes.duration", [55, 60], r"mixes\.duration: \[55, 60\].*longest_clip"),
    ("recordings.bad", "ignore", r"recordings\.bad: 'ignore'.*'stop', 'leave_out'"),
    ("recordings.downloads.connections", 100, r"recordings\.downloads\.connections: 100 .*maximum"),
    ("recordings.downloads.rate", 0, r"recordings\.downloads\.rate: 0 .*minimum"),
    ("recordings.downloads.timeouts", [10], r"recordings\.downloads\.timeouts: \[10\]"),
    ("recordings.downloads.backoff", [60, 1], r"recordings\.downloads\.backoff: \[60, 1\] must be \[first, longest\]"),
    ("recordings.downloads.proxy", "x", "recordings.downloads: unknown key proxy; known keys are connections, rate"),
    # readings
    ("mixes.drawn_clips", 0, r"mixes\.drawn_clips: 0 .*minimum"),
    ("training.l2", 0.1, "training: unknown key l2"),
    ("training.augmentation.fill", 0, "training.augmentation: unknown key fill"),
    ("decoding.end_from", "bin", "decoding: unknown key end_from"),
    ("readings.measured", {}, "readings: unknown key measured; known keys are described, released"),
    ("readings.described.crossfade", 0.1, "readings.described: unknown key crossfade; known keys are pool, slices"),
    ("readings.released.pool", "own", r"readings\.released\.pool: 'own'.*'split', 'shared'"),
    ("readings.released.start", False, r"readings\.released\.start: False.*'pretrained', 'random'"),
    ("readings.released.draw", "deal all", r"readings\.released\.draw: .*'deal', 'replace'"),
    ("readings.released.hop", 1.0, r"readings\.released\.hop: 1\.0.*'score', 'train'"),
    ("readings.released.l2", 0.01, r"readings\.released\.l2: 0\.01 is not of type object"),
    ("readings.released.l2.first", -1, r"readings\.released\.l2\.first: -1 .*minimum"),
    ("readings.described.augmentation.fill", "median", r"readings\.described\.augmentation\.fill: 'median'"),
    ("readings.released.decode", "window", r"readings\.released\.decode: 'window'.*'bin', 'onset'"),
    ("studies.networks.runs.0.l2", 0.01, r"studies\.networks\.runs\[0\]\.l2: 0\.01.*'described', 'released'"),
    ("studies.audit.runs.0.reading", "both", r"studies\.audit\.runs\[0\]\.reading: 'both'.*'released'"),
    ("datasets.builtin.pool", "shared", r"datasets\.builtin\.pool: 'shared'.*'described', 'released'"),
    ("datasets.builtin.l2", "released", r"datasets\.builtin: unknown key l2; known keys are source"),
    # the mask study
    ("studies.mask_study.runs", [], "studies.mask_study: unknown key runs; known keys are seeds, backbone, cells"),
    ("studies.mask_study.cells", [], r"studies\.mask_study\.cells: \[\]"),
    ("studies.mask_study.cells.0.mask", "none", r"studies\.mask_study\.cells\[0\]: unknown key mask"),
    ("studies.mask_study.cells.0.masks", ["none"], r"studies\.mask_study\.cells\[0\]\.masks: \['none'\]"),
    ("studies.mask_study.cells.0.masks", ["head", "middle"], r"cells\[0\]\.masks: \['head', 'middle'\].*contain"),
    ("studies.mask_study.cells.0.masks", ["none", "none"], r"cells\[0\]\.masks: \['none', 'none'\]"),
    ("studies.mask_study.cells.0.masks", ["none", "tail"], r"cells\[0\]\.masks\[1\]: 'tail'.*'middle'"),
    ("studies.search.rates", [1], r"studies\.search: unknown key rates"),
    ("training.epoch_share", 0.3, r"training\.epoch_share: epoch_share 0\.3 is not 1, 1/2"),
    ("studies.networks.runs.0.epoch_share", 0.3, r"studies\.networks: YOHO: epoch_share 0\.3 is not 1, 1/2"),
    ("training.epoch_share", 2, r"training\.epoch_share: 2 .*maximum"),
    ("training.ema_decay", 1, r"training\.ema_decay: 1 .*maximum"),
    ("training.tested_epoch", "first", r"training\.tested_epoch: 'first'.*'last'"),
    ("mixes.dealt", "deck", r"mixes\.dealt: 'deck'.*'split'"),
    # the claims
    ("claims.C9", {}, "claims: unknown key C9"),
    ("claims.level", 0, r"claims\.level: 0 .*minimum"),
    ("claims.level", 5, r"claims\.level: 5 .*maximum"),
    ("claims.replicates", 10, r"claims\.replicates: 10 .*minimum"),
    ("claims.trained.gain", 0, r"claims\.trained\.gain: 0 .*minimum"),
    ("claims.test", "d32d", r"claims\.test: 'd32d'"),
    ("claims.expected_deviation.f1", 0, r"claims\.expected_deviation\.f1: 0 .*minimum"),
    ("claims.C1.margin", 0, r"claims\.C1\.margin: 0 .*minimum"),
    ("claims.C2.margin", 0.01, "claims.C2: unknown key margin; known keys are claim, statistic"),
    ("claims.C5.margin", 0.01, r"claims\.C5\.margin: 0\.01 is not of type object"),
    ("claims.C5.margin.area", -1, r"claims\.C5\.margin\.area: -1 .*minimum"),
    ("claims.missing", "leave_out", r"claims\.missing: leave_out needs records; name their folder in claims\.records"),
    ("claims.networks.rival", "YOHO", "claims.networks: unknown key rival"),
    # texts that YAML reads as something else
    (
        "studies.networks.runs.0.label",
        1,
        r"studies\.networks\.runs\[0\]\.label: 1 is not of .* string; put it in quotes",
    ),
    ("studies.audit.runs.0.label", None, r"studies\.audit\.runs\[0\]\.label: None is not of .*; put it in quotes"),
    ("studies.networks.runs.0.label", " ", r"studies\.networks\.runs\[0\]: label ' ' is blank; rename it"),
    ("datasets.builtin.recordings.event_labels", ["car", True], r"recordings\.event_labels\[1\]: True is not one of"),
    ("dataset", 7, r"dataset: 7 is not of .*; put it in quotes"),
    # false alarms
    ("segmenting.false_alarms.recordings", 0, r"segmenting\.false_alarms\.recordings: 0 .*minimum"),
    ("segmenting.false_alarms.level", [-60, 0], r"segmenting\.false_alarms\.level\[1\]: 0 .*maximum"),
]


@pytest.mark.parametrize("keys, value, line", MISTAKES)
def test_mistake_is_one_line_that_names_key_and_value(config, keys, value, line):
    if "hop_length" in keys:
        config["studies"]["rival"]["runs"] = []  # Its frames would not fit either.
    put(config, keys, value)
    (found,) = mistakes(config)
    assert re.search(line, found), found


@pytest.mark.parametrize("path", sorted([*ROOT.glob("config/*.yaml"), *ROOT.glob("tests/config/**/*.yaml")]), ids=str)
def test_no_key_stands_twice_in_a_config(path):
    """YAML would keep the last of them."""

    def twice(node):
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            return {key for key in keys if keys.count(key) > 1}.union(*(twice(value) for _, value in node.value))
        return set().union(*(map(twice, node.value))) if isinstance(node, yaml.SequenceNode) else set()

    assert twice(yaml.compose(path.read_text())) == set()
    assert twice(yaml.compose("a: [{b: 1, c: 2, b: 3}]\nd: {a: 1}")) == {"b"}


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
    assert found.startswith("datasets.builtin.recordings: give either path, if ESC-50 is on this machine, or address")


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


@pytest.mark.parametrize(
    "key, value, line",
    [
        ("share", 0, r"background\.share: 0 .*minimum"),
        ("share", 1, r"background\.share: 1 .*maximum"),
        ("per_kind", 2, r"background\.per_kind: 2 .*minimum of 3"),
        ("level", [-60, -3], r"background\.level\[1\]: -3 .*maximum of -14"),
        ("level", [-25, -60], r"background\.level: \[-25, -60\] must be \[smallest, largest\]"),
        ("duration", [8, 1], r"background\.duration: \[8, 1\] must be \[smallest, largest\]"),
        ("duration", [1, 11], r"background\.duration: \[1, 11\] .* mixes\.longest_clip"),
        ("path", "nowhere", r"background\.path: no such folder: .*/nowhere; set it"),
        ("path", "quiet/a.wav", r"background\.path: no such folder: .*/quiet/a\.wav; set it"),
        ("path", "own/rain", r"background\.path: .*/own/rain lies in the folder of the dataset.s recordings; move it"),
        ("kinds", ["room"], r"background: unknown key kinds; known keys are share"),
    ],
)
def test_mistake_about_background_is_one_line_that_names_key_and_value(quiet, key, value, line):
    put(quiet, f"datasets.builtin.background.{key}", value)
    (found,) = mistakes(quiet)
    assert re.search(line, found), found


def test_file_of_background_whose_name_is_no_text_is_a_line(quiet):
    for name in ("{a}.wav", "<a>.wav"):
        Path("quiet", name).touch()
    check_config(quiet)
    Path("quiet/\udcff.wav").touch()
    (found,) = mistakes(quiet)
    assert re.search(r"datasets\.builtin: 'quiet/\\udcff\.wav': .* not valid text.*rename it", found), found


def test_class_that_is_called_background_too_is_named(quiet):
    Path("own/background").mkdir()
    (found,) = mistakes(quiet)
    assert re.search(r"builtin\.background: a class has the name background; .* belong in .*background\.path", found), (
        found
    )
    del quiet["datasets"]["builtin"]["background"]
    check_config(quiet)


@pytest.mark.parametrize(
    "file, line",
    [
        ("two\nlines/a.wav", r"recordings: class 'two\\nlines' contains '\\n', which cannot be shown; rename it"),
        ("overall/a.wav", r"recordings: class 'overall' .*another meaning"),
        ("x" * 90 + "/a.wav", r"recordings: class 'x+' has 90 characters; at most 80"),
        ("rain/\udcff.wav", r"builtin: 'own/rain/\\udcff\.wav': .* not valid text.*rename it"),
        (" /a.wav", r"recordings: class ' ' is blank; rename it"),
    ],
)
def test_name_in_a_folder_that_cannot_work_is_a_line(own, file, line):
    Path("own", file).parent.mkdir(exist_ok=True)
    Path("own", file).touch()
    (found,) = mistakes(own)
    assert re.search(line, found), found
    assert "\n" not in found
    found.encode()


NAMES = [
    "~me",
    "a b",
    "{",
    "{}",
    "{a}",
    "{a,b+}",
    "b{1}",
    "a&b<c>",
    "100 %",
    "'\"",
    "$x",
    "_hidden",
    "鳥",
    "*?[a]",
    "NA",
]
NAMES += ["dog ", "<NA>", "-", "1e5", "#"]


@pytest.mark.parametrize("name", NAMES)
def test_name_in_a_folder_that_can_work_does(own, name):
    Path("own", name).mkdir()
    Path("own", name, f"{name}.wav").touch()
    check_config(own)
    assert event_labels(own["datasets"]["builtin"]) == sorted(["dog", "rain", name])


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
    ("classes.1.rules.0.pattern", "(car", r"recordings\.classes: '\(car' is not a regular expression"),
    ("classes.1.rules.0.fields", ["title"], r"rules\[0\]\.fields\[0\]: 'title'.*'cd_name'"),
    ("classes.2.rules.0.pattern", "crowd", r"classes\[2\]\.rules\[0\]: 'fields' is a dependency of 'pattern'"),
    ("classes.2.rules.0.word", "crowd", r"classes\[2\]\.rules\[0\]: unknown key word; known keys are category, query"),
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
    assert re.search(r"recordings\.manifest: .* is overwritten by fetching; keep the manifest elsewhere", found), found
    kept.rename("kept.tsv")
    put(library, "datasets.builtin.recordings.manifest", "kept.tsv")
    check_config(library)
    assert source_files(library["datasets"]["builtin"]) == ["kept.tsv"]


@pytest.mark.parametrize(
    "keys, line",
    [
        ("dataset", "'dataset'"),
        ("recordings.bad", "recordings: 'bad'"),
        ("recordings.downloads.unpacked.ratio", "recordings.downloads.unpacked: 'ratio'"),
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
        ("claims.trained.gain", "claims.trained: 'gain'"),
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


@pytest.mark.parametrize("name", [1, True, None, 0.5])
def test_class_that_yaml_reads_as_no_text_is_a_line(config, real, name):
    config["ear"]["names"] = {name: ["Speech"]}
    assert mistakes(config) == [f"ear.names: {name!r} is not of type string; put it in quotes"]
    real["ear"]["names"], classes = {}, real["datasets"]["builtin"]["recordings"]["classes"]
    classes[0]["event_label"] = name
    (found,) = mistakes(real)
    assert re.search(rf"classes\[0\]\.event_label: {name!r} is not of type string; put it in quotes", found), found


def test_sounds_of_a_class_are_found_however_its_accents_are_written(own):
    own["ear"]["names"] = {"m\N{LATIN SMALL LETTER O WITH DIAERESIS}we": ["Gull, seagull"], "dog": ["Bark"]}
    decomposed = "mo\N{COMBINING DIAERESIS}we"
    Path("own", decomposed).mkdir()
    found = ear_names(own, "builtin")
    assert found == {"dog": ["Bark"], decomposed: ["Gull, seagull"], "rain": ["rain"]}


UNDECIDABLE = [
    (
        "claims.networks.vggish",
        "vgg",
        "claims.networks.vggish: no run of studies.networks has the label 'vgg'; add this run",
    ),
    (
        "claims.networks.baseline",
        "VGGish",
        "claims.networks: baseline and vggish are the same network, 'VGGish'; name another run",
    ),
    (
        "studies.networks.runs.1.backbone",
        "resnet18",
        "claims.networks: vggish and vggish_released are the same network, 'VGGish as released'; name another run",
    ),
    (
        "studies.networks.runs.2.mask",
        "none",
        "claims.networks.proposed: 'EfficientNet + mask' has no mask; name another run of studies.networks",
    ),
    (
        "claims.networks.unmasked",
        "EfficientNet + mask",
        "claims.networks.unmasked: 'EfficientNet + mask' has the mask backbone; name another run of studies.networks",
    ),
    (
        "studies.networks.runs.0.seeds",
        [5],
        "studies.networks: the networks that C1 compares share no seed; give them the same seeds",
    ),
    (
        "studies.mask_study.cells.0.seeds",
        [5],
        "studies.mask_study: the networks that C5 compares share no seed; give them the same seeds",
    ),
]


@pytest.mark.parametrize("keys, value, line", UNDECIDABLE)
def test_config_with_which_no_result_could_decide_the_claims_is_named(config, keys, value, line):
    """It is no mistake of the config, because its figures do not need the claims."""
    assert list(Runs(config).undecidable()) == []
    put(config, keys, value)
    check_config(config)
    assert next(Runs(config).undecidable()) == line


def test_claims_from_finished_runs_alone_may_lack_common_seeds(config, tmp_path):
    """Nothing is trained for them: the page shows the runs that are there."""
    put(config, "studies.networks.runs.0.seeds", [5])
    config["claims"] |= {"missing": "leave_out", "records": str(tmp_path)}
    check_config(config)
    assert list(Runs(config).undecidable()) == []


@pytest.mark.parametrize(
    "records, line", [("kept", "kept is not a folder; name another"), ("{run}", "'{run}': Snakem")]
)
def test_records_that_could_not_be_kept_are_a_mistake(config, tmp_path, monkeypatch, records, line):
    monkeypatch.chdir(tmp_path)
    config["claims"]["records"] = records
    Path("kept").mkdir()
    if records == "kept":
        check_config(config)
        Path("kept").rmdir()
    Path("kept").touch()
    (found,) = mistakes(config)
    assert found.startswith(f"claims.records: {line}")


def test_unmasked_network_of_the_claims_needs_no_run_of_its_own(config):
    config["claims"]["networks"]["unmasked"] = "plain"
    check_config(config)


@pytest.mark.parametrize("backbone", ["vggish", "vggish_linear"])
def test_mask_study_of_vggish_with_a_mask_in_its_neck_is_a_mistake(config, backbone):
    config["studies"]["mask_study"]["backbone"] = backbone
    assert mistakes(config)[0] == "studies.mask_study: VGGish has no neck; remove the masks head, middle"
    for cell in config["studies"]["mask_study"]["cells"]:
        cell["masks"] = ["none", "backbone"]
    check_config(config)


@pytest.mark.parametrize("mask", POSITIONS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_run_may_have_the_masks_that_its_network_can_have(config, backbone, mask):
    config["windows"]["front_end"] = "yamnet" if backbone == "yamnet" else "log_mel"
    run = {"label": "another", "backbone": backbone, "mask": mask, "epochs": 7}
    run |= {"windows": "frames"} if BACKBONES[backbone].by_frame else {}
    config["studies"]["networks"]["runs"].append(run)
    if mask in mask_positions(backbone):
        check_config(config)
    else:
        (found,) = mistakes(config)
        assert found.startswith(f"studies.networks.runs[3].mask: '{mask}'")


@pytest.mark.parametrize("key, value", [("dtc", 0), ("gtc", 1.5), ("cttc", None), ("alpha_ct", -1), ("rho", 0.5)])
def test_scenario_of_psds_is_checked(config, key, value):
    put(config, f"scoring.psds.scenarios.1.{key}", value)
    (found,) = mistakes(config)
    assert found.startswith("scoring.psds.scenarios[1]")


def test_every_mistake_has_a_line_of_its_own(config):
    put(config, "training.epochs", 0)
    put(config, "training.batch_size", "many")
    put(config, "scoring.unit", "s")
    lines = mistakes(config)
    assert len(lines) == 3
    assert {line.split(":")[0] for line in lines} == {"training.epochs", "training.batch_size", "scoring"}


def test_frozen_backbone_without_pretrained_weights_is_named_if_the_training_section_freezes_it(config):
    config["training"] |= {"pretrained": True, "frozen": "backbone"}
    lines = mistakes(config)
    assert lines[0] == (
        "studies.networks.runs[0]: mobilenet starts from random weights, which frozen: backbone would freeze; "
        "add frozen: none"
    )
    runs = [run for study in config["studies"].values() for run in study.get("runs", ())]
    without = [run for run in runs if run["backbone"] in ("mobilenet", "vggish", "crnn")]
    assert len(lines) == len(without)
    for run in without:
        run["frozen"] = "none"
    check_config(config)
    config["training"]["pretrained"] = False
    assert len(mistakes(config)) == len(runs) - len(without) + len(config["studies"]["mask_study"]["cells"])


@pytest.mark.parametrize(
    "own, line",
    [
        ({"windows": "frame"}, "windows: 'frame' is not in windows.others; choose one of frames, long_frames"),
        (
            {"windows": "frames"},
            ": mobilenet divides the 257 frames of a window into 9 bins, but windows.others.frames",
        ),
        ({"backbone": "crnn"}, ": crnn divides the 257 frames of a window into 64 bins, but windows.bins is 9; name"),
        ({"loss": "cross_entropy"}, ": loss: cross_entropy is about presence alone, which only crnn can do with; set"),
    ],
)
def test_run_needs_windows_and_a_loss_that_its_network_fits(config, own, line):
    config["studies"]["networks"]["runs"][0] |= own
    (found,) = mistakes(config)
    assert found.removeprefix("studies.networks.runs[0]").lstrip(".").startswith(line)


def test_audit_has_the_usual_windows(config):
    config["studies"]["audit"]["runs"][1] |= {"backbone": "crnn", "windows": "frames"}
    (found,) = mistakes(config)
    assert found == "studies.audit.runs[1].windows: the audit decodes all runs from the usual windows; remove it"


def test_hop_of_other_windows_must_cover_the_mixes(config):
    config["windows"]["others"]["frames"]["hop"]["averaged"] = 3.0
    (found,) = mistakes(config)
    assert found.startswith("windows.others.frames.hop.averaged: 3.0 is more than windows.others.frames.length;")


def test_other_hop_length_needs_other_bins_of_the_rival(config):
    config["windows"]["front_ends"]["log_mel"]["hop_length"] = 882
    config["windows"]["bins"] = 5
    lines = mistakes(config)
    assert len(lines) == 2
    assert lines[0].startswith(
        "studies.rival.runs[0]: crnn divides the 129 frames of a window into 32 bins, but windows.o"
    )
    config["studies"]["rival"]["runs"] = []
    check_config(config)


def test_hop_that_is_too_long_for_all_windows_is_one_line(config):
    config["windows"]["hop"]["score"] = 3.0
    (found,) = mistakes(config)
    assert found.startswith("windows.hop.score: 3.0 is more than windows.length;")


def test_frozen_weights_are_not_averaged(config):
    config["studies"]["networks"]["runs"][2] |= {"pretrained": True, "frozen": 3, "ema_decay": 0.99}
    (line,) = mistakes(config)
    assert "networks.runs[2]: ema_decay needs batch norms with statistics of its own; add ema_decay: 0 or" in line
    config["studies"]["networks"]["runs"][2]["ema_decay"] = 0
    check_config(config)


YAMNET = {"label": "ear", "backbone": "yamnet", "mask": "none", "front_end": "yamnet"}


def with_run(config, **entry):
    """A config whose only run of Figures 4 and 5 is this one."""
    config["studies"]["networks"]["runs"] = [YAMNET | entry]
    return config


@pytest.mark.parametrize(
    "training, run, backbone",
    [
        ({"pretrained": True}, {"frozen": "backbone", "pretrained": False}, "yamnet"),
        ({"pretrained": True}, {"frozen": 3, "backbone": "vggish_linear", "front_end": "log_mel"}, "vggish_linear"),
        ({"pretrained": True}, {"frozen": 3, "backbone": "vggish", "vggish": "released"}, "vggish_linear"),
        ({"pretrained": False}, {"frozen": "backbone"}, "yamnet"),
    ],
)
def test_random_weights_cannot_be_frozen_whether_the_run_or_the_training_section_says_so(
    config, training, run, backbone
):
    config["training"] |= training
    (found,) = mistakes(with_run(config, **run))
    assert found.startswith(f"studies.networks.runs[0]: {backbone} starts from random weights, which frozen: ")


@pytest.mark.parametrize(
    "training, run",
    [
        ({"pretrained": True}, {"frozen": 3}),
        ({"pretrained": True}, {"frozen": "backbone", "backbone": "resnet18"}),
        ({}, {"frozen": "backbone", "pretrained": True}),
        ({}, {"frozen": "backbone", "pretrained": True, "start": "released"}),  # Nothing is frozen then.
    ],
)
def test_pretrained_weights_may_be_frozen_whether_the_run_or_the_training_section_says_so(config, training, run):
    config["training"] |= training
    check_config(with_run(config, **run))


@pytest.mark.parametrize(
    "run, line",
    [
        ({"input": "released"}, "input: released has no effect, because yamnet takes its features as they are"),
        (
            {"augmentation": "released", "pretrained": True, "frozen": "backbone"},
            "augmentation: released has no effect, because the maps of a frozen yamnet are computed once",
        ),
    ],
)
def test_reading_without_effect_on_yamnet_is_a_mistake(config, run, line):
    assert mistakes(with_run(config, **run)) == [f"studies.networks.runs[0]: {line}; remove it"]


@pytest.mark.parametrize(
    "run", [{"reading": "released"}, {"augmentation": "released"}, {"input": "released", "backbone": "mobilenet"}]
)
def test_reading_with_an_effect_is_right(config, run):
    check_config(with_run(config, **run))


@pytest.mark.parametrize("length, hop, bins", [(1.28, 160, 5), (1.28, 240, 3)])
def test_windows_that_do_not_fit_yamnet_are_a_mistake(config, length, hop, bins):
    config["studies"]["rival"]["runs"] = []
    config["windows"] |= {"length": length, "bins": bins, "hop": {"train": 0.5, "score": 1.0, "averaged": 0.5}}
    config["windows"]["front_ends"]["yamnet"]["hop_length"] = hop
    config["windows"]["front_end"] = "yamnet"
    check_config(config)  # Other backbones accept these windows.
    config["windows"]["front_end"] = "log_mel"
    config["windows"]["front_ends"]["log_mel"]["hop_length"] = 441 * hop // 160
    (found,) = mistakes(with_run(config))
    frames = 20480 // hop + 1
    assert found == (
        f"windows.length: {frames} frames and {bins} bins per window; yamnet needs at least 96 frames and a "
        "multiple of 3 bins, so change windows.length or windows.front_ends.yamnet.hop_length"
    )


def test_yamnet_takes_any_front_end_of_its_kind_alone(config):
    front_ends = config["windows"]["front_ends"]
    run = {"label": "ear", "backbone": "yamnet", "mask": "none", "front_end": "own"}
    config["studies"]["networks"]["runs"].append(run)
    front_ends["own"] = dict(front_ends["yamnet"])
    check_config(config)
    front_ends["own"] = dict(front_ends["log_mel"])
    assert mistakes(config) == [
        "studies.networks.runs[3]: the backbone yamnet needs a front end of its own kind; add front_end: yamnet"
    ]


def test_mask_study_of_figure_6_may_be_empty(config):
    config["studies"]["mask"]["runs"] = []
    check_config(config)
    config["studies"]["networks"]["runs"] = []
    assert mistakes(config)[0].startswith("studies.networks.runs: []")


def test_audit_of_a_run_without_a_released_key_is_a_mistake(config):
    config["studies"]["audit"]["runs"][1] = {"label": "nothing", "backbone": "mobilenet", "mask": "none"}
    assert mistakes(config)[0].startswith("studies.audit.runs[1]: 'nothing' has no released key")


@pytest.mark.parametrize(
    "audio, line",
    [
        ("x" * 300, f"audio: {'x' * 300}: no such file or folder"),
        ("", "audio: '': no such file or folder"),
        (["a.wav", ""], "audio: '': no such file or folder"),
        (712, "audio: 712: no such file or folder; YAML does not read it as a name: put ./ in front of it"),
        (True, "audio: True: no such file or folder; YAML does not read it as a name: put ./ in front of it"),
    ],
)
def test_audio_that_is_not_there_is_a_line(config, tmp_path, monkeypatch, audio, line):
    monkeypatch.chdir(tmp_path)
    Path("a.wav").touch()
    assert mistakes(config | {"audio": audio}) == [line]
    for there in (None, [], "a.wav", ["a.wav", "."]):
        check_config(config | {"audio": there})


@pytest.mark.parametrize("name", ["paper", "bbc", "esc10", "esc50", "folder", "rotations", "study", "gpu-minutes"])
def test_training_windows_overlap_as_in_the_code_except_in_the_quick_default(config, name):
    update_config(config, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    assert config["windows"]["hop"] == {"train": 1.0, "score": 1.96, "averaged": 0.64}
