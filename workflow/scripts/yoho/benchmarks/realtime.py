"""The speed of segmenting (times real time), each stage's share, and how well the fast and the plain path agree."""

import time

import numpy as np
import soundfile
import torch

from yoho.benchmarks.throughput import compare, duration
from yoho.segmenting.segmenter import AT_ONCE


def measure_file(fast, whole, plain, part, repeats):
    """A row with the speeds of two `Segmenter`s, measured in turns: the fast one on a file, the plain one on a part.

    The row also holds each stage's share of the fast one's work: reading and resampling, features, network, decoding.
    """
    cpu, rates, stages = torch.device("cpu"), [], []
    for _ in range(repeats + 1):
        elapsed, by_stage = stage_seconds(fast, whole)
        seconds = elapsed, duration(lambda: plain.file(part), cpu)
        rates.append(np.divide([soundfile.info(path).duration for path in (whole, part)], seconds))
        stages.append(np.array(list(by_stage.values())) / sum(by_stage.values()))
    row = compare(*np.transpose(rates[1:]))  # The first turn warms up.
    names = {"windows_per_s": "times_real_time", "plain_windows_per_s": "plain_times_real_time"}
    shares = dict(zip((f"{stage}_share" for stage in by_stage), np.median(stages[1:], axis=0)))
    return {names.get(name, name): value for name, value in row.items()} | shares


def stage_seconds(segmenter, path):
    """Seconds that segmenting a file takes, and {stage: seconds}, summed over threads in which the stages overlap.

    Reading includes resampling, removal of the offset and detection of silence.
    """
    reading, before = 0.0, segmenter.predictor.seconds.copy()

    def read(batches):
        nonlocal reading
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            reading += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    start, busy = time.perf_counter(), time.thread_time()
    segmenter.segment_batches(read(segmenter.batches(*segmenter.read(path), AT_ONCE)))
    whole, decoding = time.perf_counter() - start, time.thread_time() - busy  # This thread only decodes.
    spent = segmenter.predictor.seconds - before
    stages = {"reading": reading, "features": spent["features"], "network": spent["network"], "decoding": decoding}
    return whole, stages


def agreement(fast, plain, sounds):
    """How well the decisions of two `Segmenter`s agree on some sounds (samples,), bin by bin.

    bins_alike: share of bins and classes in which both find the class present, or both absent; max_margin: the largest
    distance of the plain presence from its threshold where they differ, 0 if nowhere. For the onsets and offsets of
    classes that both find present, within_1_ms: share of differences below 1 ms; max_difference_s: the largest
    difference.
    """
    alike, margins, differences = [], [], []
    width = fast.description["windows"]["length"] / fast.description["windows"]["bins"]
    for samples in sounds:
        fast_bins, plain_bins = (
            np.concatenate([outputs for outputs, *_ in each.windows(each.batches([samples], None, at_once=32))])
            for each in (fast, plain)
        )
        fast_bins, plain_bins = (bins.reshape(*bins.shape[:2], -1, 3) for bins in (fast_bins, plain_bins))
        present = [bins[..., 0] >= plain.thresholds for bins in (fast_bins, plain_bins)]
        alike.append((present[0] == present[1]).ravel())
        margins.append(np.abs(plain_bins[..., 0] - plain.thresholds)[present[0] != present[1]])
        differences.append(width * np.abs(fast_bins - plain_bins)[present[0] & present[1]][:, 1:].ravel())
    alike, margins, differences = map(np.concatenate, (alike, margins, differences))
    decisions = {"bins_alike": alike.mean(), "max_margin": margins.max(initial=0)}
    return decisions | {"within_1_ms": (differences < 1e-3).mean(), "max_difference_s": differences.max(initial=0)}
