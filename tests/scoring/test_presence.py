"""The averaged presence: at every threshold, its runs are the events of the averaged decoding."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoho.scoring.presence import averaged_presence, median
from yoho.windows.averaging import averaged_events
from yoho.windows.cutting import window_onsets
from yoho.windows.targets import Decoder

LABELS = ["rain", "car"]


@pytest.mark.parametrize("width", [0, 0.3, 1.0])
@pytest.mark.parametrize("end_from", ["bin", "onset"])
def test_runs_at_a_threshold_are_the_events_of_the_averaged_decoding(width, end_from):
    averaged = {"resolution": 0.02, "edge": 0.5, "median": width}
    parts = []
    for filename, duration in (("a", 9.999), ("b", 0.4), ("c", 5.1)):
        onsets = window_onsets(duration, 2.56, 0.64)
        parts.append(pd.DataFrame({"filename": filename, "onset": onsets, "mix_duration": duration}))
    windows = pd.concat(parts, ignore_index=True)
    outputs = np.random.default_rng(0).random((len(windows), 9, 6)).astype(np.float32)
    decoder = Decoder(LABELS, 2.56, 0.5, 0.0, end_from, averaged)
    presence = list(averaged_presence(decoder, outputs, windows))
    assert [name for name, _, _ in presence] == ["a", "b", "c"]
    counts = []
    for threshold in (0.1, 0.2, 0.3, float(presence[0][2][100, 0])):
        found = []
        for name, edges, scores in presence:
            changes = np.diff(np.pad(scores >= threshold, ((1, 1), (0, 0))).astype(int), axis=0).T
            label, start = np.nonzero(changes == 1)
            stop = np.nonzero(changes == -1)[1]
            found += [(name, *run) for run in zip(edges[start], edges[stop], np.array(LABELS)[label])]
        events = averaged_events(replace(decoder, threshold=threshold), outputs, windows)
        assert list(events[["filename", "onset", "offset", "event_label"]].itertuples(index=False, name=None)) == found
        counts.append(len(found))
    assert max(counts) > 5


def test_median_of_more_cells_than_there_are_is_that_of_all_cells_around_the_middle():
    scores = np.array([[0.1], [0.9], [0.8], [0.2]])
    np.testing.assert_array_equal(median(scores, 10), np.full((4, 1), 0.2))  # three of four reach 0.2; two reach 0.8
