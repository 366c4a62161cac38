"""The folder of a run: a network's weights, its ONNX file and its description. PyTorch is not needed here."""

import json
from pathlib import Path

from yoho import InputError
from yoho.files import write_whole
from yoho.provenance import digest

WEIGHTS, CARD, NETWORK = "weights.safetensors", "model.json", "network.onnx"
OPSET = 18  # of ONNX files: the oldest that PyTorch's exporter writes without conversion


def read_description(folder, needed=("network",)):
    """The content of `model.json`. Raises InputError if it is missing, unreadable, or lacks one of the needed keys."""
    try:
        description = json.loads(Path(folder, CARD).read_text())
        missing = set(needed) - set(description)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder}: no network can be loaded from this folder ({error}); train it again") from error
    if missing:
        raise InputError(f"{folder}: {CARD} lacks {', '.join(sorted(missing))}; train the network again")
    return description


def write_description(description, path):
    """Write `model.json`."""
    write_whole(path, f"{json.dumps(description, indent=2)}\n".encode())


def write_weights(weights, folder):
    """Write the bytes of a network's weights. A file that holds them already keeps its time."""
    path = Path(folder, WEIGHTS)
    if not path.is_file() or path.read_bytes() != weights:
        write_whole(path, weights)


def content_of(model, weights):
    """The bytes of an ONNX model. Its metadata name the SHA-256 of a file, the weights that it holds."""
    from onnx import helper  # Only the making of a network needs it.

    helper.set_model_props(model, {"weights": digest([weights])})
    return model.SerializeToString(deterministic=True)
