"""A file that ends every process that reads it: imported by processes of test_shards.py, and by their processes."""

import os
import signal
from pathlib import Path

from yoho.archives import shards
from yoho.segmenting.segmenter import Segmenter

finish, whole = shards.finish, Segmenter.file


def file(self, path):
    """As `Segmenter.file`, but one file ends the process."""
    if Path(path).name == "quiet.wav":
        os.kill(os.getpid(), signal.SIGSEGV)
    return whole(self, path)


def poisoned(*call):
    """As `shards.finish`, also in a process of its own, which imports this module to find it."""
    Segmenter.file = file
    return finish(*call)


shards.finish = poisoned
