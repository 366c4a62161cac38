"""Mixes: segments of recordings put one after another, with the true events known (paper, section 4.1).

Planning draws, rendering computes: the plan holds every draw, and the audio can be rebuilt from it.
"""

from itertools import product

import librosa
import numpy as np
import pandas as pd

from yoho import InputError
from yoho.audio import read_audio, write_audio
from yoho.sources import BACKGROUND, SPLITS, background_kind

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
    """The segments of some recordings that are used: `slice_recordings` without the silent ones, which are counted.

    Raises InputError for a class that is left without a segment.
    """
    segments = slice_recordings(recordings, longest, shortest, slices)
    print(f"{segments['silent'].sum()} of {len(segments)} segments are silent and left out")
    segments = segments[~segments["silent"]].drop(columns="silent").reset_index(drop=True)
    if lost := sorted(set(recordings["event_label"]) - set(segments["event_label"])):
        raise InputError(f"class {', '.join(lost)}: every recording is too short for `slices: {slices}`")
    return segments


def slice_recordings(recordings, longest, shortest, slices):
    """Cut what sounds in each recording into segments of at most `longest` seconds (paper: 10 s).

    slices: "all" (described; a rest below `shortest` seconds is dropped unless it is all there is) or "last"
    (released). Returns a row per segment: event_label, recording, path, source_onset, source_offset (s), silent.
    """
    rows = []
    for row in recordings.itertuples():
        edges = {"all": all_slices, "last": last_slice}[slices](row.onset, row.offset, longest, shortest)
        # The released code knows no silence.
        silences = [stretch.split("-") for stretch in row.silences.split()] if slices == "all" else []
        for onset, offset in edges:
            silent = any(float(first) - 1e-3 <= onset and offset <= float(last) + 1e-3 for first, last in silences)
            rows.append((row.event_label, row.recording, row.path, onset, offset, silent))
    columns = ["event_label", "recording", "path", "source_onset", "source_offset", "silent"]
    return pd.DataFrame(rows, columns=columns).astype({"silent": bool})


def describe_dataset(recordings, longest, shortest, slices, event_labels):
    """A row per class and split: what a dataset holds and what its mixes are made from.

    Returns event_label (a class or "overall"), split (one or "all"), recordings, groups, segments, silent (segments
    left out), hours of the recordings and segment_hours. A group that holds several classes counts once overall.
    Where there is background, of which "overall" takes no notice, it has rows of that name at the end.
    """
    segments = slice_recordings(recordings, longest, shortest, slices)
    segments = segments.assign(
        split=segments["recording"].map(recordings.set_index("recording")["split"]),
        hours=(segments["source_offset"] - segments["source_onset"]) / 3600,
    )
    rows = []
    names = {name: [name] for name in event_labels} | {"overall": event_labels}
    if (recordings["event_label"] == BACKGROUND).any():
        names["background"] = [BACKGROUND]
    for (event_label, labels), split in product(names.items(), [*SPLITS, "all"]):
        splits = SPLITS if split == "all" else [split]
        own, cut = (
            table[table["event_label"].isin(labels) & table["split"].isin(splits)] for table in (recordings, segments)
        )
        used = cut[~cut["silent"]]
        counts = (len(own), own["group"].nunique(), len(used), cut["silent"].sum())
        rows.append((event_label, split, *counts, own["duration"].sum() / 3600, used["hours"].sum()))
    columns = ["event_label", "split", "recordings", "groups", "segments", "silent", "hours", "segment_hours"]
    return pd.DataFrame(rows, columns=columns)


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

    draw: takes {event_label: list of segments} and returns what the mix is made of, in order: segments, and stretches
    of background, whose event_label is empty.
    """
    pools = {label: members.to_dict("records") for label, members in segments.groupby("event_label")}
    rows, position = [], 0
    for segment in draw(pools):
        length = segment_samples(segment["source_onset"], segment["source_offset"], sample_rate)
        rows.append(segment | {"onset": position / sample_rate, "offset": (position + length) / sample_rate})
        position += length
    return pd.DataFrame(rows).assign(filename=filename)[PLAN]


def deal_segments(pools, rng, duration, longest, with_background=iter):
    """Described: segments of a mix of `duration` = (shortest, longest) seconds.

    The class is drawn uniformly, then a segment of that class without replacement: a class's segments are
    shuffled and dealt, and shuffled again once all are used. Segments follow one another until a length
    drawn uniformly from `duration` less the `longest` piece is reached, so that every mix ends within `duration`.
    with_background: puts background among the segments (`Background.among`), or nothing (`iter`).
    """
    shortest_mix, longest_mix = duration
    enough = rng.uniform(shortest_mix, max(shortest_mix, longest_mix - longest))
    pieces = with_background(dealt(pools, rng))
    reached = 0.0
    while reached < enough:
        piece = next(pieces)
        reached += piece["source_offset"] - piece["source_onset"]
        yield piece


def dealt(pools, rng):
    """Segments without end, as `deal_segments` deals them."""
    decks = {label: [] for label in pools}
    labels = sorted(pools)
    while True:
        label = labels[rng.integers(len(labels))]
        if not decks[label]:
            decks[label] = [pools[label][index] for index in rng.permutation(len(pools[label]))]
        yield decks[label].pop()


def draw_segments(pools, rng, count, with_background=iter):
    """Released: `count` segments with replacement, the class drawn uniformly, then a segment of that class.

    with_background: as of `deal_segments`; stretches of background do not count.
    """
    labels = sorted(pools)
    members = (pools[labels[rng.integers(len(labels))]] for _ in range(count))
    return with_background(own[rng.integers(len(own))] for own in members)


class Background:
    """Stretches of background among the segments of mixes, a `share` of their time on average.

    recordings: those of background that the stretches are taken from; segments: those that the mixes are drawn from;
    duration: [shortest, longest] stretch, s. Each next piece of a mix is a stretch with one probability: of a kind
    drawn uniformly, from one of its recordings drawn likewise, its length and its place there uniform. Of a recording
    that is shorter than a stretch, no more than the recording is taken.
    """

    def __init__(self, recordings, segments, share, duration):
        recordings = recordings[["recording", "path", "duration"]]
        self.kinds = [own.to_dict("records") for _, own in recordings.groupby(background_kind(recordings))]
        self.duration = duration
        lengths = (segments["source_offset"] - segments["source_onset"]).groupby(segments["event_label"])
        segment = lengths.mean().mean()
        stretch = np.mean([np.mean([self.limits(recording) for recording in own]) for own in self.kinds])
        self.probability = share * segment / (share * segment + (1 - share) * stretch)

    def limits(self, recording):
        """Lengths of the shortest and the longest stretch of a recording, s."""
        return np.minimum(self.duration, recording["duration"])

    def among(self, segments, rng):
        """Yield the segments, and before each as many stretches as are drawn."""
        for segment in segments:
            while rng.random() < self.probability:
                own = self.kinds[rng.integers(len(self.kinds))]
                recording = own[rng.integers(len(own))]
                length = rng.uniform(*self.limits(recording))
                onset = rng.uniform(0, recording["duration"] - length)
                # Whole milliseconds: the plan's table holds them as they are.
                first, last = np.floor(np.array([onset, onset + length]) * 1000) / 1000
                yield recording | {"event_label": BACKGROUND, "source_onset": first, "source_offset": last}
            yield segment


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
