"""A trained network in the folder of its run: `weights.safetensors` and `model.json`."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from yoho import InputError
from yoho.files import write_whole
from yoho.networks.ear import Ear
from yoho.networks.network import Network
from yoho.networks.pretrained import without_download

# The kinds of networks, by their names in `model.json`.
NETWORKS = {"yoho": Network, "ear": Ear}


def save_network(weights, description, folder):
    """Write both files, from which `load_network` restores the network.

    weights: its `state_dict`; description: content of `model.json`, with the arguments of `Network` as "network".
    """
    weights = save({name: tensor.contiguous() for name, tensor in weights.items()})
    path = Path(folder, "weights.safetensors")
    if not path.is_file() or path.read_bytes() != weights:  # Files that are made of the same weights stay newer.
        write_whole(path, weights)
    write_description(description, Path(folder, "model.json"))


def write_description(description, path):
    """Write `model.json`."""
    write_whole(path, f"{json.dumps(description, indent=2)}\n".encode())


def load_network(folder, device="cpu"):
    """Load a network from its run's folder: (network in evaluation mode, content of `model.json`).

    Raises InputError if a file is missing or unreadable, or if the two do not belong together.
    """
    try:
        description = json.loads(Path(folder, "model.json").read_text())
        arguments, kind = description["network"], description.get("kind", "yoho")
        network = NETWORKS[kind](**(without_download(arguments) if kind == "yoho" else arguments))
        network.load_state_dict(load_file(Path(folder, "weights.safetensors")))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: no network can be loaded from this folder ({error}); train it again") from error
    return network.to(device, memory_format=torch.channels_last).eval(), description
