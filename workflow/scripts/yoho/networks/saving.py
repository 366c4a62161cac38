"""A network in the folder of its run, for PyTorch: `weights.safetensors` and `model.json`."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from yoho import InputError
from yoho.networks.ear import Ear
from yoho.networks.network import Network
from yoho.networks.pretrained import without_download
from yoho.networks.run_folder import CARD, WEIGHTS, read_description, write_description, write_weights

# The kinds of networks, by their names in `model.json`.
NETWORKS = {"yoho": Network, "ear": Ear}


def save_network(weights, description, folder):
    """Write both files, from which `load_network` restores the network.

    weights: its `state_dict`; description: content of `model.json`, with the arguments of `Network` as "network".
    """
    write_weights(save({name: tensor.contiguous() for name, tensor in weights.items()}), folder)
    write_description(description, Path(folder, CARD))


def load_network(folder, device="cpu"):
    """Load a network from its run's folder: (network in evaluation mode, content of `model.json`).

    Raises InputError if a file is missing or unreadable, or if the two do not belong together.
    """
    description = read_description(folder)
    try:
        arguments, kind = description["network"], description.get("kind", "yoho")
        network = NETWORKS[kind](**(without_download(arguments) if kind == "yoho" else arguments))
        network.load_state_dict(load_file(Path(folder, WEIGHTS)))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: no network can be loaded from this folder ({error}); train it again") from error
    return network.to(device, memory_format=torch.channels_last).eval(), description
