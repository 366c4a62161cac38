"""Checkpoints are written whole or not at all, are refused if they do not fit, and never run code."""

import errno
import fcntl
import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import yoho
from yoho import InputError
from yoho.files import write_whole
from yoho.training.checkpoint import Checkpoint

CPU = torch.device("cpu")
FINGERPRINT = {"seed": 0, "learning_rate": 0.001, "l2": {"first": 0.0}, "code": "0123abcd"}


def state(size=1000):
    tensor = torch.randn(size, generator=torch.Generator().manual_seed(0))
    return {"network": {"weight": tensor}, "done": {"history": [{"epoch": 1, "f1": 0.1 + 0.2}], "best": None}}


@pytest.fixture
def said():
    return []


@pytest.fixture
def checkpoint(tmp_path, said):
    return Checkpoint(tmp_path / "checkpoint.pt", FINGERPRINT, said.append)


def test_what_is_kept_comes_back_to_the_bit(checkpoint, said):
    assert checkpoint.restore(CPU) is None
    checkpoint.save(state())
    kept = checkpoint.restore(CPU)
    assert torch.equal(kept["network"]["weight"], state()["network"]["weight"])
    assert kept["done"] == state()["done"]
    assert said == []


def test_memory_layout_comes_back_too(checkpoint):
    """Otherwise a resumed network would sum in another order."""
    weight = torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last)
    checkpoint.save({"weight": weight})
    assert checkpoint.restore(CPU)["weight"].stride() == weight.stride()


def test_what_is_saved_in_the_background_is_as_it_was_when_it_was_saved(checkpoint, monkeypatch):
    """Meanwhile the training changes its tensors and lists in place."""
    begun, go_on, kept = threading.Event(), threading.Event(), state()

    def slow(path, data):
        begun.set()
        assert go_on.wait(20)
        write_whole(path, data)

    monkeypatch.setattr("yoho.training.checkpoint.write_whole", slow)
    kept["network"]["conv"] = torch.ones(4, 3, 3, 3).to(memory_format=torch.channels_last)
    with checkpoint.in_background() as save:
        save(kept)
        assert begun.wait(20) and not checkpoint.path.exists()
        kept["network"]["weight"].zero_()
        kept["done"]["history"].append({"epoch": 2})
        go_on.set()
    found = checkpoint.restore(CPU)
    assert torch.equal(found["network"]["weight"], state()["network"]["weight"])
    assert found["done"] == state()["done"]
    assert found["network"]["conv"].stride() == kept["network"]["conv"].stride()


def test_of_states_saved_in_the_background_the_last_one_stays(checkpoint):
    with checkpoint.in_background() as save:
        for number in range(20):
            save({"number": number})
    assert checkpoint.restore(CPU) == {"number": 19}


@pytest.mark.parametrize("later", [0, 1])
def test_what_cannot_be_written_in_the_background_is_an_error(checkpoint, monkeypatch, later):
    """The error is raised at the next save, or otherwise on leaving."""
    monkeypatch.setattr("yoho.training.checkpoint.write_whole", lambda *_: Path("/none/x").read_bytes())
    with pytest.raises(FileNotFoundError), checkpoint.in_background() as save:
        for _ in range(1 + later):
            save(state())
        assert not later, "the first error came too late"


def test_what_ends_a_training_is_raised_after_its_last_state_is_in_the_file(checkpoint):
    with pytest.raises(FloatingPointError), checkpoint.in_background() as save:
        save(state())
        raise FloatingPointError
    assert checkpoint.restore(CPU)["done"] == state()["done"]


def test_a_state_that_cannot_be_written_hides_no_other_error(checkpoint, said, monkeypatch):
    monkeypatch.setattr("yoho.training.checkpoint.write_whole", lambda *_: Path("/none/x").read_bytes())
    with pytest.raises(FloatingPointError), checkpoint.in_background() as save:
        save(state())
        raise FloatingPointError
    (line,) = said
    assert line.startswith(f"{checkpoint.path}: the last state could not be written ([Errno 2]")


@pytest.mark.parametrize(
    "changes, names",
    [
        ({"learning_rate": 0.002}, "learning_rate"),
        ({"code": "ffff0000"}, "code"),
        ({"seed": 1, "l2": {"first": 0.1}}, "seed, l2"),
        ({"new": 1}, "new"),
        ({"new": None}, "new"),
    ],
)
def test_another_fingerprint_is_refused_by_name(checkpoint, said, changes, names):
    checkpoint.save(state())
    other = Checkpoint(checkpoint.path, FINGERPRINT | changes, said.append)
    assert other.restore(CPU) is None
    aside = "it was renamed to checkpoint.pt.refused, and the run starts afresh"
    assert said == [f"{checkpoint.path}: was made with other {names}; {aside}"]
    assert not checkpoint.path.exists()
    checkpoint.path.with_name("checkpoint.pt.refused").replace(checkpoint.path)  # nothing is lost
    assert torch.equal(checkpoint.restore(CPU)["network"]["weight"], state()["network"]["weight"])


