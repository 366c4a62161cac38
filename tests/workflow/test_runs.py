"""The runs of a config: their names, their settings and the studies that they belong to."""

import copy
import json
import re
import zipfile
from pathlib import Path

import pytest
import records
from records import Runs, differences

from configs import RELEASED
from datasets import DATA_KEYS, dataset_settings, read_as, scored_windows, window_settings
from runs import make_run
from validate import check_config
from yoho.training.fit import learns_on_maps

TRAINING = {
    "learning_rate": 0.001,
    "schedule": "constant",
    "step_every": 30,
    "step_factor": 0.1,
    "epochs": 10,
    "batch_size": 16,
    "pretrained": False,
    "frozen": "none",
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
    "rival": {"seeds": [0], "runs": []},
    "search": {"seeds": [0], "learning_rates": [0.001]},
    "audit": {"seeds": [0], "runs": [YOHO | {"label": "targets", "targets": "released"}]},
    "front_ends": {"seeds": [0], "runs": [YOHO, YOHO | {"label": "PCEN", "front_end": "pcen"}]},
}


NAMES = {
    "networks": ["mobilenet-seed_0", "vggish-seed_0", "efficientnet-mask_backbone-seed_0"],
    "mask": ["efficientnet-mask_backbone-lr_0.0001-seed_0", "efficientnet-lr_0.0001-seed_0"],
    "mask_study": ["efficientnet-lr_0.0001-seed_0", "efficientnet-mask_head-lr_0.0001-seed_0"],
    "claims": [
        *("mobilenet-seed_0", "efficientnet-mask_backbone-seed_0", "efficientnet-seed_0"),
        *("vggish-seed_0", "vggish-vggish_released-seed_0"),
    ],
    "search": [
        *("mobilenet-seed_0", "efficientnet-mask_backbone-seed_0"),
        *("vggish-seed_0", "vggish-vggish_released-seed_0"),
    ],
    "audit": ["mobilenet-seed_0", "mobilenet-targets_released-seed_0"],
    "front_ends": ["mobilenet-seed_0", "mobilenet-pcen-seed_0"],
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
    assert {runs.named[name].settings["seed"] for name in runs.of("mask")} == {0, 1, 12}


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
    chosen = runs.named[name].settings
    for key, value in own.items():
        assert (chosen["network"] | chosen["training"])[key] == value


def test_run_has_its_own_settings_over_those_of_the_training_section(studied):
    runs = Runs(studied)
    chosen = runs.named["efficientnet-mask_backbone-lr_0.0001-seed_0"].settings
    assert chosen["network"] == {"backbone": "efficientnet", "mask": "backbone", "masking": "multiply"}
    described = studied["readings"]["described"]
    augmentation = studied["training"]["augmentation"] | described["augmentation"]
    expected = studied["training"] | {"augmentation": augmentation, "input": "standardised", "l2": described["l2"]}
    assert chosen["training"] == expected | {"learning_rate": 0.0001}
    assert runs.named["mobilenet-seed_0"].settings["training"] == expected
    assert chosen["decoding"] == decoded(studied)


def test_run_with_another_front_end_has_its_name(studied):
    front_ends = studied["windows"]["front_ends"]
    front_ends["coarse"] = front_ends["log_mel"] | {"n_mels": 20}
    studied["studies"]["networks"]["runs"][0]["front_end"] = "log_mel"  # what it is anyway
    assert Runs(studied).of("networks") == NAMES["networks"]
    runs, name = enter(studied, front_end="coarse")
    assert name == "efficientnet-mask_backbone-coarse-seed_0"
    assert runs.front_end(name) == {"name": "coarse", **front_ends["coarse"]}
    assert runs.front_end("mobilenet-seed_0")["n_mels"] == 40


YAMNET = {"backbone": "yamnet", "mask": "none", "front_end": "yamnet", "pretrained": True}


@pytest.mark.parametrize(
    "own, name, from_ear, images",
    [
        ({}, "pretrained_True", True, "features"),
        ({"frozen": "backbone"}, "frozen_backbone-pretrained_True", True, "maps_yamnet"),
        ({"frozen": 3, "weight_decay": 0.01}, "frozen_3-pretrained_True-decay_0.01", True, "features"),
        ({"dropout": 0.2, "schedule": "cosine"}, "dropout_0.2-pretrained_True-schedule_cosine", True, "features"),
        ({"pretrained": False}, "", False, "features"),
        (
            {"frozen": "backbone", "start": "released"},
            "frozen_backbone-pretrained_True-start_released",
            False,
            "features",
        ),
    ],
)
def test_run_on_yamnet_starts_from_the_ear_and_learns_on_maps_if_all_of_it_is_frozen(
    studied, own, name, from_ear, images
):
    runs, found = enter(studied, **YAMNET | own)
    assert found == "-".join(filter(None, ["yamnet", "yamnet", name, "seed_0"]))
    run = runs.named[found]
    assert (run.from_ear, run.images, run.front_end) == (from_ear, images, "yamnet")
    network = run.settings["network"] | run.settings["training"]
    assert learns_on_maps(network, network["frozen"]) == (images != "features")
    random = own.get("start") == "released" or own.get("pretrained") is False
    assert (network["pretrained"], network["frozen"]) == (
        (False, "none") if random else (True, own.get("frozen", "none"))
    )


def test_run_on_a_frozen_yamnet_with_random_weights_has_no_maps(studied):
    run = make_run(studied, YAMNET | {"pretrained": False, "frozen": "backbone"}, 0)
    assert run.images == "features"
    assert not learns_on_maps(run.settings["network"] | run.settings["training"], "backbone")


def test_networks_are_counted_as_their_first_run_has_them(studied):
    before, after = Runs(studied).counted(), enter(studied, **YAMNET)[0].counted()
    front_ends, usual = studied["windows"]["front_ends"], {"windows": window_settings(studied)}
    assert after == before | {"yamnet": {"pretrained": True, "front_end": front_ends["yamnet"]} | usual}
    assert before["mobilenet"] == {"pretrained": False, "front_end": front_ends["log_mel"]} | usual


def test_network_on_yamnet_is_measured_on_its_own_kind_of_images_alone(studied):
    before = Runs(studied).measured()
    runs, name = enter(studied, **YAMNET)
    assert len(before) == len(NAMES["networks"]) and runs.measured() == before
    studied["windows"]["front_end"] = "yamnet"
    assert runs.measured() == before | {"new": runs.named[name].settings}


@pytest.mark.parametrize("backbone", ["efficientnet", "resnet18"])
def test_run_on_another_backbone_never_waits_for_the_ear(studied, backbone):
    runs, name = enter(studied, backbone=backbone, pretrained=True, frozen="backbone")
    assert (runs.named[name].from_ear, runs.named[name].images) == (False, "features")


def decoded(config):
    """How a run's outputs are decoded: the candidates for other thresholds are not in it."""
    return {key: config["decoding"][key] for key in ("threshold", "merge_gap")} | {"end_from": "bin"}


def test_what_tells_a_run_from_others(studied):
    name = "efficientnet-mask_head-lr_0.0001-seed_0"
    assert Runs(studied).summary(name) == {
        **{"run": name, "backbone": "efficientnet", "mask": "head", "masking": "multiply"},
        **{"learning_rate": 0.0001, "schedule": "constant", "epochs": 10, "seed": 0},
    }


def places(runs, name):
    """Where each reading key of a run ends up: {key: value}."""
    run = runs.named[name].settings
    augmentation = {key: run["training"]["augmentation"][key] for key in RELEASED["augmentation"]}
    return {
        "hop": runs.held_out(name),
        "augmentation": augmentation,
        **{key: run["training"][key] for key in ("input", "l2")},
        "start": "pretrained" if run["training"]["pretrained"] else "random",
        "vggish": run["network"]["backbone"],
        "masking": run["network"]["masking"],
        "decode": run["decoding"]["end_from"],
    }


@pytest.mark.parametrize("key", RELEASED)
def test_released_key_is_in_the_name_and_reaches_its_place_alone(studied, key):
    studied["training"]["pretrained"] = True
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
    assert runs.named[name].settings["training"]["augmentation"] == widths | RELEASED["augmentation"]
    runs, other = enter(studied, backbone="vggish", mask="none", reading="released", l2="described")
    assert other == "vggish-reading_released-l2_described-seed_0"
    expected = places(runs, other) | {"l2": RELEASED["l2"]}
    assert places(runs, other)["l2"] == {"first": 0.0, "pointwise": 0.0}
    assert expected == {key: RELEASED[key] for key in expected}


def test_linear_vggish_is_vggish_alone(studied):
    runs, name = enter(studied, vggish="released")
    assert runs.named[name].settings["network"]["backbone"] == "efficientnet"


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


def test_audit_on_a_released_dataset_still_compares_described_with_released(studied):
    studied["datasets"]["builtin"]["reading"] = "released"
    runs = audited(studied, 0, pool="released")
    (row,) = runs.audit
    assert (row["described"], row["released"]) == ("mobilenet-pool_described-seed_0", "mobilenet-seed_0")
    assert runs.training_data("builtin", row["described"]) == "builtin-pool_described"


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
    assert all(
        run.settings["decoding"].keys() == {"threshold", "merge_gap", "end_from"}
        for run in Runs(studied).named.values()
    )
    assert scored_windows(studied) == Runs(studied).held_out("mobilenet-seed_0") == "score"
    studied["decoding"]["method"] = "averaged"
    runs, name = enter(studied, hop="released")
    assert all(run.settings["decoding"]["averaged"] == studied["decoding"]["averaged"] for run in runs.named.values())
    assert scored_windows(studied) == runs.held_out("mobilenet-seed_0") == "averaged"
    assert runs.held_out(name) == "train"


def test_decoding_is_audited_without_training_anew(studied):
    runs = audited(studied, 0, decode="released")
    (row,) = runs.audit
    assert row["described"] == row["released"] == "mobilenet-seed_0"
    assert (row["described_decoding"]["end_from"], row["released_decoding"]["end_from"]) == ("bin", "onset")
    assert runs.of("audit") == ["mobilenet-seed_0"]
    assert runs.named["mobilenet-seed_0"].settings["decoding"]["end_from"] == "bin"
    assert set(runs.named) == ALL_NAMES - {"mobilenet-targets_released-seed_0"}


def test_whole_reading_can_be_audited(studied):
    (row,) = audited(studied, 0, reading="released").audit
    assert row["described"] == "mobilenet-seed_0"
    assert row["released"] == "mobilenet-reading_released-hop_described-decode_described-seed_0"
    assert (row["described_decoding"]["end_from"], row["released_decoding"]["end_from"]) == ("bin", "onset")


def test_default_audit_switches_every_difference_once_but_the_start(config):
    runs = Runs(config)
    rows = [row for row in runs.audit if row["seed"] == 0]
    others = {"label", "backbone", "mask", "front_end", *TRAINING}
    placebo, *switched = [set(run) - others for run in config["studies"]["audit"]["runs"]]
    assert placebo == {"placebo"}
    # No network of the default config has pretrained weights. The audit of rotations.yaml switches the start.
    assert sorted(key for keys in switched for key in keys) == sorted(set(RELEASED) - {"start"})
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
            "runs": {seed: f"efficientnet-mask_head-lr_0.0001-seed_{seed}" for seed in (3, 1)},
        },
        "plain": {"label": f"{low} none", "runs": {seed: f"efficientnet-lr_0.0001-seed_{seed}" for seed in (3, 1)}},
    }
    assert [cell["label"] for cell in others] == [f"{high} middle", f"{high} backbone"]
    for cell, mask in zip(others, ("middle", "backbone"), strict=True):
        assert cell["masked"]["runs"][1] == f"efficientnet-mask_{mask}-epochs_3-schedule_step-seed_1"
        assert cell["plain"]["runs"] == {seed: f"efficientnet-epochs_3-schedule_step-seed_{seed}" for seed in (3, 1)}


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
        "vggish_released": ("VGGish as released", "vggish-vggish_released"),
    }
    assert runs.arms() == {
        role: {"label": label, "runs": {seed: f"{name}-seed_{seed}" for seed in (0, 5)}}
        for role, (label, name) in expected.items()
    }


