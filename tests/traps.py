"""Small networks in which a convolution and the module after it look like a pair, but must not be merged.

reader: builds that module, a batch norm or an activation.
"""

import torch
from timm.layers import ScaledStdConv2d
from torch import nn
from torch.nn import functional

CHANNELS = 4


class Tiny(nn.Module):
    """A network for `folded`: a body and a head map windows (batch, 12, 8) to (batch, 12, 3)."""

    def __init__(self, body, reader):
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("mean", torch.tensor(-30.0))
        self.register_buffer("deviation", torch.tensor(15.0))
        self.body = body(reader)
        self.head = nn.LazyConv1d(3, 1)
        self.eval()(torch.zeros(1, 12, 8))

    def forward(self, windows):
        features = self.body(((windows - self.mean) / self.deviation).unsqueeze(1))
        return torch.sigmoid(self.head(features.permute(0, 3, 1, 2).flatten(1, 2))).transpose(1, 2)


def convolution(kind=nn.Conv2d, inputs=1):
    return kind(inputs, CHANNELS, 3, padding=1)


class Body(nn.Module):
    """A convolution and its reader; `shortcut` bypasses both."""

    def __init__(self, reader):
        super().__init__()
        self.conv, self.reader, self.shortcut = convolution(), reader(), convolution()

    def forward(self, features):
        return self.reader(self.conv(features)) + self.shortcut(features)


class SumInPlace(Body):
    def forward(self, features):
        found = self.conv(features)
        found += self.shortcut(features)
        return self.reader(found)


class ChangedThroughAView(Body):
    def forward(self, features):
        found = self.conv(features)
        found[:, 1].mul_(3)
        return self.reader(found)


class ReadAfterwards(Body):
    def forward(self, features):
        found = self.conv(features)
        return self.reader(found) + found


class ReadBefore(Body):
    def forward(self, features):
        found = self.conv(features)
        return 2 * found + self.reader(found)


class Concatenated(Body):
    def forward(self, features):
        found = self.conv(features)
        return torch.cat([found, self.reader(found)], dim=1)


class CalledTwice(Body):
    def forward(self, features):
        return self.reader(self.conv(features)) + self.conv(2 * features)


class SharedReader(Body):
    def forward(self, features):
        return self.reader(self.conv(features)) + self.reader(self.shortcut(features) + 1)


class SharedWeights(Body):
    def forward(self, features):
        return self.reader(self.conv(features)) + functional.conv2d(features, self.conv.weight, padding=1)


class TwoReaders(Body):
    def __init__(self, reader):
        super().__init__(reader)
        self.other = reader()

    def forward(self, features):
        found = self.conv(features)
        return self.reader(found) + self.other(found)


class TwoNames(Body):
    def __init__(self, reader):
        super().__init__(reader)
        self.again = self.reader

    def forward(self, features):
        return self.again(self.conv(features))


class Standardised(Body):
    def __init__(self, reader):
        super().__init__(reader)
        self.conv = convolution(ScaledStdConv2d)


class Hooked(Body):
    """A hook of other code changes the convolution's output, which tracing cannot see."""

    def __init__(self, reader):
        super().__init__(reader)
        self.conv.register_forward_hook(lambda conv, inputs, output: 3 * output + 1)


TRAPS = [
    *[SumInPlace, ChangedThroughAView, ReadAfterwards, ReadBefore, Concatenated, CalledTwice, SharedReader],
    *[SharedWeights, TwoReaders, TwoNames, Standardised],
]
