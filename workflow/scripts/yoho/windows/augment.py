"""SpecAugment (Park et al. 2019): stripes of frames and of mel bands of an image are hidden."""

import torch


def spec_augment(windows, fill, generator, *, draw, frequency_stripes, frequency_width, time_stripes, time_width):
    """Copies of windows (batch, frames, mel bands) with hidden stripes.

    draw: "window" draws stripes for each window, "batch" the same ones for all of them (as released). Each stripe is
    0 to `frequency_width` mel bands or 0 to `time_width` frames wide, at a uniform place, and is filled with `fill`
    (dB): the mean of the training features in the published method, 0 as released.
    """
    batch, frames, bands = windows.shape
    draws = {"window": batch, "batch": 1}[draw]
    hidden = stripes(draws, time_stripes, time_width, frames, generator, device=windows.device)[:, :, None]
    bars = stripes(draws, frequency_stripes, frequency_width, bands, generator, device=windows.device)[:, None, :]
    return windows.masked_fill(hidden | bars, fill)


def stripes(draws, count, widest, size, generator, *, device):
    """Which of `size` positions are hidden by `count` stripes, in each of some draws: (draws, size) bool."""
    shape = (draws, count, 1)
    width = torch.randint(0, widest + 1, shape, generator=generator, device=device)
    first = (torch.rand(shape, generator=generator, device=device) * (size - width + 1)).long()
    position = torch.arange(size, device=device)
    return ((position >= first) & (position < first + width)).any(dim=1)
