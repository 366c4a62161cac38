"""Segment audio of any length: a trained network finds when each of its classes sounds (paper, section 1).

>>> segmenter = Segmenter.load("results/builtin/runs/mobilenet-seed_0")
>>> segmenter(waveform, rate)
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import cpu_count

from yoho import InputError, job
from yoho.audio import checked_blocks, resampled
from yoho.events import TOUCH
from yoho.networks.engines import TorchEngine, load_engine
from yoho.networks.run_folder import read_description
from yoho.referring.grammar import shown
from yoho.segmenting.batching import Batch, Times, gathered, prefetched
from yoho.segmenting.classes import Groups, Specific, known_names, regrouped
from yoho.segmenting.inference import Predictor
from yoho.segmenting.levels import CELL, Silence, event_levels, loudest, offset_removed
from yoho.segmenting.queries import Queries
from yoho.segmenting.reading import resampled_audio
from yoho.segmenting.samples import array_blocks
from yoho.segmenting.streams import print_line
from yoho.windows.averaging import Averager
from yoho.windows.cutting import window_onsets
from yoho.windows.targets import Decoder

COLUMNS = ["onset", "offset", "event_label", "score"]

# Windows of a file that a thread computes at a time: few, because memory holds the sound of several such batches, and
# enough to share most frames.
AT_ONCE = 16
DECODINGS = ("bins", "averaged")  # the paper's, and that of `yoho.windows.averaging`

NEEDED = ("event_labels", "sample_rate", "windows", "features", "decoding", "network")  # in a network's description

# Settings for a network whose model.json has none: unchanged audio and the paper's decoding.
AS_IN_THE_PAPER = {"decoding": "bins", "silence": None, "high_pass": None}


class Segmented(NamedTuple):
    """A file's duration (s) and its events, a table of COLUMNS."""

    duration: float
    events: pd.DataFrame


