"""The slices of the config that the jobs of a dataset get."""

import copy

import pytest

from configs import BACKGROUND, ESC50, RELEASED
from datasets import (
    collect_settings,
    completed,
    dataset_settings,
    event_labels,
    fetch_settings,
    portable,
    read_as,
    recording_files,
    recordings_of,
    segmenting_settings,
    source_files,
    stretch_settings,
)
from validate import check_config


def test_dataset_like_another_one_has_its_recordings_and_what_it_does_not_state(config):
    datasets = config["datasets"]
    mixes = datasets["builtin"]["mixes"] | {"test": 9}
    datasets["builtin"] |= {"anew": True, "pool": "described"}
    datasets["other"] = {"like": "builtin", "mixes": mixes}
    config["datasets"] = completed(datasets)
    assert config["datasets"]["other"] == datasets["builtin"] | {"like": "builtin", "mixes": mixes}
    assert config["datasets"]["builtin"] == datasets["builtin"]
    assert recordings_of(config, "other") == "builtin" == recordings_of(config, "other-slices_released")
    assert recordings_of(config, "other-seed_3") == "builtin-seed_3"


def test_classes_of_a_folder_are_its_folders(own):
    check_config(own)
    dataset = own["datasets"]["builtin"]
    assert event_labels(dataset) == ["dog", "rain"]
    assert source_files(dataset) == ["own/dog/b.mp3", "own/dog/garden/a.flac", "own/rain/a.wav"]
    assert recording_files(own, "builtin") == source_files(dataset)
    assert fetch_settings(own, "builtin") is None
    collected = collect_settings(own, "builtin")
    assert collected["settings"] == {"path": "own", "event_labels": ["dog", "rain"]}
    assert collected["listening"] == {"bad": "stop", "trim_db": 40, "shortest": 1, "sample_rate": 44100}
    assert collected["splitting"] == {"splits": {"train": 0.6, "valid": 0.2, "test": 0.2}, "seed": 0}


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


def test_what_is_fetched_and_what_is_collected_have_settings_of_their_own(library):
    """So that another `trim_db` fetches nothing anew."""
    recordings = library["datasets"]["builtin"]["recordings"]
    assert recording_files(library, "builtin") == []
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
    assert recording_files(real, "builtin") == []
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


@pytest.mark.parametrize("audio", [["/data/a.wav", "b.wav"], ("/data/a.wav", "b.wav")])
def test_no_place_of_the_machine_is_left_in_a_list_of_audio(audio):
    """The rules hold several paths as a tuple."""
    assert list(portable({"audio": audio})["audio"]) == ["a.wav", "b.wav"]


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


def test_no_place_on_this_machine_is_written_down():
    config = {"a": [{"path": "/home/someone/ESC-50.zip"}], "audio": ["~/x/y", "data/esc"], "b": "1/2", "c": [1, None]}
    assert portable(config) == config | {"a": [{"path": "ESC-50.zip"}], "audio": ["y", "data/esc"]}


def test_what_is_no_place_is_written_down_whole():
    config = {"label": "~2x", "rules": [{"pattern": "/car/"}], "manifest": None, "path": "~nobody/x"}
    assert portable(config) == config | {"path": "x"}


# ---- segmenting ------------------------------------------------------------------------------------------------------


def test_audio_is_segmented_with_the_averaged_decoding(config):
    assert segmenting_settings(config) == {
        **{"decoding": "averaged", "silence": -80, "high_pass": 2},
        "averaged": config["decoding"]["averaged"],
    }
