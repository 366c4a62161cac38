"""Where results come from: the code's commit, the versions of packages, digests of files."""

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def commit():
    """The commit of the workflow's code, as git describes it ("-dirty" where files differ from it), or "unknown"."""
    describe = ["git", "-C", Path(__file__).parent, "describe", "--always", "--tags", "--dirty"]
    try:
        return subprocess.run(describe, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # no git, or a copy without its history
        return "unknown"


def versions():
    """Version of Python and of every installed package, by name. Neither a clock nor a path: again gives the same."""
    # Of two packages with one name the first on the path is imported.
    found = {package.metadata["Name"]: package.version for package in reversed(list(metadata.distributions()))}
    return {"python": platform.python_version()} | dict(sorted(found.items(), key=lambda item: item[0].lower()))


def digest(paths):
    """SHA-256 of some files' bytes, one after another."""
    total = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
