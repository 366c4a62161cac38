"""Folding: a batch norm becomes part of the convolution before it, if a test shows that the outputs stay the same."""

import copy
from collections import Counter
from functools import partial

import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode

from yoho.networks.backbones import BatchNorm

# Exactly these types: a subclass may compute something else.
CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
NORMS = (nn.BatchNorm2d, BatchNorm, BatchNormAct2d)
# Largest allowed difference between two forms of a network, in standard deviations of the values. Outputs are in
# [0, 1], so their deviation is at most 0.5, and times differ by at most 0.0025 of a bin, less than a millisecond.
# Rounding caused up to 0.00003 in the paper's networks trained on two datasets, and up to 0.001 in most untrained
# networks; folding into a wrong convolution caused 2 to 70. A network whose rounding errors exceed the limit is not
# folded: it is slower, but correct.
TOLERANCE = 0.005


def folded(network, example):
    """A copy of a network in evaluation mode, with batch norms folded into the convolutions before them.

    The copy computes the same outputs a tenth faster. If `proved` finds a difference, all batch norms stay unchanged.
    example: windows; only their shape and device matter.
    """
    if example.device.type != "cpu":  # With TF32 on a GPU the comparison would mean nothing.
        return folded(copy.deepcopy(network).cpu(), example.cpu()).to(example.device)
    fast, windows = copy.deepcopy(network).eval(), random_windows(network, example.shape)
    uses, expected = traced(fast, windows, NORMS)
    readers = {name: reader for name, (_, _, reader) in uses.items() if reader is not None}
    for name, reader in readers.items():
        conv, norm = fast.get_submodule(name), fast.get_submodule(reader)
        if norm.running_mean is None:  # It uses the statistics of each batch.
            continue
        statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
        # A batch norm of timm includes the activation that follows.
        fast.set_submodule(reader, getattr(norm, "act", nn.Identity()))
    if readers and not proved(fast, windows, expected):
        fast = copy.deepcopy(network).eval()
    return fast


class Reads(TorchDispatchMode):
    """Counts, while active, how many operations read each tensor: `count`, by the tensor's id."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Count an operation's arguments, then run it."""
        kwargs = kwargs or {}
        for argument in (*args, *kwargs.values()):
            self.count.update(map(id, argument if isinstance(argument, list | tuple) else (argument,)))
        return operation(*args, **kwargs)


def traced(network, windows, readers):
    """Run a network on windows; returns how it uses its convolutions, and its `map_and_outputs`.

    The uses are {name: (shape of the input, shape of the output, name of the convolution's reader or None)}.
    readers: types of module to look for after a convolution. A module is a convolution's reader if no other operation
    reads the convolution's output; a sum in place counts as an operation. Convolutions and readers are considered only
    if they are called once, if nothing else reads their tensors, and if they have exactly one name, under which they
    can be replaced. Only the types CONVOLUTIONS are considered: others may change their weights before use.
    """
    modules = list(network.named_modules(remove_duplicate=False))
    names = Counter(module for _, module in modules)
    calls, shapes, produced, read_by, reads, hooks = Counter(), {}, {}, {}, Reads(), []

    def note_convolution(name, _, inputs, output):
        calls[name] += 1
        shapes[name] = inputs[0].shape, output.shape
        produced[id(output)] = name, output  # While the tensor is kept, no other tensor can get its id.
        reads.count[id(output)] = 0

    def note_reader(name, _, inputs, output):
        calls[name] += 1
        conv, _ = produced.get(id(inputs[0]), (None, None))
        if conv is not None and reads.count[id(inputs[0])] == 1:
            read_by[conv] = name
            if output is inputs[0]:  # An activation in place: later operations read its output.
                del produced[id(output)]

    notes = dict.fromkeys(readers, note_reader) | dict.fromkeys(CONVOLUTIONS, note_convolution)
    for name, module in modules:
        if type(module) in notes and names[module] == 1:
            hooks.append(module.register_forward_hook(partial(notes[type(module)], name)))
    with reads:
        computed = map_and_outputs(network, windows)
    for hook in hooks:
        hook.remove()
    for conv, output in produced.values():
        if reads.count[id(output)] > 1:
            read_by.pop(conv, None)

    def once(name):
        module = network.get_submodule(name)
        tensors = *module.parameters(recurse=False), *module.buffers(recurse=False)
        return calls[name] == 1 and all(reads.count[id(tensor)] <= 1 for tensor in tensors)

    reader_of = {conv: reader for conv, reader in read_by.items() if once(reader)}
    return {name: (*shapes[name], reader_of.get(name)) for name in shapes if once(name)}, computed


@torch.no_grad()
def map_and_outputs(network, windows):
    """The feature map of windows that enters a network's head, and the network's outputs."""
    maps = []
    with network.head.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0])):
        outputs = network(windows)
    return maps[-1], outputs


def proved(fast, windows, expected):
    """Whether a network's `map_and_outputs` of windows equal the expected ones up to rounding; NaN never does."""
    pairs = zip(map_and_outputs(fast, windows), expected, strict=True)
    return all((found - needed).abs().max() <= TOLERANCE * needed.std() for found, needed in pairs)


def random_windows(network, shape):
    """Windows of a given shape on the CPU, always the same, with the mean and deviation that a network expects."""
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return network.mean.cpu() + network.deviation.cpu() * noise
