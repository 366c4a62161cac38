"""The command `segment-audio`, installed by itself: what it depends on, where it keeps the ear, and that it works."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile
import yaml
from hearing import YAMNET
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_house import KNOWS

from imports import NAMES, PINNED, packages
from places import ROOT
from untrained import noise, save_untrained
from yoho import places
from yoho.segmenting import command as module
from yoho.segmenting import writing
from yoho.segmenting.command import main

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = {name: list(map(Requirement, texts)) for name, texts in PROJECT["optional-dependencies"].items()}
DEPENDENCIES = list(map(Requirement, PROJECT["dependencies"]))
ENVIRONMENT = dict(os.environ)  # before a fixture takes out the machine's proxies, which pip may need
MOST = 400  # MB of all packages


def named(requirements):
    return {canonicalize_name(requirement.name) for requirement in requirements}


# ---- what it depends on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *sum(EXTRAS.values(), [])], ids=str)
def test_the_pinned_version_is_within_the_range(requirement):
    assert requirement.specifier and PINNED[canonicalize_name(requirement.name)] in requirement.specifier


def test_everything_that_the_command_imports_is_a_dependency_or_an_extra():
    imported = packages("segment_audio")
    assert named(DEPENDENCIES) <= imported <= named(DEPENDENCIES) | named(sum(EXTRAS.values(), []))
    assert packages("segment_audio", functions=False) <= named(DEPENDENCIES)


def test_the_package_holds_the_rooms_that_segmenting_knows():
    left_out = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"]
    assert set(KNOWS) - set(left_out) == {"segmenting", *KNOWS["segmenting"]}


def test_the_version_is_that_of_the_citation():
    """Between releases, the citation has no version and the package a version of development."""
    released = yaml.safe_load((ROOT / "CITATION.cff").read_text()).get("version")
    assert PROJECT["version"] == released if released else re.fullmatch(r"[\d.]+\.dev0", PROJECT["version"])


# ---- where it keeps the ear ------------------------------------------------------------------------------------------


def test_a_checkout_has_its_own_places():
    assert places.CONFIG == ROOT / "config/config.yaml" and places.AUDIOSET.is_file()
    assert places.results_folder() == ROOT / "results"


@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/segment-audio"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/data"}, "/data/segment-audio"),
    ],
)
def test_an_installed_package_has_its_files_inside_and_keeps_the_ear_in_the_cache(tmp_path, environment, kept):
    shutil.copytree(places.PACKAGE, tmp_path / "yoho", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from yoho import places; print(places.CONFIG, places.AUDIOSET, places.results_folder(), sep='\\n')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{tmp_path}/yoho/config.yaml", f"{tmp_path}/yoho/audioset.csv", kept]


@pytest.mark.parametrize("folder", ["file/segment-audio", "~/.cache/segment-audio"])
def test_a_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    soundfile.write("a.wav", noise(1), 44100)
    monkeypatch.setattr(places, "INSTALLED", True)
    absent = folder.startswith("~")  # as of a user without a home folder
    monkeypatch.setattr(module, "RESULTS", Path(folder) if absent else tmp_path / folder)
    assert main(["a.wav"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"error: \S+/segment-audio/ear: .*\n", err)
    assert ("no home folder" if absent else "Not a directory") in err and "XDG_CACHE_HOME" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "file"]


def test_a_format_whose_package_is_missing_is_one_line(tmp_path, monkeypatch, capsys):
    soundfile.write(tmp_path / "a.wav", noise(1), 44100)
    monkeypatch.setattr(writing, "find_spec", lambda name: None)
    assert main([str(tmp_path / "a.wav"), "--weights", "nowhere", "--format", "jams"]) == 2
    line = f"error: format jams: needs the package jams; install it: {sys.executable} -m pip install jams\n"
    assert capsys.readouterr().err == line
    assert set(filter(None, (form.package for form in writing.FORMS.values()))) == {"jams", "praatio"}


# ---- an empty environment --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of a new environment into which pip has installed this repository."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]

    def run(*arguments):
        return subprocess.run([*pip, *arguments], env=ENVIRONMENT, cwd=folder, capture_output=True, text=True)

    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if run("download", "--no-deps", "platformdirs", "--dest", folder / "probe").returncode:
        pytest.skip("pip reaches no index of packages here")
    status = ["git", "-C", ROOT, "status", "--short", "--ignored"]
    before = subprocess.run(status, capture_output=True, text=True).stdout
    done = run("install", "--constraint", ROOT / "requirements.txt", ROOT)
    assert done.returncode == 0, done.stderr
    assert subprocess.run(status, capture_output=True, text=True).stdout == before
    return folder


@pytest.fixture
def call(installed, tmp_path):
    """A function that runs the command in an empty folder, with an empty home folder."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    soundfile.write(work / "street.wav", noise(6), 44100)

    def segment(*arguments):
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        command = [installed / "bin" / "segment-audio", *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True)

    return segment


