"""Configs that the tests of the rules change."""

import copy
from pathlib import Path

import pytest
import yaml

from configs import BACKGROUND, ESC50, FOLDER
from places import ROOT


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


@pytest.fixture
def own(config, tmp_path, monkeypatch):
    """The default config with a folder of classes for its dataset."""
    monkeypatch.chdir(tmp_path)
    for name in ("own/rain/a.wav", "own/dog/garden/a.flac", "own/dog/b.mp3", "own/.git/config", "own/README.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    config["datasets"]["builtin"] = copy.deepcopy(FOLDER)
    return config


@pytest.fixture
def quiet(own):
    """The same with background, some of it the user's own."""
    for name in ("quiet/a.wav", "quiet/hall/b.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    own["datasets"]["builtin"]["background"] = copy.deepcopy(BACKGROUND) | {"path": "quiet"}
    return own


@pytest.fixture
def library(config, tmp_path, monkeypatch):
    """The default config with BBC Sound Effects, as described, for its dataset."""
    monkeypatch.chdir(tmp_path)
    config["datasets"]["builtin"] = yaml.safe_load((ROOT / "config" / "bbc.yaml").read_text())["datasets"]["bbc"]
    return config
