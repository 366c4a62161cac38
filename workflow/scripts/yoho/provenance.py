"""The provenance of results: the commit of the code, versions of packages, digests of files."""

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def commit():
    """The commit of the workflow's code as `git describe` names it ("-dirty" after local changes), or "unknown"."""
    describe = ["git", "-C", Path(__file__).parent, "describe", "--always", "--tags", "--dirty"]
    try:
        return subprocess.run(describe, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # git is missing, or this is a copy without the history
        return "unknown"


def versions():
    """{name: version} of Python and every installed package."""
    # Reversed, because Python imports the first package of a name on its path.
    found = {package.metadata["Name"]: package.version for package in reversed(list(metadata.distributions()))}
    return {"python": platform.python_version()} | dict(sorted(found.items(), key=lambda item: item[0].lower()))


def device_name(device):
    """The model name of the GPU or of the processor."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")  # Linux, x86
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def digest(paths):
    """SHA-256 over the SHA-256 digests of some files, in order."""
    total = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
