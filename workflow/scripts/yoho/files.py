"""Files: written as a whole, mapped into memory, or put into a data URI."""

import base64
import mmap
import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mapped(path):
    """The bytes of a file as a memory map. The file must not be empty."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def write_whole(path, data, part=None):
    """Write bytes to a file, which keeps its previous content if anything fails.

    part: path of the unfinished file, on the same file system; None for PATH.part.
    Raises OSError, naming the file, if it cannot be written, for example on a full disk.
    """
    part = Path(part or f"{path}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def data_uri(content, kind):
    """The data URI of some bytes; kind: their MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
