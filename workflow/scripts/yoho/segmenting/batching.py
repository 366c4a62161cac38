"""Batches of windows of a signal: how they lie in time, and how they are joined and computed in advance."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

# Windows, and numbers of their outputs, that are decoded together: many, because every call costs some milliseconds.
DECODED, NUMBERS = 256, 2**19


class Times(NamedTuple):
    """Where consecutive windows of a signal lie.

    onsets: onset of each window (s), (windows,); limit: the audio's duration (s), infinity until it is known; later:
    onset of the next window (s), infinity at the end.
    """

    onsets: np.ndarray
    limit: float
    later: float


class Batch(NamedTuple):
    """Consecutive windows of a signal.

    samples: the samples that contain the windows, without offset, (samples,); begins: index of each window's first
    sample in them, (windows,); silent: silent bins, (windows, bins); times: where the windows lie.
    """

    samples: np.ndarray
    begins: np.ndarray
    silent: np.ndarray
    times: Times


def gathered(windows):
    """Yield the pairs (outputs, `Times`) of windows joined to pairs of DECODED windows or NUMBERS numbers, or more."""
    held, count = [], 0
    for pair in windows:
        held.append(pair)
        count += len(pair[0])
        if count >= DECODED or sum(outputs.size for outputs, _ in held) >= NUMBERS:
            yield joined_pairs(held)
            held, count = [], 0
    if held:
        yield joined_pairs(held)


def joined_pairs(pairs):
    """One pair (outputs, `Times`) of consecutive ones."""
    outputs, times = zip(*pairs)
    return np.concatenate(outputs), times[-1]._replace(onsets=np.concatenate([each.onsets for each in times]))


def prefetched(items, most):
    """Yield the items; a thread computes up to `most` of them in advance."""
    items, end, waiting = iter(items), object(), deque()
    with ThreadPoolExecutor(1) as maker:
        for _ in range(most):
            waiting.append(maker.submit(next, items, end))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(maker.submit(next, items, end))
            yield item
