"""The masking block (paper, sections 3.1.2 and 4.3.3)."""

import torch
from torch import nn
from torch.nn import functional

# Positions of a mask: on the backbone's output (as in the paper), in the middle of the neck, before the head.
POSITIONS = ("backbone", "middle", "head")


class Mask(nn.Module):
    """Multiply a feature map (batch, channels, frames, bands) by a weight for each place in time and frequency.

    The weights are computed from the map itself, by 1x1 convolutions down to one channel and a sigmoid.
    """

    def __init__(self, channels, widths=(64, 16, 8), dropout=0.5):
        super().__init__()
        layers = [nn.Dropout(dropout)]
        for width in widths:
            layers += [nn.Conv2d(channels, width, 1), nn.ReLU()]
            channels = width
        self.weigh = nn.Sequential(*layers, nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, features):
        return features * self.weigh(features)


class DividedMask(Mask):
    """The mask as released: the map is multiplied by the weights and then divided by them, x m / m = x.

    This is the identity, or NaN (0 / 0) at places where the sigmoid underflows. A frozen 1x1 convolution of ones
    copies the weights to every channel.
    """

    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("copies", torch.ones(channels, 1, 1, 1), persistent=False)

    def forward(self, features):
        weights = functional.conv2d(self.weigh(features), self.copies)
        return features * weights / weights


MASKS = {"multiply": Mask, "multiply_and_divide": DividedMask}
