"""Windows on their way to the device: read from files and sent batch by batch, or held on the device."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

READ_AT_ONCE = 256  # windows


class Stored:
    """Rows of a .npy file, read as tensors when they are indexed.

    The file is mapped anew for each read, so that the rows do not stay in memory.
    """

    def __init__(self, path):
        self.path, self.shape = path, np.load(path, mmap_mode="r").shape

    def __len__(self):  # noqa: D105
        return self.shape[0]

    def __getitem__(self, rows):  # noqa: D105
        # NumPy would take a tensor of one number for that number.
        rows = rows if isinstance(rows, slice) else np.asarray(rows)
        return torch.from_numpy(np.array(np.load(self.path, mmap_mode="r")[rows]))

    def split(self, size):
        """Yield the rows, `size` at a time, like `torch.Tensor.split`."""
        return (self[start : start + size] for start in range(0, len(self), size))


def mean_and_deviation(features):
    """Mean and standard deviation over all values of features, a tensor or `Stored`."""
    parts = map(torch.Tensor.double, features.split(READ_AT_ONCE))
    sums = sum(torch.stack([part.sum(), part.square().sum()]) for part in parts)
    count = np.prod(features.shape)
    mean, square = (sums / count).tolist()
    return mean, ((square - mean**2) * count / (count - 1)) ** 0.5


def to_device(arrays, device, kept="float32"):
    """Features and targets, copied to a GPU if they fill less than half of its free memory, otherwise unchanged.

    kept: number format of the features on the GPU.
    """
    if (
        device.type == "cpu"
        or 4 * sum(np.prod(array.shape) for array in arrays) > torch.cuda.mem_get_info(device)[0] / 2
    ):
        return arrays
    try:
        tensors = [
            torch.empty(tuple(array.shape), device=device, dtype=dtype)
            for array, dtype in zip(arrays, (getattr(torch, kept), torch.float32))
        ]
    except torch.OutOfMemoryError:  # Another training has taken the memory meanwhile.
        return arrays
    for tensor, array in zip(tensors, arrays):
        for there, here in zip(tensor.split(READ_AT_ONCE), array.split(READ_AT_ONCE)):
            there.copy_(here)
    return tensors


def batches(arrays, parts, device, ahead=4):
    """Yield for each part, a tensor of row numbers, these rows of every array, as tensors on the device.

    If the arrays are elsewhere, a thread reads up to `ahead` batches in advance.
    """
    if all(torch.is_tensor(array) and array.device.type == device.type for array in arrays):
        for part in parts:
            yield [array[part] for array in arrays]
        return

    def read(part):
        rows = [array[part] for array in arrays]
        return [(each.pin_memory() if device.type == "cuda" else each).to(device, non_blocking=True) for each in rows]

    parts = [part.cpu() for part in parts]  # A later copy would wait for the training step before it.
    with ThreadPoolExecutor(1) as reader:
        waiting = deque()
        for part in parts:
            waiting.append(reader.submit(read, part))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def copied(state):
    """An independent copy, on the CPU, of tensors, numbers and texts in dictionaries and lists."""
    if torch.is_tensor(state):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    return [copied(value) for value in state] if isinstance(state, list) else state
