"""Fusing: a convolution and the activation that follows it become one call of oneDNN."""

import copy

import torch
from timm.layers import Conv2dSame
from torch import nn
from torch.nn import functional

from yoho.networks.folding import traced

AT_ONCE = 32  # the most windows that a thread computes at a time
# Maps of at most so many frames are computed in bfloat16. With these limits, trained networks keep 999 of 1000 bin
# decisions, and times change by less than a millisecond. EfficientNet has no entry: even if only its coarsest maps are
# in bfloat16, 1.8 of 1000 decisions change.
COARSE = {"mobilenet": 17, "vggish": 257}
# oneDNN's names and arguments
ACTIVATIONS = {nn.ReLU: ("relu", []), nn.ReLU6: ("hardtanh", [0.0, 6.0]), nn.SiLU: ("swish", [])}


def fused(network, windows, coarse):
    """A copy of a folded network in which each convolution includes the activation that is its output's only reader.

    windows: an example, with which these activations are found; coarse: maps of at most so many frames are computed in
    bfloat16.
    """
    fast = copy.deepcopy(network)
    for name, (before, after, reader) in traced(network, windows, ACTIVATIONS)[0].items():
        conv = network.get_submodule(name)
        if conv.dilation != (1, 1) or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            continue
        activation = "none", []
        if reader is not None:
            activation = ACTIVATIONS[type(network.get_submodule(reader))]
            fast.set_submodule(reader, nn.Identity())
        dtype = torch.bfloat16 if after[2] <= coarse else torch.float32
        fast.set_submodule(name, FusedConvolution(conv, activation, before, after, dtype))
    return fast


class FusedConvolution(nn.Module):
    """A convolution and its activation in one call of oneDNN, with weights laid out in advance, as torch.compile does.

    activation: its name in oneDNN, or "none", and its arguments; before, after: shapes of the convolution's input and
    output, whose first number (windows) is not used.
    """

    def __init__(self, conv, activation, before, after, dtype):
        super().__init__()
        self.activation, self.dtype, self.geometry = activation, dtype, (conv.stride, conv.dilation, conv.groups)
        self.padding, weight, bias = conv.padding, conv.weight.detach(), conv.bias
        if isinstance(conv, Conv2dSame):
            # TensorFlow pads an odd amount with one more at the end. A zero before the kernel makes both sides equal.
            steps = zip(after[2:], conv.stride, conv.kernel_size, before[2:])
            both = [max((count - 1) * step + wide - size, 0) for count, step, wide, size in steps]
            self.padding = tuple(-(-size // 2) for size in both)
            weight = functional.pad(weight, (both[1] % 2, 0, both[0] % 2, 0))
        self.weight = torch._C._nn.mkldnn_reorder_conv2d_weight(
            weight.to(dtype).to_mkldnn(), self.padding, *self.geometry, (AT_ONCE, *before[1:])
        )
        self.bias = None if bias is None else bias.detach().to(dtype)

    def forward(self, features):
        return torch.ops.mkldnn._convolution_pointwise(
            features.to(self.dtype), self.weight, self.bias, self.padding, *self.geometry, *self.activation, ""
        )
