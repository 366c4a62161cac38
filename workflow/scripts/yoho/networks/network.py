"""A network of the paper: backbone, YOHO neck, mask, head; its size; its files."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from yoho import InputError
from yoho.files import write_whole
from yoho.networks.backbones import build_backbone, glorot, has_neck, yoho_block
from yoho.networks.masking import MASKS, POSITIONS

NECK = (512, 256, 128)


class Network(nn.Module):
    """Log-mel windows to events: (batch, frames, mel bands) in dB to (batch, bins, 3 * classes) in [0, 1].

    backbone: a name in BACKBONES or in timm; mask: one of POSITIONS, or "none"; masking: a name in MASKS. The last map
    (9 x 2 x C) is reshaped to 9 x 2C, and a Conv1D with kernel 1 and sigmoid gives [presence, start, end]
    per bin and class.
    Raises InputError for a backbone or mask position that there is not.
    """

    def __init__(self, backbone, mask, masking, pretrained, classes, frames, n_mels, bins):
        super().__init__()
        positions = mask_positions(backbone)
        if mask not in positions:
            raise InputError(f"mask {mask!r}: backbone {backbone} has no such place; it has {', '.join(positions)}")
        if masking not in MASKS:
            raise InputError(f"masking {masking!r}: not known; there are {', '.join(MASKS)}")
        self.backbone_name = backbone
        # Described: features are brought to mean 0 and deviation 1 over the training data; released: see RESCALING.
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.backbone, (_, channels, _, bands) = build_backbone(backbone, pretrained, frames, n_mels, bins)
        place, neck = "backbone", []
        for number, width in enumerate(NECK if has_neck(backbone) else (), start=1):
            if mask == place:
                neck.append(MASKS[masking](channels))
            neck.append(yoho_block(channels, width))
            channels, place = width, {1: "middle", len(NECK): "head"}.get(number)
        if mask == place:
            neck.append(MASKS[masking](channels))
        self.neck = nn.Sequential(*neck)
        self.head = nn.Conv1d(bands * channels, 3 * classes, 1)
        self.neck.apply(glorot)
        self.head.apply(glorot)
        self.train()

    def standardise(self, mean, deviation):
        """Set what is taken from the features and what they are divided by (dB)."""
        self.mean.fill_(mean)
        self.deviation.fill_(deviation)

    def forward(self, windows):
        features = ((windows - self.mean) / self.deviation).unsqueeze(1)
        features = self.neck(self.backbone(features))
        features = features.float().permute(0, 3, 1, 2).flatten(1, 2)
        with torch.autocast(windows.device.type, enabled=False):
            return torch.sigmoid(self.head(features)).transpose(1, 2)


def mask_positions(backbone):
    """Where a backbone's network can hold a mask; without a neck there is one place only."""
    return ("none", *POSITIONS) if has_neck(backbone) else ("none", POSITIONS[0])


def network_size(network, frames, n_mels):
    """Parameters (all, trainable) and multiply-accumulates per window, counted by running one window.

    All = as Keras counts: with batch norm's moving statistics and the released mask's frozen convolution.
    """
    trainable = sum(parameter.numel() for parameter in network.parameters())
    kept = ("running_mean", "running_var", "copies")
    frozen = sum(buffer.numel() for name, buffer in network.named_buffers() if name.rpartition(".")[-1] in kept)
    network.eval()
    window = torch.zeros(1, frames, n_mels)
    with torch.no_grad():
        feature_map = network.backbone(window[:, None]).movedim(1, -1)
        with FlopCounterMode(display=False) as counter:
            output = network(window)
    shapes = {"input": window, "feature_map": feature_map, "output": output}
    return {
        **{name: "x".join(str(size) for size in tensor.shape[1:]) for name, tensor in shapes.items()},
        "parameters": trainable + frozen,
        "trainable_parameters": trainable,
        "multiply_accumulates": counter.get_total_flops() // 2,
    }


def save_network(weights, description, folder):
    """Write `weights.safetensors` and `model.json`: a folder that `load_network` can open."""
    weights = save({name: tensor.contiguous() for name, tensor in weights.items()})
    write_whole(Path(folder, "weights.safetensors"), weights)
    write_whole(Path(folder, "model.json"), f"{json.dumps(description, indent=2)}\n".encode())


def load_network(folder, device="cpu"):
    """Open a run's folder: (network in evaluation mode, what `model.json` says).

    Raises InputError where a file is missing or does not fit the other.
    """
    try:
        description = json.loads(Path(folder, "model.json").read_text())
        # Pretrained weights would be downloaded only to be overwritten.
        network = Network(**description["network"] | {"pretrained": False})
        network.load_state_dict(load_file(Path(folder, "weights.safetensors")))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: holds no network that can be loaded ({error}); train it anew") from error
    return network.to(device, memory_format=torch.channels_last).eval(), description
