"""Mixes: their plans (which clip sounds when) and their audio. A plan holds every draw; the audio is made from it."""

from dataclasses import dataclass
from functools import partial

import librosa
import numpy as np
import pandas as pd

from yoho.audio import read_audio, write_audio
from yoho.mixes.overlap import Overlap, class_levels, mix_layers
from yoho.recordings.splits import BACKGROUND, background_kind

PLAN_COLUMNS = ["filename", "onset", "offset", "event_label", "recording", "path", "source_onset", "source_offset"]


class Background:
    """Stretches of background among the clips of mixes; on average they take a `share` of a mix's time.

    recordings: of background; clips: those of the mixes; duration: [shortest, longest] stretch, s. Each piece of a mix
    is a stretch with a fixed probability. The stretch's kind, a recording of that kind, and the stretch's length and
    place in the recording are drawn uniformly. No stretch is longer than its recording.
    """

    def __init__(self, recordings, clips, share, duration):
        recordings = recordings[["recording", "path", "duration"]]
        self.kinds = [own.to_dict("records") for _, own in recordings.groupby(background_kind(recordings))]
        self.duration = duration
        lengths = (clips["source_offset"] - clips["source_onset"]).groupby(clips["event_label"])
        mean_clip = lengths.mean().mean()
        mean_stretch = np.mean([np.mean([self.limits(recording) for recording in own]) for own in self.kinds])
        self.probability = share * mean_clip / (share * mean_clip + (1 - share) * mean_stretch)

    def limits(self, recording):
        """Lengths of the shortest and the longest stretch of a recording, s."""
        return np.minimum(self.duration, recording["duration"])

    def among(self, clips, rng):
        """Yield the clips, and before each of them the stretches that are drawn."""
        for clip in clips:
            while rng.random() < self.probability:
                own = self.kinds[rng.integers(len(self.kinds))]
                recording = own[rng.integers(len(own))]
                length = rng.uniform(*self.limits(recording))
                onset = rng.uniform(0, recording["duration"] - length)
                # Whole milliseconds, which the plan's table holds exactly.
                first, last = np.floor(np.array([onset, onset + length]) * 1000) / 1000
                yield recording | {"event_label": BACKGROUND, "source_onset": first, "source_offset": last}
            yield clip


@dataclass(frozen=True)
class Drawing:
    """How mixes are drawn."""

    draw: str  # "deal" (described) or "replace" (released)
    dealt: str  # "mix": every mix has decks of its own; "split": all mixes share them
    duration: tuple  # (shortest, longest) mix, s, if clips are dealt
    longest: float  # clip, s, if clips are dealt
    count: int  # clips of a mix, if they are drawn with replacement
    background: Background | None  # stretches among the clips
    overlap: Overlap | None  # of sounds over one another

    def plan(self, clips, filenames, seeds, sample_rate):
        """Plan the mixes of a split from a table of clips.

        seeds: list of numbers, different for every split. Yields a table for each filename, with the columns of
        PLAN_COLUMNS, and with overlap also `overlap.OVERLAP_COLUMNS`. A plan does not depend on the mixes after it.
        """
        pools = {label: members.to_dict("records") for label, members in clips.groupby("event_label")}
        for index, filename in enumerate(filenames):
            rng = np.random.default_rng([*seeds, index])
            # Background and overlap have their own random draws, so that the clips come in the same order as without.
            own, over = (np.random.default_rng([*seeds, index, number]) for number in (1, 2))
            among = partial(self.background.among, rng=own) if self.background else iter
            joined = partial(self.overlap.joined, rng=over) if self.overlap else iter
            if index == 0 or self.dealt == "mix":
                deal = among(endless_deal(pools, rng, SHUFFLES[self.dealt]))
                further = endless_deal(pools, over, SHUFFLES[self.dealt])
            if self.draw == "replace":
                pieces = joined(among(draw_clips(pools, rng, self.count)))
            else:
                pieces = fill_mix(joined(deal), rng, self.duration, self.longest)
            plan = plan_mix(pieces, filename, sample_rate)
            yield self.overlap.over(plan, further, over, sample_rate) if self.overlap else plan


