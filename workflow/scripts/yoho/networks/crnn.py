"""The rival of YOHO: a convolutional recurrent network (CRNN) that classifies frames.

It has the form of the baseline of DCASE's task 4 in 2021 (F. Ronchini, R. Serizel, N. Turpault and S. Cornell, "The
impact of non-target events in synthetic soundscapes for sound event detection", DCASE workshop 2021). The task and its
data, DESED, are described by N. Turpault, R. Serizel, A. Parag Shah and J. Salamon, "Sound event detection in domestic
environments with weakly labeled data and soundscape synthesis", DCASE workshop 2019.

That baseline has seven convolutions for 128 mel bands. This network has the first five of them, for 40 bands. Its head
gives the presence of each class in each frame. The baseline also has an attention pooling, which gives the presence in
the whole clip, because it learns from weak labels as well. All labels here are strong, so this network has no such
pooling. The baseline is trained as a mean teacher on unlabelled clips, and with mixup. This network is trained like
YOHO: with SpecAugment, without a teacher and without mixup. Its convolutions start from Glorot's uniform weights, as
those of YOHO do. All weights of the baseline, and the recurrent layers here, start as PyTorch initialises them. The
momentum of the running statistics of batch norms is 0.99 in the baseline, and PyTorch's 0.1 here.
"""

import torch
from torch import nn


class GatedLinear(nn.Module):
    """The baseline's gated linear unit: a linear map of the channels, times the sigmoid of the channels themselves."""

    def __init__(self, channels):
        super().__init__()
        self.linear = nn.Conv2d(channels, channels, 1)

    def forward(self, maps):
        return self.linear(maps) * torch.sigmoid(maps)


class Recurrent(nn.GRU):
    """Bidirectional GRU layers, (batch, frames, channels) to (batch, frames, 2 * size), in single precision.

    PyTorch exports a GRU to ONNX by tracing it frame by frame, which takes minutes. So this module states the operator
    of ONNX itself.
    """

    def __init__(self, channels, size, layers):
        super().__init__(channels, size, layers, batch_first=True, bidirectional=True)

    def forward(self, frames):
        if torch.onnx.is_in_onnx_export():
            return self.in_onnx(frames)
        with torch.autocast(frames.device.type, enabled=False):
            return super().forward(frames.float())[0]

    def in_onnx(self, frames):
        """The same as ONNX's operator GRU, layer after layer."""
        frames, size = frames.transpose(0, 1), self.hidden_size  # (frames, batch, channels)
        attributes = {"hidden_size": size, "direction": "bidirectional", "linear_before_reset": 1}
        for layer in range(self.num_layers):
            own = [self.onnx_weights(kind, layer) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            inputs = [frames, *own[:2], torch.cat(own[2:], dim=1)]
            shape = (frames.shape[0], 2, frames.shape[1], size)
            outputs = torch.onnx.ops.symbolic("GRU", inputs, attributes, dtype=torch.float32, shape=shape, version=14)
            frames = outputs.transpose(1, 2).flatten(2)
        return frames.transpose(0, 1)

    def onnx_weights(self, kind, layer):
        """One kind of a layer's parameters, both directions, with ONNX's order of gates: update, reset, new."""
        both = [getattr(self, f"{kind}_l{layer}{side}").unflatten(0, (3, -1)) for side in ("", "_reverse")]
        return torch.stack([torch.cat([own[1], own[0], own[2]]) for own in both])


class CRNN(nn.Module):
    """Images (batch, 1, frames, 40) to maps (batch, 256, frames // 4, 1): a map for every frame of 40 ms.

    Each of five convolutions is followed by batch norm, gated linear unit, dropout and average pooling. All poolings
    halve the mel bands, 40 to 1, and the first two halve the frames. Two GRU layers of 128 in each direction follow.
    """

    channels, size = (1, 16, 32, 64, 128, 128), 128
    poolings = ((2, 2), (2, 2), (1, 2), (1, 2), (1, 2))

    def __init__(self, dropout=0.5):
        super().__init__()
        layers = []
        for inputs, outputs, pooling in zip(self.channels, self.channels[1:], self.poolings):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs, eps=1e-3)]
            layers += [GatedLinear(outputs), nn.Dropout(dropout), nn.AvgPool2d(pooling)]
        self.convolutions = nn.Sequential(*layers)
        self.recurrent = Recurrent(self.channels[-1], self.size, layers=2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images):
        maps = self.convolutions(images)  # (batch, 128, frames // 4, 1)
        frames = self.dropout(self.recurrent(maps.squeeze(3).transpose(1, 2)))
        return frames.transpose(1, 2).unsqueeze(3)
