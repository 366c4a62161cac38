"""Averaged decoding: windows that overlap are averaged on a fine grid of time, where the paper's takes any of them.

Beside `targets.decode_bins`, which makes an event of every bin that counts. Here a window lays the presence of each bin
on the cells from its start to its end, and 0 elsewhere. A cell takes the mean of the windows that cover it, weighted by
how near it is to their middle. A class sounds in a cell where that mean reaches the threshold. A median over time has
the last word.
"""

import numpy as np
import pandas as pd


class Averager:
    """Events of one signal from the outputs of its windows, given in batches, one after another.

    threshold: one for all classes, or (classes,); end_from: see `targets.decode_outputs`; averaged: the config's
    `decoding.averaged`: `resolution`, length of a cell, s; `edge`, weight of a window at its edges, where it is 1 in
    the middle; `median`, s.
    """

    def __init__(self, event_labels, window_length, threshold, end_from, averaged):
        self.event_labels, self.threshold, self.end_from = np.asarray(event_labels, object), threshold, end_from
        self.step, self.cells = averaged["resolution"], round(window_length / averaged["resolution"])
        self.reach = round(averaged["median"] / 2 / self.step)  # cells on either side of the one that is decided
        distance = np.abs(2 * (np.arange(self.cells) + 0.5) / self.cells - 1)
        self.weights = (1 - (1 - averaged["edge"]) * distance)[:, None]
        # Sums over windows, of the cells from `first` on; means of the cells from `kept` on; decided below `decided`.
        self.sums, self.first = np.zeros((0, 1 + len(event_labels))), 0
        self.means, self.kept, self.decided = np.zeros((0, len(event_labels))), 0, 0

    def __call__(self, outputs, onsets, limit, later):
        """Add windows: (events, a row for each run of cells that was decided; time up to which all are decided, s).

        outputs: (windows, bins, 3 * classes) in [0, 1]; onsets: ascending, (windows,), s; limit: the signal's duration
        once it is known, infinity before; later: onset of the next window, s, infinity at the end. Columns of the
        table are those of events, `presence` (a sum over cells) and `bins` (cells). A run that reaches that time may go
        on in the next table.
        """
        ended = np.isinf(later)
        end = max(1, int(np.ceil(limit / self.step - 1e-9))) if ended else round(later / self.step)
        self.add(outputs, np.round(np.asarray(onsets) / self.step).astype(int), end)
        decided = end if ended else max(self.decided, end - self.reach)
        cells = np.arange(self.decided, decided)
        low, high = np.maximum(cells - self.reach, 0), np.minimum(cells + self.reach + 1, end)
        count = running(self.means >= self.threshold)
        sounds = 2 * (count[high - self.kept] - count[low - self.kept]) > (high - low)[:, None]
        runs = np.diff(np.pad(sounds, ((1, 1), (0, 0))).astype(int), axis=0).T
        label, start = np.nonzero(runs == 1)
        stop = np.nonzero(runs == -1)[1]
        presence = running(self.means[self.decided - self.kept :])
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

    def add(self, outputs, firsts, end):
        """Add windows, from their first cells on, to the sums. Cells before `end` are complete: they become means."""
        present = lay(outputs, self.cells, self.end_from) * self.weights
        reaching = max([end, *(firsts + self.cells)]) - self.first
        self.sums = np.pad(self.sums, ((0, max(0, reaching - len(self.sums))), (0, 0)))
        for window, begin in zip(present, firsts - self.first):
            self.sums[begin : begin + self.cells] += np.concatenate([self.weights, window], axis=1)
        complete, self.sums, self.first = np.split(self.sums, [end - self.first])[0], self.sums[end - self.first :], end
        weights, sums = complete[:, :1], complete[:, 1:]
        self.means = np.concatenate([self.means, sums / np.where(weights > 0, weights, 1)])


def lay(outputs, cells, end_from):
    """Presence of each class in the cells of windows, (windows, cells, classes).

    outputs: (windows, bins, 3 * classes). A cell has the presence of the bin in which its middle lies, from that bin's
    start to its end, or as released (`end_from` "onset") to its start + end, and 0 beyond.
    """
    count, bins, numbers = outputs.shape
    middle = (np.arange(cells) + 0.5) * bins / cells
    position = middle.astype(int)
    middle = (middle - position)[:, None]
    presence, start, end = np.moveaxis(outputs.reshape(count, bins, numbers // 3, 3)[:, position], -1, 0)
    return np.where((start <= middle) & (middle < (end if end_from == "bin" else start + end)), presence, 0)


def running(rows):
    """Sums of the rows before each, and of all, (rows + 1, columns)."""
    return np.pad(np.cumsum(rows, axis=0), ((1, 0), (0, 0)))


def decode_averaged(outputs, windows, event_labels, window_length, threshold, end_from, averaged):
    """An event for every run of cells, file after file; arguments as of `Averager` and `targets.decode_outputs`."""
    tables = []
    for (filename, duration), rows in windows.groupby(["filename", "mix_duration"], sort=False).indices.items():
        averager = Averager(event_labels, window_length, threshold, end_from, averaged)
        events, _ = averager(outputs[rows], windows["onset"].to_numpy(float)[rows], duration, np.inf)
        tables.append(events.assign(filename=filename))
    return pd.concat(tables, ignore_index=True)
