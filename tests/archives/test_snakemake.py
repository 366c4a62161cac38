"""`snakemake segment`: archives as jobs, which may be killed at any moment."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import watching
import yaml

from places import ROOT
from untrained import noise, save_untrained
from yoho.segmenting.command import main

RESULTS = Path("results/segments")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_untrained(tmp_path_factory.mktemp("results") / "data" / "runs" / "mobilenet")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A current folder with a song."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.wav", noise(6), 44100)
    return tmp_path


def command(*arguments, cores=1, **config):
    """A Snakemake for segmenting; config: what an overlay of the default config says."""
    overlay = Path("overlay.yaml")
    overlay.write_text(
        yaml.safe_dump({name: str(value) if isinstance(value, Path) else value for name, value in config.items()})
    )
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", cores, *arguments]
    return [*map(str, snakemake), "--rerun-incomplete", "--configfile", str(overlay)]


def snakemake(*arguments, code=0, **config):
    """What a Snakemake says that ends with this exit code."""
    done = subprocess.run(command(*(arguments or ["segment"]), **config), capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == (code == 0), said
    return said


def of_files(place):
    """The files of events and pages of an archive, {name: content}."""
    folder = RESULTS / place / "files"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_file_has_the_events_and_the_page_of_the_command(run):
    assert "--config audio=PATH" in snakemake(code=1)
    # Without a trained network the ear is made, here of a file that does not exist.
    assert snakemake(code=1, audio="song.wav", ear={"path": "nowhere"}).count("error: nowhere: ") == 1
    snakemake(audio="song.wav", weights=str(run))
    assert main(["song.wav", "--weights", str(run), "--output", "own", "--page"]) == 0
    assert of_files("song.wav") == {path.name: path.read_bytes() for path in Path("own").iterdir()}
    assert (RESULTS / "song.wav/index.html").exists()
    assert "Nothing to be done" in snakemake(audio="song.wav", weights=str(run))
    for name in ("events.parquet", "totals.json", "plan.json"):
        (RESULTS / "song.wav" / name).unlink()
    shutil.rmtree(RESULTS / "song.wav/shards")
    snakemake(audio="song.wav", weights=str(run))
    assert (RESULTS / "song.wav/events.parquet").exists() and (RESULTS / "song.wav/plan.json").exists()


@pytest.mark.slow
def test_other_audio_keeps_its_events_and_a_new_file_is_noticed(run):
    """Files of one name, a folder with a name like a number, and a file whose name is a wildcard for Snakemake."""
    for name in ("a/song.wav", "20240501/b{1}.wav"):
        Path(name).parent.mkdir()
        shutil.copy("song.wav", name)
    snakemake(audio="song.wav", weights=str(run))
    snakemake(audio=["a/song.wav", "20240501"], weights=str(run))
    made = sorted(path.parts[2] for path in RESULTS.rglob("index.html"))
    assert made[:2] == ["20240501", "song.wav"] and len(made) == 3 and made[2].startswith("song.wav~")
    assert list(of_files("20240501")) == ["b{1}.wav.csv"]
    assert "Nothing to be done" in snakemake(audio=20240501, weights=str(run))
    Path("20240501/notes.txt").write_text("no audio")
    assert "Nothing to be done" in snakemake(audio="20240501/", weights=f"{run}/")
    Path("20240501/lost.wav").symlink_to("nowhere.wav")
    snakemake(audio=20240501, weights=str(run))
    assert "lost.wav" in (RESULTS / "20240501/failed.csv").read_text()
    shutil.copy("song.wav", "20240501/new.wav")
    snakemake(audio=20240501, weights=str(run))
    assert set(of_files("20240501")) == {"b{1}.wav.csv", "new.wav.csv"}
    Path("20240501/b{1}.wav").unlink()
    snakemake(audio=20240501, weights=str(run))
    assert set(of_files("20240501")) == {"new.wav.csv"}
    assert of_files("song.wav")


@pytest.mark.slow
def test_kills_in_every_rule_and_at_any_moment_leave_the_same_bytes(run):
    draw = np.random.default_rng(0)
    for number in range(24):
        path = Path(f"rec/{number % 3}/202405{number + 1:02}_053000.flac")
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(draw.uniform(1, 40), seed=number), 44100)
    config = {"audio": "rec", "weights": str(run), "archives": {"shard": 0.015}}
    snakemake(cores=2, **config)
    whole = outputs()
    shutil.rmtree("results")
    shutil.rmtree(".snakemake")
    for rule in ["plan_archive", *4 * ["0*"], "tabulate_archive", "show_archive"]:
        for log in RESULTS.glob("rec/logs/*.log"):
            log.unlink()
        process = subprocess.Popen(command("segment", "--nolock", cores=2, **config), start_new_session=True)
        while not list(RESULTS.glob(f"rec/logs/{rule}.log")):  # A job begins with its log.
            assert process.poll() is None, f"there was no job {rule}"
            time.sleep(0.01)
        if rule != "show_archive":  # the last job, which must not end before it is killed
            time.sleep(draw.uniform(0, 0.4))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    snakemake("segment", "--unlock", **config)
    assert "Nothing to be done" not in snakemake(cores=2, **config)
    assert outputs() == whole


def outputs():
    """{path: content} of everything in the results but logs and what the next call needs."""
    own = (path for path in RESULTS.rglob("*") if path.is_file() and not {"work", "logs"} & set(path.parts))
    return {str(path): path.read_bytes() for path in own if path.name != ".snakemake_timestamp"}


# ---- progress --------------------------------------------------------------------------------------------------------


def report(hours, failed=0, shard="00000"):
    Path("field/work").mkdir(parents=True, exist_ok=True)
    Path(f"field/work/{shard}.json").write_text(f'{{"hours": {hours}, "failed": {failed}}}')


def test_progress_says_hours_failures_and_the_time_left():
    assert watching.Watch("field").last is None  # before the plan
    report(100)
    report(50, shard="00001")
    Path("field/plan.json").write_text(
        '{"shards": {"00000": 900.0, "00001": 1100.0}, "faults": {"lost.wav": "is a broken link"}}'
    )
    watch = watching.Watch("field")
    watch.begin = (0.0, 150.0)
    report(250, failed=1)
    assert watch.line(600.0) == "field: 300.0 of 2,000.0 h segmented (15 %), 2 failures, 1 h 53 min left"
    assert watch.line(630.0) is None  # nothing was done since
    report(250, shard="00001")
    assert watch.line(660.0) == "field: 500.0 of 2,000.0 h segmented (25 %), 2 failures, 47 min left"
    # The archive is begun anew.
    report(0)
    report(0, shard="00001")
    assert watch.line(700.0) is None
    report(10)
    assert watch.line(730.0) == "field: 10.0 of 2,000.0 h segmented (0 %), 1 failure, 1 h 40 min left"
