"""Backbones: modules that map log-mel windows to feature maps (paper, section 3.1 and Figures 1-3).

The paper's backbones map (batch, 1, 257, 40) to (batch, channels, 9, 2), time before frequency. They were built in
TensorFlow, so their convolutions pad as its "same" does.

BACKBONES holds a record for each backbone of the paper, for YAMNet and for the CRNN, the rival of YOHO. `find_backbone`
also finds the networks of timm by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import timm
import torch
from timm.layers import create_conv2d
from torch import nn
from torch.nn import functional

from yoho import InputError
from yoho.networks.crnn import CRNN
from yoho.networks.yamnet import PATCH, patch_onsets


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation with epsilon 1e-4. Its weight (gamma) stays 1, because the next convolution can scale."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-4)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight, persistent=False)


def glorot(module):
    """Initialise a convolution as Keras does: weights Glorot uniform, biases 0."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def penalised(convolution, kind):
    """Mark a convolution's kernel for the L2 penalty of the released code: see `yoho.training.step.penalty`."""
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


class YAMNet(nn.Sequential):
    """YAMNet without its head (Plakal and Ellis 2020): the layers of `MobileNet`, with ReLU6 and without dropout.

    Google trained it on patches of 96 frames of AudioSet. Its maps depend on the zeros with which its convolutions pad
    the edges of a patch: of 257 frames at once they are unlike all that it was trained on. So it maps patches, evenly
    laid over a window, whose maps are joined in time.

    published: whether it has the form of the published weights, in which each convolution has a bias and the batch
    norms are part of it. Otherwise it has batch norms, as it had for its training.
    """

    channels = 1024  # of the feature map

    def __init__(self, published):
        def block(channels, outputs, kernel, stride=1, depthwise=False):
            options = {"stride": stride, "padding": "same", "depthwise": depthwise, "bias": published}
            conv = create_conv2d(channels, outputs, kernel, **options)
            return [conv, *([] if published else [BatchNorm(outputs)]), nn.ReLU6()]

        layers, channels = [nn.Sequential(*block(1, 32, 3, stride=2))], 32
        for stride, outputs in MobileNet.blocks:
            depthwise = block(channels, channels, 3, stride, depthwise=True)
            layers.append(nn.Sequential(*depthwise, *block(channels, outputs, 1)))
            channels = outputs
        super().__init__(*layers)
        self.apply(glorot)

    def forward(self, images):
        """Maps (batch, channels, bins, bands) of images (batch, 1, frames, mel bands)."""
        onsets = patch_onsets(images.shape[2])
        patches = torch.stack([images[:, :, onset : onset + PATCH] for onset in onsets], dim=1)
        maps = super().forward(patches.flatten(0, 1))  # (batch * patches, channels, places, bands)
        return maps.unflatten(0, (-1, len(onsets))).transpose(1, 2).flatten(2, 3)


class VGGish(nn.Sequential):
    """VGGish (paper, section 3.1.3; Hershey et al. 2017): six 3x3 convolutions with ReLU, five poolings.

    The published network has four poolings, which leave a map of 17 x 3. The fifth reduces it to 9 x 2.
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
    """VGGish as released: a stack of 13 3x3 convolutions, then ReLU, batch norm and dropout.

    Without activations in between, the stack is one linear map, and its depth adds nothing. Before it, the released
    code has another convolution whose output is never used; it is left out here.
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
    """A convolutional network of timm up to its last feature map.

    If timm supports it, the network pads as TensorFlow does and has a stochastic depth of 0.2.
    Raises InputError if timm cannot build it or cannot get its pretrained weights.
    """
    options = {"drop_path_rate": 0.2, "pad_type": "same"}
    for left_out in ([], ["pad_type"], ["pad_type", "drop_path_rate"]):
        extra = {key: value for key, value in options.items() if key not in left_out}
        try:
            return timm.create_model(name, pretrained=pretrained, in_chans=1, num_classes=0, global_pool="", **extra)
        except (TypeError, AssertionError) as error:  # This network does not accept one of the options.
            refusal = error
        except (OSError, RuntimeError) as error:
            if not pretrained:
                raise
            raise InputError(
                f"pretrained: the weights of {name} are not available ({error}); set it to false"
            ) from error
    raise InputError(f"backbone {name}: timm cannot build it as a feature extractor ({refusal})")


