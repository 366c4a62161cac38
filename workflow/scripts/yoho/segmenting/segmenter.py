"""Segmenting: what sounds when in audio of any length, by a trained network (paper, section 1: from a clip to times).

>>> segmenter = Segmenter.load("results/builtin/runs/mobilenet-seed_0")
>>> segmenter(waveform, rate)
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho import InputError, job
from yoho.audio import resampled, sound
from yoho.events import TOUCH
from yoho.networks.device import choose_device
from yoho.networks.network import load_network
from yoho.segmenting.inference import Predictor
from yoho.segmenting.levels import CELL, Silence, loudest, offset_removed
from yoho.segmenting.reading import array_blocks, file_audio
from yoho.windows.averaging import Averager
from yoho.windows.cutting import window_onsets
from yoho.windows.targets import Decoder

COLUMNS = ["onset", "offset", "event_label", "score"]

AT_ONCE = 128  # windows that a file is computed in: as many are read ahead meanwhile

DECODINGS = ("bins", "averaged")  # the paper's, and the one of `yoho.windows.averaging`

# How a network is used on files whose model.json does not say: on the audio as it is, as the paper does.
AS_IN_THE_PAPER = {"decoding": "bins", "silence": None, "high_pass": None}


class Segmented(NamedTuple):
    """A file's events, a table of COLUMNS, and its duration, s."""

    duration: float
    events: pd.DataFrame


class Batch(NamedTuple):
    """Windows of a signal, one after another.

    samples: (samples,) that the windows lie in, without offset; begins: first sample of each window there, (windows,);
    silent: bins in which nothing sounds, (windows, bins); onsets: of the windows, s; limit: the audio's duration once
    it is known, infinity before; later: the earliest time of which a following window can say something, infinity at
    the end.
    """

    samples: np.ndarray
    begins: np.ndarray
    silent: np.ndarray
    onsets: np.ndarray
    limit: float
    later: float


