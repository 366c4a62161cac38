"""The workflow with its cluster profile on a real Slurm, and a training that is interrupted in every usual way."""

import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import psutil
import pytest
import soundfile
import torch
import yaml
from one_node import call, missing, one_node

from places import ROOT
from untrained import noise, save_untrained
from yoho.scoring.records import read_about

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

TINY = ROOT / "tests" / "config" / "tiny.yaml"
PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"
RUN = "results/tiny/runs/mobilenet-seed_0"
HISTORY = f"{RUN}/history.csv"
EPOCHS = 12


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    with one_node(tmp_path_factory.mktemp("slurm")) as env:
        yield env


@pytest.fixture(scope="module")
def finished(env, tmp_path_factory):
    """A folder in which everything of the tiny config was made on the cluster."""
    folder = tmp_path_factory.mktemp("tiny")
    assert start(env, command(folder, "all")).wait(600) == 0
    return folder


@pytest.fixture(scope="module")
def ends(env, finished, tmp_path_factory):
    """A future for each fault and for a run without faults. All run at once, since they mostly wait for Slurm."""
    config = tmp_path_factory.mktemp("config") / "longer.yaml"
    config.write_text(TINY.read_text().replace("epochs: 2", f"epochs: {EPOCHS}"))
    calls, ends = [uninterrupted, *FAULTS], {}
    with ThreadPoolExecutor(len(calls)) as pool:
        for function in calls:
            # The finished run of two epochs is continued.
            folder = shutil.copytree(finished, tmp_path_factory.mktemp(function.__name__) / "copy", symlinks=True)
            ends[function] = pool.submit(function, env, folder, config)
    return ends


def test_every_stage_is_a_job_in_its_partition(env, finished):
    for number in (4, 5, 6):
        assert (finished / f"results/figures/fig{number}.pdf").stat().st_size > 5000
    assert len(pd.read_csv(finished / "results/tables/scores.csv")) == 5 * 7
    jobs = all_jobs(env, finished)
    assert (jobs["state"] == "COMPLETED").all()
    on_gpu = jobs["rule"].str.startswith("rule_train_network")
    assert on_gpu.sum() == 5
    assert {"rule_draw_fig4", "rule_tabulate_scores", "rule_count_networks"} < set(jobs[~on_gpu]["rule"])
    ask = ["partition", "gpus", "memory", "limit"]
    assert set(jobs[on_gpu][ask].itertuples(index=False, name=None)) == {("gpu", "gres:gpu:1", "8000M", "1-00:00:00")}
    assert set(zip(jobs[~on_gpu]["partition"], jobs[~on_gpu]["gpus"])) == {("cpu", "N/A")}


def test_a_run_of_a_study_leaves_its_record(env, tmp_path):
    """Its data, which its seed draws anew, are jobs too, and are deleted after it."""
    (folder := tmp_path / "study").mkdir()
    record = folder / "kept" / "mobilenet-seed_0.zip"
    configs = ["--configfile", TINY, TINY.with_name("on_tiny") / "study.yaml"]
    study = [*snakemake(folder, record.relative_to(folder)), "--profile", edited(folder), *configs]
    assert start(env, study).wait(600) == 0
    assert read_about(record)["run"] == "mobilenet-seed_0"
    rules = " ".join(all_jobs(env, folder)["rule"])
    assert "rule_make_mixes_of_seed" in rules and "rule_make_features_of_seed" in rules
    assert "rule_keep_record" not in rules  # Snakemake copies the record itself.
    assert not list(folder.glob("results/tiny-seed_0/**/features.npy"))


