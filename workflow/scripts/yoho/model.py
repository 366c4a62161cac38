"""A network of the paper: backbone, YOHO neck, mask, head; its size; its files."""

import copy
import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from yoho import InputError
from yoho.backbones import BatchNorm, build_backbone, glorot, has_neck, yoho_block
from yoho.checkpoint import write_whole
from yoho.masking import MASKS, POSITIONS

NECK = (512, 256, 128)
# These types exactly: a type that inherits from one may compute something else.
CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
NORMS = (nn.BatchNorm2d, BatchNorm, BatchNormAct2d)
# Largest difference between two forms of a network, in deviations of what they compute. Outputs lie in [0, 1], so their
# deviation is at most 0.5, and times differ by at most 0.0025 of a bin, which is less than a millisecond. Rounding gave
# up to 0.00003 in the paper's networks, trained on two datasets, and up to 0.001 in most untrained ones; wrong pairs
# gave 2 to 70. Some untrained networks enlarge rounding beyond it: they are computed as they are, slower and right.
TOLERANCE = 0.005


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


def folded(network, example):
    """A copy of a network in evaluation mode, each batch norm that follows a convolution folded into its weights.

    The copy computes the same, a tenth faster; if `proved` finds that it does not, the batch norms stay as they were.
    example: windows, of which only the shape and the device matter.
    """
    if example.device.type != "cpu":  # A GPU may compute float32 convolutions in TF32, which would prove nothing.
        return folded(copy.deepcopy(network).cpu(), example.cpu()).to(example.device)
    fast, windows = copy.deepcopy(network).eval(), random_windows(network, example.shape)
    uses, expected = traced(fast, windows, NORMS)
    readers = {name: use.reader for name, use in uses.items() if use.reader is not None}
    for name, reader in readers.items():
        conv, norm = fast.get_submodule(name), fast.get_submodule(reader)
        if norm.running_mean is None:  # It normalises with the statistics of each batch.
            continue
        statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
        # timm's batch norms hold the activation that follows.
        fast.set_submodule(reader, getattr(norm, "act", nn.Identity()))
    if readers and not proved(fast, windows, expected):
        fast = copy.deepcopy(network).eval()
    return fast


class Use(NamedTuple):
    """How a network uses a convolution.

    before, after: shapes of its input and its output; reader: name of the only module that reads its output, or None.
    """

    before: torch.Size
    after: torch.Size
    reader: str | None


class Reads(TorchDispatchMode):
    """Counts, while it is active, how many operations each tensor was given to: `count`, by the tensor's id."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Count the arguments of an operation and do it."""
        kwargs = kwargs or {}
        for argument in (*args, *kwargs.values()):
            self.count.update(map(id, argument if isinstance(argument, list | tuple) else (argument,)))
        return operation(*args, **kwargs)


def traced(network, windows, readers):
    """How a network uses its convolutions, {name: Use}, and its `map_and_outputs`, when it is given windows.

    readers: types of the modules that are looked for behind a convolution. A module is a convolution's reader if no
    other operation is given the convolution's output; a sum in place is such an operation. Convolutions and readers
    count only if they are called once, if nothing else reads their tensors, and if they have a single name under which
    they can be replaced. Convolutions that may change their weights before use (weight standardisation) do not count.
    """
    modules = list(network.named_modules(remove_duplicate=False))
    names = Counter(module for _, module in modules)
    calls, shapes, given, read_by, reads, hooks = Counter(), {}, {}, {}, Reads(), []

    def note_convolution(name, _, inputs, output):
        calls[name] += 1
        shapes[name] = inputs[0].shape, output.shape
        given[id(output)] = name, output  # The tensor is kept, so that no other gets its id.
        reads.count[id(output)] = 0

    def note_reader(name, _, inputs, output):
        calls[name] += 1
        conv, _ = given.get(id(inputs[0]), (None, None))
        if conv is not None and reads.count[id(inputs[0])] == 1:
            read_by[conv] = name
            if output is inputs[0]:  # An activation in place: from here on, its output is what others read.
                del given[id(output)]

    notes = dict.fromkeys(readers, note_reader) | dict.fromkeys(CONVOLUTIONS, note_convolution)
    for name, module in modules:
        if type(module) in notes and names[module] == 1:
            hooks.append(module.register_forward_hook(partial(notes[type(module)], name)))
    with reads:
        computed = map_and_outputs(network, windows)
    for hook in hooks:
        hook.remove()
    for conv, output in given.values():
        if reads.count[id(output)] > 1:
            read_by.pop(conv, None)

    def once(name):
        module = network.get_submodule(name)
        tensors = *module.parameters(recurse=False), *module.buffers(recurse=False)
        return calls[name] == 1 and all(reads.count[id(tensor)] <= 1 for tensor in tensors)

    readers = {conv: reader for conv, reader in read_by.items() if once(reader)}
    return {name: Use(*shapes[name], readers.get(name)) for name in shapes if once(name)}, computed


@torch.no_grad()
def map_and_outputs(network, windows):
    """What a network computes of windows: the feature map that its head is given, and its outputs."""
    maps = []
    with network.head.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0])):
        outputs = network(windows)
    return maps[-1], outputs


def proved(fast, windows, expected):
    """Whether a network's `map_and_outputs` of windows are the expected ones but for rounding; NaN never are."""
    pairs = zip(map_and_outputs(fast, windows), expected, strict=True)
    return all((found - wanted).abs().max() <= TOLERANCE * wanted.std() for found, wanted in pairs)


def random_windows(network, shape):
    """Windows of a shape, the same each time, in the range of the features that a network is made for, on the CPU."""
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return network.mean.cpu() + network.deviation.cpu() * noise


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
