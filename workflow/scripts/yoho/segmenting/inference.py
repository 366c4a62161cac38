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
from yoho.windows.front_ends import mel_decibels, overlapping_log_mel


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
        self.settings, self.sample_rate = description["features"], description["sample_rate"]
        self.size = round(description["windows"]["length"] * self.sample_rate)
        built = description["network"]
        self.precision = fastest(device, built) if precision == "auto" else precision
        if self.precision == "mixed" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            raise InputError("precision mixed: this processor cannot compute in bfloat16")
        self.network, self.decibels = network, mel_decibels
        if self.precision != "plain":
            windows = random_windows(network, (1, built["frames"], built["n_mels"]))
            self.network, self.decibels = folded(network, windows.to(device)), single_mel_decibels
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
        features = overlapping_log_mel(
            part, first, self.size, self.sample_rate, **self.settings, decibels=self.decibels
        )
        between = time.perf_counter()
        outputs = self.network(torch.from_numpy(features).to(self.device)).cpu().numpy()
        return outputs, {"features": between - start, "network": time.perf_counter() - between}


def fastest(device, built):
    """The fastest precision that keeps to "plain"; built: what `Network` took."""
    native = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "mixed" if native and built["backbone"] in COARSE and built["mask"] == "none" else "float32"


# ---- features --------------------------------------------------------------------------------------------------------


def single_mel_decibels(samples, begins, taper, mel):
    """`mel_decibels` in single precision, at several times its speed: 70 dB below a loud tone it is 0.004 dB off."""
    every_frame = torch.from_numpy(samples).float().unfold(0, len(taper), 1)
    steps = np.unique(np.diff(begins))
    even = len(steps) == 1 and steps[0] > 0
    if even:  # a view of the signal will do: no frame is copied
        every_frame = every_frame[begins[0] :: steps[0]]
        begins = np.arange(len(begins))
    taper, halves = torch.from_numpy(taper).float(), list(low_and_high(mel))
    power = torch.zeros(len(begins), mel.shape[1])
    # A hundred frames at a time stay in the processor's cache from the first step to the last.
    for start in range(0, len(begins), 128):
        block = begins[start : start + 128]
        frames = every_frame[block[0] : block[-1] + 1] if even else every_frame[block]
        parts = torch.view_as_real(torch.fft.rfft(frames * taper)).flatten(1).square_()
        for bands, rows, filters in halves:
            torch.mm(parts[:, rows], filters, out=power[start : start + 128, bands])
    return power.clamp_(min=torch.finfo(torch.float32).tiny).log10_().mul_(10).numpy()


def low_and_high(mel):
    """Mel filters (frequencies, n_mels) in two halves, each without the frequencies that are 0 in it.

    Yields (bands, rows, filters): for some bands, what to multiply which rows of a spectrum by whose real and
    imaginary parts alternate. The low bands need a sixth of the frequencies; multiples of eight multiply fastest.
    """
    low = 3 * mel.shape[1] // 5 // 8 * 8
    for bands in (slice(0, low), slice(low, mel.shape[1])):
        used = np.flatnonzero(mel[:, bands].any(axis=1))
        if len(used):
            filters = torch.from_numpy(mel[used[0] : used[-1] + 1, bands]).float()
            yield bands, slice(2 * used[0], 2 * used[-1] + 2), filters.repeat_interleave(2, dim=0)