@dataclass(frozen=True)
class Backbone:
    """A backbone's properties.

    build: maps "use pretrained weights" to the module; neck: whether the YOHO neck follows, in which a mask can also
    be placed; divisor: the number by which the released code divides the decibels (Keras's EfficientNet begins with
    Rescaling(1 / 255)); front_end: kind of the only front end that the backbone fits, or None if it fits all.

    from_ear: whether its pretrained weights are those of results/ear, instead of a download of timm. Such a backbone
    takes the features as they are, as it did in its own training.
    by_frame: whether the network classifies frames. Its head gives a presence for each bin, a frame of its map, and the
    sound lasts from the bin's start to its end.
    """

    build: Callable[[bool], nn.Module]
    neck: bool = True
    divisor: float = 1.0
    front_end: str | None = None
    from_ear: bool = False
    by_frame: bool = False


BACKBONES = {
    "mobilenet": Backbone(lambda pretrained: MobileNet()),
    "vggish": Backbone(lambda pretrained: VGGish(), neck=False),
    "vggish_linear": Backbone(lambda pretrained: LinearVGGish(), neck=False),
    "efficientnet": Backbone(partial(timm_backbone, "tf_efficientnet_b0"), divisor=255.0),
    "yamnet": Backbone(YAMNet, front_end="yamnet", from_ear=True),
    "crnn": Backbone(lambda pretrained: CRNN().apply(glorot), neck=False, by_frame=True),
}


def find_backbone(name):
    """The `Backbone` of a name in BACKBONES or of a network of timm; InputError for an unknown name."""
    if name in BACKBONES:
        return BACKBONES[name]
    if timm.is_model(name):
        return Backbone(partial(timm_backbone, name))
    raise InputError(f"backbone {name!r}: unknown; choose one of {', '.join(BACKBONES)} or a network of timm")


def check_front_end(name, front_end):
    """Raise InputError if a backbone, given by name, does not fit a front end, given by its kind."""
    if (needed := find_backbone(name).front_end) not in (None, front_end):
        raise InputError(f"backbone {name}: needs a front end of the kind {needed}, but that of the run is {front_end}")


class Padded(nn.Module):
    """A network whose input is padded to whole strides, half before and half after, as "same" pads.

    Networks such as ConvNeXt need it: they cut their input into patches and drop an incomplete last patch.
    """

    def __init__(self, network, stride):
        super().__init__()
        self.network, self.stride = network, stride

    def forward(self, features):
        frames, bands = (-size % self.stride for size in features.shape[2:])
        sides = (bands // 2, bands - bands // 2, frames // 2, frames - frames // 2)
        return self.network(functional.pad(features, sides))


def build_backbone(name, pretrained, frames, n_mels, bins):
    """A backbone's module, and the shape of the feature map of one window: (1, channels, bins, bands).

    Raises InputError for an unknown name and for a network whose map has another shape.
    """
    candidates = [find_backbone(name).build(pretrained)]
    if name not in BACKBONES:
        candidates.append(Padded(candidates[0], stride=32))
    reasons = []
    for candidate in candidates:
        try:
            with torch.no_grad():
                shape = tuple(candidate.eval()(torch.zeros(1, 1, frames, n_mels)).shape)
        except Exception as error:  # A network of timm may raise anything for an image of this size.
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            reasons.append(f"does not accept windows of {frames} frames and {n_mels} mel bands ({reason})")
            continue
        if len(shape) == 4 and shape[2] == bins:
            return candidate, shape
        if len(shape) == 4:
            by_frame = find_backbone(name).by_frame
            advice = "name windows with as many bins" if by_frame else "its total stride must be 32"
            reasons.append(f"gives {shape[2]} frames for {bins} bins; {advice}")
        else:
            reasons.append(f"gives {'x'.join(map(str, shape[1:]))} for a window, not channels x frames x bands")
    raise InputError(f"backbone {name}: {reasons[0]}")
