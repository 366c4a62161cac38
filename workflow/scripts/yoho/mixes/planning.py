"""Planning: which clip sounds when in a mix. The plan holds every draw, and the audio can be rebuilt from it."""

import numpy as np
import pandas as pd

from yoho.recordings.splits import BACKGROUND, background_kind

PLAN = ["filename", "onset", "offset", "event_label", "recording", "path", "source_onset", "source_offset"]


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
