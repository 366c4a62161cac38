"""Levels of a signal to be segmented: removal of a constant offset, and detection of silent bins.

Silence must be detected because each window is scaled to peak 1, which makes even the faintest noise loud.
"""

from itertools import accumulate

import numpy as np

CELL = 0.01  # s: step in which the offset is tracked; tracking it sample by sample would take longer

STEP = 2.0**-16  # half a step of 16 bits, which is the step of the mean of two 16-bit channels
FAINT = 0.1  # floats that stay below this peak (-20 dBFS) may have been scaled; the limit of silence then scales too


def offset_removed(blocks, rate, cutoff):
    """Cut a signal, given as blocks (samples,) float32, into new blocks; yield (block, block without offset).

    The offset is the signal after a first-order low-pass at `cutoff` Hz (None: no offset is removed). The filter starts
    from the mean of the first second, so that a constant signal becomes zeros. The cuts do not affect the result.
    """
    if cutoff is None:
        yield from ((block, block) for block in blocks)
        return
    cell = max(1, round(CELL * rate))
    rise = np.arange(1, cell + 1, dtype=np.float32) / np.float32(cell)
    value = level = None  # the mean of the last cell, and the offset at its end
    for block in cut_to_cells(blocks, cell, least=round(rate)):
        missing = -len(block) % cell  # only at the signal's end, where the last sample is repeated
        cells = (np.pad(block, (0, missing), mode="edge") if missing else block).reshape(-1, cell)
        if level is None:
            value = level = block[: round(rate)].mean(dtype=float)
        values = np.append(value, cells.mean(axis=1, dtype=float))
        levels = low_passed(values, level, cutoff, rate / cell)
        value, level = values[-1], levels[-1]
        # Linear interpolation between the levels at the ends of the cells.
        slow = np.diff(levels).astype(np.float32)[:, None] * rise
        slow += levels[:-1].astype(np.float32)[:, None]
        yield block, np.subtract(cells, slow, out=slow).ravel()[: len(block)]


def low_passed(values, output, cutoff, rate):
    """Outputs of a first-order Butterworth low-pass, (values,); the first value has the known output `output`.

    values: (values,), `rate` a second; cutoff: Hz, below half of `rate`. The bilinear transform makes the filter a
    recursion.
    """
    gain = np.tan(np.pi * cutoff / rate)
    new = gain / (1 + gain) * (values[1:] + values[:-1])
    kept = (1 - gain) / (1 + gain)
    return np.array(list(accumulate(new.tolist(), lambda last, new: kept * last + new, initial=output)))


def cut_to_cells(blocks, cell, least):
    """Yield the samples in blocks of whole cells, the first of at least `least` samples, and then the rest."""
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
    """Detects the silent bins of a signal's windows, one batch of windows after another.

    limit: dBFS; None: no bin is silent.
    loudest: peak of a signal of floats, whose full scale is unknown (see `loudest`); 0: the peak up to the end of each
    window is used; None: full scale is 1.
    """

    def __init__(self, limit, loudest):
        self.share, self.loudest = None if limit is None else 10 ** (limit / 20), loudest
        self.stepped = loudest == 0

    def full_scale(self, window, peak):
        """The amplitude of 0 dBFS, as known at the end of a window (samples,) with a given peak."""
        if self.loudest is None:
            return 1.0
        self.loudest = max(self.loudest, float(peak))
        self.stepped = self.stepped and self.loudest <= 1 and in_steps(window)
        return 1.0 if self.stepped else self.loudest if self.loudest > 1 else min(1.0, self.loudest / FAINT)

    def __call__(self, samples, first, size, bins):
        """Whether each bin is silent, (windows, bins): all its samples lie within the limit around their mean.

        samples: (samples,), with their offset; first: first sample of each window, ascending, (windows,); size: samples
        in a window. Bins past the signal's end are silent.
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
            limit = self.share * self.full_scale(window, max(top.max(), -bottom.min()))
            row[:] = True
            row[: len(begins)] = np.maximum(top - mean, mean - bottom) <= limit
        return silent


def event_levels(events, blocks, rate, cutoff):
    """The level of each event, (events,): the mean power in the cells that it touches, dB; an amplitude of 1 has 0 dB.

    events: a table with the columns onset and offset, s; other arguments as of `offset_removed`.
    """
    cell = max(1, round(CELL * rate))
    signal = (block for _, block in offset_removed(blocks, rate, cutoff))
    powers = [np.add.reduceat(block**2, np.arange(0, len(block), cell)) for block in cut_to_cells(signal, cell, cell)]
    sums = np.concatenate([[0.0], *powers]).cumsum()
    first = np.minimum(np.floor(events["onset"] * rate / cell + 1e-6).astype(int), len(sums) - 2)
    last = np.clip(np.ceil(events["offset"] * rate / cell - 1e-6).astype(int), first + 1, len(sums) - 1)
    mean = (sums[last] - sums[first]) / (cell * (last - first))
    return 10 * np.log10(np.maximum(mean, 1e-20)).to_numpy()


def loudest(blocks):
    """The peak of blocks (samples,) of floats, or None if full scale is 1.

    Full scale is 1 if the floats are 16-bit samples divided by 2**15, or the mean of two such channels.
    """
    peak, stepped = 0.0, True
    for block in blocks:
        block = np.nan_to_num(block, posinf=0, neginf=0)
        peak, stepped = max(peak, float(np.abs(block).max(initial=0))), stepped and in_steps(block)
    return None if stepped and peak <= 1 else peak


def in_steps(samples):
    """Whether all samples are multiples of STEP."""
    steps = samples / np.float32(STEP)
    return bool((steps == np.rint(steps)).all())
