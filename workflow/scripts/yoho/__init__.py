"""Audio segmentation with YOHO networks: the parts of the paper, arrays in and arrays out."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile


class InputError(ValueError):
    """What the user gave cannot be used: the message names the file, key or value and says what to do."""


def cache_elsewhere():
    """Let libraries keep what they compile or list in a temporary folder, where the user's own cannot be written.

    Numba, which librosa needs, else computes nothing in a read-only installation without a home. It reads its setting
    when it is imported: so here, before anything else. Processes that this one starts find the folder set already.
    """
    with suppress(OSError, RuntimeError):  # the latter where there is no home
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        cache.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=cache).close()
        return None
    with suppress(OSError):  # no temporary folder either
        folder = TemporaryDirectory(prefix="yoho-cache-")
        for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
            os.environ.setdefault(name, folder.name)
        return folder
    return None


CACHE = cache_elsewhere()  # it lasts as long as this process
