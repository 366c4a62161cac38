"""The device on which networks compute: its settings, and outputs for many windows."""

import copy
import os
from contextlib import contextmanager

import torch

from yoho import InputError


def choose_device(name, deterministic, search=True):
    """The torch device for "auto" (a GPU if there is one), "cpu" or "cuda"; sets how a GPU computes.

    TF32, which PyTorch uses by default for float32 convolutions on a GPU, is switched off.
    deterministic: whether the same seed gives the same bytes on a GPU, as it always does on a CPU; search: whether
    cuDNN times its algorithms for each batch size, which `deterministic` prevents. Searching pays if many batches have
    the same size.
    Raises InputError for "cuda" without a GPU.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise InputError("device: cuda is requested, but PyTorch finds no GPU; set training: device to auto or cpu")
    if not present or name == "cpu":
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = search and not deterministic
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS reads it when it starts.
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # No uninitialised memory is read.
    return torch.device("cuda")


@contextmanager
def cudnn_with(**flags):
    """Set flags of cuDNN (`benchmark`, `allow_tf32`) and restore them on leaving."""
    cudnn = torch.backends.cudnn
    before = {name: getattr(cudnn, name) for name in flags}
    try:
        for name, value in flags.items():
            setattr(cudnn, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(cudnn, name, value)


@torch.inference_mode()
def predict(network, features, *, device, batch_size=256, augment=None):
    """Outputs (windows, bins, 3 * classes), on the CPU, for features (windows, frames, mel bands).

    They are always computed in float32, so that scores do not depend on the precision of the training.
    features: a tensor, or an object that can be indexed and split like one; augment: applied to each batch before the
    network; device: the network's.
    """
    with cudnn_with(benchmark=False):  # Timing cuDNN's algorithms for every batch size takes longer than it saves.
        network = copy.deepcopy(network).eval()
        batches = (batch.to(device) for batch in features.split(batch_size))
        outputs = [network(augment(batch) if augment else batch) for batch in batches]
    return torch.cat(outputs).cpu()
