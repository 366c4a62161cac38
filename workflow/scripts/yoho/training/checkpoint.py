"""Checkpoints: the state of a training in one file, which is always complete and is refused if it does not fit."""

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
from yoho.training.batches import copied

# Errors of a file system without locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Checkpoint:
    """The state of a training after its last complete epoch, in a file beside the run.

    fingerprint: {name: value} of all settings, data and code that the state depends on; say: called with one line if a
    checkpoint is refused or the run cannot be locked.
    """

    def __init__(self, path, fingerprint, say):
        self.path, self.fingerprint, self.say = Path(path), fingerprint, say

    def save(self, state):
        """Replace the file with `write_whole`; state: tensors, numbers and texts in dictionaries and lists."""
        buffer = io.BytesIO()
        torch.save({"fingerprint": self.fingerprint, "state": state}, buffer)
        write_whole(self.path, buffer.getbuffer())

    @contextmanager
    def in_background(self):
        """Yield a function that saves a copy of a state in a thread; on leaving, the last state has been written.

        Each call first waits for the previous one and raises its error; so does leaving the block. If the block
        fails with another error, `say` reports that the last state could not be written.
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

    def restore(self, device):
        """The saved state with its tensors on `device`, or None if there is no file or the file is refused."""
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:  # PyTorch writes checksums but does not verify them.
                if archive.testzip():
                    raise ValueError("a checksum does not match")
            kept = torch.load(self.path, map_location=device, weights_only=True)
            state, fingerprint = kept["state"], dict(kept["fingerprint"])
        except (OSError, MemoryError, torch.OutOfMemoryError, torch.AcceleratorError):
            raise  # The file may be intact.
        except Exception as error:  # A damaged file can raise anything.
            reason = str(error).strip().partition("\n")[0]
            return self.refuse(f"cannot be read ({type(error).__name__}: {reason})")
        missing, own = object(), self.fingerprint
        if names := [key for key in own | fingerprint if own.get(key, missing) != fingerprint.get(key, missing)]:
            return self.refuse(f"was made with other {', '.join(names)}")
        return state

    def refuse(self, why):
        """Rename the file, and report why."""
        aside = self.path.replace(f"{self.path}.refused")
        self.say(f"{self.path}: {why}; it was renamed to {aside.name}, and the run starts afresh")

    @contextmanager
    def locked(self, patience):
        """Lock the run for this process; InputError if another process still holds the lock after `patience` seconds.

        If the file system has no locks, `say` reports it, and the run stays unlocked.
        """
        deadline = time.monotonic() + patience
        with open(self.path.with_suffix(".lock"), "w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        message = f"{self.path.parent}: another process is training this run; stop it first"
                        raise InputError(message) from error
                    time.sleep(0.2)
                except OSError as error:
                    if error.errno not in NO_LOCKS:
                        raise
                    self.say(
                        f"{lock.name}: this file system has no locks; make sure that only one process trains this run"
                    )
                    break
            yield
