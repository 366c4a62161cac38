"""Throughput: windows per second of training, inference and front end, compared with plain code in the same run.

The plain loop is simple code, as one would write it first: float32 with PyTorch's defaults (TF32 on a GPU), NCHW,
eager, a DataLoader over one .npy file per window, the default `torch.optim.Adam`, the loss fetched after every batch.
Both loops include SpecAugment. The two sides of a ratio take turns, so that other load on the machine affects both.
"""

import copy
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import torch
from tqdm import tqdm

from yoho import job
from yoho.audio import read_audio
from yoho.networks.device import choose_device, cudnn_with, predict
from yoho.networks.network import Network
from yoho.networks.sizes import network_size
from yoho.training.batches import Stored, mean_and_deviation, to_device
from yoho.training.fit import train_epoch
from yoho.training.step import Step, adam, augmentation_arguments, choose_precision, penalty
from yoho.windows.augment import spec_augment
from yoho.windows.cutting import cut_windows
from yoho.windows.loss import data_loss

SECONDS = 2  # least time for which trainings at once are measured


class Workload(NamedTuple):
    """The network to measure, its windows and settings.

    arguments: of `Network`; folder: the one that `write_windows` filled; training: a run's training settings;
    benchmarks: the config's section.
    """

    arguments: dict
    folder: Path
    training: dict
    benchmarks: dict

    def network(self):
        """The network, which standardises features by the windows' mean and deviation."""
        network = Network(**self.arguments)
        network.standardise(*mean_and_deviation(Stored(self.folder / "features.npy")))
        return network

    def settings(self, network, device):
        """The training settings with the precision chosen for this device and with the benchmarks' batch size."""
        precision = choose_precision(network, device, self.training["precision"])
        return self.training | {"precision": precision, "batch_size": self.benchmarks["batch_size"]}


# ---- networks --------------------------------------------------------------------------------------------------------


def write_windows(folder, features, targets, windows):
    """Write the first `windows` rows of two arrays for both loops. If the arrays hold fewer, the rows repeat."""
    rows = np.resize(np.arange(len(features)), windows)
    np.save(folder / "features.npy", features[rows])
    np.save(folder / "targets.npy", targets[rows])
    for number, row in enumerate(rows):
        np.save(folder / f"{number}.npy", features[row])


class FilePerWindow:
    """The plain loop's data set: (features (frames, mel bands), targets (bins, 3 * classes)) of each window."""

    def __init__(self, folder):
        self.folder, self.targets = folder, np.load(folder / "targets.npy")

    def __len__(self):  # noqa: D105
        return len(self.targets)

    def __getitem__(self, number):  # noqa: D105
        return np.load(self.folder / f"{number}.npy"), self.targets[number]


@cudnn_with(allow_tf32=True)  # PyTorch's default, which this project switches off
def plain_epoch(network, optimiser, loader, *, augmentation, l2, device):
    """One pass of the plain loop over the training windows; returns the mean data loss per window."""
    network.train()
    generator, total = torch.Generator(device).manual_seed(0), 0.0
    for features, targets in loader:
        features, targets = features.to(device), targets.to(device)
        loss = data_loss(network(spec_augment(features, generator=generator, **augmentation)), targets).mean()
        optimiser.zero_grad()
        (loss + penalty(network, l2)).backward()
        optimiser.step()
        total += loss.item() * len(features)
    return total / len(loader.dataset)


@cudnn_with(allow_tf32=True)  # PyTorch's default, which this project switches off
@torch.no_grad()
def plain_outputs(network, loader, device):
    """The plain loop's outputs (windows, bins, 3 * classes), on the CPU."""
    network.eval()
    return torch.cat([network(features.to(device)).cpu() for features, _ in loader])


def training_loop(network, folder, settings, device):
    """A function that trains a copy of a network on the windows in `folder` for an epoch, as this project does.

    settings: training settings as from `Workload.settings`.
    """
    network = copy.deepcopy(network).to(device, memory_format=torch.channels_last)
    arguments = augmentation_arguments(settings["augmentation"], network.mean.item())
    step = Step(network, adam(network, settings, device), arguments, settings, device)
    train = to_device([Stored(folder / f"{name}.npy") for name in ("features", "targets")], device, settings["kept"])
    return partial(train_epoch, step, train, 0, tqdm(disable=True), 1)


def plain_training_loop(network, folder, settings, device):
    """The plain counterpart of `training_loop`."""
    network = copy.deepcopy(network).to(device)
    arguments = augmentation_arguments(settings["augmentation"], network.mean.item())
    optimiser = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    loader = files_loader(folder, settings["batch_size"], shuffle=True)
    given = {"augmentation": arguments, "l2": settings["l2"], "device": device}
    return partial(plain_epoch, network, optimiser, loader, **given)


def inference_loops(network, folder, batch_size, device):
    """Two functions that compute the outputs for the windows in `folder`: this project's and its plain counterpart."""
    network = copy.deepcopy(network).to(device)
    ours = copy.deepcopy(network).to(memory_format=torch.channels_last)
    features, _ = to_device([Stored(folder / f"{name}.npy") for name in ("features", "targets")], device)
    loader = files_loader(folder, batch_size, shuffle=False)
    return partial(predict, ours, features, device=device), partial(plain_outputs, network, loader, device)


def files_loader(folder, batch_size, shuffle):
    """The plain loop's windows in batches."""
    return torch.utils.data.DataLoader(FilePerWindow(folder), batch_size, shuffle=shuffle)


