"""Windows on their way to the device: read, held there, or sent batch by batch."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

# Windows at once where nothing is learned: the outputs do not depend on it.
AT_ONCE = 256


class Stored:
    """Rows of a .npy file as tensors, read when they are asked for.

    The file is mapped anew each time: what was read is not held, and memory does not grow with the file.
    """

    def __init__(self, path):
        self.path, self.shape = path, np.load(path, mmap_mode="r").shape

    def __len__(self):  # noqa: D105
        return self.shape[0]

    def __getitem__(self, rows):  # noqa: D105
        # As an array: NumPy takes a tensor of one number for that number.
        rows = rows if isinstance(rows, slice) else np.asarray(rows)
        return torch.from_numpy(np.array(np.load(self.path, mmap_mode="r")[rows]))


def blocks(array, size=AT_ONCE):
    """The rows of an array or tensor, `size` at a time."""
    return (array[start : start + size] for start in range(0, len(array), size))


def mean_and_deviation(features):
    """Mean and standard deviation over all features."""
    sums = sum(torch.stack([block.sum(), block.square().sum()]) for block in map(torch.Tensor.double, blocks(features)))
    count = np.prod(features.shape)
    mean, square = (sums / count).tolist()
    return mean, ((square - mean**2) * count / (count - 1)) ** 0.5


def to_device(arrays, device, kept="float32"):
    """Features and targets on the device where they fill less than half of what is free there, else as they are.

    kept: number format of the features there; on a CPU they stay as they are.
    """
    if (
        device.type == "cpu"
        or 4 * sum(np.prod(array.shape) for array in arrays) > torch.cuda.mem_get_info(device)[0] / 2
    ):
        return arrays
    try:
        tensors = [
            torch.empty(tuple(array.shape), device=device, dtype=own)
            for array, own in zip(arrays, (getattr(torch, kept), torch.float32))
        ]
    except torch.OutOfMemoryError:  # another training was faster
        return arrays
    for tensor, array in zip(tensors, arrays):
        for there, here in zip(tensor.split(AT_ONCE), blocks(array)):
            there.copy_(here)
    return tensors


def batches(arrays, parts, device, ahead=4):
    """Yield the rows of the arrays that each of `parts` names, in that order, on the device.

    Where they do not lie there, a thread reads `ahead` batches before their turn.
    """
    if all(torch.is_tensor(array) and array.device.type == device.type for array in arrays):
        for part in parts:
            yield [array[part] for array in arrays]
        return

    def read(part):
        rows = [array[part] for array in arrays]
        return [(own.pin_memory() if device.type == "cuda" else own).to(device, non_blocking=True) for own in rows]

    parts = [part.cpu() for part in parts]  # now: later each would wait for the step before it
    with ThreadPoolExecutor(1) as reader:
        waiting = deque()
        for part in parts:
            waiting.append(reader.submit(read, part))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