def test_derived_network_that_a_run_names_is_that_run(studied):
    own = {"label": "VGGish as released", "backbone": "vggish", "mask": "none", "vggish": "released", "epochs": 7}
    studied["studies"]["networks"]["runs"].append(own)
    check_config(studied)
    runs = Runs(studied)
    assert runs.arms()["vggish_released"]["runs"] == {0: "vggish-epochs_7-vggish_released-seed_0"}


def test_run_or_cell_may_have_seeds_of_its_own(studied):
    studied["studies"]["networks"]["seeds"] = [0, 1, 2]
    studied["studies"]["networks"]["runs"][1]["seeds"] = [1]
    studied["studies"]["mask_study"]["cells"][0]["seeds"] = [4, 5]
    check_config(studied)
    runs = Runs(studied)
    assert set(runs.arms()["vggish"]["runs"]) == set(runs.arms()["vggish_released"]["runs"]) == {1}
    assert set(runs.arms()["proposed"]["runs"]) == set(runs.arms()["unmasked"]["runs"]) == {0, 1, 2}
    (cell,) = runs.mask_cells()
    assert set(cell["masked"]["runs"]) == set(cell["plain"]["runs"]) == {4, 5}


def test_search_trains_each_network_at_each_rate_with_settings_of_its_own(studied):
    studied["studies"]["search"] = {"seeds": [3], "learning_rates": [0.003, 0.0001], "epochs": 2}
    check_config(studied)
    runs = Runs(studied)
    assert (
        len(runs.studies["search"]) == len(set(runs.of("search"))) == 8
    )  # the unmasked network takes the masked one's
    name = "efficientnet-mask_backbone-epochs_2-lr_0.003-seed_3"
    assert ("EfficientNet + mask", name) in runs.studies["search"]
    training = runs.named[name].settings["training"]
    assert (training["learning_rate"], training["epochs"]) == (0.003, 2)