def measure_network(workload, device):
    """Yield rows for a network: training and inference against plain code, then training with each of the variants.

    operations: floating-point operations per window; a training step takes three times as many as inference.
    """
    benchmarks = workload.benchmarks
    threads, windows = benchmarks["threads"], benchmarks["windows"][device.type]
    torch.set_num_threads(threads)
    network = workload.network()
    sizes = workload.arguments["frames"], workload.arguments["n_mels"]
    work = 2 * network_size(network, *sizes)["multiply_accumulates"]
    settings = workload.settings(network, device)

    def row(stage, precision, operations, ours, plain):
        rates = in_turn(ours, plain, windows, benchmarks["repeats"], device)
        same = {"threads": threads, "runs": 1}
        return {"stage": stage, "precision": precision, "operations": operations} | same | rates

    train = training_loop(network, workload.folder, settings, device)
    plain = plain_training_loop(network, workload.folder, settings, device)
    yield row("training", settings["precision"], 3 * work, train, plain)
    inference = inference_loops(network, workload.folder, benchmarks["batch_size"], device)
    yield row("inference", "float32", work, *inference)
    for variant in benchmarks["variants"]:
        other = training_loop(network, workload.folder, settings | variant, device)
        changes = ", ".join(f"{key}: {str(value).lower()}" for key, value in variant.items())
        yield row(f"training with {changes}", settings["precision"], 3 * work, other, train)


# ---- several runs at once --------------------------------------------------------------------------------------------


def train_together(number, meeting, runs, workload):
    """Windows per second, (2, repeats), as measured by process `number` of several that train at once.

    In each turn, process 0 first trains alone, with the threads of all, and the others report 0; then all train. Before
    each measurement the processes wait for each other in the folder `meeting`, empty at first.
    """
    benchmarks, training = workload.benchmarks, workload.training
    torch.set_num_threads(benchmarks["threads"])
    job.keep_memory()
    device = choose_device(training["device"], training["deterministic"])
    network = workload.network()
    once = training_loop(network, workload.folder, workload.settings(network, device), device)
    once()  # to warm up

    def measure(threads):
        torch.set_num_threads(threads)
        passes, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS:
            once()
            passes += 1
        return passes * benchmarks["windows"][device.type] / elapsed

    rates = []
    for turn in range(benchmarks["repeats"]):
        meet(meeting, f"{turn}-alone", number, runs)
        alone = measure(runs * benchmarks["threads"]) if number == 0 else 0.0
        meet(meeting, f"{turn}-together", number, runs)
        rates.append((alone, measure(benchmarks["threads"])))
    return np.transpose(rates)


def meet(folder, occasion, number, runs):
    """Wait until all `runs` processes, each with its own number, have called this for the same occasion."""
    Path(folder, f"{occasion}-{number}").touch()
    while len(list(Path(folder).glob(f"{occasion}-*"))) < runs:
        time.sleep(0.01)


# ---- front end -------------------------------------------------------------------------------------------------------


def librosa_images(front_end, path, onsets, window_length):
    """`LogMel.file_images` computed by librosa, window by window as released, as a reference."""
    samples, rate = read_audio(path)
    settings = {name: value for name, value in asdict(front_end).items() if name not in ("sample_rate", "top_db")}
    images = []
    for window in cut_windows(samples, onsets, window_length, rate):
        power = librosa.feature.melspectrogram(y=librosa.util.normalize(window), sr=rate, **settings)
        images.append(librosa.power_to_db(power, top_db=front_end.top_db).T)
    return np.stack(images)


def measure_front_end(front_end, onsets, window_length, repeats):
    """A row for a `LogMel` and librosa on files, with the largest difference between their images in dB.

    onsets: {path: onsets of its windows, s}.
    """

    def side(images):
        return lambda: [images(front_end, path, begins, window_length) for path, begins in onsets.items()]

    sides = side(type(front_end).file_images), side(librosa_images)
    row = in_turn(*sides, sum(map(len, onsets.values())), repeats, torch.device("cpu"))
    largest = max(np.abs(ours - plain).max() for ours, plain in zip(*(compute() for compute in sides)))
    return {"stage": "windows", "threads": 1, "runs": 1} | row | {"max_difference_db": largest}


# ---- clocks and ratios -----------------------------------------------------------------------------------------------


def duration(action, device):
    """Seconds that an action takes on a device."""
    finish = partial(torch.cuda.synchronize, device) if device.type == "cuda" else lambda: None
    finish()
    start = time.perf_counter()
    action()
    finish()
    return time.perf_counter() - start


def in_turn(ours, plain, windows, repeats, device):
    """Time two functions in turns, each on the same number of windows; the first turn warms up and does not count."""
    seconds = np.array([[duration(side, device) for side in (ours, plain)] for _ in range(repeats + 1)])[1:]
    return compare(*(windows / seconds.T))


def compare(ours, plain):
    """Medians of both sides' windows per second, (turns,) each, and the median and range of their ratios by turn."""
    ratios = np.divide(ours, plain)
    return {
        "plain_windows_per_s": np.median(plain),
        "windows_per_s": np.median(ours),
        "ratio": np.median(ratios),
        "ratio_low": ratios.min(),
        "ratio_high": ratios.max(),
    }


def peak(device, precision, threads, size, repeats):
    """Floating-point operations per second of the fastest of several products of square matrices."""
    torch.set_num_threads(threads)
    matrix = torch.rand(size, size, device=device, dtype=getattr(torch, precision))
    return 2 * size**3 / min(duration(lambda: matrix @ matrix, device) for _ in range(repeats + 1))
