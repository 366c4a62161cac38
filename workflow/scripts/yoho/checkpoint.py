"""Checkpoints: the whole state of a training in one file, whole at every moment, refused where it does not fit."""

import io
import os
import zipfile
from pathlib import Path

import torch


class Checkpoint:
    """The state of a training after its last full epoch, kept in a file beside the run.

    path: of the file; fingerprint: {name: what the state depends on: a setting, a digest of data or code}; say:
    called with one line where a checkpoint is refused. With path None nothing is kept.
    """

    def __init__(self, path, fingerprint, say):
        self.path, self.fingerprint, self.say = path, fingerprint, say

    def save(self, state):
        """Replace the file by one that holds `state`: tensors, numbers and text in dictionaries and lists.

        OSError, naming the file, where it cannot be written: the former checkpoint then stands.
        """
        if self.path is None:
            return
        buffer = io.BytesIO()
        torch.save({"fingerprint": self.fingerprint, "state": state}, buffer)
        write_whole(self.path, buffer.getbuffer())

    def load(self, device):
        """The kept state, its tensors on `device`; None where there is none, or none that fits, which `say` says."""
        if self.path is None or not Path(self.path).exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:  # PyTorch itself writes checksums and does not read them
                if archive.testzip():
                    raise ValueError("a checksum does not fit")
            kept = torch.load(self.path, map_location=device, weights_only=True)
            state, fingerprint = kept["state"], dict(kept["fingerprint"])
        except Exception as error:  # a damaged file can break its reader in any way
            reason = str(error).strip().partition("\n")[0]
            self.say(f"{self.path}: cannot be read ({type(error).__name__}: {reason}); the run starts afresh")
            return None
        names = dict.fromkeys([*self.fingerprint, *fingerprint])
        if other := [name for name in names if self.fingerprint.get(name) != fingerprint.get(name)]:
            self.say(f"{self.path}: was made with other {', '.join(other)}; it is not used, the run starts afresh")
            return None
        return state


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
