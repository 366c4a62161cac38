"""Cutting a signal into windows, and arrays on disk for their images and targets."""

import os

import numpy as np


def window_onsets(duration, window_length, hop):
    """Onsets of the windows that cover `duration` seconds, (windows,), s.

    A signal shorter than a window gives one window. A longer one ends with a window that may reach past its end.
    """
    # 1e-9: rounding must not add a window to a duration of a whole number of hops.
    count = 1 if duration <= window_length else int(np.ceil((duration - window_length) / hop - 1e-9)) + 1
    return np.arange(count) * hop


def first_samples(onsets, sample_rate):
    """First sample of each window, (windows,) int; onsets: (windows,), s."""
    return np.round(np.asarray(onsets) * sample_rate).astype(int)


def cut_windows(samples, onsets, window_length, sample_rate):
    """Windows of a signal, (windows, window_length * sample_rate), with zeros past the signal's end."""
    size = round(window_length * sample_rate)
    first = first_samples(onsets, sample_rate)
    padded = np.pad(samples, (0, max(0, first[-1] + size - len(samples))))
    return np.stack([padded[start : start + size] for start in first])


def create_array(path, shape, dtype=np.float32):
    """Create a .npy file of a given shape and type, and map it into memory.

    Its space is reserved at once, so that a full disk raises OSError here and does not crash a later assignment.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, array.offset + array.nbytes)
            except OSError as error:
                error.filename = str(path)
                raise
    return array


def fill(array, blocks):
    """Put blocks, which are parts of it, into an array one after another."""
    start = 0
    for block in blocks:
        array[start : start + len(block)] = block
        start += len(block)
