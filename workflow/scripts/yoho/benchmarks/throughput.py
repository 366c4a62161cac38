"""Throughput: windows per second of training, inference and features, each against plain code in the same run.

The plain loop is what one writes first: float32, on a GPU with PyTorch's own TF32, NCHW, eager, a DataLoader over one
.npy file per window, `torch.optim.Adam` as it comes, the loss fetched after every batch. SpecAugment is part of both
loops. The two sides of a ratio take turns, so that what else the machine does falls on both.
"""

import copy
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import torch
from tqdm import tqdm

from yoho import job
from yoho.audio import read_audio
from yoho.networks.device import choose_device, cudnn_with
from yoho.networks.network import Network, network_size
from yoho.training.batches import Stored, mean_and_deviation, to_device
from yoho.training.fit import train_epoch
from yoho.training.penalty import penalty
from yoho.training.prediction import predict
from yoho.training.step import Step, adam, choose_precision, masks_of
from yoho.windows.augment import spec_augment
from yoho.windows.cutting import cut_windows
from yoho.windows.front_ends import LogMel
from yoho.windows.loss import data_loss

# ---- networks --------------------------------------------------------------------------------------------------------


def write_windows(folder, features, targets, windows):
    """Write some windows of two arrays, in order and from the start again where there are fewer, for both loops."""
    rows = np.resize(np.arange(len(features)), windows)
    np.save(folder / "features.npy", features[rows])
    np.save(folder / "targets.npy", targets[rows])
    for number, row in enumerate(rows):
        np.save(folder / f"{number}.npy", features[row])


class FilePerWindow:
    """Windows as the plain loop gets them: (features (frames, mel bands), targets (bins, 3 * classes))."""

    def __init__(self, folder):
        self.folder, self.targets = folder, np.load(folder / "targets.npy")

    def __len__(self):  # noqa: D105
        return len(self.targets)

    def __getitem__(self, number):  # noqa: D105
        return np.load(self.folder / f"{number}.npy"), self.targets[number]


@cudnn_with(allow_tf32=True)  # as it comes: this project turns it off
def plain_epoch(network, optimiser, loader, masks, l2, device):
    """One pass of the plain loop over the training windows; returns the mean data loss of a window."""
    network.train()
    generator, total = torch.Generator(device).manual_seed(0), 0.0
    for features, targets in loader:
        features, targets = features.to(device), targets.to(device)
        fitted = data_loss(network(spec_augment(features, generator=generator, **masks)), targets).mean()
        optimiser.zero_grad()
        (fitted + penalty(network, l2)).backward()
        optimiser.step()
        total += fitted.item() * len(features)
    return total / len(loader.dataset)


@cudnn_with(allow_tf32=True)  # as it comes: this project turns it off
@torch.no_grad()
def plain_outputs(network, loader, device):
    """Outputs of the plain loop, (windows, bins, 3 * classes), on the CPU."""
    network.eval()
    return torch.cat([network(features.to(device)).cpu() for features, _ in loader])


def build_network(description, folder):
    """A network whose features are standardised by the windows in `folder`; description: what `Network` takes."""
    network = Network(**description)
    network.standardise(*mean_and_deviation(Stored(folder / "features.npy")))
    return network


def training_loop(network, folder, settings, device):
    """A function that trains a copy of a network once on the windows in `folder`, as this project does.

    settings: of the run's training, its precision chosen.
    """
    network = copy.deepcopy(network).to(device, memory_format=torch.channels_last)
    masks = masks_of(settings["augmentation"], network.mean.item())
    step = Step(network, adam(network, settings["learning_rate"], device), masks, settings, device)
    train = to_device([Stored(folder / f"{name}.npy") for name in ("features", "targets")], device, settings["kept"])
    return partial(train_epoch, step, train, 0, tqdm(disable=True), "throughput")


def plain_training_loop(network, folder, settings, workers, device):
    """The same by the plain loop."""
    network = copy.deepcopy(network).to(device)
    masks = masks_of(settings["augmentation"], network.mean.item())
    optimiser = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    loader = files_loader(folder, settings["batch_size"], workers, shuffle=True)
    return partial(plain_epoch, network, optimiser, loader, masks, settings["l2"], device)


def inference_loops(network, folder, throughput, device):
    """Functions that compute the outputs of the windows in `folder`: this project's, the plain one's."""
    network = copy.deepcopy(network).to(device)
    ours = copy.deepcopy(network).to(memory_format=torch.channels_last)
    features, _ = to_device([Stored(folder / f"{name}.npy") for name in ("features", "targets")], device)
    loader = files_loader(folder, throughput["batch_size"], throughput["workers"], shuffle=False)
    return partial(predict, ours, features, device=device), partial(plain_outputs, network, loader, device)


def files_loader(folder, batch_size, workers, shuffle):
    """The plain loop's windows, a file each."""
    windows = FilePerWindow(folder)
    return torch.utils.data.DataLoader(windows, batch_size, shuffle=shuffle, num_workers=workers)


