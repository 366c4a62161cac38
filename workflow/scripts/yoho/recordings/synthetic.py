"""Built-in recordings as a source."""

from pathlib import Path

import numpy as np
import pandas as pd

from yoho.audio import write_audio
from yoho.recordings.splits import assign_splits
from yoho.recordings.synthesis.classes import synthesise


def synthetic_recordings(folder, spread, *, event_labels, per_class, duration, level, snr, sample_rate, splits, seed):
    """Built-in recordings (see yoho.recordings.synthesis.recorder), written to `folder` as FLAC. Each is its own group.

    spread: `job.spread` or a function like it; duration: [shortest, longest], s; level: [quietest, loudest],
    dBFS; snr: [lowest, highest] level over the background, dB; splits: share of each class's recordings.
    """
    rows = [
        {"recording": f"{event_label}-{index:03d}", "event_label": event_label, "seed": (seed, position, index)}
        for position, event_label in enumerate(event_labels)
        for index in range(per_class)
    ]
    paths = [str(Path(folder) / f"{row['recording']}.flac") for row in rows]
    calls = [
        (row["event_label"], row["seed"], duration, level, snr, sample_rate, path) for row, path in zip(rows, paths)
    ]
    lengths = list(spread(write_synthetic, calls))
    recordings = pd.DataFrame(rows).drop(columns="seed").assign(path=paths, duration=lengths, onset=0.0, offset=lengths)
    recordings = recordings.assign(group=recordings["recording"], silences="")
    return assign_splits(recordings, splits, np.random.default_rng(seed))


def write_synthetic(event_label, seed, duration, level, snr, sample_rate, path):
    """Make one built-in recording; returns its length in seconds."""
    samples = synthesise(event_label, np.random.default_rng(seed), duration, level, snr, sample_rate)
    write_audio(path, samples, sample_rate)
    return len(samples) / sample_rate
