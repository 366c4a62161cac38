"""tests/gpu/run.sh without a GPU: a stand-in for Python runs other steps."""

import os
import re
import runpy
import subprocess
import sys
import tarfile

import pytest
import torch

from places import ROOT

KIT = ROOT / "tests" / "gpu"
EPOCHS = runpy.run_path(KIT / "epochs.py")

# Each step runs the command of its case; epochs.py is the real one. An epoch takes a tenth of a second.
STAND_IN = """#!/usr/bin/env bash
case "$*" in
  "-c import snakemake") ;;
  tests/gpu/epochs.py*) exec {python} "$@" ;;
  tests/gpu/ceilings.py*) {ceilings} ;;
  tests/gpu/curves.py*) "${{@:4}}" ;;
  tests/gpu/study.py*) {study} ;;
  "-m pytest"*) {tests} ;;
  "-m snakemake all --until"*) {data} ;;
  "-m snakemake results/tables/throughput.csv"*) {throughput} ;;
  "-m snakemake all"*) {train} ;;
esac
"""
PUT = 'cd "$(sed -E "s/.*--directory ([^ ]+) .*/\\1/" <<<"$*")" && mkdir -p results/tables results/minutes/runs/one && '
TRAIN = PUT + (
    "epoch=$(tr -dc 0-9 <epochs.yaml) && sleep 0.$epoch && touch results/minutes/runs/one/checkpoint.pt && "
    "echo $epoch,0.5 >results/minutes/runs/one/history.csv"
)
LEFT = {"ceilings.json", "tests.xml", "throughput.csv", "compiled.csv", "curves.csv"}
LEFT |= {"steps.tsv", "run.log", "results.tar.gz", "study"}
STEPS = {
    "ceilings": 'echo {{}} >"$2"',
    "tests": "echo 2 passed",
    "data": "true",
    "throughput": PUT + "echo rates >results/tables/throughput.csv",
    "train": TRAIN,
    "study": 'echo "$5" && mkdir -p "$4" && touch "$4/one.zip"',
}


@pytest.fixture
def run(tmp_path):
    """Run tests/gpu/run.sh with some steps replaced; returns (exit code, steps, names in the archive, the error)."""

    def start(minutes, *names, epochs=100, **replaced):
        stand_in, out = tmp_path / "python", tmp_path / "out"
        stand_in.write_text(STAND_IN.format(python=sys.executable, **(STEPS | replaced)))
        stand_in.chmod(0o755)
        (tmp_path / "epochs.yaml").write_text(f"training: {{epochs: {epochs}}}\n")
        env = {"OUT": out, "PYTHON": stand_in, "CONFIG": f"tests/config/rehearsal.yaml {tmp_path / 'epochs.yaml'}"}
        (work := tmp_path / "work").mkdir(exist_ok=True)
        env = os.environ | {"TMPDIR": str(work)} | {name: str(value) for name, value in env.items()}
        done = subprocess.run([KIT / "run.sh", str(minutes), *names], capture_output=True, text=True, env=env)
        assert not list(work.iterdir()), "the working folder is removed"
        if not (out / "results.tar.gz").exists():
            return done.returncode, {}, set(), done.stderr
        assert {path.name for path in out.iterdir()} <= LEFT
        steps = dict(line.split("\t")[:2] for line in (out / "steps.tsv").read_text().splitlines()[1:])
        with tarfile.open(out / "results.tar.gz") as archive:
            files = {member.name.removeprefix("./") for member in archive if member.isfile()}
        return done.returncode, steps, files, done.stderr

    return start


def test_the_study_leaves_its_records_and_stops_in_time(run, tmp_path):
    code, steps, _, error = run(9, "study")
    assert code == 0, error
    assert steps == {"study": "0"} and (tmp_path / "out" / "study" / "one.zip").exists()
    log = (tmp_path / "out" / "run.log").read_text()
    seconds = int(re.search(r"tests/gpu/study\.py (\d+) ", log)[1])
    assert 500 < seconds <= 530 and "config/study.yaml" in log


def test_every_step_leaves_its_results(run):
    code, steps, files, error = run(9, epochs=6)
    assert code == 0, error
    assert steps == dict.fromkeys(["ceilings", "tests", "data", "throughput", "train-4", "train-6"], "0")
    assert {"ceilings.json", "steps.tsv", "run.log", "throughput/tables/throughput.csv"} <= files
    assert {f"train-{epochs}/minutes/runs/one/history.csv" for epochs in (4, 6)} <= files
    assert not [name for name in files if name.endswith(".pt")]


def test_compiled_steps_are_measured_on_request(run):
    code, steps, files, _ = run(9, "throughput", "compiled")
    assert code == 0 and list(steps) == ["throughput", "compiled"]
    assert {f"{name}/tables/throughput.csv" for name in steps} <= files


def test_a_table_is_kept_under_the_name_of_the_step_that_made_it(run):
    once = "[ -e $TMPDIR/../done ] && exit 1; touch $TMPDIR/../done; " + STEPS["throughput"]
    _, steps, files, _ = run(9, "throughput", "compiled", throughput=once)
    assert steps == {"throughput": "0", "compiled": "1"}
    assert "throughput/tables/throughput.csv" in files and "compiled/tables/throughput.csv" not in files


