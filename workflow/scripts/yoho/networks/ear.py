"""The untrained ear: YAMNet with its own head, which finds AudioSet's 521 sounds in the bins of a window.

Its presences are calibrated: each class is present from 0.5 on (see `yoho.networks.calibration`).
"""

import torch
from torch import nn

from yoho import InputError
from yoho.networks.backbones import YAMNet

CLASSES = 521  # of AudioSet that YAMNet knows


class Ear(nn.Module):
    """Map windows (batch, frames, mel bands) to outputs (batch, bins, 3 * classes), as a trained network does.

    groups: for each class, the numbers of the AudioSet classes that it stands for; the most present one counts.
    thresholds: raw logits at which the presence of each AudioSet class is 0.5. Start and end of a bin are always 0 and
    1. Raises InputError if the windows do not divide into as many bins.
    """

    def __init__(self, *, groups, thresholds, frames, n_mels, bins):
        super().__init__()
        # A network's windows are standardised with these; the ear takes its windows as they are.
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("thresholds", torch.tensor(thresholds)[:, None], persistent=False)
        self.group(groups)
        self.backbone = YAMNet(published=True)
        self.head = nn.Conv1d(YAMNet.channels, CLASSES, 1)
        with torch.no_grad():
            found = self.logits(torch.zeros(1, frames, n_mels)).shape[2]
        if found != bins:
            raise InputError(
                f"ear: gives {found} bins for windows of {frames} frames, not {bins}; "
                "change windows.bins or windows.front_ends.yamnet"
            )

    def group(self, groups):
        """Set the groups."""
        # A shorter group repeats its last member.
        members = [group + group[-1:] * (max(map(len, groups)) - len(group)) for group in groups]
        self.register_buffer("members", torch.tensor(members), persistent=False)

    def logits(self, windows):
        """Raw logits of the AudioSet classes, (batch, 521, bins)."""
        return self.head(self.backbone(windows.unsqueeze(1)).mean(dim=3))

    def forward(self, windows):
        calibrated = self.logits(windows) - self.thresholds
        presence = calibrated[:, self.members].amax(dim=2).sigmoid().transpose(1, 2)
        outputs = torch.stack([presence, torch.zeros_like(presence), torch.ones_like(presence)], dim=3)
        return outputs.flatten(2)
