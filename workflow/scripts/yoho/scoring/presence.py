"""Averaged presence: the scores by which the averaged decoding decides, at every threshold at once."""

import numpy as np
from scipy.ndimage import rank_filter

from yoho.windows.averaging import Averager


def averaged_presence(decoder, outputs, windows):
    """Yield each file's name, the edges of its cells, (cells + 1,), s, and their averaged presence, (cells, classes).

    decoder: a `targets.Decoder` with `averaged`; other arguments as in `Decoder.events`. The presence of a cell is the
    average over windows (`averaging.Averager`), and then the median over time. The median of decisions at a threshold
    is the decision of the median. So a class sounds in a cell, at any threshold, if this presence reaches the
    threshold. At each threshold, the runs of such cells are the events of the averaged decoding, except that
    `Decoder.events` also joins events that are at most `merge_gap` apart.
    """
    for (filename, duration), rows in windows.groupby(["filename", "mix_duration"], sort=False).indices.items():
        averager = Averager(decoder)
        cells = averager.cells_in(duration)
        averager.add(outputs[rows], windows["onset"].to_numpy(float)[rows], cells)
        edges = np.minimum(np.arange(cells + 1) * averager.step, duration)
        yield filename, edges, median(averager.means, averager.reach)


def median(presence, reach):
    """Median over the `reach` cells on either side of each cell, as the averaged decoding has it; (cells, classes).

    Beyond the ends nothing sounds. A signal that is shorter than the median is its own width.
    """
    width = 2 * reach + 1
    rank = -(min(width, len(presence)) // 2 + 1)  # counted from the largest: more than half must sound
    return np.stack([rank_filter(scores, rank, size=width, mode="constant") for scores in presence.T], axis=1)
