"""Inference: a network's outputs for windows of a signal, computed on every core and as fast as their accuracy allows.

The precision "plain" is the reference: features in double precision, the network in single precision as trained. Other
precisions compute both in single precision and fuse each activation into the convolution before it. "mixed" also
computes the convolutions of coarse maps, which do most of the arithmetic, in bfloat16: see COARSE. For fine maps
bfloat16 is too inaccurate: in YOHO's first convolution alone it changes three of a thousand bin decisions. A fused
network is used only if it is `proved`, in single precision, to agree with the plain one.
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
from yoho.windows.front_ends import build_front_end


class Predictor:
    """A network applied to windows of signals.

    network, description: as from `load_network`, on `device`; precision: "plain", "float32", "mixed", or "auto" for the
    fastest that agrees with "plain"; "mixed" falls back to "float32" if the fused network is not proved. Each of the
    `threads` computes features and outputs of its own windows; on CUDA, it sends its features to the device.
    seconds: the time of each stage so far, {"features", "network"}, summed over the threads.
    Raises InputError for "mixed" on a processor that cannot compute in bfloat16.
    """

    def __init__(self, network, description, device, precision, threads):
        self.device, self.threads, self.seconds = device, threads, Counter()
        self.front_end = build_front_end(description["sample_rate"], **description["features"])
        self.size = self.front_end.size(description["windows"]["length"])
        arguments = description["network"]
        precision = fastest(device, arguments) if precision == "auto" else precision
        self.network, self.precision = prepared(network, arguments, device, precision)
        self.feature_precision = "double" if precision == "plain" else "single"
        # Each thread uses a single thread of torch. Shared threads would wait for each other after every layer.
        self.pool = ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1))

    def __call__(self, samples, first):
        """Outputs (windows, bins, 3 * classes), float32.

        samples: mono float32 at the run's rate; first: first sample of each window, ascending, (windows,). Beyond the
        signal's end, windows hold zeros.
        """
        first = np.asarray(first)
        rounds = -(-len(first) // (AT_ONCE * self.threads))
        outputs = []
        for part, seconds in self.pool.map(
            partial(self.compute, samples), np.array_split(first, min(len(first), rounds * self.threads))
        ):
            outputs.append(part)
            self.seconds.update(seconds)
        return np.concatenate(outputs)

    @torch.inference_mode()
    def compute(self, samples, first):
        """Outputs for one thread's windows, and the seconds of each stage."""
        start = time.perf_counter()
        part, first = samples[first[0] : first[-1] + self.size], first - first[0]
        features = self.front_end.images(part, first, self.size, self.feature_precision)
        between = time.perf_counter()
        outputs = self.network(torch.from_numpy(features).to(self.device)).cpu().numpy()
        return outputs, {"features": between - start, "network": time.perf_counter() - between}


def prepared(network, arguments, device, precision):
    """The form of a network that is fastest in a precision, and the precision of that form; arguments: of `Network`."""
    if precision == "mixed" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise InputError("precision mixed: this processor cannot compute in bfloat16")
    if precision == "plain":
        return network, precision
    windows = random_windows(network, (1, arguments["frames"], arguments["n_mels"]))
    fast = folded(network, windows.to(device))
    if device.type != "cpu" or not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return fast, precision
    single = fused(fast, windows, coarse=0)
    if not proved(single, windows, map_and_outputs(network, windows)):
        return fast, "float32"  # Only a proved network may compute in bfloat16.
    if precision == "mixed":
        return fused(fast, windows, COARSE.get(arguments.get("backbone"), 0)), precision
    return single, precision


def fastest(device, arguments):
    """The fastest precision that agrees with "plain"; arguments: the network's."""
    native = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    coarse = arguments.get("backbone") in COARSE and arguments["mask"] == "none"
    return "mixed" if native and coarse else "float32"
