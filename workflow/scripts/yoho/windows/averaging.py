"""Averaged decoding: overlapping windows are averaged on a fine grid of time, and the average decides.

The paper's decoding (`targets.Decoder.bins`) makes an event of every bin that counts in any window. Here each window
puts the presence of a bin on the cells of the grid between the bin's start and end, and 0 on the others. The windows
that cover a cell are averaged, with more weight if the cell is near their middle. A class sounds in a cell if this
average reaches the threshold. Last, a median over time removes short events and fills short gaps.
"""

import numpy as np
import pandas as pd


class Averager:
    """Events of one signal from the outputs of its windows, which are given batch after batch.

    decoder: a `targets.Decoder` whose `averaged` holds the config's `decoding.averaged`: `resolution`, length of a
    cell, s; `edge`, weight of a window at its edges, relative to its middle; `median`, width of the median, s.
    chosen: function that takes whether each class sounds in each cell, (cells, classes), and keeps those to report.
    """

    def __init__(self, decoder, chosen=None):
        averaged, classes = decoder.averaged, len(decoder.event_labels)
        self.event_labels = np.asarray(decoder.event_labels, object)
        self.threshold, self.end_from, self.chosen = decoder.threshold, decoder.end_from, chosen
        self.step, self.cells = averaged["resolution"], round(decoder.window_length / averaged["resolution"])
        self.reach = round(averaged["median"] / 2 / self.step)  # cells of the median on either side of its middle
        distance = np.abs(2 * (np.arange(self.cells) + 0.5) / self.cells - 1)
        self.weights = (1 - (1 - averaged["edge"]) * distance)[:, None]
        # Sums over windows of the cells from `first` on; means of the cells from `kept` on; cells before `decided` are
        # decided.
        self.sums, self.first = np.zeros((0, 1 + classes)), 0
        self.means, self.kept, self.decided = np.zeros((0, classes)), 0, 0

    def __call__(self, outputs, onsets, limit, later):
        """Add windows; returns the events that are now decided, and the time up to which every cell is decided, s.

        outputs: (windows, bins, 3 * classes) in [0, 1]; onsets: ascending, (windows,), s; limit: duration of the
        signal, infinity until it is known, s; later: onset of the next window, infinity at the end, s.
        The table has the columns of events, `presence` (a sum over cells) and `bins` (number of cells). An event that
        lasts to the end of the decided cells may go on in the next table.
        """
        ended = np.isinf(later)
        end = self.cells_in(limit) if ended else round(later / self.step)
        self.add(outputs, onsets, end)
        decided = end if ended else max(self.decided, end - self.reach)
        cells = np.arange(self.decided, decided)
        low, high = np.maximum(cells - self.reach, 0), np.minimum(cells + self.reach + 1, end)
        sounds = self.means >= self.threshold
        count = running_sums(self.chosen(sounds) if self.chosen else sounds)
        # Beyond the ends nothing sounds, so that a short sound there is removed as it is elsewhere.
        sounds = 2 * (count[high - self.kept] - count[low - self.kept]) > min(2 * self.reach + 1, end)
        changes = np.diff(np.pad(sounds, ((1, 1), (0, 0))).astype(int), axis=0).T
        label, start = np.nonzero(changes == 1)
        stop = np.nonzero(changes == -1)[1]
        presence = running_sums(self.means[self.decided - self.kept :])
        events = pd.DataFrame(
            {
                "filename": "",
                "onset": (self.decided + start) * self.step,
                "offset": np.minimum((self.decided + stop) * self.step, limit),
                "event_label": pd.array(self.event_labels[label], dtype="str"),
                "presence": presence[stop, label] - presence[start, label],
                "bins": stop - start,
            }
        )
        self.decided, past = decided, max(0, decided - self.reach)
        self.means, self.kept = self.means[past - self.kept :], past
        return events, np.inf if ended else decided * self.step

    def cells_in(self, duration):
        """Number of cells in a signal of a duration, s."""
        return max(1, int(np.ceil(duration / self.step - 1e-9)))

    def add(self, outputs, onsets, end):
        """Add windows to the sums of cells; the sums before the cell `end` become means. onsets: of the windows, s."""
        firsts = np.round(np.asarray(onsets) / self.step).astype(int)
        present = cell_presence(outputs, self.cells, self.end_from) * self.weights
        reaching = max([end, *(firsts + self.cells)]) - self.first
        self.sums = np.pad(self.sums, ((0, max(0, reaching - len(self.sums))), (0, 0)))
        for window, begin in zip(present, firsts - self.first):
            self.sums[begin : begin + self.cells] += np.concatenate([self.weights, window], axis=1)
        complete, self.sums, self.first = np.split(self.sums, [end - self.first])[0], self.sums[end - self.first :], end
        weights, sums = complete[:, :1], complete[:, 1:]
        self.means = np.concatenate([self.means, sums / np.where(weights > 0, weights, 1)])


def cell_presence(outputs, cells, end_from):
    """Presence of each class in the cells of windows, (windows, cells, classes).

    outputs: (windows, bins, 3 * classes). A cell belongs to the bin in which its middle lies. It has that bin's
    presence if its middle lies between the bin's start and end (start + end if `end_from` is "onset"), and 0 otherwise.
    """
    count, bins, numbers = outputs.shape
    middle = (np.arange(cells) + 0.5) * bins / cells
    position = middle.astype(int)
    middle = (middle - position)[:, None]
    presence, start, end = np.moveaxis(outputs.reshape(count, bins, numbers // 3, 3)[:, position], -1, 0)
    return np.where((start <= middle) & (middle < (end if end_from == "bin" else start + end)), presence, 0)


def running_sums(rows):
    """Sums of the rows before each row, and of all rows at the end, (rows + 1, columns)."""
    return np.pad(np.cumsum(rows, axis=0), ((1, 0), (0, 0)))


def averaged_events(decoder, outputs, windows):
    """An event for every run of cells in which a class sounds, file after file; arguments as in `Decoder.events`."""
    tables = []
    for (filename, duration), rows in windows.groupby(["filename", "mix_duration"], sort=False).indices.items():
        events, _ = Averager(decoder)(outputs[rows], windows["onset"].to_numpy(float)[rows], duration, np.inf)
        tables.append(events.assign(filename=filename))
    return pd.concat(tables, ignore_index=True)