def test_a_setting_that_is_gone_is_named_too(checkpoint, said):
    checkpoint.save(state())
    other = Checkpoint(checkpoint.path, {name: FINGERPRINT[name] for name in ("seed", "l2", "code")}, said.append)
    assert other.restore(CPU) is None and "other learning_rate;" in said[0]


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_by_name(checkpoint, said, share):
    checkpoint.save(state())
    whole = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(whole[: int(share * len(whole))])
    assert checkpoint.restore(CPU) is None
    assert len(said) == 1 and said[0].startswith(f"{checkpoint.path}: cannot be read")
    assert "\n" not in said[0] and said[0].endswith("and the run starts afresh")


def test_a_changed_tensor_is_refused(checkpoint, said):
    """The disk changed a weight, and the file's structure is intact."""
    checkpoint.save(state(size=100_000))
    whole = bytearray(checkpoint.path.read_bytes())
    whole[len(whole) // 2] ^= 1
    checkpoint.path.write_bytes(whole)
    assert checkpoint.restore(CPU) is None
    assert said[0].startswith(f"{checkpoint.path}: cannot be read")


FULL = [torch.OutOfMemoryError("CUDA"), torch.AcceleratorError("CUDA error: out of memory")]


@pytest.mark.parametrize("error", [OSError(errno.ESTALE, "stale"), MemoryError(), *FULL])
def test_a_file_that_cannot_be_read_now_is_no_damaged_file(checkpoint, said, monkeypatch, error):
    """A network disk is away, or others have filled the GPU: the run stops, and the checkpoint stays."""
    checkpoint.save(state())

    def failing(*_, **__):
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(torch, "load", failing)
        checkpoint.restore(CPU)
    assert said == [] and checkpoint.restore(CPU) is not None


HOLD = """
import sys, time
from yoho.training.checkpoint import Checkpoint
with Checkpoint(sys.argv[1], {}, print).locked(patience=0):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holding(path, seconds):
    """Another process that trains the run for some seconds."""
    scripts = str(Path(yoho.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path, str(seconds)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": scripts},
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_run_is_trained_by_one_process_at_a_time(checkpoint):
    process = holding(checkpoint.path, 60)
    message = f"{checkpoint.path.parent}: another process is training this run"
    with pytest.raises(InputError, match=message), checkpoint.locked(patience=0.3):
        pytest.fail("two at once")
    process.kill()
    process.communicate()
    with checkpoint.locked(patience=0), pytest.raises(InputError), checkpoint.locked(patience=0):
        pass
    with checkpoint.locked(patience=0):  # let go of, too
        pass


def test_a_process_that_is_about_to_end_is_waited_for(checkpoint):
    process = holding(checkpoint.path, 0.5)
    with checkpoint.locked(patience=20):
        pass
    process.communicate()


@pytest.mark.parametrize("number", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"])
def test_a_file_system_without_locks_is_said_in_a_line_and_trained_on(checkpoint, said, monkeypatch, number):
    def none(*_):
        raise OSError(getattr(errno, number), "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    with checkpoint.locked(patience=10):
        assert said == [
            f"{checkpoint.path.with_suffix('.lock')}: this file system has no locks; "
            "make sure that only one process trains this run"
        ]


def test_a_lock_that_fails_otherwise_is_an_error(checkpoint, said, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "a broken disk")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(OSError, match="broken disk"), checkpoint.locked(patience=10):
        pytest.fail("trained all the same")
    assert said == []


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("write", [lambda evil, path: path.write_bytes(pickle.dumps(evil)), torch.save])
def test_a_pickle_that_would_run_code_runs_none(checkpoint, said, tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    write(Evil(), checkpoint.path)
    assert checkpoint.restore(CPU) is None
    assert not (tmp_path / "evil").exists() and len(said) == 1


@pytest.mark.parametrize("content", [[1, 2], {"state": {}}, {"fingerprint": FINGERPRINT}, 3])
def test_another_kind_of_file_is_refused(checkpoint, said, content):
    torch.save(content, checkpoint.path)
    assert checkpoint.restore(CPU) is None and len(said) == 1


def test_an_unwritable_folder_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(OSError) as raised:
        write_whole(tmp_path / "none" / "checkpoint.pt", b"new")
    assert raised.value.filename == str(tmp_path / "none" / "checkpoint.pt")


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, call):
    path = tmp_path / "checkpoint.pt"
    write_whole(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "write":
        monkeypatch.setattr("yoho.files.open", lambda *_: io.FileIO("/dev/full", "w"), raising=False)
    else:
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as raised:
        write_whole(path, b"new")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
