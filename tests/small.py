"""A small network, windows that it can learn, and settings: shared by the tests of training."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import nn

from yoho.networks.backbones import penalised
from yoho.scoring.segments import SCORES

FRAMES, BANDS, BINS, CLASSES = 27, 8, 9, 2
CPU = torch.device("cpu")
MASKS = {"frequency_stripes": 1, "frequency_width": 2, "time_stripes": 1, "time_width": 6}
AUGMENTATION = {"draw": "window", "fill": "mean", "validation": False} | MASKS
RELEASED = {"draw": "batch", "fill": 0, "validation": True}
NO_PENALTY = {"first": 0.0, "pointwise": 0.0}
SETTINGS = {
    "epochs": 4,
    "epoch_share": 1,
    "ema_decay": 0,
    "loss": "yoho",
    "tested_epoch": "best",
    "batch_size": 8,
    "learning_rate": 0.01,
    "schedule": "constant",
    "step_every": 2,
    "step_factor": 0.1,
    "weight_decay": 0,
    "dropout": 0,
    "frozen": "none",
    "l2": NO_PENALTY,
    "augmentation": AUGMENTATION,
    "input": "standardised",
    "precision": "float32",
    "graph": "step",
    "compile": False,
    "kept": "float32",
}


def paper_network(backbone, mask="none", masking="multiply", classes=6):
    """Arguments of `Network` for windows of the paper's size."""
    sizes = {"classes": classes, "frames": 257, "n_mels": 40, "bins": 9}
    return {"backbone": backbone, "mask": mask, "masking": masking, "pretrained": False} | sizes


class Small(nn.Module):
    """A network of the same form as the real ones: batch norm, dropout, (batch, 27, 8) to (batch, 9, 6)."""

    divisor = 1.0

    def __init__(self, dropout=0.2):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        first = penalised(nn.Conv2d(1, 8, (3, 3), (3, 1), (0, 1)), "first")
        self.features = nn.Sequential(first, nn.BatchNorm2d(8), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.head = penalised(nn.Conv1d(8 * BANDS, 3 * CLASSES, 1), "pointwise")

    def standardise(self, mean, deviation):
        self.mean.fill_(mean)
        self.deviation.fill_(deviation)

    def forward(self, windows):
        features = self.features(((windows - self.mean) / self.deviation).unsqueeze(1))
        features = self.dropout(features.permute(0, 3, 1, 2).flatten(1, 2))
        return torch.sigmoid(self.head(features)).transpose(1, 2)


def made_up(windows, seed):
    """Windows whose first class sounds in the upper bands and whose second in the lower: (features, targets)."""
    rng = np.random.default_rng(seed)
    present = rng.random((windows, BINS, CLASSES)) < 0.4
    features = rng.normal(-60, 3, (windows, BINS, 3, BANDS))
    features[..., BANDS // 2 :] += 30 * present[:, :, None, :1]
    features[..., : BANDS // 2] += 30 * present[:, :, None, 1:]
    targets = np.zeros((windows, BINS, CLASSES, 3))
    targets[..., 0] = targets[..., 2] = present
    tensors = features.reshape(windows, FRAMES, BANDS), targets.reshape(windows, BINS, -1)
    return tuple(torch.tensor(values, dtype=torch.float32) for values in tensors)


class Bar:
    """A progress bar that draws nothing and counts."""

    def __init__(self, total, initial, unit):
        self.total, self.count, self.shown = total, initial, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self):
        self.count += 1

    def set_postfix(self, **values):
        self.shown.append(values)


def bin_scores(targets):
    """A score that counts bins instead of segments, with a result like that of `segment_scores`."""
    truth = targets.numpy()[..., 0::3] > 0.5

    def score(outputs):
        guess = outputs[..., 0::3] >= 0.5
        f1 = 2 * (guess & truth).sum((0, 1)) / np.maximum(guess.sum((0, 1)) + truth.sum((0, 1)), 1)
        rows = pd.DataFrame({"event_label": ["high", "low"]} | dict.fromkeys(SCORES, f1))
        return dict.fromkeys(SCORES, float(f1.mean())), rows

    return score


class NothingKept:
    """A checkpoint that saves nothing."""

    def restore(self, device):
        return None

    @contextmanager
    def in_background(self):
        yield lambda state: None


class Killed(BaseException):
    """An exception that the package never catches, like SIGKILL."""


def same(one, other):
    """Whether two trainings, each as `Fitted`, gave the same histories and weights of the same epoch, to the bit."""
    for table in ("history", "classwise"):
        first, second = getattr(one, table), getattr(other, table)
        pd.testing.assert_frame_equal(first, second, check_exact=True)
        assert first.to_csv() == second.to_csv()
    names = one.weights | other.weights
    return one.epoch == other.epoch and all(torch.equal(one.weights[name], other.weights[name]) for name in names)
