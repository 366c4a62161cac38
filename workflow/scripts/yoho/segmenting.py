"""Segmenting: what sounds when in audio of any length, by a trained network (paper, section 1: from a clip to times).

>>> segmenter = Segmenter.load("results/builtin/runs/mobilenet-seed_0")
>>> segmenter(waveform, rate)
"""

import json
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho import InputError, job
from yoho.audio import array_blocks, file_blocks, resampled, sound
from yoho.events import TOUCH
from yoho.features import window_onsets
from yoho.inference import Predictor
from yoho.model import load_network
from yoho.targets import decode_bins, join_bins, round_times

COLUMNS = ["onset", "offset", "event_label", "score"]

# Windows that a file is computed in at once, four minutes of audio, and blocks that are read ahead meanwhile, as much.
AT_ONCE, BLOCKS_AHEAD = 128, 42


class Segmented(NamedTuple):
    """A file's events, a table of COLUMNS, and its duration, s."""

    duration: float
    events: pd.DataFrame


class Segmenter:
    """Audio to events.

    predictor: `Predictor` of a network, what it was trained on in description, which is what `model.json` says;
    threshold: presence from which on a class sounds, one for all or {event_label: presence}; None: the run's own,
    tuned on its validation split.
    Raises InputError for a class that the network does not know.
    """

    def __init__(self, predictor, description, threshold=None):
        self.predictor, self.description = predictor, description
        self.event_labels, self.sample_rate = description["event_labels"], description["sample_rate"]
        if threshold is None:
            threshold = description.get("thresholds", description["decoding"]["threshold"])
        self.thresholds = per_class(threshold, self.event_labels)

    @classmethod
    def load(cls, folder, *, threshold=None, device="auto", precision="auto", threads=None):
        """The network that a run's folder holds: `weights.safetensors` and `model.json`.

        device: "auto" (a GPU where there is one), "cpu" or "cuda"; precision: see `Predictor`; threads: None: one for
        each core.
        Raises InputError where the folder holds no network, or there is no such device.
        """
        chosen = job.choose_device(device, deterministic=False)
        network, description = load_network(folder, chosen)
        if missing := {"event_labels", "sample_rate", "windows", "features", "decoding"} - set(description):
            raise InputError(f"{folder}: model.json lacks {', '.join(sorted(missing))}; train the network anew")
        if (named := len(description["event_labels"])) != (own := description["network"]["classes"]):
            raise InputError(f"{folder}: model.json names {named} classes, the network has {own}; train it anew")
        return cls(
            Predictor(network, description, chosen, precision, threads or os.cpu_count()), description, threshold
        )

    def __call__(self, waveform, rate):
        """Events of a waveform: a table of onset, offset (s), event_label and score, sorted by onset.

        waveform: (samples,) or (samples, channels), floats or signed whole numbers, of any length; rate: Hz.
        score: mean presence of the bins that the event is joined from, in [0, 1].
        Raises InputError for a waveform that is empty, not finite, of another shape or type.
        """
        blocks = sound(resampled(array_blocks(waveform), rate, self.sample_rate), "waveform")
        return self.whole(blocks).events

    def file(self, path):
        """Events and duration of a file that soundfile or an installed ffmpeg reads, in memory that does not grow
        with its length.

        Warns with CutOff (yoho.audio) where the file says that its end is missing.
        Raises InputError, naming the file, where it cannot be read.
        """
        return self.whole(file_blocks(Path(path), self.sample_rate))

    def whole(self, blocks):
        """Events and duration of blocks (samples,) at the network's rate: read, computed, decoded side by side."""
        computed = ahead(self.windows(ahead(blocks, BLOCKS_AHEAD), AT_ONCE), 1)
        times, tables = zip(*self.decoded(computed))
        return Segmented(times[-1], pd.concat(tables).sort_values(["onset", "event_label"], ignore_index=True))

    def stream(self, blocks):
        """Give (time, events), one after another, for blocks (samples,) at the network's sample rate, as they come.

        events: those that became certain, a table of COLUMNS: nothing that follows can lengthen them. Every event
        that ends before `time`, s, has then been told; the last time is the duration. An event is told at most
        `delay` seconds of audio after its end.
        """
        return self.decoded(self.windows(blocks, at_once=1))

    def decoded(self, windows):
        """Yield (time, events) for what `windows` yields; see `stream`."""
        decoding = self.description["decoding"]
        gap, end_from = decoding["merge_gap"], decoding["end_from"]
        open_events = None
        for outputs, onsets, limit, later in windows:
            table = pd.DataFrame({"filename": "", "onset": onsets, "mix_duration": limit})
            length = self.description["windows"]["length"]
            found = decode_bins(outputs, table, self.event_labels, length, self.thresholds, end_from)
            joined = join_bins(found if open_events is None else pd.concat([open_events, found]), gap, end_from)
            joined["offset"] = joined["offset"].clip(upper=limit)  # as released, an event may reach past its window
            certain = joined["offset"] + gap + TOUCH < later
            open_events = joined[~certain]
            yield min(later - gap, limit), scored(round_times(joined[certain], end_from))

    @property
    def delay(self):
        """How much later than an event ends it is told at most, in a stream, s: a window and the gap that is joined."""
        return self.description["windows"]["length"] + self.description["decoding"]["merge_gap"]

    def windows(self, blocks, at_once):
        """Yield (outputs, onsets, limit, later) for `at_once` windows after another.

        outputs: (windows, bins, 3 * classes); onsets: of the windows, s; limit: the audio's duration once it is
        known, infinity before; later: the earliest time of which a following window can say something, infinity
        at the end.
        """
        rate, length = self.sample_rate, self.description["windows"]["length"]
        hop, size = self.description["windows"]["hop"]["score"], round(length * rate)

        def first(number):  # sample of a window
            return round(number * hop * rate)

        held, begin, done, parts = 0, 0, 0, []  # parts: the samples from `begin` on, `held` of them
        for block in blocks:
            parts.append(block)
            held += len(block)
            while first(done + at_once - 1) + size <= begin + held:
                parts = [np.concatenate(parts)]  # under no other name: no more than these samples are held
                numbers = np.arange(done, done + at_once)
                begins = np.array([first(number) for number in numbers])
                yield self.predictor(parts[0], begins - begin), numbers * hop, np.inf, (done + at_once) * hop
                done += at_once
                parts = [parts[0][first(done) - begin :].copy()]
                begin, held = first(done), len(parts[0])
        duration = (begin + held) / rate
        onsets = window_onsets(duration, length, hop)[done:]
        begins = np.round(onsets * rate).astype(int)
        outputs = self.predictor(np.concatenate(parts), begins - begin) if len(onsets) else self.nothing()
        yield outputs, onsets, duration, np.inf

    def nothing(self):
        """Outputs of no window."""
        return np.zeros((0, self.description["windows"]["bins"], 3 * len(self.event_labels)), np.float32)


