"""Segmenting against the clock: times real time, each stage's share, agreement of the fast path with the plain one."""

import time

import numpy as np
import soundfile
import torch

from yoho.audio import file_blocks
from yoho.throughput import compare, duration


def measure_file(fast, whole, plain, part, repeats):
    """Times real time of two `Segmenter`s, the fast one on a whole file and the plain one on a part, in turn.

    With the share of each stage of the fast one: reading and resampling, features, network, decoding.
    """
    cpu, rates, stages = torch.device("cpu"), [], []
    for _ in range(repeats + 1):
        taken = stage_seconds(fast, whole)
        seconds = sum(taken.values()), duration(lambda: plain.file(part), cpu)
        rates.append(np.divide([soundfile.info(path).duration for path in (whole, part)], seconds))
        stages.append(np.array(list(taken.values())) / seconds[0])
    row = compare(*np.transpose(rates[1:]))  # the first turn warms up
    names = {"windows_per_s": "times_real_time", "plain_windows_per_s": "plain_times_real_time"}
    shares = dict(zip((f"{stage}_share" for stage in taken), np.median(stages[1:], axis=0)))
    return {names.get(name, name): value for name, value in row.items()} | shares


def stage_seconds(segmenter, path):
    """Seconds of each stage of segmenting a file: {reading, features, network, decoding}, all of it together."""
    reading, predicting, before = 0.0, 0.0, segmenter.predictor.seconds.copy()

    def read(blocks):
        nonlocal reading
        while True:
            start = time.perf_counter()
            block = next(blocks, None)
            reading += time.perf_counter() - start
            if block is None:
                return
            yield block

    def predict(*call, own=segmenter.predictor):
        nonlocal predicting
        start = time.perf_counter()
        outputs = own(*call)
        predicting += time.perf_counter() - start
        return outputs

    timed = type(segmenter)(predict, segmenter.description)
    start = time.perf_counter()
    timed.whole(read(file_blocks(path, segmenter.sample_rate)))
    whole = time.perf_counter() - start
    spent = segmenter.predictor.seconds - before  # of all threads
    features, network = (predicting * spent[stage] / spent.total() for stage in ("features", "network"))
    rest = whole - reading - predicting
    return {"reading": reading, "features": features, "network": network, "decoding": rest}


def agreement(fast, plain, sounds):
    """How far two `Segmenter`s decide alike on some sounds (samples,), bin by bin.

    Share of bins and classes that both, or neither, call present; where both do, the share of onsets and offsets
    within a millisecond and the largest difference, s.
    """
    alike, differences = [], []
    width = fast.description["windows"]["length"] / fast.description["windows"]["bins"]
    for samples in sounds:
        fast_bins, plain_bins = (
            np.concatenate([outputs for outputs, *_ in segmenter.windows([samples], at_once=32)])
            for segmenter in (fast, plain)
        )
        fast_bins, plain_bins = (bins.reshape(*bins.shape[:2], -1, 3) for bins in (fast_bins, plain_bins))
        present = [bins[..., 0] >= plain.thresholds for bins in (fast_bins, plain_bins)]
        alike.append((present[0] == present[1]).ravel())
        differences.append(width * np.abs(fast_bins - plain_bins)[present[0] & present[1]][:, 1:].ravel())
    alike, differences = np.concatenate(alike), np.concatenate(differences)
    largest = differences.max(initial=0)
    return {"bins_alike": alike.mean(), "within_1_ms": (differences < 1e-3).mean(), "max_difference_s": largest}
