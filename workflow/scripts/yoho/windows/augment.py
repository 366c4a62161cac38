"""SpecAugment (Park et al. 2019): mask bands and stretches of time of a log-mel window."""

import torch


def spec_augment(windows, fill, generator, draw, frequency_masks, frequency_width, time_masks, time_width):
    """Masked copies of windows (batch, frames, mel bands).

    draw: "window", each window has masks of its own, or "batch", all have the same (as released). Every
    mask is 0 to `frequency_width` mel bands or `time_width` frames wide, at a uniform place, and is filled
    with `fill` (dB): the mean of the training features in the published method, 0 as released.
    """
    batch, frames, bands = windows.shape
    draws = {"window": batch, "batch": 1}[draw]
    hidden = stripes(draws, time_masks, time_width, frames, generator, windows.device)[:, :, None]
    hidden = hidden | stripes(draws, frequency_masks, frequency_width, bands, generator, windows.device)[:, None, :]
    return windows.masked_fill(hidden, fill)


def stripes(batch, masks, widest, size, generator, device):
    """Which of `size` positions the masks of each example cover: (batch, size) bool."""
    shape = (batch, masks, 1)
    width = torch.randint(0, widest + 1, shape, generator=generator, device=device)
    first = (torch.rand(shape, generator=generator, device=device) * (size - width + 1)).long()
    position = torch.arange(size, device=device)
    return ((position >= first) & (position < first + width)).any(dim=1)