class Segmenter:
    """Finds the events in audio with a trained network.

    predictor: `Predictor` of the network; description: the content of its `model.json`.
    threshold: lowest presence at which a class counts as sounding, one number or {event_label: number}; None: the
    threshold with which the run was scored; "tuned": each class's threshold, tuned on the run's validation split.
    decoding: "bins", as in the paper, or "averaged", see `Averager`; None: as in the description.
    classes: the classes to report; None: all that the description does not leave out. queries: `Queries` whose sounds
    are the classes, None for none.
    threads: how many compute windows at the same time.
    Raises InputError for thresholds of other classes, and if the description lacks tuned thresholds or the settings of
    averaging.
    """

    def __init__(self, predictor, description, threshold=None, decoding=None, classes=None, *, queries=None, threads=1):
        self.predictor, self.description, self.threads, self.queries = predictor, description, threads, queries
        self.event_labels, self.sample_rate = description["event_labels"], description["sample_rate"]
        self.settings = description.get("segmenting", AS_IN_THE_PAPER)
        self.averaged = (decoding or self.settings["decoding"]) == "averaged"
        if self.averaged and "averaged" not in self.settings:
            raise InputError(
                "decoding averaged: this network's model.json has no settings for it; choose bins, or run make again"
            )
        self.hop = description["windows"]["hop"]["averaged" if self.averaged else "score"]
        if threshold is None:
            threshold = description["decoding"]["threshold"]
        elif threshold == "tuned":
            if "thresholds" not in description:
                raise InputError("threshold tuned: this network has no tuned thresholds; give a number, or train again")
            threshold = description["thresholds"]
        if not isinstance(threshold, dict):
            threshold = dict.fromkeys(self.event_labels, threshold)
        if other := set(threshold) ^ set(self.event_labels):
            raise InputError(f"thresholds: {', '.join(sorted(other))}: missing, or not a class of the network")
        # Thresholds are above 0, so that silent bins, whose presence is 0, never count as present.
        self.thresholds = np.maximum([threshold[label] for label in self.event_labels], np.nextafter(0, 1))
        descendants, left_out = description.get("descendants"), description.get("left_out", ())
        self.specific = Specific(self.event_labels, descendants) if descendants else None
        own = {"groups", "raised"} & set(description)
        self.groups = Groups(description.get("groups"), description.get("raised")) if own else None
        self.classes = classes or [label for label in self.event_labels if label not in left_out]

    @classmethod
    def load(cls, folder, *, threshold=None, decoding=None, classes=None, queries=None, device="auto", threads=None):
        """Load the network of a run's folder.

        classes: the classes to report, None for all; upper and lower case do not matter. A class of the ear stands for
        its descendants too. queries: what to report instead, in words, such as ["the first dog bark after the rain"],
        or `Queries`; None for nothing. device: "cpu", "cuda", "auto" for a GPU if there is one, or "reference" for
        PyTorch on the CPU, with features in double precision; threads: None for one per core that this process may use.
        Raises InputError if the folder holds no network, if the network does not know a class or cannot answer a query,
        or if the device does not exist.
        """
        description = read_description(folder, NEEDED)
        if device == "reference":
            engine, precision = TorchEngine(folder, "cpu"), "double"
        else:
            engine, precision = load_engine(folder, device, print_line), "single"
        labels = description["event_labels"]
        if 3 * len(labels) != engine.columns:
            own = engine.columns // 3
            raise InputError(
                f"{folder}: model.json names {len(labels)} classes, but the network has {own}; train it again"
            )
        if classes is not None:
            classes = known_names(classes, labels)
            if description.get("kind") == "ear":
                description = regrouped(description, {label: [label] for label in classes})
        if queries is not None:
            if classes is not None:
                raise InputError("classes and queries exclude each other; a query may be the name of a class")
            queries = queries if isinstance(queries, Queries) else Queries.of(queries)
            queries = queries.among(labels)
            description = regrouped(description, queries.classes(description, folder), "queries")
        threads = threads or cpu_count()
        predictor = Predictor(engine, description, precision)
        return cls(predictor, description, threshold, decoding, classes, queries=queries, threads=threads)

    def __call__(self, waveform, rate):
        """The events of a waveform: a table of onset, offset (s), event_label and score, sorted by onset.

        waveform: (samples,) or (samples, channels), floats or signed whole numbers, of any length; rate: Hz.
        score: mean presence, in [0, 1], of the bins or averaged cells that were joined to the event.
        Raises InputError for a waveform that is empty, not finite, or of another shape or type.
        """
        peak = loudest(array_blocks(waveform))  # also checks the shape and the type
        peak = peak if np.asarray(waveform).dtype.kind == "f" else None

        def read():
            return checked_blocks(resampled(array_blocks(waveform), rate, self.sample_rate), "waveform"), peak

        return self.answered(read).events

    def file(self, path):
        """`Segmented` of a file that soundfile or an installed ffmpeg reads; memory use does not grow with its length.

        Issues an AudioWarning if the file is cut off, damaged, or read in an unusual way.
        Raises InputError, naming the file, if it cannot be read.
        """
        return self.answered(partial(self.read, Path(path)))

    def answered(self, read):
        """`Segmented` of blocks and peak that a function reads; the events are those that the queries mean, if any."""
        segmented = self.segment_blocks(*read())
        if self.queries is None:
            return segmented

        def levels(events):
            return event_levels(events, read()[0], self.sample_rate, self.settings["high_pass"])

        return segmented._replace(events=self.queries.answers(segmented.events, levels))

    def read(self, path):
        """Blocks (samples,) of a file at the network's sample rate, and its peak if `Silence` needs it."""
        audio = resampled_audio(path, self.sample_rate)
        peak = loudest(audio.blocks) if audio.floats else None
        return (resampled_audio(path, self.sample_rate) if audio.floats else audio).blocks, peak

    def segment_blocks(self, blocks, peak):
        """`Segmented` of blocks (samples,) at the network's sample rate; peak: see `Silence.loudest`."""
        return self.segment_batches(self.batches(blocks, peak, AT_ONCE))

    def segment_batches(self, batches):
        """`Segmented` of all batches of a signal, which are read, computed and decoded in parallel."""
        windows = self.windows(prefetched(batches, 1), self.threads, ahead=self.threads)
        times, tables = zip(*self.decoded(gathered(windows)))
        return Segmented(times[-1], pd.concat(tables).sort_values(["onset", "event_label"], ignore_index=True))

    def stream(self, blocks, floats=True):
        """An iterator over (time, events) of blocks (samples,) at the network's sample rate, as they arrive.

        floats: whether the samples are floats, whose full scale is unknown, see `Silence`.
        events: a table (COLUMNS) of the events that are now final, because later audio cannot lengthen them. All
        events that end before `time` (s) have then been yielded; the last time is the duration. An event is yielded at
        most `delay` seconds of audio after its end. Raises InputError for a query that is no plain sound.
        """
        if self.queries is not None and self.queries.involved:
            raise InputError(
                f"query {shown(self.queries.involved[0])}: in a stream, only plain sounds can be asked for"
            )
        found = self.decoded(self.windows(self.batches(blocks, 0.0 if floats else None, at_once=1)))
        return found if self.queries is None else ((time, self.queries.answers(events)) for time, events in found)

    def decoded(self, windows):
        """Yield (time, events), see `stream`, for all (outputs, `Times`) of a signal, as from `windows`."""
        decoder = self.decoder()
        averager = Averager(decoder, self.specific) if self.averaged else None
        open_events = None
        for outputs, (onsets, limit, later) in windows:
            if averager is not None:
                found, later = averager(outputs, onsets, limit, later)
            else:
                table = pd.DataFrame({"filename": "", "onset": onsets, "mix_duration": limit})
                found = decoder.bins(outputs, table)
            joined = decoder.joined(found if open_events is None else pd.concat([open_events, found]))
            joined["offset"] = joined["offset"].clip(upper=limit)  # As released, an event may reach past its window.
            joined = joined[joined["event_label"].isin(self.classes)]
            certain = joined["offset"] + decoder.merge_gap + TOUCH < later
            open_events = joined[~certain]
            final = decoder.rounded(joined[certain])
            final = final.assign(score=final["presence"] / final["bins"])  # the mean of the joined bins or cells
            yield min(later - decoder.merge_gap, limit), final[COLUMNS].reset_index(drop=True)

    def decoder(self):
        """The `Decoder` of this network's outputs, with the thresholds and the way of decoding chosen here."""
        decoding = self.description["decoding"] | {"threshold": self.thresholds}
        decoding |= {"averaged": self.settings["averaged"] if self.averaged else None}
        return Decoder(self.event_labels, self.description["windows"]["length"], **decoding)

    @property
    def labels(self):
        """The labels that events may have: the queries or, if there are none, the classes."""
        return self.classes if self.queries is None else list(self.queries.texts)

    @property
    def delay(self):
        """Maximum time (s) from the end of an event until `stream` yields it.

        It consists of a window, the gap that is joined, the cell in which the offset is tracked, half of the median
        of averaging, and a cell of its grid.
        """
        delay = self.description["windows"]["length"] + self.description["decoding"]["merge_gap"]
        delay += 0 if self.settings["high_pass"] is None else CELL
        averaged = self.settings["averaged"] if self.averaged else {"median": 0, "resolution": 0}
        return delay + averaged["median"] / 2 + averaged["resolution"]

    def windows(self, batches, threads=1, ahead=0):
        """Yield (outputs, `Times`) of every `Batch`, see `outputs`; ahead: how many batches are begun in advance."""
        waiting = deque()
        with ThreadPoolExecutor(threads) as pool:
            for batch in batches:
                waiting.append((pool.submit(self.outputs, batch), batch.times))
                if len(waiting) > ahead:
                    outputs, times = waiting.popleft()
                    yield outputs.result(), times
            for outputs, times in waiting:
                yield outputs.result(), times

    def outputs(self, batch):
        """Outputs (windows, bins, 3 * classes) for a `Batch`; presence is 0 in silence."""
        if not len(batch.begins):
            return np.zeros((0, self.description["windows"]["bins"], 3 * len(self.event_labels)), np.float32)
        outputs = self.predictor(batch.samples, batch.begins)
        outputs = self.groups(outputs) if self.groups else outputs
        outputs[..., ::3][batch.silent] = 0
        if self.specific and not self.averaged:
            outputs[..., ::3] *= self.specific(outputs[..., ::3] >= self.thresholds)
        return outputs

    def batches(self, blocks, peak, at_once):
        """Yield every `Batch` of `at_once` windows of a signal, and a last one of the remaining windows.

        Floats with a peak above 1 are divided by it, because a front end may depend on the level.
        """
        if peak is not None and peak > 1:
            blocks, peak = map(partial(np.multiply, np.float32(1 / peak)), blocks), 1.0
        rate, windows, settings = self.sample_rate, self.description["windows"], self.settings
        hop, size = self.hop, round(windows["length"] * rate)
        silence = Silence(settings["silence"], peak)

        def first(number):  # first sample of a window
            return round(number * hop * rate)

        def batch(numbers, limit, later):
            begins = np.array([first(number) for number in numbers], int) - begin
            silent = silence(parts[0][0], begins, size, windows["bins"])
            return Batch(parts[0][1], begins, silent, Times(numbers * hop, limit, later))

        # parts: pairs (samples, samples without offset) of the `held` samples from number `begin` on.
        held, begin, done, parts = 0, 0, 0, []
        for pair in offset_removed(blocks, rate, settings["high_pass"]):
            parts.append(pair)
            held += len(pair[0])
            while first(done + at_once - 1) + size <= begin + held:
                parts = [[np.concatenate(each) for each in zip(*parts)]]  # the pieces are then freed
                yield batch(np.arange(done, done + at_once), np.inf, (done + at_once) * hop)
                done += at_once
                parts = [[each[first(done) - begin :].copy() for each in parts[0]]]
                begin, held = first(done), len(parts[0][0])
        duration = (begin + held) / rate
        parts = [[np.concatenate(each) for each in zip(*parts)]]
        yield batch(np.arange(done, len(window_onsets(duration, windows["length"], hop))), duration, np.inf)


def ear_segmenter(folder, thresholds=None, classes=None, decoding=None, *, threads):
    """The `Segmenter` of the untrained ear in a folder, on the CPU.

    thresholds: raw logits from which on its classes are present, (classes,), None for its own; classes: see
    `regrouped`, None for all; decoding: see `Segmenter`.
    """
    description = read_description(folder)
    predictor = Predictor(load_engine(folder, "cpu", print_line), description)
    if classes:
        description = regrouped(description, classes)
    if thresholds is not None:
        raised = np.subtract(description["network"]["thresholds"], thresholds)
        description |= {"raised": raised}
    return Segmenter(predictor, description, decoding=decoding, threads=threads)


@cache
def cached_segmenter(folder, **chosen):
    """The `Segmenter` of a run's folder, which every process loads once; chosen: see `Segmenter.load`."""
    job.keep_memory()
    return Segmenter.load(folder, **chosen)
