"""Downloads from a server that misbehaves: sounds to serve, and what has become of a download."""

import hashlib
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from yoho import InputError

NAME = "00008053.wav"


def audio(seed, seconds=1.0, format="WAV"):
    """A file of noise, in bytes."""
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, round(8000 * seconds))
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format=format)
    return file.getvalue()


SOUND = audio(0)
HTML = b"<html><body>Please log in</body></html>"


def tree(root):
    """The content of a folder: {path: bytes}."""
    return {path.relative_to(root): path.read_bytes() if path.is_file() else None for path in Path(root).rglob("*")}


def assert_fetched(fetched, folder, content=SOUND, name=NAME):
    """The file is there as served, and described."""
    assert fetched.error is None
    assert (folder / name).read_bytes() == content
    assert (fetched.name, fetched.size) == (name, len(content))
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(fetched.retrieved)).total_seconds()) < 60
    assert not list(folder.glob(f"{name}.*"))


def assert_refused(fetched, folder, words, name=NAME):
    """The file is not there, and one line says why, with its name and address."""
    assert not (folder / name).exists()
    assert (fetched.size, fetched.sha256, fetched.retrieved, fetched.passing) == (None, None, None, False)
    assert re.search(words, fetched.fault) and "\n" not in fetched.fault
    assert fetched.fault.startswith(f"{name}, {fetched.address}: ")


def assert_out(get, folder, words, *files, **changes):
    """The first file is not there because the server failed, as one line says; all others are."""
    with pytest.raises(InputError, match=words) as caught:
        get(*files, **changes)
    assert not (folder / files[0].name).exists() and "\n" not in str(caught.value)
    assert str(caught.value).startswith(
        f"1 of {len(files)} files could not be fetched at the moment; what has arrived is kept"
    )
    assert f"run again later. The first: {files[0].name}, {files[0].address}: " in str(caught.value)
    assert all((folder / file.name).exists() for file in files[1:])
