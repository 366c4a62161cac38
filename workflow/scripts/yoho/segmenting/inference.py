"""Inference: a network's outputs for windows of a signal, computed on every core."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

import numpy as np
from threadpoolctl import ThreadpoolController

from yoho.windows.front_ends import build_front_end

MOST = 64  # windows whose features a thread computes at a time: windows that overlap share most of them


class Predictor:
    """A network applied to windows of signals.

    engine: of the network, see `yoho.networks.engines`; description: the content of its `model.json`; precision: of the
    features, "single", or "double" as a reference. Each of the `threads` computes features and outputs of its own
    windows.
    seconds: the time of each stage so far, {"features", "network"}, summed over the threads.
    """

    def __init__(self, engine, description, threads, precision="single"):
        self.engine, self.threads, self.precision, self.seconds = engine, threads, precision, Counter()
        self.front_end = build_front_end(description["sample_rate"], **description["features"])
        self.size = self.front_end.size(description["windows"]["length"])
        self.pool, self.counting = ThreadPoolExecutor(threads), Lock()

    def __call__(self, samples, first):
        """Outputs (windows, bins, 3 * classes), float32.

        samples: mono float32 at the run's rate; first: first sample of each window, ascending, (windows,). Beyond the
        signal's end, windows hold zeros.
        """
        first = np.asarray(first)
        rounds = -(-len(first) // (MOST * self.threads))
        parts = np.array_split(first, min(len(first), rounds * self.threads))
        outputs = []
        for part, seconds in self.pool.map(partial(self.compute, samples), parts):
            outputs.append(part)
            with self.counting:
                self.seconds.update(seconds)
        return np.concatenate(outputs)

    def compute(self, samples, first):
        """Outputs for one thread's windows, and the seconds of each stage."""
        start = time.perf_counter()
        part, first = samples[first[0] : first[-1] + self.size], first - first[0]
        features = self.front_end.images(part, first, self.size, self.precision)
        between = time.perf_counter()
        few = np.array_split(features, -(-len(features) // self.engine.at_once))
        outputs = np.concatenate([self.engine(windows) for windows in few])
        return outputs, {"features": between - start, "network": time.perf_counter() - between}


def alone():
    """A context in which each thread computes alone: threads of matrix products would wait for each other."""
    return ThreadpoolController().limit(limits=1)
