"""Mixes: segments of recordings put one after another, with the true events known (paper, section 4.1).

Planning draws, rendering computes: the plan holds every draw, and the audio can be rebuilt from it.
"""

import librosa
import numpy as np
import pandas as pd

from yoho import InputError
from yoho.sources import SPLITS, read_audio, write_audio

PLAN = ["filename", "onset", "offset", "event_label", "recording", "path", "source_onset", "source_offset"]


def pool_recordings(recordings, split, pool, one_size):
    """The recordings that the mixes of a split are drawn from.

    pool: "split", the split's own (described), or "shared", all recordings for every split (released), so
    that what is tested was trained on. one_size: the shared pool is cut to as many recordings of each class
    as the training split has - the test and validation recordings first, then training ones - so that it can
    be compared with that split: what changes is what is shared, not how much there is.
    """
    if pool == "split":
        return recordings[recordings["split"] == split]
    if not one_size:
        return recordings
    size = recordings[recordings["split"] == "train"].groupby("event_label").size()
    held_out_first = recordings.sort_values("split", key=lambda splits: splits.map(SPLITS[::-1].index), kind="stable")
    rank = held_out_first.groupby("event_label").cumcount()
    return held_out_first[rank < held_out_first["event_label"].map(size)]


def cut_segments(recordings, longest, shortest, slices):
    """Cut what sounds in each recording into segments of at most `longest` seconds (paper: 10 s).

    slices: "all" (described; a rest below `shortest` seconds is dropped unless it is all there is) or "last"
    (released). Returns a row per segment: event_label, recording, path, source_onset, source_offset (s).
    Raises InputError for a class that is left without a segment.
    """
    rows = []
    for row in recordings.itertuples():
        edges = {"all": all_slices, "last": last_slice}[slices](row.onset, row.offset, longest, shortest)
        rows += [(row.event_label, row.recording, row.path, onset, offset) for onset, offset in edges]
    segments = pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])
    if lost := sorted(set(recordings["event_label"]) - set(segments["event_label"])):
        raise InputError(f"class {', '.join(lost)}: every recording is too short for `slices: {slices}`")
    return segments


def all_slices(onset, offset, longest, shortest):
    """Described: every slice (onset, offset) of what sounds between two times."""
    edges = np.append(np.arange(onset, offset - 1e-6, longest), offset)
    slices = list(zip(edges[:-1], edges[1:]))
    return slices[:1] + [(first, last) for first, last in slices[1:] if last - first >= shortest]


def last_slice(onset, offset, longest, shortest):
    """Released: the last slice alone, since each slice of a recording overwrote the one before.

    A fractional last second is dropped; under one second there is no slice.
    """
    seconds = int(offset - onset + 1e-6)
    first = [onset + start for start in np.arange(0, seconds, longest)]
    return [(start, onset + seconds) for start in first[-1:]]


def plan_mix(segments, filename, sample_rate, draw):
    """Lay out one mix: which segment sounds when. Returns a table with the columns of PLAN, times in seconds.

    draw: takes {event_label: list of segments} and returns the segments of the mix in order.
    """
    pools = {label: members.to_dict("records") for label, members in segments.groupby("event_label")}
    rows, position = [], 0
    for segment in draw(pools):
        length = segment_samples(segment["source_onset"], segment["source_offset"], sample_rate)
        rows.append(segment | {"onset": position / sample_rate, "offset": (position + length) / sample_rate})
        position += length
    return pd.DataFrame(rows).assign(filename=filename)[PLAN]


def deal_segments(pools, rng, duration, longest):
    """Described: segments of a mix of `duration` = (shortest, longest) seconds.

    The class is drawn uniformly, then a segment of that class without replacement: a class's segments are
    shuffled and dealt, and shuffled again once all are used. Segments follow one another until a length
    drawn uniformly from `duration` less one segment is reached, so that every mix ends within `duration`.
    """
    shortest_mix, longest_mix = duration
    enough = rng.uniform(shortest_mix, max(shortest_mix, longest_mix - longest))
    decks = {label: [] for label in pools}
    labels = sorted(pools)
    reached = 0.0
    while reached < enough:
        label = labels[rng.integers(len(labels))]
        if not decks[label]:
            decks[label] = [pools[label][index] for index in rng.permutation(len(pools[label]))]
        segment = decks[label].pop()
        reached += segment["source_offset"] - segment["source_onset"]
        yield segment


def draw_segments(pools, rng, count):
    """Released: `count` segments with replacement, the class drawn uniformly, then a segment of that class."""
    labels = sorted(pools)
    for _ in range(count):
        members = pools[labels[rng.integers(len(labels))]]
        yield members[rng.integers(len(members))]


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