def test_placebo_differs_from_its_run_in_nothing_but_chance(studied):
    runs = audited(studied, 3, placebo=True)
    (row,) = runs.audit
    described, released = (runs.named[row[side]] for side in ("described", "released"))
    assert (described.seed, released.seed) == (3, 3)  # of the training data
    assert described.settings["seed"] == 3 != released.settings["seed"]
    assert released.settings | {"seed": 3} == described.settings and released.columns == described.columns


def test_study_grows_seed_by_seed_and_begins_with_the_networks_of_c1_c2_and_c6(studied):
    studied["studies"]["networks"]["seeds"] = [0, 1]
    studied["studies"]["mask_study"]["seeds"] = [2, 0]
    runs = Runs(studied)
    seeds = [runs.named[name].seed for name in runs.study()]
    assert seeds == sorted(seeds) and set(runs.study()) == set(runs.of("claims", "mask_study"))
    first = ["mobilenet-seed_0", "efficientnet-mask_backbone-seed_0", "efficientnet-seed_0"]
    vggish = ["vggish-seed_0", "vggish-vggish_released-seed_0"]
    masks = ["efficientnet-lr_0.0001-seed_0", "efficientnet-mask_head-lr_0.0001-seed_0"]
    assert runs.study()[:7] == [*first, *vggish, *masks]


