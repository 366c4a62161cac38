"""What every job needs, whatever it computes: log, progress, parallel work, clear errors."""

import ctypes
import errno
import os
import re
import sys
import threading
import time
import traceback
from functools import partial

from yoho import InputError

TERMINAL = sys.stderr

# What PyTorch, cuBLAS and cuDNN say where a GPU's memory is full.
FULL_GPU = "CUDA.*out of memory|CUBLAS_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)|CUDNN_STATUS_.*ALLOC.*_FAILED"


def start(snakemake):
    """Begin a Snakemake job: prints, warnings and tracebacks go to its log, and torch gets its threads.

    An InputError, or a full disk, is one line on the terminal and in the log; any other exception leaves
    its traceback in the log and its last line on the terminal.
    """
    log = open(str(snakemake.log), "w", buffering=1)  # noqa: SIM115 (open until the job ends)
    sys.stdout = sys.stderr = log
    sys.excepthook = partial(report, log)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(snakemake.threads)
        keep_memory()


def keep_memory():
    """Let freed memory stay with the process, where glibc can: torch frees and takes large arrays all the time.

    Otherwise each of them comes page by page from the system: a tenth of the time of training on a CPU. All threads
    share it, or each would keep what it once took.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold, arena_max, most = -1, -3, -8, 2**31 - 1  # glibc's malloc.h
        libc.mallopt(mmap_threshold, 2**30)
        libc.mallopt(trim_threshold, most)
        libc.mallopt(arena_max, 1)


def end_with(parent):
    """End this process once its parent has ended: a killed Snakemake leaves no job behind that writes on."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def report(log, kind, error, trace):
    """Say what went wrong, to the log and to the terminal."""
    error = explained(error)
    line = f"error: {error}" if isinstance(error, InputError) else f"error: {kind.__name__}: {error}"
    print(f"\n{line}\n", file=TERMINAL)  # first: the log may be on the disk that is full
    if not isinstance(error, InputError):
        traceback.print_exception(kind, error, trace, file=log)
    print(line, file=log)


def explained(error):
    """The error itself, or, where its cause is known, an InputError that says what to do.

    Known are a full disk, a GPU whose memory is full, and a compiler that is missing or fails.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"{error.filename or 'results'}: the disk is full; free some space and run again")
    cause = error
    while cause:  # the end of a broken CUDA graph hides what broke it
        reason = str(cause).partition("\n")[0]
        if isinstance(cause, RuntimeError) and re.search(FULL_GPU, reason):
            todo = "let fewer jobs share it (gpu= of the profile), or train with a lower training.batch_size"
            return InputError(f"the GPU's memory is full; {todo} ({reason})")
        if type(cause).__module__.startswith(("torch._inductor", "torch._dynamo")):
            return InputError(f"training.compile: torch.compile does not work here; set it to false ({reason})")
        cause = cause.__context__
    return error


def say(text):
    """Say something in the log and on the terminal."""
    print(text)
    print(text, file=TERMINAL)


def progress(*args, **settings):
    """A progress bar on the terminal; one that moves every 20 s where the output is no terminal."""
    from tqdm import tqdm

    return tqdm(*args, file=TERMINAL, mininterval=0.5 if TERMINAL.isatty() else 20, dynamic_ncols=True, **settings)


def spread(function, calls, threads, description):
    """Yield function(*call) for every call, in order, computed by `threads` processes, with a progress bar.

    A few calls per process are handed out at a time, and no more before their results are taken: what is
    held in memory does not grow with the number of calls.
    """
    from joblib import Parallel, delayed, parallel_config

    few = 4 * threads
    # Each process computes with one thread of its own: together they fill the job's threads.
    with (
        parallel_config(backend="loky", inner_max_num_threads=1),
        Parallel(n_jobs=threads, return_as="generator") as parallel,
        progress(total=len(calls), desc=description) as bar,
    ):
        for start in range(0, len(calls), few):
            for result in parallel(delayed(function)(*call) for call in calls[start : start + few]):
                yield result
                bar.update()
    print(f"{description}: {len(calls)} done by {threads} processes")


def params(snakemake):
    """A job's params by name, without the digest of its code."""
    return {name: value for name, value in snakemake.params.items() if name != "code"}