class Segmenter:
    """Audio to events.

    predictor: `Predictor` of a network, what it was trained on in description, which is what `model.json` says;
    threshold: presence from which on a class sounds, one for all or {event_label: presence}; None: that of the run's
    scores; "tuned": each class's own, tuned on the run's validation split; decoding: "bins", the paper's, or
    "averaged", see `Averager`; None: what the description says.
    Raises InputError for a class that the network does not know, and where the description lacks tuned thresholds or
    what averaging needs.
    """

    def __init__(self, predictor, description, threshold=None, decoding=None):
        self.predictor, self.description = predictor, description
        self.event_labels, self.sample_rate = description["event_labels"], description["sample_rate"]
        self.settings = description.get("segmenting", AS_IN_THE_PAPER)
        self.averaged = (decoding or self.settings["decoding"]) == "averaged"
        if self.averaged and "averaged" not in self.settings:
            raise InputError(
                "decoding averaged: this network's model.json does not hold it; take bins, or run make anew"
            )
        self.hop = description["windows"]["hop"]["averaged" if self.averaged else "score"]
        if threshold is None:
            threshold = description["decoding"]["threshold"]
        elif threshold == "tuned":
            if "thresholds" not in description:
                raise InputError("threshold tuned: this network has no tuned thresholds; name one, or train it anew")
            threshold = description["thresholds"]
        # A presence of 0, that of silence, is none whatever the threshold.
        self.thresholds = np.maximum(per_class(threshold, self.event_labels), np.nextafter(0, 1))

    @classmethod
    def load(cls, folder, *, threshold=None, decoding=None, device="auto", precision="auto", threads=None):
        """The network that a run's folder holds: `weights.safetensors` and `model.json`.

        device: "auto" (a GPU where there is one), "cpu" or "cuda"; precision: see `Predictor`; threads: None: one for
        each core.
        Raises InputError where the folder holds no network, or there is no such device.
        """
        chosen = choose_device(device, deterministic=False, search=False)
        network, description = load_network(folder, chosen)
        if missing := {"event_labels", "sample_rate", "windows", "features", "decoding"} - set(description):
            raise InputError(f"{folder}: model.json lacks {', '.join(sorted(missing))}; train the network anew")
        if (named := len(description["event_labels"])) != (own := description["network"]["classes"]):
            raise InputError(f"{folder}: model.json names {named} classes, the network has {own}; train it anew")
        predictor = Predictor(network, description, chosen, precision, threads or os.cpu_count())
        return cls(predictor, description, threshold, decoding)

    def __call__(self, waveform, rate):
        """Events of a waveform: a table of onset, offset (s), event_label and score, sorted by onset.

        waveform: (samples,) or (samples, channels), floats or signed whole numbers, of any length; rate: Hz.
        score: mean presence of the bins, or of the averaged cells, that the event is joined from, in [0, 1].
        Raises InputError for a waveform that is empty, not finite, of another shape or type.
        """
        peak = loudest(array_blocks(waveform))  # refuses what is no waveform
        blocks = sound(resampled(array_blocks(waveform), rate, self.sample_rate), "waveform")
        return self.whole(blocks, peak if np.asarray(waveform).dtype.kind == "f" else None).events

    def file(self, path):
        """Events and duration of a file that soundfile or an installed ffmpeg reads, in memory that does not grow
        with its length.

        Warns with AudioWarning where the file is cut off, damaged, or read otherwise than one would think.
        Raises InputError, naming the file, where it cannot be read.
        """
        return self.whole(*self.signal(Path(path)))

    def signal(self, path):
        """Blocks (samples,) of a file at the network's rate, and how loud it is, if `Silence` needs to know."""
        audio = file_audio(path, self.sample_rate)
        peak = loudest(audio.blocks) if audio.floats else None
        return (file_audio(path, self.sample_rate) if audio.floats else audio).blocks, peak

    def whole(self, blocks, peak):
        """Events and duration of blocks (samples,) at the network's rate: read, computed, decoded side by side.

        peak: the loudest sample, see `Silence`.
        """
        return self.joined(self.batches(blocks, peak, AT_ONCE))

    def joined(self, batches):
        """Events and duration of all batches of a signal."""
        times, tables = zip(*self.decoded(ahead(self.windows(ahead(batches, 1)), 1)))
        return Segmented(times[-1], pd.concat(tables).sort_values(["onset", "event_label"], ignore_index=True))

    def stream(self, blocks, floats=True):
        """Give (time, events), one after another, for blocks (samples,) at the network's sample rate, as they come.

        floats: whether the samples came as floats, whose scale nobody knows, see `Silence`.
        events: those that became certain, a table of COLUMNS: nothing that follows can lengthen them. Every event
        that ends before `time`, s, has then been told; the last time is the duration. An event is told at most
        `delay` seconds of audio after its end.
        """
        return self.decoded(self.windows(self.batches(blocks, 0.0 if floats else None, at_once=1)))

    def decoded(self, windows):
        """Yield (time, events) for what `windows` yields; see `stream`."""
        decoder = self.decoder()
        averager = Averager(decoder) if self.averaged else None
        open_events = None
        for outputs, onsets, limit, later in windows:
            if averager is not None:
                found, later = averager(outputs, onsets, limit, later)
            else:
                table = pd.DataFrame({"filename": "", "onset": onsets, "mix_duration": limit})
                found = decoder.bins(outputs, table)
            joined = decoder.joined(found if open_events is None else pd.concat([open_events, found]))
            joined["offset"] = joined["offset"].clip(upper=limit)  # As released, an event may reach past its window.
            certain = joined["offset"] + decoder.merge_gap + TOUCH < later
            open_events = joined[~certain]
            yield min(later - decoder.merge_gap, limit), scored(decoder.rounded(joined[certain]))

    def decoder(self):
        """The `Decoder` of this network's outputs, with the thresholds and the way of decoding chosen here."""
        decoding = self.description["decoding"] | {"threshold": self.thresholds}
        decoding |= {"averaged": self.settings["averaged"] if self.averaged else None}
        return Decoder(self.event_labels, self.description["windows"]["length"], **decoding)

    @property
    def delay(self):
        """How much later than an event ends it is told at most, in a stream, s.

        A window and the gap that is joined, the cell in which the offset is followed, and half of the median with a
        cell of its grid.
        """
        delay = self.description["windows"]["length"] + self.description["decoding"]["merge_gap"]
        delay += 0 if self.settings["high_pass"] is None else CELL
        averaged = self.settings["averaged"] if self.averaged else {"median": 0, "resolution": 0}
        return delay + averaged["median"] / 2 + averaged["resolution"]

    def windows(self, batches):
        """Yield (outputs, onsets, limit, later) for every `Batch`.

        outputs: (windows, bins, 3 * classes), with presence 0 in silent bins.
        """
        for samples, begins, silent, onsets, limit, later in batches:
            outputs = self.predictor(samples, begins) if len(begins) else self.nothing()
            outputs[..., ::3][silent] = 0
            yield outputs, onsets, limit, later

    def batches(self, blocks, peak, at_once):
        """Yield a `Batch` of `at_once` windows after another, the last of what is left; see `stream`."""
        rate, windows, settings = self.sample_rate, self.description["windows"], self.settings
        hop, size = self.hop, round(windows["length"] * rate)
        silence = Silence(settings["silence"], peak)

        def first(number):  # sample of a window
            return round(number * hop * rate)

        def batch(numbers, limit, later):
            begins = np.array([first(number) for number in numbers], int) - begin
            silent = silence(parts[0][0], begins, size, windows["bins"])
            return Batch(parts[0][1], begins, silent, numbers * hop, limit, later)

        # parts: the samples from `begin` on, `held` of them, as they came and without their offset.
        held, begin, done, parts = 0, 0, 0, []
        for pair in offset_removed(blocks, rate, settings["high_pass"]):
            parts.append(pair)
            held += len(pair[0])
            while first(done + at_once - 1) + size <= begin + held:
                parts = [[np.concatenate(each) for each in zip(*parts)]]  # under no other name: no more are held
                yield batch(np.arange(done, done + at_once), np.inf, (done + at_once) * hop)
                done += at_once
                parts = [[each[first(done) - begin :].copy() for each in parts[0]]]
                begin, held = first(done), len(parts[0][0])
        duration = (begin + held) / rate
        parts = [[np.concatenate(each) for each in zip(*parts)]]
        yield batch(np.arange(done, len(window_onsets(duration, windows["length"], hop))), duration, np.inf)

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
def load(folder, threshold, decoding, threads):
    """The network of a run's folder, opened once by each process: it stands here for other processes to find it."""
    job.keep_memory()
    return Segmenter.load(folder, threshold=threshold, decoding=decoding, threads=threads)


def scored(events):
    """Events with their score: the mean presence of the bins, or cells, they are joined from."""
    events = events.assign(score=events["presence"] / events["bins"])
    return events[COLUMNS].reset_index(drop=True)


def per_class(threshold, event_labels):
    """Thresholds (classes,), of one number for all or {event_label: number}."""
    if not isinstance(threshold, dict):
        threshold = dict.fromkeys(event_labels, threshold)
    if other := set(threshold) ^ set(event_labels):
        raise InputError(f"thresholds: {', '.join(sorted(other))}: not the classes of the network")
    return np.array([threshold[event_label] for event_label in event_labels], float)
