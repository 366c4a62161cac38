"""Inference: a network's outputs for windows of a signal."""

import time
from collections import Counter
from threading import Lock

import numpy as np

from yoho.windows.front_ends import build_front_end


class Predictor:
    """A network applied to windows of signals. Several threads may call it at once.

    engine: of the network, see `yoho.networks.engines`; description: the content of its `model.json`; precision: of the
    features, "single", or "double" as a reference.
    seconds: the time of each stage so far, {"features", "network"}, summed over the threads.
    """

    def __init__(self, engine, description, precision="single"):
        self.engine, self.precision, self.seconds, self.counting = engine, precision, Counter(), Lock()
        self.front_end = build_front_end(description["sample_rate"], **description["features"])
        self.size = self.front_end.size(description["windows"]["length"])

    def __call__(self, samples, first):
        """Outputs (windows, bins, 3 * classes), float32.

        samples: mono float32 at the run's rate; first: first sample of each window, ascending, (windows,). Beyond the
        signal's end, windows hold zeros.
        """
        start = time.perf_counter()
        features = self.front_end.images(samples, np.asarray(first), self.size, self.precision)
        between = time.perf_counter()
        few = np.array_split(features, -(-len(features) // self.engine.at_once))
        outputs = np.concatenate([self.engine(windows) for windows in few])
        with self.counting:
            self.seconds.update(features=between - start, network=time.perf_counter() - between)
        return outputs
