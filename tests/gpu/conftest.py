"""The device of these tests: a GPU or, as a rehearsal with `--device cpu`, the processor."""

import os

import pytest
import torch

from noise_run import files, made, said  # noqa: F401
from yoho.networks.device import choose_device

# cuBLAS reads this when it starts, which can be in a test without determinism.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@pytest.fixture
def device(request):
    name = request.config.getoption("--device")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU; `--device cpu` rehearses these tests")
    yield choose_device(name, deterministic=False)
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def deterministic(device):
    """The device, on which the same seed gives the same bytes."""
    return choose_device(device.type, deterministic=True)
