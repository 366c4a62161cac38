"""Checkpoints: the whole state of a training in one file, whole at every moment, refused where it does not fit."""

import errno
import fcntl
import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from yoho import InputError
from yoho.files import write_whole

# What a file system says that has no locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Checkpoint:
    """The state of a training after its last full epoch, kept in a file beside the run.

    path: of the file; fingerprint: {name: what the state depends on: a setting, a digest of data or code}; say:
    called with one line where a checkpoint is refused, or the run cannot be locked.
    """

    def __init__(self, path, fingerprint, say):
        self.path, self.fingerprint, self.say = Path(path), fingerprint, say

    def save(self, state):
        """Replace the file by one that holds `state`: tensors, numbers and text in dictionaries and lists.

        OSError, naming the file, where it cannot be written: the former checkpoint then stands.
        """
        buffer = io.BytesIO()
        torch.save({"fingerprint": self.fingerprint, "state": state}, buffer)
        write_whole(self.path, buffer.getbuffer())

    @contextmanager
    def in_background(self):
        """A function that saves a copy of a state while its caller goes on. On leaving, the last state is in the file.

        A call waits for the one before it, and raises what that one raised; so does leaving. Where an error of the
        caller's ends it all, `say` gets a line if the last state could not be written.
        """
        writing = None
        with ThreadPoolExecutor(1) as writer:

            def save(state):
                nonlocal writing
                if writing:
                    writing.result()
                writing = writer.submit(self.save, copied(state))

            try:
                yield save
            except BaseException as raised:
                if writing and (error := writing.exception()) not in (None, raised):
                    self.say(f"{self.path}: the last state could not be written ({error})")
                raise
            if writing:
                writing.result()

    def load(self, device):
        """The kept state, its tensors on `device`; None where there is none, or none that fits, which `say` says."""
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:  # PyTorch itself writes checksums and does not read them
                if archive.testzip():
                    raise ValueError("a checksum does not fit")
            kept = torch.load(self.path, map_location=device, weights_only=True)
            state, fingerprint = kept["state"], dict(kept["fingerprint"])
        except (OSError, MemoryError, torch.OutOfMemoryError, torch.AcceleratorError):
            raise  # the file may well be whole
        except Exception as error:  # a damaged file can break its reader in any way
            reason = str(error).strip().partition("\n")[0]
            return self.refuse(f"cannot be read ({type(error).__name__}: {reason})")
        if other := differing(self.fingerprint, fingerprint):
            return self.refuse(f"was made with other {', '.join(other)}")
        return state

    def refuse(self, why):
        """Put the file aside, under another name, and say so."""
        aside = self.path.replace(f"{self.path}.refused")
        self.say(f"{self.path}: {why}; it is now {aside.name}, and the run starts afresh")

    @contextmanager
    def alone(self, patience):
        """Hold the run for this process; InputError where another one holds it still after `patience` seconds.

        Where the file system has no locks, `say` gets one line, and nothing keeps another process off.
        """
        deadline = time.monotonic() + patience
        with open(self.path.with_suffix(".lock"), "w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise InputError(
                            f"{self.path.parent}: another process trains this run; end it first"
                        ) from error
                    time.sleep(0.2)
                except OSError as error:
                    if error.errno not in NO_LOCKS:
                        raise
                    self.say(
                        f"{lock.name}: this file system has no locks; make sure that only one process trains this run"
                    )
                    break
            yield


def copied(state):
    """A copy on the CPU of tensors, numbers and text in dictionaries and lists: no later training changes it."""
    if torch.is_tensor(state):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    return [copied(value) for value in state] if isinstance(state, list) else state


def differing(one, other):
    """Names under which two dictionaries do not hold the same."""
    return [name for name in one | other if name not in one or name not in other or one[name] != other[name]]