def ahead(items, most):
    """The same items, made by a thread while the caller is at earlier ones; at most so many wait."""
    items, end, waiting = iter(items), object(), deque()
    with ThreadPoolExecutor(1) as maker:
        for _ in range(most):
            waiting.append(maker.submit(next, items, end))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(maker.submit(next, items, end))
            yield item


@cache
def load(folder, threshold, threads):
    """The network of a run's folder, opened once by each process: it stands here for other processes to find it."""
    job.keep_memory()
    return Segmenter.load(folder, threshold=threshold, threads=threads)


def scored(events):
    """Events with their score: the mean presence of the bins they are joined from."""
    events = events.assign(score=events["presence"] / events["bins"])
    return events[COLUMNS].reset_index(drop=True)


def per_class(threshold, event_labels):
    """Thresholds (classes,), of one number for all or {event_label: number}."""
    if not isinstance(threshold, dict):
        threshold = dict.fromkeys(event_labels, threshold)
    if other := set(threshold) ^ set(event_labels):
        raise InputError(f"thresholds: {', '.join(sorted(other))}: not the classes of the network")
    return np.array([threshold[event_label] for event_label in event_labels], float)


# What networks were trained on, by source: what is said of each, the likeliest to know the sounds of a file first.
MADE_OF = {
    "folder": "your own recordings",
    "bbc": "a collection's recordings",
    "esc50": "a collection's recordings",
    "synthetic": "built-in recordings",
    None: "recordings of an unknown source",
}


class Trained(NamedTuple):
    """A trained network: its run's folder, and what it was trained on.

    made_of: a value of MADE_OF; data: the dataset, or the variant of it, that it was trained and validated on; time:
    of its weights; f1: on that validation split.
    """

    folder: Path
    made_of: str
    data: str
    time: float
    f1: float

    def place(self):
        """Where its data stand among others, the first to be taken first: variants are for comparisons alone."""
        return list(MADE_OF.values()).index(self.made_of), "-" in self.data, -self.time


def best_run(results):
    """The run's folder under a folder of results whose network is taken where none is named, and why: (folder, reason).

    F1 can be compared within the data that it was measured on alone. So networks trained on the user's recordings go
    first, then those trained on other real ones; of several such datasets the one that was trained last; of its runs
    the one with the highest validation F1.
    Raises InputError where there is none, and says how to get one.
    """
    runs = sorted(trained(results), key=Trained.place)
    if not runs:
        raise InputError(f"{results}: holds no trained network; run `make`, or name one by its folder with --weights")
    first = runs[0]
    best = max((run for run in runs if run[1:3] == first[1:3]), key=lambda run: run.f1)
    others = {run.data: run.made_of for run in reversed(runs) if run.data != best.data}
    told = [
        f"{data}, which is {'a variant' if '-' in data else 'older'}"
        if made_of == best.made_of
        else f"{data}, which is made of {made_of}"
        for data, made_of in reversed(others.items())
    ]
    reason = f"the best of dataset {best.data} by validation F1, {best.f1:.2f}"
    return best.folder, f"{reason}; it was preferred to {', and to '.join(told)}" if told else reason


def trained(results):
    """Yield every run under a folder of results as `Trained`."""
    for path in Path(results).glob("*/runs/*/model.json"):
        try:
            description = json.loads(path.read_text())
            f1, time = float(description["validation"]["f1"]), path.with_name("weights.safetensors").stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, or another's file
        data = description.get("data")
        data = data if isinstance(data, dict) else {}
        if f1 >= 0:  # a number
            made_of = MADE_OF.get(str(data.get("source")), MADE_OF[None])
            yield Trained(path.parent, made_of, str(data.get("trained_on", path.parts[-4])), time, f1)