def test_seed_that_draws_its_data_anew_trains_on_a_variant_of_the_dataset(studied):
    dataset = studied["dataset"]
    studied["datasets"][dataset]["anew"] = True
    runs = Runs(studied)
    name = "mobilenet-seed_0"
    assert runs.training_data(dataset, name) == f"{dataset}-seed_0"
    assert runs.training_data(dataset, "mobilenet-targets_released-seed_0") == f"{dataset}-seed_0-targets_released"


# ---- records ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(studied, tmp_path):
    """Runs of which one has a record in the folder of records, and a function that changes the record's settings."""
    studied["claims"]["records"] = str(tmp_path)
    studied["studies"]["networks"]["seeds"] = [0, 1]

    def write(change=lambda settings: None, name="mobilenet-seed_1"):
        settings = json.loads(json.dumps(Runs(studied).recorded(name)))
        change(settings)
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("run.json", json.dumps({"run": name, "settings": settings, "test": "1" * 64}))
        return Runs(studied)

    return write


def test_record_counts_if_its_settings_agree(recorded, tmp_path):
    runs = recorded()
    assert runs.kept == {"mobilenet-seed_1": f"{tmp_path}/mobilenet-seed_1.zip"}


@pytest.mark.parametrize("key", ["device", "precision", "graph", "compile", "kept", "deterministic"])
def test_record_of_another_machine_counts(recorded, studied, key):
    recorded()
    studied["training"][key] = "another"
    assert "mobilenet-seed_1" in Runs(studied).kept


