"""A study that grows: records of finished runs are kept, count elsewhere, and decide claims without any training."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
import yaml
from records import Runs
from snakemake.utils import update_config

from places import ROOT
from yoho.scoring.records import read_record

CONFIGS = [ROOT / "tests" / "config" / name for name in ("tiny.yaml", "on_tiny/study.yaml")]
RUNS = {
    "mobilenet-seed_0",
    "vggish-lr_0.0001-schedule_constant-seed_0",
    "vggish-lr_0.0001-schedule_constant-vggish_released-seed_0",
    "efficientnet-seed_0",
    "efficientnet-mask_backbone-seed_0",
}


def command(folder, *arguments, configs=CONFIGS):
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    return [str(part) for part in [*snakemake, "--cores", 2, *arguments, "--configfile", *configs]]


def run(folder, *arguments, configs=CONFIGS):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(command(folder, *arguments, configs=configs), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def jobs(text):
    """{rule: number of its jobs} in the text of a dry run."""
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}


def kept(folder):
    return {path.stem for path in folder.glob("kept/*.zip")}


def overlay(folder, **sections):
    """Another config on top of the others."""
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(sections))
    return [*CONFIGS, path]


def test_missing_runs_are_listed_and_trained(tmp_path):
    code, text = run(tmp_path, "study", "--dry-run")
    assert code == 0 and "study: 0 of 5 runs have a record that counts" in text
    assert set(re.findall(r"^  missing: ([\w.-]+)$", text, re.MULTILINE)) == RUNS
    assert jobs(text)["train_network"] == jobs(text)["keep_record"] == 5
    priorities = dict(re.findall(r"wildcards: dataset=tiny, run=(\S+)\n +priority: -(\d+)", text))
    listed = re.findall(r"^  missing: ([\w.-]+)$", text, re.MULTILINE)
    assert sorted(priorities, key=lambda run: int(priorities[run])) == listed, "trained in the order of the list"


@pytest.mark.parametrize("target", ["study", "claims"])
def test_record_that_does_not_count_must_be_removed_first(tmp_path, target):
    """Snakemake would take it for the finished one."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mobilenet-seed_0.zip").write_bytes(b"no record")
    code, text = run(tmp_path, target, "--dry-run")
    assert code != 0 and "these records do not count; remove them, and their runs are trained" in text
    assert "kept/mobilenet-seed_0.zip: is not the record of a run" in text


@pytest.mark.parametrize("overlays", [["study"], ["study", "pilot"]], ids="-".join)
def test_every_record_that_the_repository_keeps_counts(config, monkeypatch, overlays):
    monkeypatch.chdir(ROOT)
    for name in overlays:
        update_config(config, yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()))
    there = {path.stem for path in ROOT.glob(f"{config['claims']['records']}/*.zip")}
    assert set(Runs(config).kept) == there


def test_the_pilot_has_no_rivals(config):
    for name in ("study", "pilot"):
        update_config(config, yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()))
    runs = Runs(config)
    assert not [run for run in runs.of("claims", "search") if "crnn" in run]
    assert runs.of("claims") and list(runs.undecidable()) == []


def test_study_without_a_place_for_records_says_which_key_is_missing(tmp_path):
    code, text = run(tmp_path, "study", "--dry-run", configs=overlay(tmp_path, claims={"records": None}))
    assert code != 0 and "claims.records: null; name the folder that keeps the records of finished runs" in text


@pytest.mark.parametrize(
    "target", ["claims", "study", "search", "results/tables/power.csv", "results/tables/search.csv"]
)
def test_targets_that_need_a_network_of_the_claims_say_that_it_is_not_there(tmp_path, target):
    configs = overlay(tmp_path, claims={"networks": {"vggish": "vgg"}})
    code, text = run(tmp_path, target, "--dry-run", configs=configs)
    assert code != 0 and "train_network" not in text
    assert "claims.networks.vggish: no run of studies.networks has the label 'vgg'; add this run\n" in text


def test_figures_and_the_mask_study_do_not_need_the_networks_of_the_claims(tmp_path):
    configs = overlay(tmp_path, claims={"networks": {"vggish": "vgg"}})
    code, text = run(tmp_path, "all", "mask_study", "--dry-run", configs=configs)
    assert code == 0 and jobs(text)["train_network"] == 4


def test_claims_that_leave_out_missing_runs_train_nothing(tmp_path):
    code, text = run(tmp_path, "claims", "--dry-run", configs=overlay(tmp_path, claims={"missing": "leave_out"}))
    assert code == 0 and "train_network" not in jobs(text)


