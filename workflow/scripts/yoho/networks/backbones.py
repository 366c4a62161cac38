"""Backbones: log-mel window in, feature map of 9 frames out (paper, section 3.1 and Figures 1-3).

Every convolution pads as TensorFlow's 'same' does, which the paper's networks were built with. A backbone
is a module that maps (batch, 1, 257, 40) to (batch, channels, 9, 2), time before frequency.

The four of the paper are in BACKBONES; any other name is timm's: see `build_backbone`.
"""

import timm
import torch
from timm.layers import create_conv2d
from torch import nn
from torch.nn import functional

from yoho import InputError


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation without gamma: the scale would be undone by the next convolution.

    Keras's epsilon of 1e-4; the weight is a constant 1, kept as a buffer so that it is no parameter.
    """

    def __init__(self, channels):
        super().__init__(channels, eps=1e-4)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight, persistent=False)


def glorot(module):
    """Keras's initial weights, which the paper's networks start from: Glorot uniform, biases 0."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def penalised(convolution, kind):
    """Mark a convolution's kernel for the L2 penalty of the released code: see `yoho.loss.penalty`."""
    convolution.penalised = kind
    return convolution


def yoho_block(inputs, outputs, stride=1):
    """YOHO block (paper, Figure 1): depthwise 3x3 and pointwise convolution, each with BN and ReLU."""
    return nn.Sequential(
        create_conv2d(inputs, inputs, 3, stride=stride, padding="same", depthwise=True),
        BatchNorm(inputs),
        nn.ReLU(),
        penalised(nn.Conv2d(inputs, outputs, 1, bias=False), "pointwise"),
        BatchNorm(outputs),
        nn.ReLU(),
    )


class MobileNet(nn.Sequential):
    """The YOHO baseline's backbone (paper, section 3.1.1): MobileNet v1 down to 9 x 2 x 1024."""

    blocks = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5, (2, 1024), (1, 1024))

    def __init__(self, dropout=0.1):
        first = penalised(create_conv2d(1, 32, 3, stride=2, padding="same"), "first")
        layers = [first, BatchNorm(32), nn.ReLU(), nn.Dropout2d(dropout)]
        channels = 32
        for stride, outputs in self.blocks:
            layers.append(yoho_block(channels, outputs, stride))
            channels = outputs
        super().__init__(*layers)
        self.apply(glorot)


class VGGish(nn.Sequential):
    """VGGish (paper, section 3.1.3; Hershey et al. 2017): six 3x3 convolutions with ReLU, four poolings.

    Its four halvings leave 17 x 3; a fifth pooling, which the published network lacks, reaches 9 x 2.
    """

    layout = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", "pool")

    def __init__(self):
        layers, channels = [], 1
        for step in self.layout:
            if step == "pool":
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            else:
                layers += [nn.Conv2d(channels, step, 3, padding=1), nn.ReLU()]
                channels = step
        super().__init__(*layers)
        self.apply(glorot)


class LinearVGGish(nn.Sequential):
    """ "VGGish" as released: 13 stacked 3x3 convolutions with nothing between them, then ReLU, BN and dropout.

    A stack of convolutions is one linear map: without activations its depth adds nothing. The released
    listing has one more convolution in front, whose output is never used.
    """

    layout = ((2, 64), (1, 128), (2, 128), (1, 256), (1, 256), (2, 256), *[(1, 512), (1, 512), (2, 512)] * 2, (1, 128))

    def __init__(self, dropout=0.1):
        layers, channels = [], 1
        for stride, outputs in self.layout:
            layers.append(create_conv2d(channels, outputs, 3, stride=stride, padding="same", bias=True))
            channels = outputs
        super().__init__(*layers, nn.ReLU(), BatchNorm(channels), nn.Dropout2d(dropout))
        self.apply(glorot)


def timm_backbone(name, pretrained):
    """A convolutional network of timm by name, down to its last feature map.

    Where it can, it pads as TensorFlow does and has a stochastic depth of 0.2.
    """
    wanted = {"drop_path_rate": 0.2, "pad_type": "same"}
    for left_out in ([], ["pad_type"], ["pad_type", "drop_path_rate"]):
        extra = {key: value for key, value in wanted.items() if key not in left_out}
        try:
            return timm.create_model(name, pretrained=pretrained, in_chans=1, num_classes=0, global_pool="", **extra)
        except (TypeError, AssertionError) as error:  # not every network of timm knows every setting
            unknown = error
        except (OSError, RuntimeError) as error:
            if not pretrained:
                raise
            raise InputError(f"pretrained: no weights of {name} to be had ({error}); set it to false") from error
    raise InputError(f"backbone {name}: timm builds no feature map of it ({unknown})")


# Name in the config: how to build it, and whether the YOHO neck follows. The mask's positions follow from that.
BACKBONES = {
    "mobilenet": (lambda pretrained: MobileNet(), True),
    "vggish": (lambda pretrained: VGGish(), False),
    "vggish_linear": (lambda pretrained: LinearVGGish(), False),
    "efficientnet": (lambda pretrained: timm_backbone("tf_efficientnet_b0", pretrained), True),
}


def has_neck(name):
    """Whether the YOHO neck follows a backbone: it does for every one of timm's."""
    return name not in BACKBONES or BACKBONES[name][1]


class Padded(nn.Module):
    """A network with its input padded to whole strides, half before and half after, as 'same' pads.

    For networks such as ConvNeXt, which cut their input into patches and leave out what fills none.
    """

    def __init__(self, network, stride):
        super().__init__()
        self.network, self.stride = network, stride

    def forward(self, features):
        frames, bands = (-size % self.stride for size in features.shape[2:])
        sides = (bands // 2, bands - bands // 2, frames // 2, frames - frames // 2)
        return self.network(functional.pad(features, sides))


def build_backbone(name, pretrained, frames, n_mels, bins):
    """A backbone by its name in BACKBONES or timm, and the shape of its map: (1, channels, bins, bands).

    Raises InputError, with the reason, for a name that neither knows and a network whose map is of another form.
    """
    if name in BACKBONES:
        candidates = [BACKBONES[name][0](pretrained)]
    elif timm.is_model(name):
        network = timm_backbone(name, pretrained)
        candidates = [network, Padded(network, stride=32)]
    else:
        raise InputError(f"backbone {name!r}: not known; there are {', '.join(BACKBONES)} and the networks of timm")
    whys = []
    for candidate in candidates:
        try:
            with torch.no_grad():
                shape = tuple(candidate.eval()(torch.zeros(1, 1, frames, n_mels)).shape)
        except Exception as error:  # whatever a network of timm may raise for an image of this size
            reason = str(error).strip().partition("\n")[0]
            whys.append(f"takes no window of {frames} frames and {n_mels} mel bands ({reason or type(error).__name__})")
            continue
        if len(shape) == 4 and shape[2] == bins:
            return candidate, shape
        if len(shape) == 4:
            whys.append(f"gives {shape[2]} frames for {bins} bins; its total stride must be 32")
        else:
            whys.append(f"gives {'x'.join(map(str, shape[1:]))} for a window, not channels x frames x bands")
    raise InputError(f"backbone {name}: {whys[0]}")


# What the released networks divide their decibels by: Keras's EfficientNet begins with Rescaling(1 / 255).
RESCALING = {"efficientnet": 255.0}