def plan_mix(pieces, filename, sample_rate):
    """Lay out one mix: which clip sounds when. Returns a table with the columns of PLAN_COLUMNS, times in seconds.

    pieces: of the mix in order: clips, and stretches of background, whose event_label is empty. If they have a `fade`,
    s, each begins so long before the end of the one before it, and the table has the column `fade`.
    """
    rows, position = [], 0
    for piece in pieces:
        position -= round(piece.get("fade", 0) * sample_rate)
        length = max(1, round((piece["source_offset"] - piece["source_onset"]) * sample_rate))  # samples
        rows.append(piece | {"onset": position / sample_rate, "offset": (position + length) / sample_rate})
        position += length
    columns = [*PLAN_COLUMNS, "fade"] if "fade" in rows[0] else PLAN_COLUMNS
    return pd.DataFrame(rows).assign(filename=filename)[columns]


def fill_mix(deal, rng, duration, longest):
    """Described: yield the next pieces of an endless deal, for a mix of `duration` = (shortest, longest) seconds.

    Pieces follow one another until they reach a length drawn uniformly between the shortest mix and the longest mix
    less the `longest` clip, so that every mix ends within `duration`.
    """
    shortest_mix, longest_mix = duration
    enough = rng.uniform(shortest_mix, max(shortest_mix, longest_mix - longest))
    reached = 0.0
    while reached < enough:
        piece = next(deal)
        reached += piece["source_offset"] - piece["source_onset"] - piece.get("fade", 0)
        yield piece


def endless_deal(pools, rng, shuffle):
    """Described: yield clips without end. pools: {event_label: list of clips}; shuffle: one of SHUFFLES.

    The class of each clip is drawn uniformly, then a clip of that class without replacement: the clips of a class are
    shuffled and dealt, and shuffled again once all are used.
    """
    decks = {label: [] for label in pools}
    labels = sorted(pools)
    while True:
        label = labels[rng.integers(len(labels))]
        if not decks[label]:
            decks[label] = shuffle(pools[label], rng)
        yield decks[label].pop()


def shuffle_clips(clips, rng):
    """A list of clips in random order."""
    return [clips[index] for index in rng.permutation(len(clips))]


def shuffle_by_recording(clips, rng):
    """A list of clips in random order, to be dealt from its end: one clip of every recording comes before a second."""
    shuffled = shuffle_clips(clips, rng)
    names = pd.Series([clip["recording"] for clip in shuffled])
    turns = names.groupby(names).cumcount()
    return [shuffled[place] for place in (-turns).argsort(kind="stable")]


SHUFFLES = {"mix": shuffle_clips, "split": shuffle_by_recording}


def draw_clips(pools, rng, count):
    """Released: draw `count` clips with replacement: each time a class uniformly, then a clip of that class."""
    labels = sorted(pools)
    members = (pools[labels[rng.integers(len(labels))]] for _ in range(count))
    return (own[rng.integers(len(own))] for own in members)


def render_mix(plan, path, sample_rate, gain=None):
    """Write the audio of one mix as 16-bit FLAC, mono, at `sample_rate`.

    Its clips follow one another without gaps. If a `gain` is given, they lie over one another; see `mix_layers`.
    """
    clips = read_clips(plan, sample_rate)
    samples = np.concatenate(clips) if gain is None else mix_layers(plan, clips, sample_rate, gain)[0]
    write_audio(path, samples.clip(-1, 1), sample_rate)


def measure_mix(plan, sample_rate, gain, resolution):
    """The levels of the classes in one mix with overlapping sounds; see `class_levels`."""
    _, heard = mix_layers(plan, read_clips(plan, sample_rate), sample_rate, gain)
    return class_levels(plan, heard, sample_rate, resolution)


def read_clips(plan, sample_rate):
    """The samples of each row of a plan, in its length."""
    return [read_clip(row, sample_rate) for row in plan.itertuples()]


def read_clip(row, sample_rate):
    """The samples of one row of a plan, in its length."""
    samples, source_rate = read_audio(row.path, row.source_onset, row.source_offset)
    if source_rate != sample_rate:
        samples = librosa.resample(samples, orig_sr=source_rate, target_sr=sample_rate)
    length = round(row.offset * sample_rate) - round(row.onset * sample_rate)
    return librosa.util.fix_length(samples, size=length)
