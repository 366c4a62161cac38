"""Jobs: their log, their errors, the debugger, and work spread over processes."""

import errno
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from yoho import InputError, job
from yoho.audio import read_audio


@pytest.fixture
def terminal(monkeypatch):
    """The terminal, as text."""
    text = io.StringIO()
    monkeypatch.setattr(job, "TERMINAL", text)
    return text


@pytest.fixture
def in_job(tmp_path, terminal, monkeypatch):
    """A function that runs an action as a job and returns (the text of its log, the text on the terminal)."""
    monkeypatch.setattr(job, "end_with", lambda parent: None)  # the tests need not end with their parent

    def run(action):
        before = sys.stdout, sys.stderr, sys.excepthook, torch.get_num_threads()
        job.start(SimpleNamespace(log=str(tmp_path / "job.log"), threads=2))
        log = sys.stdout
        try:
            action()
        except Exception:
            sys.excepthook(*sys.exc_info())  # as Python does when a script ends with an exception
        finally:
            sys.stdout, sys.stderr, sys.excepthook = before[:3]
            torch.set_num_threads(before[3])
            log.close()
        return (tmp_path / "job.log").read_text(), terminal.getvalue()

    return run


def raising(error):
    """A function that raises an error."""

    def fail():
        raise error

    return fail


# ---- log and errors --------------------------------------------------------------------------------------------------


def test_prints_and_warnings_go_to_the_log_as_they_come(in_job, tmp_path):
    written = []

    def work():
        print("epoch 1")
        print("careful", file=sys.stderr)
        written.append((tmp_path / "job.log").read_text())  # while the job is still running

    log, seen = in_job(work)
    assert log == written[0] == "epoch 1\ncareful\n"
    assert seen == ""


def test_torch_gets_the_threads_of_the_job(in_job):
    threads = []
    in_job(lambda: threads.append(torch.get_num_threads()))
    assert threads == [2]


def test_input_error_is_one_line_without_a_traceback(in_job):
    log, seen = in_job(raising(InputError("a.wav: cannot be read as audio; replace or remove it")))
    assert log.strip() == seen.strip() == "error: a.wav: cannot be read as audio; replace or remove it"


def test_other_error_leaves_its_traceback_in_the_log_and_its_last_line_on_the_terminal(in_job):
    log, seen = in_job(raising(ZeroDivisionError("by nothing")))
    assert "Traceback (most recent call last)" in log and "test_job.py" in log
    assert "ZeroDivisionError: by nothing" in log
    assert seen.strip() == "error: ZeroDivisionError: by nothing"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("filename", ["results/x/features.npy", None])
def test_full_disk_is_one_clear_line(in_job, filename, code):
    for text in in_job(raising(OSError(code, os.strerror(code), filename))):
        assert "disk is full" in text and (filename or "results") in text
        assert "Traceback" not in text and len(text.strip().splitlines()) == 1


def test_full_disk_is_said_even_where_the_log_lies_on_it(terminal):
    with pytest.raises(OSError), open("/dev/full", "w", buffering=1) as log:
        job.report(log, OSError, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/x"), None)
    assert "results/x: the disk is full" in terminal.getvalue()


def test_other_errors_of_the_system_keep_their_traceback(in_job):
    log, seen = in_job(raising(PermissionError(errno.EACCES, "Permission denied", "results/x")))
    assert "Traceback" in log
    assert "results/x" in seen and "disk is full" not in seen


def test_error_that_follows_from_another_is_still_one_line(in_job):
    def work():
        try:
            raise OSError("deep down")
        except OSError as error:
            raise InputError("a.wav: cannot be read") from error

    log, _ = in_job(work)
    assert log.strip() == "error: a.wav: cannot be read"


JOB = """
import sys, time
from types import SimpleNamespace
from yoho import job
job.start(SimpleNamespace(log=sys.argv[1], threads=1))
print("at work")
time.sleep(60)
"""
PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


def test_job_ends_when_its_parent_is_killed(tmp_path):
    """Parent and job share a pipe, which closes only when both have ended."""
    scripts = str(Path(job.__file__).parents[1])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, JOB, str(tmp_path / "job.log")],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": scripts},
    )
    while not (tmp_path / "job.log").exists() or "at work" not in (tmp_path / "job.log").read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.communicate(timeout=20)


DEBUGGED = """
import sys
from types import SimpleNamespace
from yoho import job
def count(number):
    breakpoint()
    print("counted", number)
job.start(SimpleNamespace(log=sys.argv[1], threads=1))
count(3)
"""


@pytest.mark.parametrize("chosen", [None, "0"])
def test_a_breakpoint_opens_pdb_on_the_terminal_and_prints_stay_in_the_log(tmp_path, chosen):
    """PYTHONBREAKPOINT=0 switches breakpoints off, as everywhere."""
    done = subprocess.run(
        [sys.executable, "-c", DEBUGGED, str(tmp_path / "job.log")],
        input="p number + 1\nnumber = 5\ncontinue\n",
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": str(Path(job.__file__).parents[1])}
        | ({"PYTHONBREAKPOINT": chosen} if chosen else {}),
    )
    assert done.returncode == 0 and done.stdout == ""
    assert (tmp_path / "job.log").read_text() == ("counted 3\n" if chosen else "counted 5\n")
    assert done.stderr == "" if chosen else "count()" in done.stderr and "(Pdb) 4\n" in done.stderr


def test_what_is_said_stands_on_the_terminal_and_in_the_log(in_job):
    for text in in_job(lambda: job.say("checkpoint.pt: cannot be read")):
        assert text.strip() == "checkpoint.pt: cannot be read"


