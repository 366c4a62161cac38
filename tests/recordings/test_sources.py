"""Sources of recordings: each is one record and one module, and its mistakes are named before anything runs."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from places import ROOT
from yoho.recordings.sources import SOURCES

SHARED = {"bad": "stop", "downloads": {"unpacked": {"most": 10**8, "ratio": 20}}}
MADE = Path("results/data/manifest.tsv")
WHERE = "datasets.data.recordings"
ORIGINS = {"built-in recordings", "a collection's recordings", "your own recordings"}


def shipped(name):
    """The recordings of a dataset as the shipped configs have them."""
    file = {"synthetic": "config", "bbc": "bbc", "esc50": "esc10", "folder": "folder"}[name]
    config = yaml.safe_load((ROOT / "config" / f"{file}.yaml").read_text())
    return config["datasets"][config["dataset"]]["recordings"]


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """Work in an empty folder, because paths in configs are relative."""
    monkeypatch.chdir(tmp_path)


def mistakes(name, **changes):
    return list(SOURCES[name].mistakes(WHERE, shipped(name) | changes, MADE))


def test_records_are_read_with_the_standard_library_alone():
    """Snakemake reads them whenever it parses the rules, in an environment without the jobs' packages."""
    code = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {"yoho"}:
            raise ImportError(f"{name} is not of the standard library")
sys.meta_path.insert(0, Block())
from yoho.recordings.sources import SOURCES
recordings = {"event_labels": ["a"], "per_class": 3, "duration": [1, 2], "level": [1, 2], "snr": [1, 2]}
source = SOURCES["synthetic"]
recordings |= {"splits": {"train": 1, "valid": 1, "test": 1}, "seed": 0}
assert source.event_labels(recordings) == ["a"] and source.anew(recordings, 0)["per_class"] == 1
assert not list(source.mistakes("x", recordings, None))
assert not {"numpy", "pandas"} & set(sys.modules)
"""
    path = str(ROOT / "workflow" / "scripts")
    subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {path!r}){code}"], check=True)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_the_record_of_the_module_of_its_name(name):
    module, source = import_module(f"yoho.recordings.{name}"), SOURCES[name]
    assert module.SOURCE is source
    assert source.origin in ORIGINS and source.licence and source.limit.endswith(".")


@pytest.mark.parametrize("name", SOURCES)
def test_collect_and_fetch_take_what_the_record_gives_them(name):
    module, source, recordings = import_module(f"yoho.recordings.{name}"), SOURCES[name], shipped(name)
    collected = source.collect_settings(recordings, "results/data", SHARED)
    inspect.signature(module.collect).bind("folder", map, **collected)
    fetched = source.fetch_settings(recordings, SHARED)
    assert (fetched is not None) == (name in ("bbc", "esc50"))
    if fetched:
        inspect.signature(module.fetch).bind("folder", "web", "progress", "say", **fetched)


def test_listening_and_splits_need_settings_of_their_own():
    """The steps after `collect` have their keys in the recordings' settings, which `collect` does not get."""
    for name, source in SOURCES.items():
        collected = source.collect_settings(shipped(name), "results/data", SHARED)
        assert ("trim_db" in shipped(name)) == source.listens and "trim_db" not in collected
        assert not source.splits or {"splits", "seed"} <= set(shipped(name)) - set(collected)


def test_sources_draw_recordings_anew_for_collect_or_not_at_all():
    """Recordings that were made once, by others, cannot be drawn anew."""
    for name, source in SOURCES.items():
        drawn = source.anew(shipped(name), 3)
        assert (drawn is not None) == (name == "synthetic")
        if drawn:
            assert set(drawn) == set(shipped(name)) and drawn["splits"] == {"train": 1, "valid": 0, "test": 0}


def test_paths_are_the_keys_whose_values_are_paths_of_the_user():
    keys = {"synthetic": (), "bbc": ("manifest", "catalogue"), "esc50": ("path",), "folder": ("path",)}
    assert {name: source.paths for name, source in SOURCES.items()} == keys


@pytest.mark.parametrize("name", ["synthetic", "bbc", "esc50"])
def test_shipped_datasets_have_no_mistakes(name):
    assert mistakes(name) == []
    assert len(SOURCES[name].event_labels(shipped(name))) == (10 if name == "esc50" else 6)


def test_bbc_is_collected_from_its_manifest_and_fetched_by_all_other_settings():
    recordings, source = shipped("bbc"), SOURCES["bbc"]
    assert source.collect_settings(recordings, "results/data", SHARED) == {"path": str(MADE)}
    fetched = source.fetch_settings(recordings, SHARED)
    assert set(fetched) == set(recordings) - {"trim_db", "splits", "seed"} | {"bad"} and fetched["bad"] == "stop"


