"""Mixes: segments of recordings put one after another, with the true events known (paper, section 4.1).

Planning draws, rendering computes: the plan holds every draw, and the audio can be rebuilt from it.
"""

import librosa
import numpy as np
import pandas as pd

from yoho.sources import read_audio, write_audio

PLAN = ["filename", "onset", "offset", "event_label", "recording", "path", "source_onset", "source_offset"]


def cut_segments(recordings, longest, shortest):
    """Cut what sounds in each recording into segments of at most `longest` seconds (paper: 10 s).

    A rest below `shortest` seconds is dropped unless it is all there is. Returns a row per segment:
    event_label, recording, path, source_onset, source_offset (s).
    """
    rows = []
    for row in recordings.itertuples():
        edges = np.append(np.arange(row.onset, row.offset - 1e-6, longest), row.offset)
        for number, (onset, offset) in enumerate(zip(edges[:-1], edges[1:])):
            if number == 0 or offset - onset >= shortest:
                rows.append((row.event_label, row.recording, row.path, onset, offset))
    return pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])


def plan_mix(segments, filename, duration, longest, sample_rate, rng):
    """Draw one mix: which segment sounds when. Returns a table with the columns of PLAN, times in seconds.

    The class is drawn uniformly, then a segment of that class without replacement: a class's segments are
    shuffled and dealt, and shuffled again once all are used. Segments follow one another until a length
    drawn uniformly from `duration` = (shortest, longest mix) less one segment is reached, so that every
    mix ends within `duration`.
    """
    shortest_mix, longest_mix = duration
    enough = rng.uniform(shortest_mix, max(shortest_mix, longest_mix - longest))
    pools = {label: members.to_dict("records") for label, members in segments.groupby("event_label")}
    decks = {label: [] for label in pools}
    labels = sorted(pools)
    rows, position = [], 0
    while position < enough * sample_rate:
        label = labels[rng.integers(len(labels))]
        if not decks[label]:
            decks[label] = [pools[label][index] for index in rng.permutation(len(pools[label]))]
        segment = decks[label].pop()
        length = segment_samples(segment["source_onset"], segment["source_offset"], sample_rate)
        rows.append(segment | {"onset": position / sample_rate, "offset": (position + length) / sample_rate})
        position += length
    return pd.DataFrame(rows).assign(filename=filename)[PLAN]


def segment_samples(onset, offset, sample_rate):
    """Length of a segment in a mix, in samples."""
    return max(1, round((offset - onset) * sample_rate))


def render_mix(plan, path, sample_rate):
    """Write the audio of one mix as 16-bit FLAC, mono, at `sample_rate`. Segments are butt-joined."""
    parts = []
    for row in plan.itertuples():
        samples, source_rate = read_audio(row.path, row.source_onset, row.source_offset)
        if source_rate != sample_rate:
            samples = librosa.resample(samples, orig_sr=source_rate, target_sr=sample_rate)
        length = round(row.offset * sample_rate) - round(row.onset * sample_rate)
        parts.append(librosa.util.fix_length(samples, size=length))
    write_audio(path, np.concatenate(parts).clip(-1, 1), sample_rate)