@pytest.mark.parametrize("key, value", [("pooled", ["builtin"]), ("psds", {"scenarios": [], "e_max": 50})])
def test_record_counts_whatever_is_computed_beside_its_scores(recorded, studied, key, value):
    assert key not in Runs(studied).recorded("mobilenet-seed_1")["scoring"]
    recorded()
    studied["scoring"][key] = value
    assert "mobilenet-seed_1" in Runs(studied).kept


def test_averaged_decoding_of_a_run_is_its_own_or_that_of_the_config(studied):
    own = Runs(studied)
    name = own.of("networks")[0]
    assert own.decodings(name)["averaged"] == studied["decoding"]["averaged"]
    own.named[name].settings["decoding"]["averaged"] = {"resolution": 0.04, "edge": 1, "median": 0}
    assert own.decodings(name)["averaged"] == {"resolution": 0.04, "edge": 1, "median": 0}
    assert own.decodings(name)["decoding"]["averaged"] is None


@pytest.mark.parametrize(
    "keys",
    [
        *(["run", "training", "epochs"], ["run", "seed"], ["readings", "slices"], ["dataset", "mixes", "train"]),
        *(["mixes", "longest_clip"], ["windows", "hop", "train"], ["front_end", "n_mels"], ["scoring", "collar"]),
    ],
)
def test_record_of_other_settings_does_not_count_and_the_objection_names_them(recorded, tmp_path, keys):
    def change(settings):
        for key in keys[:-1]:
            settings = settings[key]
        settings[keys[-1]] = "another"

    runs = recorded(change)
    assert runs.kept == {}
    assert runs.objection("mobilenet-seed_1", tmp_path / "mobilenet-seed_1.zip") == ".".join(keys)


def test_record_that_is_older_than_a_setting_counts_if_it_is_known_what_the_code_did_then(
    recorded, studied, monkeypatch
):
    recorded()
    studied["training"]["label_smoothing"] = 0.0
    assert Runs(studied).kept == {}
    monkeypatch.setitem(records.ADDED, "run.training.label_smoothing", 0.0)
    assert "mobilenet-seed_1" in Runs(studied).kept
    studied["training"]["label_smoothing"] = 0.1
    assert Runs(studied).kept == {}


@pytest.mark.parametrize("key, value", [("anew", True), ("background", {"share": 0.2})])
def test_record_of_a_dataset_without_an_optional_key_does_not_count_where_the_config_has_it(
    recorded, studied, key, value
):
    recorded()
    dataset = studied["datasets"][studied["dataset"]]
    for nothing in (None, False):
        dataset[key] = nothing
        assert "mobilenet-seed_1" in Runs(studied).kept
    dataset[key] = value
    assert Runs(studied).kept == {}


def test_record_of_other_test_mixes_does_not_count(recorded, studied, tmp_path):
    recorded()
    path = tmp_path / "mobilenet-seed_1.zip"
    assert Runs(studied).objection("mobilenet-seed_1", path) == ""
    studied["claims"]["test"] = "0" * 64
    assert Runs(studied).objection("mobilenet-seed_1", path) == "test mixes"


def test_test_mixes_of_this_folder_decide_if_the_config_names_none(recorded, studied, tmp_path, monkeypatch):
    recorded()
    monkeypatch.chdir(tmp_path)
    mixes = Path("results", studied["dataset"], "mixes", "test")
    mixes.mkdir(parents=True)
    (mixes / "plan.tsv").write_text("plan")
    assert "mobilenet-seed_1" in Runs(studied).kept  # the true events are not there yet
    (mixes / "events.tsv").write_text("events")
    assert Runs(studied).kept == {}


