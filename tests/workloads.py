"""A small network, its windows and settings: shared by the tests of throughput, on a CPU and on a GPU."""

import numpy as np

import small
from yoho.benchmarks import throughput

NETWORK = {"backbone": "vggish", "mask": "none", "masking": "multiply"}
SIZES = {"pretrained": False, "classes": 2, "frames": 33, "n_mels": 8, "bins": 2}
NO_STRIPES = {"frequency_stripes": 0, "frequency_width": 0, "time_stripes": 0, "time_width": 0}
TRAINING = small.SETTINGS | {"learning_rate": 0.0001, "device": "cpu", "deterministic": False}
TRAINING |= {"augmentation": small.AUGMENTATION | NO_STRIPES}
BENCHMARKS = {
    "windows": {"cpu": 12, "cuda": 12},
    "batch_size": 12,
    "threads": 1,
    "at_once": [2],
    "variants": [{"graph": "none"}, {"compile": False, "kept": "bfloat16"}],
    "repeats": 2,
}
STAGES = ["training", "inference", "training with graph: none", "training with compile: false, kept: bfloat16"]


def windows(count=12):
    """Features (windows, 33, 8), dB, and targets (windows, 2, 6)."""
    rng = np.random.default_rng(0)
    features, targets = rng.normal(-40, 10, (count, 33, 8)), rng.integers(0, 2, (count, 2, 6))
    return features.astype(np.float32), targets.astype(np.float32)


def workload(folder, **changes):
    """A `Workload` whose windows are written to a folder; changes: of the training settings."""
    throughput.write_windows(folder, *windows(), 12)
    return throughput.Workload(NETWORK | SIZES, folder, TRAINING | changes, BENCHMARKS)
