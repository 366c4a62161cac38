"""The standard streams of a command: they accept any file name, and a closed or full stream causes no traceback."""

import codecs
import os
import re
import sys
from contextlib import suppress

from tqdm import tqdm

from yoho import job


def print_problem(problem, kind="error"):
    """Print an error or a warning as one line on standard error."""
    print_line(f"{kind}: {one_line(problem)}")


def print_line(line):
    """Print a line on standard error, above any progress bar. If that fails, later lines are dropped."""
    try:
        tqdm.write(line, file=sys.stderr)
    except OSError:
        discard(sys.stderr)


def discard(stream):
    """Redirect a stream that cannot be written to the null device, so that flushing it at exit raises no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def one_line(text):
    """The text with its control characters escaped; a file's name may contain them, line breaks included."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda sign: repr(sign[0])[1:-1], str(text))


def any_name(error):
    """Error handler of codecs: it keeps undecodable bytes unchanged, and escapes other characters (\\u9ce5)."""
    with suppress(UnicodeError):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)


codecs.register_error("any_name", any_name)


def prepare_streams():
    """Let standard output and error accept any name; open closed streams on the null device and return their names."""
    closed = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:  # in this order, so that each stream gets its own file descriptor
        stream = open(os.devnull, "r" if name == "stdin" else "w")  # noqa: SIM115
        os.set_inheritable(stream.fileno(), True)  # otherwise a new process could use the descriptor for a pipe
        setattr(sys, name, stream)
    job.TERMINAL = job.TERMINAL or sys.stderr
    sys.stdout.reconfigure(errors="any_name")
    sys.stderr.reconfigure(errors="backslashreplace")
    return closed