def test_record_under_the_name_of_another_run_does_not_count(recorded, studied, tmp_path):
    """A learning rate that moves from a run to the whole config changes the names of runs, but not their settings."""
    recorded()
    (tmp_path / "mobilenet-seed_1.zip").rename(tmp_path / "mobilenet-lr_0.5-seed_1.zip")
    rate = studied["training"]["learning_rate"]
    studied["training"]["learning_rate"] = 0.25
    studied["studies"]["networks"]["runs"][0]["learning_rate"] = rate
    name = f"mobilenet-lr_{rate}-seed_1"
    (tmp_path / "mobilenet-lr_0.5-seed_1.zip").rename(tmp_path / f"{name}.zip")
    runs = Runs(studied)
    assert name in runs.named and runs.kept == {} and runs.refused == {name: "name of the run"}


def test_record_without_a_definition_of_its_tallies_has_the_first_one(recorded, studied, monkeypatch):
    assert recorded().kept and records.TALLIES == 1
    monkeypatch.setattr(records, "TALLIES", 2)
    assert Runs(studied).refused == {"mobilenet-seed_1": "definition of the tallies"}


def test_records_that_do_not_count_are_known_with_the_reason(recorded):
    assert recorded().refused == {}
    assert recorded(lambda settings: settings["run"].update(seed=9)).refused == {"mobilenet-seed_1": "run.seed"}


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_broken_record_does_not_count(recorded, tmp_path, content):
    runs = recorded()
    path = tmp_path / "mobilenet-seed_1.zip"
    path.write_bytes(content)
    assert "mobilenet-seed_1.zip" in runs.objection("mobilenet-seed_1", path)
    assert runs.kept == {}


def test_sizes_of_the_networks_that_the_claims_compare_are_looked_up_by_what_they_are(studied):
    studied["studies"]["networks"]["runs"][1]["vggish"] = "released"
    sizes = Runs(studied).sizes()
    assert sizes["baseline"] == ["mobilenet", "none", "multiply"]
    assert sizes["vggish"] == ["vggish_linear", "none", "multiply"]
    assert sizes["proposed"] == ["efficientnet", "backbone", "multiply"]


@pytest.mark.parametrize(
    "keys",
    [
        *(
            ["training", "epochs"],
            ["mixes", "longest_clip"],
            ["decoding", "threshold"],
            ["studies", "networks", "seeds"],
        ),
        *(["windows", "front_ends", "log_mel", "n_mels"], ["readings", "described", "slices"], ["scoring", "coverage"]),
    ],
)
def test_grid_holds_what_scores_depend_on(studied, keys):
    before = json.dumps(Runs(studied).grid())
    put(studied, keys, 7) if keys[0] != "studies" else put(studied, keys, [7])
    assert json.dumps(Runs(studied).grid()) != before


@pytest.mark.parametrize(
    "keys",
    [
        *(["training", "compile"], ["training", "device"], ["datasets", "bbc"], ["claims", "level"], ["segmenting"]),
        *(["windows", "front_ends", "other"], ["studies", "search"], ["scoring", "pooled"], ["figures"]),
        *(["scoring", "overlap"], ["scoring", "psds"]),
    ],
)
def test_grid_does_not_hold_the_machine_and_what_belongs_to_others(studied, keys):
    runs = Runs(studied)
    before = json.dumps(runs.grid())
    put(studied, keys, "another")
    assert json.dumps(runs.grid()) == before


def put(config, keys, value):
    """Set the entry of a config at a path of keys."""
    for key in keys[:-1]:
        config = config[key]
    config[keys[-1]] = value


def test_seeds_behind_each_equivalence(studied):
    studied["studies"]["networks"]["seeds"] = [0, 5]
    studied["studies"]["mask_study"]["seeds"] = [0, 1, 2]
    assert Runs(studied).claim_seeds() == {"C1": 2, "C5": 3, "C6": 2, "C7": 2}
    studied["studies"]["networks"]["runs"][0]["seeds"] = [5, 6]  # YOHO's
    assert Runs(studied).claim_seeds() == {"C1": 1, "C5": 3, "C6": 2, "C7": 1}
    studied["studies"]["networks"]["runs"][0]["seeds"] = [0, 5]
    studied["studies"]["networks"]["runs"][1]["seeds"] = [5]  # those of both readings of VGGish
    assert Runs(studied).claim_seeds() == {"C1": 2, "C5": 3, "C6": 2, "C7": 1}