@pytest.mark.slow
def test_a_study_grows_through_a_time_box_a_kill_and_on_another_machine(tmp_path):
    here, there, reader = tmp_path / "here", tmp_path / "there", tmp_path / "reader"
    here.mkdir()

    def started(folder, until):
        """Start the study, and return its process once enough records are kept."""
        process = subprocess.Popen(
            command(folder, "study", "--rerun-incomplete"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.time() + 400
        while len(kept(folder)) < until:
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.1)
        return process

    # The time box of the Makefile: no new job is started, and the running ones end.
    process = started(here, 1)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=200)
    first = kept(here)
    assert 1 <= len(first) < 5
    # Everything is killed, in the middle of a training.
    process = started(here, len(first) + 1)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=20)
    second = kept(here)
    assert first < second < RUNS
    # Another machine has the records alone, and makes what is missing.
    shutil.copytree(here / "kept", there / "kept")
    code, text = run(there, "study", "--dry-run")
    assert jobs(text)["train_network"] == len(RUNS - second)
    code, text = run(there, "study", "search")
    assert code == 0, text
    assert kept(there) > RUNS  # and those of the search
    assert not list(there.glob("results/tiny-seed_0/**/features.npy")), "space for the next seed"
    # A reader decides the claims from the records, without any training; two machines make the same test set.
    shutil.copytree(there / "kept", reader / "kept")
    leave_out = overlay(tmp_path, claims={"missing": "leave_out"})
    code, text = run(reader, "claims", "mask_study", configs=leave_out)
    assert code == 0 and "train_network" not in text, text
    claims = pd.read_csv(reader / "results/tables/claims.csv")
    of_networks = claims[claims["n_seeds"] > 0]
    assert (of_networks["n_seeds"] == 1).all() and set(of_networks["verdict"]) <= {
        "undecided",
        "shown",
        "not testable here",
    }
    assert of_networks["training_windows_seen"].nunique() == 1
    page = (reader / "results/claims.md").read_text()
    assert all(name in page.replace("\\", "") for name in RUNS)
    # One of them lacks a run: the claims about it say so.
    (reader / "kept" / "mobilenet-seed_0.zip").unlink()
    code, text = run(reader, "claims", configs=leave_out)
    assert code == 0, text
    without = pd.read_csv(reader / "results/tables/claims.csv")
    (row,) = without[without["claim"] == "C1"].itertuples()
    assert row.verdict == "undecided" and "no seed has trained both" in row.reason


def test_a_gpu_trains_all_networks_of_a_seed_before_it_deletes_the_data_of_that_seed(tmp_path):
    configs = overlay(tmp_path, studies={"networks": {"seeds": [0, 1]}})
    text = "import sys, study; jobs = study.missing_runs(*sys.argv[1:2], sys.argv[2:]); "
    text += "print([{str(job.input.train_features) for job in jobs} for jobs in study.by_seed(jobs)])"
    call = [sys.executable, "-c", text, str(tmp_path), *map(str, configs)]
    done = subprocess.run(call, cwd=ROOT / "tests" / "gpu", capture_output=True, text=True)
    features = [{f"results/tiny-seed_{seed}/windows/train/train/log_mel/features.npy"} for seed in (0, 1)]
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == str(features), done.stdout + done.stderr


@pytest.mark.slow
def test_a_gpu_trains_many_runs_in_one_process_with_the_same_result(tmp_path):
    """On a CPU here: the records of tests/gpu/study.py hold what those of the workflow hold."""
    slow, work, made = tmp_path / "slow", tmp_path / "work", tmp_path / "made"
    code, text = run(slow, *(f"kept/{name}.zip" for name in RUNS - {"vggish-lr_0.0001-schedule_constant-seed_0"}))
    assert code == 0, text
    first = "mobilenet-seed_0"
    one = read_record(slow / "kept" / f"{first}.zip")
    (slow / "kept" / f"{first}.zip").unlink()
    work.mkdir()
    configs = overlay(tmp_path, claims={"records": str(slow / "kept")})  # the records that a checkout keeps
    call = [sys.executable, "tests/gpu/study.py", "600", str(work), str(made), *map(str, configs)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}  # as many as a job of the workflow has, for the same bytes
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.stem for path in made.glob("*.zip")} == {first, "vggish-lr_0.0001-schedule_constant-seed_0"}
    other = read_record(made / f"{first}.zip")
    assert one.history.equals(other.history) and one.tallies.equals(other.tallies)
    times = dict.fromkeys(["started", "finished"])
    assert one.about | times == other.about | times
