"""The user's files: their state, the audio to be segmented, and the places of its events.

These files are no inputs of rules: Snakemake would not notice a file that is added to a folder or removed from it, and
takes a name in braces for a wildcard. Rules have the state of the files as a param instead, which starts a job again.
"""

import hashlib
import json
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from yoho.segmenting.finding import find_audio, place_of


def state_of(files):
    """A digest of the paths, sizes and times of files; it changes when one is added, removed or written."""
    found = hashlib.sha256()
    for file in files:
        with suppress(OSError):  # A file that cannot be read has no state; the job says so.
            status = Path(file).stat()
            found.update(repr((os.fsencode(file), status.st_size, status.st_mtime_ns)).encode())
    return found.hexdigest()[:16]


def as_text(value):
    """A path of the config, or a tuple of several, as text without a slash at its end.

    `--config audio=2024` gives the number 2024.
    """
    if isinstance(value, list):
        return tuple(map(as_text, value))
    return str(Path(str(value))) if value != "" else ""


@cache
def audio_places(audio):
    """The files and folders to be segmented, {name of the folder of their events: path}.

    audio: a path, a tuple of paths, or None. A path that lies directly in the working directory keeps its name. Any
    other gets a hash of where it is, so that files of the same name have different places. Raises WorkflowError for no
    path.
    """
    if not audio:
        raise WorkflowError("audio: missing; add --config audio=PATH, with a file or a folder to be segmented")
    places = {}
    for path in [audio] if isinstance(audio, str) else audio:
        whole = place_of(Path(path))
        name = re.sub(r"[^\w.+-]", "_", whole.name)[:60]
        if whole != Path.cwd() / name:
            name += f"~{hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]}"
        places[name] = path
    return places


@cache
def shards_in(plan, modified):
    """The shards of an archive, {number: hours}; plan: the file that lists them; modified: its time."""
    return json.loads(Path(plan).read_text())["shards"]


@cache
def state_of_audio(path):
    """The state of a file, or of the audio files in a folder, as `state_of`, and of what cannot be read there."""
    found = find_audio([path])
    faults = [repr(os.fsencode(fault)) for fault in sorted(found.faults.values())]
    return " ".join([state_of(sorted(found.files.values())), *faults])