# ---- the rival -------------------------------------------------------------------------------------------------------


@pytest.fixture
def rivals(studied, default):
    """The config with the rivals of claim C8, beside networks that stay as they are."""
    studied["studies"]["rival"] = copy.deepcopy(default["studies"]["rival"])
    check_config(studied)
    return studied


def test_rivals_have_windows_decoding_and_loss_of_their_own(rivals):
    runs = Runs(rivals)
    short, long = runs.of("rival")
    assert (short, long) == tuple(f"crnn-{name}-loss_cross_entropy-seed_0" for name in ("frames", "long_frames"))
    assert {key: runs.windows(short)[key] for key in ("length", "bins")} == {"length": 2.56, "bins": 64}
    assert runs.windows(short)["hop"] == rivals["windows"]["hop"] | {"averaged": 2.56}
    assert runs.windows(long) == {
        "length": 10.24,
        "bins": 256,
        "hop": dict.fromkeys(("train", "score", "averaged"), 10.24),
    }
    for run in (short, long):
        decoding = runs.named[run].settings["decoding"]
        assert decoding["merge_gap"] == 0 and decoding["averaged"]["median"] == 0.4 and decoding["threshold"] == 0.5
        assert runs.named[run].scored == runs.held_out(run) == "averaged"
        assert (
            runs.segmenting(run)["averaged"] == decoding["averaged"] != runs.segmenting("mobilenet-seed_0")["averaged"]
        )
        recorded = runs.recorded(run)
        assert recorded["windows"]["bins"] == runs.windows(run)["bins"] and set(recorded["windows"]["hop"]) == {
            "train",
            "averaged",
        }


def test_rivals_are_compared_by_c8_and_searched_with_the_claims_networks(rivals):
    runs = Runs(rivals)
    assert list(runs.arms())[-2:] == ["rival", "rival_long"] and list(runs.undecidable()) == []
    assert runs.of("claims")[: len(NAMES["claims"])] == NAMES["claims"]
    assert runs.of("search") == NAMES["search"] + runs.of("rival")
    assert [label for label, _ in runs.studies["search"]][-2:] == ["CRNN", "CRNN on 10 s"]
    for study in NAMES.keys() - {"claims", "search"}:
        assert runs.of(study) == NAMES[study]
    assert runs.claim_seeds()["C8"] == 1
    rivals["studies"]["rival"]["seeds"] = [3]
    assert "studies.rival: the networks that C8 compares share no seed" in next(Runs(rivals).undecidable())
    rivals["claims"]["C8"]["networks"]["rival"] = "RNN"
    line = "claims.C8.networks.rival: no run of studies.rival has the label 'RNN'; add this run"
    assert next(Runs(rivals).undecidable()) == line


def test_rivals_leave_the_settings_of_other_runs_and_the_grid_as_they_were(rivals):
    with_rivals = Runs(copy.deepcopy(rivals))
    rivals["studies"]["rival"]["runs"] = []
    without = Runs(rivals)
    assert with_rivals.grid() == without.grid() and "training/loss" not in without.grid()
    assert all(with_rivals.recorded(name) == without.recorded(name) for name in ALL_NAMES)
    assert with_rivals.counted() == without.counted() and "crnn" not in with_rivals.counted()
    assert with_rivals.sizes() == without.sizes()
    rivals["training"]["loss"] = "cross_entropy"
    assert Runs(rivals).grid()["training/loss"] == "cross_entropy"


def test_record_from_before_the_choice_of_a_loss_counts_for_the_papers(studied):
    own = Runs(studied).recorded("mobilenet-seed_0")
    old = copy.deepcopy(own)
    del old["run"]["training"]["loss"]
    assert differences(old, own) == []
    own["run"]["training"]["loss"] = "cross_entropy"
    assert differences(old, own) == ["run.training.loss"]
