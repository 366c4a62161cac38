"""Pretrained weights at the start of a training, and the parts of a backbone that do not learn."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import group_modules
from torch import nn

from yoho import InputError
from yoho.networks.backbones import find_backbone


def load_backbone(backbone, path):
    """Load the weights of a network's backbone from a `weights.safetensors`, such as that of results/ear.

    Raises InputError if the file cannot be read or holds another backbone.
    """
    try:
        weights = load_file(Path(path))
        prefix = "backbone."
        backbone.load_state_dict({name[len(prefix) :]: weights[name] for name in weights if name.startswith(prefix)})
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: holds no weights for this backbone ({reason}); make the file again") from error


@cache
def pretrained_backbone(name, path):
    """A backbone in evaluation mode with the weights of `load_backbone`, which every process loads once."""
    backbone = find_backbone(name).build(True)
    load_backbone(backbone, path)
    return backbone.to(memory_format=torch.channels_last).eval()


@torch.inference_mode()
def backbone_maps(name, path, features, rows):
    """Feature maps (windows, channels, bins, bands), float16, of some rows of a file of features.

    name: of a backbone whose weights are in `path`; features: .npy file (windows, frames, mel bands); rows: a slice.
    """
    images = torch.from_numpy(np.array(np.load(features, mmap_mode="r")[rows])).unsqueeze(1)
    return pretrained_backbone(name, path)(images).half().numpy()


def without_download(arguments):
    """Arguments of `Network` with which no weights are downloaded, because all weights will be loaded from a file."""
    if find_backbone(arguments["backbone"]).from_ear:
        return arguments  # Here `pretrained` is the form of the backbone.
    return arguments | {"pretrained": False}


def freeze(network, frozen):
    """Freeze a network's backbone, or its first blocks: their weights and the statistics of their batch norms stay.

    frozen: "none", "backbone", or a number of blocks, of which the stem is the first.
    Raises InputError if the backbone has fewer blocks.
    """
    if frozen == "none":
        return
    parts = blocks(network.backbone)
    if frozen != "backbone" and frozen > len(parts):
        raise InputError(f"frozen: {frozen} blocks, but the backbone has {len(parts)}")
    chosen = [network.backbone] if frozen == "backbone" else [part for block in parts[:frozen] for part in block]
    network.frozen = chosen
    for module in chosen:
        module.requires_grad_(False)
    network.train(network.training)


def blocks(backbone):
    """The blocks of a backbone, from the input on, as lists of modules.

    A network of timm names its blocks itself. In the other backbones, a block begins with each child that holds
    convolutions, and the children without convolutions that follow belong to it.
    """
    backbone = getattr(backbone, "network", backbone)  # that of a `Padded` one
    if hasattr(backbone, "group_matcher"):
        groups = group_modules(backbone, backbone.group_matcher())
        return [[backbone.get_submodule(name) for name in names] for _, names in sorted(groups.items())]
    found = []
    for child in backbone.children():
        if any(isinstance(module, nn.Conv2d) for module in child.modules()):
            found.append([])
        found[-1].append(child)
    return found
