"""Engines: what computes a network's outputs for windows. ONNX Runtime does on a CPU, PyTorch on a GPU.

An engine maps features (windows, frames, n_mels) float32 to outputs (windows, bins, 3 * classes) float32. Several
threads may call it at once. `columns` is 3 * classes; `at_once` is the number of windows in a call that is fastest.
"""

from importlib.util import find_spec
from pathlib import Path

from yoho import InputError
from yoho.files import write_whole
from yoho.networks.run_folder import NETWORK, WEIGHTS
from yoho.networks.runtime import OnnxEngine
from yoho.provenance import digest


class TorchEngine:
    """A network in PyTorch: on a GPU ("cuda") or, as the reference for other engines, on a CPU ("cpu")."""

    at_once = 32

    def __init__(self, folder, device):
        import torch

        from yoho.networks.device import choose_device
        from yoho.networks.saving import load_network

        self.torch, self.device = torch, choose_device(device, deterministic=False, search=False)
        self.network, _ = load_network(folder, self.device)
        self.columns = 3 * self.network.classes

    def __call__(self, features):
        if self.device.type == "cpu":  # Otherwise the threads of PyTorch would wait for each other after every layer.
            self.torch.set_num_threads(1)
        with self.torch.inference_mode():
            return self.network(self.torch.from_numpy(features).to(self.device)).cpu().numpy()


def load_engine(folder, device, say):
    """The engine of the network in a run's folder.

    device: "cpu", "cuda", or "auto" (a GPU if PyTorch finds one, else the CPU); say: prints a line.
    Raises InputError if the folder holds no network, or for "cuda" without a GPU.
    """
    folder = Path(folder)
    on_gpu = device == "cuda" or (device == "auto" and (folder / WEIGHTS).exists() and finds_gpu())
    return TorchEngine(folder, "cuda") if on_gpu else onnx_engine(folder, say)


def finds_gpu():
    """Whether PyTorch finds a GPU. It is imported, which takes seconds, only if the driver of a GPU is installed."""
    drivers = [*Path("/dev").glob("nvidia[0-9]*"), *filter(Path.exists, map(Path, ("/dev/kfd", "/dev/dxg")))]
    if not drivers or not pytorch_installed():
        return False
    import torch

    return torch.cuda.is_available()


def pytorch_installed():
    """Whether the packages that a network needs in PyTorch are installed."""
    return all(find_spec(name) for name in ("torch", "timm"))


def onnx_engine(folder, say):
    """The `OnnxEngine` of a run's folder. PyTorch writes its file first if it is missing or holds other weights."""
    path, weights = folder / NETWORK, folder / WEIGHTS
    try:
        engine = OnnxEngine(path)
        if not weights.exists() or engine.weights == digest([weights]):
            return engine
        reason = f"{path}: was not made of the weights beside it"
    except Exception as error:  # The errors of ONNX Runtime have no type in common.
        line = str(error).partition("\n")[0]
        reason = f"{path}: cannot be used ({line})" if path.exists() else f"{path}: is missing"
    if not weights.exists():
        raise InputError(f"{reason}; copy the folder of the run again, or train it again")
    if not pytorch_installed():
        raise InputError(
            f"{reason}; PyTorch writes it: segment a file with this folder where the workflow's environment is "
            "(make environment), or pip install torch timm onnxscript here"
        )
    from yoho.networks.export import exported

    say(f"{reason}; it is written now")
    model = exported(folder)
    try:
        write_whole(path, model)
    except OSError as error:  # The folder cannot be written to.
        say(f"{path}: cannot be written ({error.strerror or error}), so it is made again each time")
    return OnnxEngine(model)