def test_esc50_is_collected_from_where_it_lies_or_from_what_was_fetched():
    source, fetched = SOURCES["esc50"], shipped("esc50")
    own = {key: value for key, value in fetched.items() if key != "address"} | {"path": "ESC-50"}
    assert source.collect_settings(own, "results/data", SHARED)["path"] == "ESC-50"
    assert source.fetch_settings(own, SHARED) is None
    name = source.fetch_settings(fetched, SHARED)["name"]
    assert source.collect_settings(fetched, "results/data", SHARED)["path"] == f"results/data/downloads/{name}"
    other = source.fetch_settings(fetched | {"address": "https://example.org/a.zip"}, SHARED)
    assert name.startswith("ESC-50-") and other["name"] != name  # another address is another archive


MISTAKES = [
    ("synthetic", {"per_class": 2}, ["per_class: 2 is fewer than the three splits need"]),
    ("synthetic", {"level": [-14, -32]}, ["level: [-14, -32] must be [smallest, largest]"]),
    ("bbc", {"manifest": "kept.tsv"}, ["manifest: no such manifest.tsv: {here}/kept.tsv; set it to the path of the"]),
    ("bbc", {"catalogue": "discs.csv"}, ["catalogue: no such table: {here}/discs.csv; set it to the path of the"]),
    ("bbc", {"classes": [{"event_label": "a", "rules": []}] * 2}, ["classes: an event_label occurs twice"]),
    (
        "bbc",
        {"classes": [{"event_label": "a", "rules": [{"pattern": "(car"}]}]},
        ["classes: '(car' is not a regular expression"],
    ),
    (
        "esc50",
        {"path": "ESC-50"},
        ["path: no such folder or .zip: {here}/ESC-50; set it", "give either path"],
    ),
    ("esc50", {"folds": {"train": [1, 2], "valid": [2], "test": [3]}}, ["folds: a fold occurs twice: {{'train'"]),
    (
        "esc50",
        {"classes": [{"event_label": "a", "categories": ["dog"]}, {"event_label": "a", "categories": ["dog"]}]},
        ["classes: an event_label occurs twice", "classes: a category occurs twice"],
    ),
    ("folder", {}, ["path: no such folder: {here}/recordings; set it to the path of the folder"]),
]


@pytest.mark.parametrize("name, changes, expected", MISTAKES)
def test_mistake_is_named_with_its_key(name, changes, expected, tmp_path):
    found = mistakes(name, **changes)
    assert len(found) == len(expected)
    for line, words in zip(found, expected, strict=True):
        assert line.startswith(WHERE) and words.format(here=tmp_path) in line


def test_manifest_that_is_made_anew_cannot_be_read():
    MADE.parent.mkdir(parents=True)
    MADE.touch()
    (line,) = mistakes("bbc", manifest=str(MADE))
    assert line == f"{WHERE}.manifest: {MADE} is overwritten by fetching; keep the manifest elsewhere"


def test_files_of_the_user_are_those_that_a_dataset_is_made_from(tmp_path):
    names = ["kept.tsv", "discs.csv", "esc.zip", "esc/meta/esc50.csv", "esc/audio/1.wav", "esc/README.md"]
    names += ["own/dog/a.wav", "own/dog/deep/b.wav", "own/.hidden/c.wav", "own/README.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert SOURCES["synthetic"].files(shipped("synthetic")) == []
    assert SOURCES["bbc"].files(shipped("bbc")) == []
    kept = shipped("bbc") | {"manifest": "kept.tsv", "catalogue": "discs.csv"}
    assert SOURCES["bbc"].files(kept) == ["kept.tsv", "discs.csv"]
    assert SOURCES["esc50"].files(shipped("esc50")) == []
    assert SOURCES["esc50"].files({"path": "esc.zip"}) == ["esc.zip"]
    assert SOURCES["esc50"].files({"path": "esc"}) == ["esc/meta/esc50.csv", "esc/audio/1.wav"]
    assert SOURCES["folder"].files({"path": "own"}) == ["own/dog/a.wav", "own/dog/deep/b.wav"]


def test_classes_of_a_folder_are_the_folders_in_it(tmp_path):
    source = SOURCES["folder"]
    assert source.event_labels({"path": "own"}) == []  # a mistake, which `mistakes` names
    (tmp_path / "own").mkdir()
    assert "no folder in" in mistakes("folder", path="own")[0]
    for name in ("rain", "dog", ".hidden"):
        (tmp_path / "own" / name).mkdir()
    (tmp_path / "own" / "README.txt").touch()
    assert source.event_labels({"path": "own"}) == ["dog", "rain"] and mistakes("folder", path="own") == []