def test_memory_that_stays_with_the_process_is_asked_for_where_the_c_library_can(monkeypatch):
    calls = []
    monkeypatch.setattr(job.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=lambda *call: calls.append(call)))
    job.keep_memory()
    assert calls == [(-3, 2**30), (-1, 2**31 - 1), (-8, 1)]
    monkeypatch.setattr(job.ctypes, "CDLL", lambda _: SimpleNamespace())  # macOS, musl
    job.keep_memory()


def test_params_are_those_of_the_rule_without_the_digest():
    params = {"seed": 3, "code": "0123abcd", "duration": [1, 2]}
    assert job.params(SimpleNamespace(params=params)) == {"seed": 3, "duration": [1, 2]}


FULL = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.19 GiB"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(f"{FULL}\nMore lines."),
        torch.AcceleratorError("CUDA error: out of memory\nSearch for it."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_full_gpu_is_one_line_that_says_what_to_do(monkeypatch, error, hidden):
    """The error at the end of a broken CUDA graph hides its cause."""
    log, terminal = io.StringIO(), io.StringIO()
    monkeypatch.setattr(job, "TERMINAL", terminal)
    try:
        try:
            raise error
        except RuntimeError:
            if hidden:
                raise RuntimeError("the capture was broken")  # noqa: B904 (as PyTorch does)
            raise
    except RuntimeError as raised:
        job.report(log, type(raised), raised, raised.__traceback__)
    (line,) = terminal.getvalue().strip().splitlines()
    assert line.startswith("error: the GPU's memory is full; let fewer jobs share it") and "training.batch_size" in line
    assert line.endswith(f"({str(error).partition(chr(10))[0]})") and log.getvalue() == f"{line}\n"


def test_other_errors_are_no_full_gpu():
    for error in (
        RuntimeError("CUDA error: illegal access"),
        ValueError("CUDA out of memory"),
        KeyError("x"),
    ):
        assert job.explained(error) is error


# ---- work spread over processes --------------------------------------------------------------------------------------


@pytest.fixture
def slow_square():
    """A function of 0 to 7 that is slower for the earlier calls, so that the results are ready out of order.

    As a local function it is pickled by value, so that the processes need not import this file.
    """

    def square(number):
        time.sleep(0.02 * (8 - number))
        return number**2

    return square


@pytest.mark.parametrize("threads", [1, 2])
def test_results_come_in_the_order_of_the_calls(terminal, slow_square, threads):
    calls = [(number,) for number in range(8)]
    assert list(job.spread(slow_square, calls, threads, "squares")) == [number**2 for number in range(8)]


def test_calls_run_in_as_many_processes_as_there_are_threads(terminal):
    def process(_):
        time.sleep(0.05)
        return os.getpid()

    processes = set(job.spread(process, [(number,) for number in range(12)], 2, "processes"))
    assert len(processes) == 2 and os.getpid() not in processes


def test_no_calls_give_no_results(terminal, slow_square):
    assert list(job.spread(slow_square, [], 2, "nothing")) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_input_error_of_a_worker_reaches_the_job(tmp_path, terminal, threads):
    """So the user can read which file it is."""
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    with pytest.raises(InputError, match=r"broken\.wav: cannot be read as audio"):
        list(job.spread(read_audio, [(tmp_path / "broken.wav",)] * 3, threads, "recordings"))


def test_arguments_and_results_may_be_arrays(terminal):
    arrays = [(np.full(1000, number),) for number in range(4)]
    assert [result.item() for result in job.spread(np.sum, arrays, 2, "sums")] == [0, 1000, 2000, 3000]


def test_progress_names_the_work_and_ends_complete(terminal, slow_square):
    list(job.spread(slow_square, [(number,) for number in range(8)], 1, "squares"))
    last = terminal.getvalue().replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("squares: 100%") and "8/8" in last


def test_spread_holds_few_results_whatever_the_number_of_calls(tmp_path, terminal, capsys):
    """The number of results that wait is bounded, so that memory does not grow with the number of mixes."""
    calls = [(tmp_path / f"{number}",) for number in range(60)]
    results = job.spread(Path.touch, calls, 2, "files")
    for _ in range(5):
        next(results)
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) <= 8
    assert len(list(results)) == 55
    assert len(list(tmp_path.iterdir())) == 60


def test_results_in_any_order_do_not_wait_for_a_slow_one(terminal):
    def slow_first(number):
        time.sleep(2 if number == 0 else 0)
        return number

    results = list(job.spread(slow_first, [(number,) for number in range(40)], 2, "numbers", ordered=False))
    assert sorted(results) == list(range(40)) and results[-1] == 0


def test_work_apart_may_come_before_work_in_several_processes(terminal, slow_square):
    assert job.apart(slow_square, 3) == 9
    assert list(job.spread(slow_square, [(2,), (3,)], 2, "squares")) == [4, 9]


WORKERS = """
import sys, time
from pathlib import Path
from yoho import job
def work(path):
    Path(path).touch()
    time.sleep(600)
{call}
"""


@pytest.mark.parametrize(
    "call", ["list(job.spread(work, [sys.argv[1:]] * 9, 2, 'work'))", "job.apart(work, sys.argv[1])"]
)
def test_the_processes_of_a_job_end_when_it_is_killed(tmp_path, call):
    """Job and processes share a pipe, which closes only when all have ended."""
    parent = subprocess.Popen(
        [sys.executable, "-c", WORKERS.format(call=call), str(tmp_path / "at work")],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(job.__file__).parents[1])},
    )
    while not (tmp_path / "at work").exists():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.communicate(timeout=20)


def test_a_job_with_work_apart_ends_in_silence():
    """At its end, Python may name errors of executors that were not shut down."""
    code = "import plan_archive\nfrom yoho import job\njob.apart(abs, -1)"
    environment = os.environ | {"PYTHONPATH": str(Path(job.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
