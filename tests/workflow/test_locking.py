"""Snakemake's lock, which `make` lifts only if no Snakemake at work holds it: with real processes."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import locking
import pytest

from places import ROOT

TABLE = "results/tiny/recordings.tsv"
ALIVE = "snakemake is already at work in this folder"
UNKNOWN = (
    "This folder is locked, and it is unknown who holds the lock: if no snakemake is at work here, "
    "run .venv/bin/snakemake --unlock"
)


def program(folder, name, script):
    """Write a program of .venv/bin, which the tests' `make` finds before any other."""
    path = folder / ".venv" / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose environment is finished, on a machine where Slurm has one job of this folder and one of another.

    `cancelled.txt` lists the jobs that are cancelled.
    """
    for name in ("Snakefile", "Makefile", "config", "workflow", "envs", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    program(tmp_path, "python", f'exec {sys.executable} "$@"')
    program(tmp_path, "snakemake", f'exec {sys.executable} -m snakemake "$@"')
    program(tmp_path, "squeue", f"echo '7|rule_train_network|{tmp_path}'; echo '8|rule_train_network|elsewhere'")
    program(tmp_path, "scancel", 'echo "$@" >>cancelled.txt')
    (tmp_path / "requirements.txt").touch()
    (tmp_path / ".venv" / "installed.txt").touch()
    return tmp_path


def make(folder):
    """The exit code of make, and what it prints."""
    env = os.environ | {"PATH": f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"}
    command = ["make", "-C", folder, "--silent", f"TARGET={TABLE}", "CONFIG=tests/config/tiny.yaml"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


def lock_files(folder):
    return sorted(folder.glob(".snakemake/locks/*"))


@pytest.fixture
def started(checkout):
    """A plain Snakemake that is stopped as soon as it has written its lock, before any hook and any job."""
    command = [sys.executable, "-m", "snakemake", TABLE, "--cores", "1", "--configfile", "tests/config/tiny.yaml"]
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not lock_files(checkout):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    yield process
    process.kill()
    process.wait()


def test_make_leaves_a_living_snakemake_its_lock_and_its_jobs(checkout, started):
    before = lock_files(checkout)
    code, said = make(checkout)
    assert code != 0 and said == f"{ALIVE}\n"
    assert lock_files(checkout) == before and not (checkout / "cancelled.txt").exists()
    started.send_signal(signal.SIGCONT)
    assert started.wait(60) == 0 and (checkout / TABLE).exists() and not lock_files(checkout)


def test_make_removes_what_a_killed_snakemake_left(checkout, started):
    started.kill()
    started.wait()
    assert lock_files(checkout)
    code, said = make(checkout)
    assert code == 0, said
    assert (checkout / TABLE).exists() and not lock_files(checkout)
    assert (checkout / "cancelled.txt").read_text() == "7\n"


@pytest.mark.parametrize(("code", "said"), [(1, ALIVE), (71, UNKNOWN), (127, UNKNOWN)])
def test_make_lifts_no_lock_whose_holder_is_unknown(checkout, code, said):
    """What flock ends with: 1 where another holds the lock, from 64 on without locks; 127: there is no flock."""
    program(checkout, "flock", f'test "$2" = 9 || exit {code}')
    program(checkout, "snakemake", "echo works")
    lock = checkout / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    found = make(checkout)
    assert found[0] != 0 and found[1] == f"{said}\n"
    assert lock.exists() and not (checkout / "cancelled.txt").exists()
    lock.unlink()
    assert make(checkout) == (0, "works\n")


# ---- who holds the lock ----------------------------------------------------------------------------------------------


def holds(folder):
    """Whether anyone holds the lock of a folder."""
    with open(folder / locking.AT_WORK, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """A function that executes a workflow, and returns the result of an action that runs meanwhile."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").mkdir()

    def execute(action, main=True, dry=False):
        workflow = SimpleNamespace(is_main_process=main, execute=lambda executor_plugin, cores: action(cores))
        locking.lock_at_work(workflow)
        plugin = SimpleNamespace(common_settings=SimpleNamespace(dryrun_exec=dry))
        return workflow.execute(executor_plugin=plugin, cores=2)

    return execute


@pytest.mark.parametrize(("main", "dry", "held"), [(True, False, True), (True, True, False), (False, False, False)])
def test_only_a_snakemake_at_work_holds_the_lock(executed, tmp_path, main, dry, held):
    assert executed(lambda cores: holds(tmp_path), main, dry) is held
    assert not holds(tmp_path)


def test_several_snakemakes_hold_the_lock_together(executed, tmp_path):
    assert executed(lambda cores: executed(lambda cores: holds(tmp_path)))
    assert executed(lambda cores: executed(lambda cores: cores) == 2 and holds(tmp_path))


def test_jobs_do_not_inherit_the_lock(executed, tmp_path):
    job = executed(lambda cores: subprocess.Popen(["sleep", "60"], close_fds=False))
    try:
        assert not holds(tmp_path)
    finally:
        job.kill()
        job.wait()


def test_without_locks_the_work_goes_on(executed, monkeypatch):
    def none(*_):
        raise OSError("no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    assert executed(lambda cores: cores) == 2
