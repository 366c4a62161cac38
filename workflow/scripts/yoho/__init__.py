"""Audio segmentation with YOHO networks: the parts of the paper, one subpackage for each stage of the workflow."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # Otherwise ONNX Runtime reports every use to its makers.


class InputError(ValueError):
    """Unusable input from the user. The message names the file, key or value and says what to do."""


def cache_elsewhere():
    """Give libraries a temporary cache folder if the user's own cannot be written; returns it, or None.

    Otherwise Numba, which librosa needs, fails in a read-only installation without a home folder. Numba reads its
    setting when it is imported, so this function must run first. Processes started by this one inherit the setting.
    """
    with suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        cache.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=cache).close()
        return None
    with suppress(OSError):  # there is no temporary folder either
        folder = TemporaryDirectory(prefix="yoho-cache-")
        for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
            os.environ.setdefault(name, folder.name)
        return folder
    return None


CACHE = cache_elsewhere()  # the folder is deleted when this process ends
