"""Tools for every job: a log, clear errors, a debugger, progress bars and parallel work."""

import atexit
import ctypes
import errno
import os
import pdb
import re
import sys
import threading
import time
import traceback
from functools import cache, partial

from yoho import InputError

TERMINAL = sys.stderr

# Messages of PyTorch, cuBLAS and cuDNN when the memory of a GPU is full.
FULL_GPU = "CUDA.*out of memory|CUBLAS_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)|CUDNN_STATUS_.*ALLOC.*_FAILED"


def start(snakemake):
    """Begin a Snakemake job: set torch's threads, and send prints, warnings and tracebacks to the job's log.

    An InputError or a full disk is reported as one line in the log and on the terminal. Any other exception leaves its
    traceback in the log and its last line on the terminal. `breakpoint()` opens pdb on the terminal, unless
    PYTHONBREAKPOINT names another debugger.
    """
    log = open(str(snakemake.log), "w", buffering=1)  # noqa: SIM115 (open until the job ends)
    sys.stdout = sys.stderr = log
    sys.excepthook = partial(report, log)
    if "PYTHONBREAKPOINT" not in os.environ:
        sys.breakpointhook = debug
    watch(os.getppid())
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(snakemake.threads)
        keep_memory()


def debug():
    """Stop in the caller with pdb, which uses the terminal even while prints go to a log."""
    pdb.Pdb(stdin=sys.stdin, stdout=TERMINAL).set_trace(sys._getframe(1))


def keep_memory():
    """Keep freed memory in the process if the C library is glibc, because torch often frees and allocates large arrays.

    Otherwise the system provides each array page by page, which costs a tenth of the training time on a CPU. All
    threads share one arena, because with several each thread would keep freed memory of its own.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold, arena_max, most = -1, -3, -8, 2**31 - 1  # glibc's malloc.h
        libc.mallopt(mmap_threshold, 2**30)
        libc.mallopt(trim_threshold, most)
        libc.mallopt(arena_max, 1)


def watch(parent):
    """From now on, end this process once its parent has ended, so that it does not write after Snakemake was killed."""
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()


def end_with(parent):
    """Wait until the parent of this process has ended, and end it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def report(log, kind, error, trace):
    """Report an exception in the log and on the terminal."""
    error = explained(error)
    line = f"error: {error}" if isinstance(error, InputError) else f"error: {kind.__name__}: {error}"
    print(f"\n{line}\n", file=TERMINAL)  # before the log, which may lie on the full disk
    if not isinstance(error, InputError):
        traceback.print_exception(kind, error, trace, file=log)
    print(line, file=log)


def explained(error):
    """An InputError that says what to do if the cause of the error is known, otherwise the error itself.

    Known causes are a full disk, a full GPU memory, and a compiler that is missing or fails.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"{error.filename or 'results'}: the disk is full; free some space and run again")
    cause = error
    while cause:  # the error at the end of a broken CUDA graph hides its cause
        reason = str(cause).partition("\n")[0]
        if isinstance(cause, RuntimeError) and re.search(FULL_GPU, reason):
            todo = "let fewer jobs share it (gpu= of the profile), or train with a lower training.batch_size"
            return InputError(f"the GPU's memory is full; {todo} ({reason})")
        if type(cause).__module__.startswith(("torch._inductor", "torch._dynamo")):
            return InputError(f"training.compile: torch.compile does not work here; set it to false ({reason})")
        cause = cause.__context__
    return error


def say(text):
    """Print a text in the log and on the terminal."""
    print(text)
    print(text, file=TERMINAL)


def progress(*args, **settings):
    """A progress bar on the terminal; if the output is a file or a pipe, it is updated only every 20 s."""
    from tqdm import tqdm

    return tqdm(*args, file=TERMINAL, mininterval=0.5 if TERMINAL.isatty() else 20, dynamic_ncols=True, **settings)


def spread(function, calls, threads, description, ordered=True):
    """Yield function(*call) for every call, computed by `threads` processes, with a progress bar.

    ordered: in the order of the calls. Then a few results wait to be taken, so that memory use does not grow with the
    number of calls. Otherwise each is yielded once it is there, and none waits for a slow one.
    """
    from joblib import Parallel, delayed, parallel_config

    few = 4 * threads if ordered else max(1, len(calls))
    taken = {"return_as": "generator"} if ordered else {"return_as": "generator_unordered", "batch_size": 1}
    # Each process computes with one thread; together they use the job's threads.
    with (
        parallel_config(backend="loky", inner_max_num_threads=1, initializer=watch, initargs=(os.getpid(),)),
        Parallel(n_jobs=threads, **taken) as parallel,
        progress(total=len(calls), desc=description) as bar,
    ):
        for start in range(0, len(calls), few):
            for result in parallel(delayed(function)(*call) for call in calls[start : start + few]):
                yield result
                bar.update()
    print(f"{description}: {len(calls)} done by {threads} processes")


def apart(function, *arguments):
    """The result of a function in a process of its own. Raises ChildProcessError if that process is ended."""
    # The executor of `spread` cannot be used, because joblib would take this one for its own.
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        return single_process(ProcessPoolExecutor).submit(function, *arguments).result()
    except TerminatedWorkerError as error:
        single_process.cache_clear()
        raise ChildProcessError("the process was ended") from error


@cache
def single_process(kind):
    """An executor of a kind with one process, which ends when it has waited for work for 10 s."""
    executor = kind(max_workers=1, timeout=10, initializer=watch, initargs=(os.getpid(),))
    atexit.register(executor.shutdown)
    return executor


def params(snakemake):
    """A job's params by name, without `code` and `files`, the digests of its code and of the user's files."""
    return {name: value for name, value in snakemake.params.items() if name not in ("code", "files")}
