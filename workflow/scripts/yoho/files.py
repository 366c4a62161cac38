"""Files: written whole or not at all, read without being held, or held in an address."""

import base64
import mmap
import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mapped(path):
    """The bytes of a file that is not empty, without reading them."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def write_whole(path, data):
    """Write bytes to a file that, whatever happens meanwhile, holds all of them or what it held before.

    OSError, naming the file, where it cannot be written, on a full disk say.
    """
    part = Path(f"{path}.part")
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
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
