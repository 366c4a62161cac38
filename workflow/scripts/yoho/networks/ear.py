"""The untrained ear in PyTorch: YAMNet with its own head. Segmenting on a CPU uses `yoho.networks.ear_file` instead."""

import torch
from torch import nn

from yoho.networks.backbones import YAMNet
from yoho.networks.ear_file import ear_onsets


class Ear(nn.Module):
    """The ear; its arguments are those of `yoho.networks.ear_file.ear_model`.

    It maps windows (batch, frames, mel bands) to outputs (batch, bins, 3 * classes), as a trained network does.
    """

    mean, deviation = torch.zeros(()), torch.ones(())  # The ear takes its windows as they are.

    def __init__(self, *, thresholds, frames, n_mels, bins):
        super().__init__()
        ear_onsets(frames, bins)  # raises InputError for windows that do not fit
        self.classes = len(thresholds)
        self.register_buffer("thresholds", torch.tensor(thresholds)[:, None], persistent=False)
        self.backbone = YAMNet(published=True)
        self.head = nn.Conv1d(YAMNet.channels, self.classes, 1)

    def logits(self, windows):
        """Raw logits of the classes, (batch, classes, bins)."""
        return self.head(self.backbone(windows.unsqueeze(1)).mean(dim=3))

    def forward(self, windows):
        presence = (self.logits(windows) - self.thresholds).sigmoid().transpose(1, 2)
        outputs = torch.stack([presence, torch.zeros_like(presence), torch.ones_like(presence)], dim=3)
        return outputs.flatten(2)