def test_an_archive_whose_jobs_were_cancelled_goes_on_to_the_same_bytes(env, tmp_path):
    """Its shards are jobs of one core, and only the checkpoint lists the archive."""
    network = save_untrained(tmp_path / "network")
    (archive := tmp_path / "rec").mkdir()
    for number in range(60):
        soundfile.write(archive / f"202405{number % 30 + 1:02}_{number:02}0000.wav", noise(20, seed=number), 44100)
    config = tmp_path / "archive.yaml"
    config.write_text(yaml.safe_dump({"audio": str(archive), "weights": str(network), "archives": {"shard": 0.17}}))
    (folders := [tmp_path / "cluster" / "a", tmp_path / "local" / "b"])[0].mkdir(parents=True)
    folders[1].mkdir(parents=True)
    process = start(env, command(folders[0], "segment", config))
    journals = segmented_in_part(folders[0])
    process.kill()
    process.wait()
    jobs = all_jobs(env, folders[0])
    shards = jobs[jobs["rule"].str.startswith("rule_segment_shard")]
    assert set(shards["memory"]) == {"2000M"} and (jobs["rule"].str.startswith("rule_plan_archive")).sum() == 1
    call(env, "scancel", *map(str, jobs["job"]))
    assert start(env, [*command(folders[0], "segment", config), "--unlock"]).wait(60) == 0
    assert start(env, command(folders[0], "segment", config)).wait(600) == 0
    # What was in the journals was not segmented again.
    assert all(path.read_bytes().startswith(begin) for path, begin in journals.items())
    local = [*snakemake(folders[1], "segment"), "--cores", "2", "--configfile", config]
    assert start(env, local).wait(600) == 0
    names = ("events.parquet", "files.parquet", "classes.csv", "calendar.csv", "certain.csv", "index.html")
    for name in names:
        one, other = (next(folder.glob(f"results/segments/*/{name}")) for folder in folders)
        assert one.read_bytes() == other.read_bytes(), name


def segmented_in_part(folder):
    """Wait until some files of an archive are segmented, and not all; returns {path of a journal: its content}."""
    deadline = time.monotonic() + 180
    while True:
        journals = {path: path.read_bytes() for path in folder.glob("results/segments/*/work/*.jsonl")}
        if (count := sum(content.count(b"\n") for content in journals.values())) >= 3:
            assert count < 50
            # A line may be written in part.
            return {path: content[: content.rfind(b"\n") + 1] for path, content in journals.items()}
        assert time.monotonic() < deadline, "no file is segmented"
        time.sleep(0.05)


def uninterrupted(env, folder, config):
    """Train the run from its first epoch, without a cluster."""
    shutil.rmtree(folder / RUN)
    assert start(env, [*snakemake(folder, HISTORY), "--cores", "1", "--configfile", config]).wait(300) == 0
    return folder, 0


def cancelled(env, folder, config):
    process = start(env, command(folder, HISTORY, config))
    reached = held(folder)
    call(env, "scancel", str(trainings(env, folder)["job"].iloc[-1]))
    assert process.wait(300) == 0
    jobs = trainings(env, folder)
    assert jobs["state"].tolist() == ["CANCELLED", "COMPLETED"]
    assert jobs["memory"].tolist() == ["8000M", "16000M"]
    return folder, reached


def over_its_memory(env, folder, config):
    process = start(env, command(folder, HISTORY, config, mem_mb="250 * 16 ** (attempt - 1)"))
    assert process.wait(300) == 0
    jobs = trainings(env, folder)
    assert jobs["state"].tolist() == ["FAILED", "COMPLETED"]
    assert jobs["memory"].tolist() == ["250M", "4000M"]
    (log,) = folder.glob(f".snakemake/slurm_logs/rule_train_network/*/{jobs['job'].iloc[0]}.log")
    assert "Exceeded job memory limit" in log.read_text()
    return folder, 2


def over_its_time_limit(env, folder, config):
    """The cluster has no GPUs, and the limit is a minute, the shortest that Slurm allows."""
    process = start(env, command(folder, HISTORY, config, runtime=1, gpu=0, slurm_partition="cpu"))
    reached = held(folder)
    assert process.wait(300) == 0
    jobs = trainings(env, folder)
    assert jobs["state"].iloc[0] == "TIMEOUT" and jobs["state"].iloc[-1] == "COMPLETED"
    assert set(jobs["limit"]) == {"1:00"} and set(jobs["gpus"]) == {"N/A"}
    return folder, reached