def test_a_failing_step_stops_no_other_and_shows_in_the_exit_code(run):
    code, steps, files, _ = run(9, "tests", "throughput", "train", epochs=1, tests="exit 3", throughput="kill -9 $$")
    assert code == 1
    assert steps["tests"] == "3" and steps["throughput"] == "137"
    assert "train-1/minutes/runs/one/history.csv" in files


def test_a_round_that_is_cut_short_keeps_the_results_of_the_previous_one(run):
    slower = TRAIN + "; [ $epoch = 4 ] || { rm results/minutes/runs/one/history.csv; sleep 60; }"
    code, steps, files, _ = run(0.25, "train", epochs=5, train=slower)
    assert code == 1 and steps == {"train-4": "0", "train-5": "124"}
    assert "train-4/minutes/runs/one/history.csv" in files


def test_training_goes_on_while_any_network_advances(run):
    broken = TRAIN + "; exit 1"
    assert run(9, "train", epochs=5, train=broken)[:2] == (1, {"train-4": "1", "train-5": "1"})
    assert run(9, "train", epochs=5, train="exit 1")[:2] == (1, {"train-4": "1"})


def test_without_time_nothing_is_started(run):
    code, steps, files, _ = run(0)
    assert code == 1
    assert set(steps.values()) == {"124"} and "train-4" in steps


@pytest.mark.parametrize(
    "arguments, line",
    [
        (
            ["9", "trian"],
            "there is no step 'trian'; usage: tests/gpu/run.sh MINUTES "
            "[ceilings tests data throughput train compiled study]",
        ),
        (["soon"], "MINUTES must be a number: 'soon'; usage: "),
        ([""], "MINUTES must be a number: ''; usage: "),
    ],
)
def test_a_wrong_call_gets_one_line(run, arguments, line):
    code, *_, error = run(*arguments)
    assert code == 2
    assert error.startswith(line) and error.count("\n") == 1


def test_a_machine_without_snakemake_and_wheels_gets_one_line(tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    env = os.environ | {"OUT": str(tmp_path), "WHEELS": str(tmp_path), "PYTHON": str(tmp_path / "python")}
    done = subprocess.run([KIT / "run.sh", "1"], capture_output=True, text=True, env=env)
    assert done.returncode == 2
    assert "there are no wheels in" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "rounds, left, most, epochs",
    [
        ([(4, 40)], 200, 100, 4 + 18),  # 10 s for each epoch, which includes the fixed time
        ([(4, 40), (14, 60)], 100, 100, 14 + 19),  # 6 more epochs took 20 s more, so the fixed time is 27 s
        ([(4, 40), (14, 60), (20, 48)], 100, 100, 20 + 20),  # 4 fewer epochs took 12 s less
        ([(4, 40), (14, 30)], 100, 100, 14 + 30),  # more epochs took less: 3 s for each, which includes the fixed time
        ([(4, 40), (14, 60)], 100, 20, 20),  # the config asks for no more
        ([(4, 40), (14, 60)], 100, 14, 0),  # all of them are done
        ([(4, 40), (14, 60)], 30, 100, 0),  # none fits
        ([(4, 40)], -5, 100, 0),
    ],
)
def test_as_many_epochs_as_fit(rounds, left, most, epochs):
    assert EPOCHS["next_epochs"](rounds, left, most) == epochs


def test_the_last_config_that_has_a_setting_counts():
    configs = [ROOT / "config" / name for name in ("config.yaml", "gpu-minutes.yaml", "five-seeds.yaml")]
    assert EPOCHS["setting"]("training.epochs", *configs) == 100
    assert EPOCHS["setting"]("training.device", *configs) == "cuda"


def test_ceilings_of_a_processor():
    ceilings = runpy.run_path(KIT / "ceilings.py")
    assert min(ceilings["ceilings"](torch.device("cpu"))["tera_operations_and_gb_per_s"].values()) > 0
    assert ceilings["machine"]("cpu")["versions"]["torch"] == torch.__version__


TRAINING = """
import sys, time, torch
from pathlib import Path
run = Path(sys.argv[1], "minutes/runs/one")
run.mkdir(parents=True)
for epoch in (1, 2):
    history = [{"epoch": number, "f1": number / 10} for number in range(1, epoch + 1)]
    torch.save({"state": {"done": {"history": history}}}, run / "part")
    (run / "part").replace(run / "checkpoint.pt")
    time.sleep(2)
(run / "checkpoint.pt").write_bytes(b"damaged")
sys.exit(3)
"""


@pytest.mark.slow
def test_curves_of_a_training_that_is_cut_short_are_kept(tmp_path, capfd):
    """The exit code is passed on, and an unreadable checkpoint affects neither the training nor the saved rows."""
    curves = runpy.run_path(KIT / "curves.py")["main"]
    assert curves(tmp_path, tmp_path / "curves.csv", sys.executable, "-c", TRAINING, tmp_path) == 3
    assert (tmp_path / "curves.csv").read_text() == "run,epoch,f1\none,1,0.1\none,2,0.2\n"
    assert "curves.csv: not written" in capfd.readouterr().out


def test_every_wheel_is_of_a_pinned_version():
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    names = [line for line in (KIT / "wheels.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert names and set(names) <= pinned


@pytest.mark.parametrize("script", sorted(KIT.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_whole(script):
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)
