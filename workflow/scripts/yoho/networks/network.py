"""A network of the paper: backbone, YOHO neck, mask, head."""

from itertools import pairwise

import torch
from torch import nn

from yoho import InputError
from yoho.networks.backbones import build_backbone, find_backbone, glorot, yoho_block
from yoho.networks.masking import MASKS, POSITIONS

NECK = (512, 256, 128)  # channels of the YOHO blocks


class Network(nn.Module):
    """Map log-mel windows (batch, frames, mel bands) in dB to outputs (batch, bins, 3 * classes) in [0, 1].

    backbone: a name in BACKBONES or of a network of timm; mask: one of `mask_positions`; masking: a name in MASKS;
    dropout: share of the backbone's channels that are dropped while training.
    The last map (9 x 2 x C) is reshaped to 9 x 2C; a Conv1D with kernel 1 and a sigmoid give [presence, start, end]
    for each bin and class. After a backbone `by_frame` they give the presence alone; start is 0 and end is 1.
    PyTorch's generator draws the weights; from the same seed, a mask does not change those of the other parts.
    Raises InputError for an unknown backbone, mask position or masking.
    """

    def __init__(self, *, backbone, mask, masking, pretrained, classes, frames, n_mels, bins, dropout=0.0):
        super().__init__()
        self.frozen = []  # modules that do not learn: see `yoho.networks.pretrained.freeze`
        positions = mask_positions(backbone)
        if mask not in positions:
            raise InputError(f"mask {mask!r}: not possible with backbone {backbone}; choose {', '.join(positions)}")
        if masking not in MASKS:
            raise InputError(f"masking {masking!r}: unknown; choose {', '.join(MASKS)}")
        record = find_backbone(backbone)
        self.classes, self.divisor, self.by_frame = classes, record.divisor, record.by_frame
        # As described: mean and standard deviation of the training features. As released: 0 and `divisor`.
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.backbone, (_, channels, _, bands) = build_backbone(backbone, pretrained, frames, n_mels, bins)
        widths = (channels, *(NECK if record.neck else ()))
        self.dropout = nn.Dropout2d(dropout)
        self.neck = nn.Sequential(*(yoho_block(*pair) for pair in pairwise(widths)))
        self.head = nn.Conv1d(bands * widths[-1], classes if record.by_frame else 3 * classes, 1)
        self.neck.apply(glorot)
        self.head.apply(glorot)
        if mask != "none":
            place = {"backbone": 0, "middle": 1, "head": len(NECK)}[mask]
            with torch.random.fork_rng(devices=[]):  # so that what is drawn later does not depend on the mask
                self.neck.insert(place, MASKS[masking](widths[place]).apply(glorot))
        self.train()

    def standardise(self, mean, deviation):
        """Set the mean that is subtracted from the features and the deviation that then divides them (dB)."""
        self.mean.fill_(mean)
        self.deviation.fill_(deviation)

    def forward(self, windows):
        return after_backbone(self, self.maps(windows))

    def maps(self, windows):
        """The backbone's feature maps of windows, (batch, channels, bins, bands)."""
        return self.backbone(((windows - self.mean) / self.deviation).unsqueeze(1))

    def train(self, mode=True):
        """Set the mode of all modules except the frozen ones, which stay in evaluation mode."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self


class OnMaps(nn.Module):
    """The part of a network behind its backbone, which takes the backbone's feature maps and shares its own modules.

    If the whole backbone is frozen, only this part learns, and the maps are computed only once. Its `state_dict` is a
    part of the network's. mean, deviation: those of a map, which is never standardised.
    """

    mean, deviation = torch.zeros(()), torch.ones(())

    def __init__(self, network):
        super().__init__()
        self.dropout, self.neck, self.head = network.dropout, network.neck, network.head
        self.by_frame = network.by_frame

    def forward(self, maps):
        return after_backbone(self, maps.float())


def after_backbone(network, maps):
    """Outputs (batch, bins, 3 * classes) for feature maps (batch, channels, bins, bands): dropout, neck and head."""
    features = network.neck(network.dropout(maps))
    features = features.to(network.head.weight.dtype).permute(0, 3, 1, 2).flatten(1, 2)
    with torch.autocast(maps.device.type, enabled=False):
        outputs = torch.sigmoid(network.head(features)).transpose(1, 2)
    return whole_bins(outputs) if network.by_frame else outputs


def whole_bins(presence):
    """Outputs (batch, bins, 3 * classes) of presences (batch, bins, classes): from start 0 to end 1 of each bin."""
    return torch.stack([presence, torch.zeros_like(presence), torch.ones_like(presence)], dim=-1).flatten(2)


def mask_positions(backbone):
    """The possible positions of a mask in a network with this backbone, and "none"."""
    return ("none", *POSITIONS) if find_backbone(backbone).neck else ("none", POSITIONS[0])