def submitter_killed(env, folder, config):
    """The job of a killed Snakemake runs on. The next `make` cancels it and starts one that continues the training."""
    for name in ("Snakefile", "Makefile", "requirements.txt", "config", "workflow", "envs", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    make = ["make", "-C", folder, "--assume-old=.venv/installed.txt", f"PROFILE={edited(folder)}", f"CONFIG={config}"]
    process = start(env, [*make, f"TARGET={HISTORY}"])
    reached = held(folder)
    for each in psutil.Process(process.pid).children(recursive=True):
        if any(part.endswith("bin/snakemake") for part in each.cmdline()):
            each.kill()
    assert process.wait(20) != 0
    assert list(folder.glob(".snakemake/locks/*"))
    assert trainings(env, folder)["state"].tolist() == ["RUNNING"]
    assert start(env, [*make, f"TARGET={HISTORY}"]).wait(300) == 0
    assert trainings(env, folder)["state"].tolist() == ["CANCELLED", "COMPLETED"]
    return folder, reached


FAULTS = [cancelled, over_its_memory, over_its_time_limit, submitter_killed]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_interrupted_training_goes_on_to_the_same_bytes(ends, fault):
    whole, _ = ends[uninterrupted].result()
    folder, reached = ends[fault].result()
    log = (folder / "results/tiny/logs/train_network_mobilenet-seed_0.log").read_text()
    (resumed,) = re.findall(r"checkpoint.pt: goes on after epoch (\d+)", log)
    # On a busy machine the second attempt may meet the limit of a minute too, even after its last epoch.
    assert reached <= int(resumed) <= EPOCHS
    for name in ("history.csv", "classwise.csv", "weights.safetensors", "model.json", "test_scores.json"):
        assert (folder / RUN / name).read_bytes() == (whole / RUN / name).read_bytes(), name


def snakemake(folder, *arguments):
    return [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder, *arguments]


def command(folder, target, config=TINY, **training):
    return [*snakemake(folder, target), "--profile", edited(folder, **training), "--configfile", config]


def edited(folder, **training):
    """A folder with the profile, edited as by a user: resources of train_network, and shorter waits than usual."""
    profile = yaml.safe_load(PROFILE.read_text())
    profile["set-resources"]["train_network"] |= training
    profile |= {"max-threads": 1, "seconds-between-status-checks": 5, "slurm-init-seconds-before-status-checks": 5}
    path = folder.parent / "profile"
    path.mkdir(exist_ok=True)
    (path / "config.yaml").write_text(yaml.safe_dump(profile))
    return path


def start(env, arguments):
    """Start a command in the background; it ends with the tests."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *arguments], env=env)


def held(folder):
    """Stop (SIGSTOP) the training in a folder, so that the fault comes before its end; returns the epochs done.

    Slurm continues (SIGCONT) a job before it ends it.
    """
    checkpoint, deadline = folder / RUN / "checkpoint.pt", time.monotonic() + 180
    before = checkpoint.stat().st_mtime_ns
    while checkpoint.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline, "the training makes no progress"
        time.sleep(0.05)
    for each in psutil.process_iter(["cmdline", "cwd"]):
        if each.info["cwd"] == str(folder) and ".snakemake/scripts" in " ".join(each.info["cmdline"]):
            each.suspend()
    reached = len(torch.load(checkpoint, weights_only=True)["state"]["done"]["history"])
    assert 2 < reached < EPOCHS
    return reached


def trainings(env, folder):
    """The jobs in which the run was trained, in order."""
    jobs = all_jobs(env, folder)
    return jobs[jobs["rule"].str.startswith("rule_train_network")]


def all_jobs(env, folder):
    """A table of Slurm's jobs of a folder, in order."""
    columns = ["job", "rule", "partition", "gpus", "memory", "limit", "state", "folder"]
    fields = ["JobID", "Comment", "Partition", "tres-per-job", "MinMemory", "TimeLimit", "State", "WorkDir"]
    form = ",".join(f"{field}:200|" for field in fields)
    lines = call(env, "squeue", "--states=all", "--noheader", "--Format", form).splitlines()
    jobs = pd.DataFrame([map(str.strip, line.split("|")[: len(columns)]) for line in lines], columns=columns)
    return jobs[jobs["folder"] == str(folder)].astype({"job": int}).sort_values("job")
