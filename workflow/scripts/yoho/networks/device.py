"""The device that networks compute on, and its settings."""

import os
import platform
from contextlib import contextmanager
from pathlib import Path

import torch

from yoho import InputError


def choose_device(name, deterministic, search=True):
    """The torch device for "auto" (a GPU where there is one), "cpu" or "cuda"; InputError for an absent GPU.

    On a GPU float32 is then float32 in convolutions too: PyTorch itself computes them in TF32. deterministic: on a GPU
    too, the same seed is to give the same bytes. On a CPU it does anyway. search: cuDNN tries its algorithms for each
    size of batch, where it need not be deterministic; that pays where many batches have one size.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise InputError("device: cuda is asked for, but PyTorch sees no GPU here; set training: device to auto or cpu")
    if not present or name == "cpu":
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = search and not deterministic
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when cuBLAS starts
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads any
    return torch.device("cuda")


def device_name(device):
    """The model of a GPU or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")  # Linux, x86
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@contextmanager
def cudnn_with(**flags):
    """Let cuDNN work with other flags (`benchmark`, `allow_tf32`), and afterwards as before."""
    cudnn = torch.backends.cudnn
    before = {name: getattr(cudnn, name) for name in flags}
    try:
        for name, value in flags.items():
            setattr(cudnn, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(cudnn, name, value)
