"""The untrained ear: YAMNet with its own head, which finds AudioSet's 521 sounds in the bins of a window.

YAMNet was trained on patches of 96 frames. Its outputs depend on the zeros with which its convolutions pad the edges of
a patch, so that a whole window of 257 frames at once gives nonsense. The ear therefore cuts a window into patches.

Its presences are calibrated: a class is present from 0.5 on, whatever its raw scores (see `Ear`).
"""

import torch
from torch import nn

from yoho import InputError
from yoho.networks.backbones import YAMNet

PATCH, CELLS = 96, 3  # frames of a patch, and the places in time of its feature map
CLASSES = 521  # of AudioSet that YAMNet knows


class Ear(nn.Module):
    """Map windows (batch, frames, mel bands) to outputs (batch, bins, 3 * classes), as a trained network does.

    groups: for each class, the numbers of the AudioSet classes that it stands for; the most present one counts. Start
    and end of a bin are always 0 and 1. The calibrated logit of an AudioSet class is scale * logit + shift.
    Raises InputError unless patches can be laid over the window so that each of their places becomes a bin.
    """

    def __init__(self, *, groups, frames, n_mels, bins):
        super().__init__()
        if bins % CELLS or frames < PATCH:
            raise InputError(f"ear: {bins} bins and {frames} frames do not fit its patches of {PATCH} frames")
        patches = bins // CELLS
        self.onsets = [round(number * (frames - PATCH) / max(patches - 1, 1)) for number in range(patches)]
        # A shorter group repeats its last member.
        members = [group + group[-1:] * (max(map(len, groups)) - len(group)) for group in groups]
        self.register_buffer("members", torch.tensor(members), persistent=False)
        # A network's windows are standardised with these; the ear takes its windows as they are.
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("scale", torch.ones(CLASSES, 1))
        self.register_buffer("shift", torch.zeros(CLASSES, 1))
        self.backbone = YAMNet(published=True)
        self.head = nn.Conv1d(YAMNet.channels, CLASSES, 1)

    def logits(self, windows):
        """Raw logits of the AudioSet classes, (batch, 521, bins)."""
        patches = torch.stack([windows[:, onset : onset + PATCH] for onset in self.onsets], dim=1)
        maps = self.backbone(patches.flatten(0, 1).unsqueeze(1)).mean(dim=3)  # (batch * patches, 1024, 3)
        return self.head(maps).unflatten(0, (-1, len(self.onsets))).transpose(1, 2).flatten(2)

    def forward(self, windows):
        calibrated = self.scale * self.logits(windows) + self.shift
        presence = calibrated[:, self.members].amax(dim=2).sigmoid().transpose(1, 2)
        outputs = torch.stack([presence, torch.zeros_like(presence), torch.ones_like(presence)], dim=3)
        return outputs.flatten(2)