def measure_network(description, folder, training, throughput, device):
    """Yield rows for a network: training and inference against plain code, then training with other settings.

    operations: floating-point operations per window; a step takes three times those of the network's outputs.
    """
    torch.set_num_threads(throughput["threads"])
    network = build_network(description, folder)
    work = 2 * network_size(network, description["frames"], description["n_mels"])["multiply_accumulates"]
    settings = chosen_settings(network, training, throughput, device)

    def row(stage, precision, operations, ours, plain):
        rates = in_turn(ours, plain, throughput["windows"][device.type], throughput["repeats"], device)
        same = {"threads": throughput["threads"], "runs": 1}
        return {"stage": stage, "precision": precision, "operations": operations} | same | rates

    train = training_loop(network, folder, settings, device)
    plain = plain_training_loop(network, folder, settings, throughput["workers"], device)
    yield row("training", settings["precision"], 3 * work, train, plain)
    yield row("inference", "float32", work, *inference_loops(network, folder, throughput, device))
    for variant in throughput["variants"]:
        other = training_loop(network, folder, settings | variant, device)
        changes = ", ".join(f"{key}: {str(value).lower()}" for key, value in variant.items())
        yield row(f"training with {changes}", settings["precision"], 3 * work, other, train)


def chosen_settings(network, training, throughput, device):
    """A run's training settings as they are measured."""
    precision = choose_precision(network, device, training["precision"])
    return training | {"precision": precision, "batch_size": throughput["batch_size"]}


# ---- several runs at once --------------------------------------------------------------------------------------------


def train_together(number, meeting, runs, description, folder, training, throughput):
    """What one of some processes, one per training, measures: windows per second, (2, repeats).

    First those of the process `number` 0 alone, with as many threads as all of them together and 0 for the others,
    then its own while all train. In between, and after a pass to warm up, they wait for each other.
    meeting: an empty folder.
    """
    torch.set_num_threads(throughput["threads"])
    job.keep_memory()
    device = choose_device(training["device"], training["deterministic"])
    network = build_network(description, folder)
    once = training_loop(network, folder, chosen_settings(network, training, throughput, device), device)
    once()

    def measure(threads):
        torch.set_num_threads(threads)
        passes, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < throughput["seconds"]:
            once()
            passes += 1
        return passes * throughput["windows"][device.type] / elapsed

    rates = []
    for turn in range(throughput["repeats"]):
        meet(meeting, f"{turn}-alone", number, runs)
        alone = measure(runs * throughput["threads"]) if number == 0 else 0.0
        meet(meeting, f"{turn}-together", number, runs)
        rates.append((alone, measure(throughput["threads"])))
    return np.transpose(rates)


def meet(folder, occasion, number, runs):
    """Wait until `runs` processes, each with its number, have come to an occasion."""
    Path(folder, f"{occasion}-{number}").touch()
    while len(list(Path(folder).glob(f"{occasion}-*"))) < runs:
        time.sleep(0.01)


# ---- features --------------------------------------------------------------------------------------------------------


def librosa_images(front_end, path, onsets, window_length):
    """The same as `LogMel.file_images`, but from librosa called for each window, as in the released code."""
    samples, _ = read_audio(path)
    settings = asdict(front_end)
    sample_rate, top_db = settings.pop("sample_rate"), settings.pop("top_db")
    images = []
    for window in cut_windows(samples, onsets, window_length, sample_rate):
        power = librosa.feature.melspectrogram(y=librosa.util.normalize(window), sr=sample_rate, **settings)
        images.append(librosa.power_to_db(power, top_db=top_db).T)
    return np.stack(images)


def measure_features(calls, repeats):
    """A row for the images of some mixes, with the largest difference in dB; calls: arguments of `librosa_images`."""
    sides = [lambda side=side: [side(*call) for call in calls] for side in (LogMel.file_images, librosa_images)]
    row = in_turn(*sides, sum(len(onsets) for _, _, onsets, _ in calls), repeats, torch.device("cpu"))
    largest = max(np.abs(ours - plain).max() for ours, plain in zip(*(side() for side in sides)))
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
    """Time two functions, each of which handles some windows, in turn; the first turn warms up and is not counted."""
    seconds = np.array([[duration(side, device) for side in (ours, plain)] for _ in range(repeats + 1)])[1:]
    return compare(*(windows / seconds.T))


def compare(ours, plain):
    """Medians of the windows per second of both sides, (turns,) each, and of their ratios turn by turn."""
    ratios = np.divide(ours, plain)
    return {
        "plain_windows_per_s": np.median(plain),
        "windows_per_s": np.median(ours),
        "ratio": np.median(ratios),
        "ratio_low": ratios.min(),
        "ratio_high": ratios.max(),
    }


def peak(device, precision, threads, size, repeats):
    """Floating-point operations per second of a product of two square matrices, the fastest of some."""
    torch.set_num_threads(threads)
    matrix = torch.rand(size, size, device=device, dtype=getattr(torch, precision))
    return 2 * size**3 / min(duration(lambda: matrix @ matrix, device) for _ in range(repeats + 1))