def megabytes(paths):
    """The space that some files and folders take, as `du` counts it."""
    command = ["du", "--total", "--summarize", "--block-size=MB", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1].split("MB")[0])


@pytest.mark.slow
def test_it_is_small_and_installs_no_training(installed):
    (site,) = installed.glob("lib/python*/site-packages")
    of_venv = {
        path for name in ("pip", "setuptools", "pkg_resources", "_distutils_hack") for path in site.glob(f"{name}*")
    }
    others = [path for path in site.iterdir() if path not in of_venv]
    print(f"{megabytes(others)} MB; with pip and setuptools {megabytes([site])} MB")
    assert megabytes(others) < MOST
    big = {"torch", "timm", "librosa", "numba", "scipy", "matplotlib", "sklearn", "jams"}
    assert not big & {path.name for path in others}
    module_names = {name: module for module, name in NAMES.items()}
    for name in sorted(named(DEPENDENCIES)):
        assert (site / module_names.get(name, name)).exists() or (site / f"{name}.py").exists()


@pytest.mark.slow
@pytest.mark.skipif(not YAMNET.is_dir(), reason="the published ear is not here")
def test_a_file_in_and_events_and_a_page_out(call, tmp_path):
    work, ear = tmp_path / "work", tmp_path / "home/.cache/segment-audio/ear"
    first = call("street.wav", "--page", "--ear", YAMNET)
    assert first.returncode == 0, first.stderr
    assert first.stderr == f"network: {ear} (the ear, as --ear says)\n"
    assert all(re.fullmatch(r'[\d.]+,[\d.]+,("[^"]+"|[^",]+)', line) for line in first.stdout.splitlines())
    assert first.stdout and "data:audio/flac" in (work / "street.wav.html").read_text()
    again = call("street.wav")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert again.stderr == f"network: {ear} (the ear, because no network is trained)\n"
    third = call("street.wav", "--weights", ear, "--format", "rttm")
    assert third.returncode == 0 and third.stdout.startswith("SPEAKER street.wav 1 ")
    assert {path.name for path in work.iterdir()} == {"street.wav", "street.wav.html"}
    # Nothing else: ONNX Runtime, for example, would keep an identifier of this machine.
    assert [path.name for path in (*tmp_path.glob("home/*"), *ear.parents[1].iterdir())] == [".cache", "segment-audio"]


@pytest.mark.slow
def test_a_run_s_folder_gives_what_it_gives_in_the_workflow(call, tmp_path, monkeypatch, capsys):
    run = save_untrained(tmp_path / "run")
    monkeypatch.chdir(tmp_path / "work")
    assert main(["street.wav", "--weights", str(run)]) == 0
    wanted = capsys.readouterr().out
    done = call("street.wav", "--weights", run)
    assert (done.returncode, done.stdout, done.stderr) == (0, wanted, "") and wanted


@pytest.mark.slow
def test_its_help_and_errors_name_it(call):
    done = call("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: segment-audio ")
    assert "(default: the ear)" in " ".join(done.stdout.split())
    done = call()
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("segment-audio: error: ")
    done = call("nowhere.wav")
    assert (done.returncode, done.stderr) == (2, "error: nowhere.wav: No such file or directory\n")
