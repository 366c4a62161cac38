"""Inference: windows of a signal to a network's outputs, on every core, in the number formats that do not change them.

"plain" is what the rest is measured against: features in double, the network in single precision, as trained. The
fast paths take single precision for both and let a convolution do its activation on the way. "mixed" computes the
convolutions of coarse maps, where most of the arithmetic is, in bfloat16: see COARSE. In fine maps it is not faithful:
of YOHO's bin decisions, bfloat16 in the first convolution alone changes three in a thousand. Whatever the network, a
fast path is taken only if it is `proved`, in single precision, to compute the same as the plain one.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch

from yoho import InputError
from yoho.networks.folding import folded, map_and_outputs, proved, random_windows
from yoho.networks.fusing import AT_ONCE, COARSE, fused
from yoho.windows.front_ends import LogMel


class Predictor:
    """A network applied to the windows of signals: (samples, first) to outputs (windows, bins, 3 * classes).

    network, description: as `load_network` gives them, on `device`; precision: "plain", "float32" or "mixed", or
    "auto": the fastest that keeps to "plain"; "mixed" becomes "float32" if the fused network is not proved. Each of
    some `threads` takes windows all the way from samples to outputs; on CUDA it computes their features, and the
    device what the network makes of them.
    seconds: what each stage took so far, {"features", "network"}, summed over the threads.
    Raises InputError for "mixed" on a processor that has no way to compute in bfloat16.
    """

    def __init__(self, network, description, device, precision, threads):
        self.device, self.threads, self.seconds = device, threads, Counter()
        self.front_end = LogMel(description["sample_rate"], **description["features"])
        self.size = self.front_end.size(description["windows"]["length"])
        built = description["network"]
        self.precision = fastest(device, built) if precision == "auto" else precision
        if self.precision == "mixed" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            raise InputError("precision mixed: this processor cannot compute in bfloat16")
        self.network, self.feature_precision = network, "double"
        if self.precision != "plain":
            windows = random_windows(network, (1, built["frames"], built["n_mels"]))
            self.network, self.feature_precision = folded(network, windows.to(device)), "single"
            if device.type == "cpu" and hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
                fast = fused(self.network, windows, coarse=0)
                if not proved(fast, windows, map_and_outputs(network, windows)):
                    self.precision = "float32"  # It stays folded: bfloat16 is for what was proved alone.
                elif self.precision == "mixed":
                    self.network = fused(self.network, windows, COARSE.get(built["backbone"], 0))
                else:
                    self.network = fast
        # One each: torch's own threads would wait for each other after every layer.
        self.pool = ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1))

    def __call__(self, samples, first):
        """Outputs, (windows, bins, 3 * classes) float32.

        samples: mono float32 at the run's rate; first: first sample of each window, ascending, (windows,). A window
        that reaches past the signal's end has zeros there.
        """
        first = np.asarray(first)
        rounds = -(-len(first) // (AT_ONCE * self.threads))
        outputs = []
        for part, seconds in self.pool.map(
            partial(self.predict, samples), np.array_split(first, min(len(first), rounds * self.threads))
        ):
            outputs.append(part)
            self.seconds.update(seconds)
        return np.concatenate(outputs)

    @torch.inference_mode()
    def predict(self, samples, first):
        """Outputs of a thread's windows, and what each stage took, s."""
        start = time.perf_counter()
        part, first = samples[first[0] : first[-1] + self.size], first - first[0]
        features = self.front_end.images(part, first, self.size, self.feature_precision)
        between = time.perf_counter()
        outputs = self.network(torch.from_numpy(features).to(self.device)).cpu().numpy()
        return outputs, {"features": between - start, "network": time.perf_counter() - between}


def fastest(device, built):
    """The fastest precision that keeps to "plain"; built: what `Network` took."""
    native = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "mixed" if native and built["backbone"] in COARSE and built["mask"] == "none" else "float32"
