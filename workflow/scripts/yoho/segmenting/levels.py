"""Levels of a signal that is segmented: a constant offset removed, and the bins in which nothing sounds.

A network is given windows that are each scaled to peak 1, so that it takes the faintest noise for a sound.
"""

import numpy as np
from scipy.signal import butter, lfilter, lfilter_zi

CELL = 0.01  # s: the mean is followed from one piece of this length to the next; sample by sample takes longer

STEP = 2.0**-16  # half a step of 16 bits: the mean of two channels of 16 bits has such steps
FAINT = (
    0.1  # floats that stay below it (-20 dBFS) may have been scaled: what counts as silent among them sinks with them
)


def offset_removed(blocks, rate, cutoff):
    """Yield (block, the same without its offset) of blocks (samples,) float32 of one signal, cut anew.

    What is removed is a low-pass of first order of the signal, at `cutoff` Hz (None: nothing is removed). It starts
    from the mean of the signal's first second: a constant signal becomes zeros. It depends on no cut between blocks.
    """
    if cutoff is None:
        yield from ((block, block) for block in blocks)
        return
    cell = max(1, round(CELL * rate))
    numerator, denominator = butter(1, cutoff, fs=rate / cell)
    rise = np.arange(1, cell + 1, dtype=np.float32) / np.float32(cell)
    level = state = None
    for block in cut_to_cells(blocks, cell, least=round(rate)):
        missing = -len(block) % cell  # at the signal's end alone: as if its last sample went on
        cells = (np.pad(block, (0, missing), mode="edge") if missing else block).reshape(-1, cell)
        if state is None:
            level = block[: round(rate)].mean(dtype=float)
            state = level * lfilter_zi(numerator, denominator)
        levels, state = lfilter(numerator, denominator, cells.mean(axis=1, dtype=float), zi=state)
        before = np.concatenate([[level], levels[:-1]])
        level = levels[-1]
        # Between the levels at the ends of the cells a straight line.
        slow = (levels - before).astype(np.float32)[:, None] * rise
        slow += before.astype(np.float32)[:, None]
        yield block, np.subtract(cells, slow, out=slow).ravel()[: len(block)]


def cut_to_cells(blocks, cell, least):
    """The same samples in blocks of whole cells, the first of at least `least` samples; the last is what is left."""
    waiting, held = [], 0
    for block in blocks:
        waiting.append(block)
        held += len(block)
        if held >= max(least, cell):
            joined, least = np.concatenate(waiting), 0
            whole = held // cell * cell
            yield joined[:whole]
            waiting, held = [joined[whole:]], held - whole
    if held:
        yield np.concatenate(waiting)


class Silence:
    """Tells in which bins of a signal's windows nothing sounds, one batch of windows after another.

    limit: dBFS (None: none is silent); loudest: of the signal's samples, where they came as floats, whose scale nobody
    knows, see `loudest`; 0: it is found out as they come, up to the end of each window; None: full scale is 1.
    """

    def __init__(self, limit, loudest):
        self.share, self.loudest = None if limit is None else 10 ** (limit / 20), loudest
        self.stepped = loudest == 0

    def full_scale(self, window):
        """What 0 dBFS is, up to the end of a window (samples,)."""
        if self.loudest is None:
            return 1.0
        self.loudest = max(self.loudest, float(np.abs(window).max()))
        self.stepped = self.stepped and self.loudest <= 1 and in_steps(window)
        return 1.0 if self.stepped else self.loudest if self.loudest > 1 else min(1.0, self.loudest / FAINT)

    def __call__(self, samples, first, size, bins):
        """Which bins are silent, (windows, bins) bool: those whose samples are all within the limit of their mean.

        samples: as they came, (samples,); first: of each window, ascending, (windows,); size: samples of a window. A
        bin past the signal's end is silent.
        """
        silent = np.zeros((len(first), bins), bool)
        if self.share is None:
            return silent
        edges = np.round(np.arange(bins) * size / bins).astype(int)
        for row, start in zip(silent, first):
            window = samples[start : start + size]
            begins = edges[edges < len(window)]
            top, bottom = np.maximum.reduceat(window, begins), np.minimum.reduceat(window, begins)
            mean = np.add.reduceat(window, begins) / np.diff(begins, append=len(window))
            limit = self.share * self.full_scale(window)
            row[:] = True
            row[: len(begins)] = np.maximum(top - mean, mean - bottom) <= limit
        return silent


def loudest(blocks):
    """The loudest sample of blocks (samples,) of floats; None where full scale is 1.

    That is so where they are 16-bit samples divided by 2**15, or the means of two channels of such.
    """
    peak, stepped = 0.0, True
    for block in blocks:
        block = np.nan_to_num(block, posinf=0, neginf=0)
        peak, stepped = max(peak, float(np.abs(block).max(initial=0))), stepped and in_steps(block)
    return None if stepped and peak <= 1 else peak


def in_steps(samples):
    """Whether samples are multiples of STEP."""
    steps = samples / np.float32(STEP)
    return bool((steps == np.rint(steps)).all())
