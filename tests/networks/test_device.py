"""The device that networks compute on, and how cuDNN and matrix products are set on a GPU."""

import pytest
import torch

from yoho import InputError
from yoho.networks.device import choose_device


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_gpu_that_is_asked_for_and_absent_is_an_error_that_says_what_to_do():
    with pytest.raises(InputError, match="device: cuda.*no GPU.*auto or cpu"):
        choose_device("cuda", False)
    assert choose_device("auto", True) == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
def test_gpu_is_taken_where_there_is_one():
    assert choose_device("auto", False).type == choose_device("cuda", False).type == "cuda"


@pytest.mark.parametrize("repeats, search, tries", [(False, True, True), (False, False, False), (True, True, False)])
def test_cudnn_tries_its_algorithms_where_that_pays(monkeypatch, repeats, search, tries):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *_: None)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", not tries)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    choose_device("auto", repeats, search)
    assert torch.backends.cudnn.benchmark == tries


@pytest.mark.parametrize("deterministic", [False, True])
def test_float32_is_float32_on_a_gpu(monkeypatch, deterministic):
    """PyTorch itself would round what a convolution multiplies to TF32, ten bits."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *_: None)
    for name in ("benchmark", "allow_tf32"):
        monkeypatch.setattr(torch.backends.cudnn, name, name == "allow_tf32")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    assert choose_device("auto", deterministic).type == "cuda"
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_cpu_is_taken_where_it_is_asked_for():
    assert choose_device("cpu", True) == torch.device("cpu")
