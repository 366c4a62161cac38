"""Images by banks of band-pass filters whose width grows with their frequency: constant-Q and wavelet transforms.

A value is the mean power of a filtered window over the hop of a frame. One sample in each hop would not be enough:
above 726 Hz the atoms of the constant-Q transform are shorter than the paper's hop, and a click between two frames
would be lost.

The filters are applied by the Fourier transform. The spectrum of a window is multiplied by the response of a filter.
The response passes a narrow band alone, so the inverse transform needs no more samples than this band is wide: the
lowest bands take a small part of the work of the highest.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from yoho.windows.front_end import PRECISIONS, FrontEnd, decibels, relative_to_peak
from yoho.windows.mel import hann

# Shares of a response's peak: it is cut where it is below the first, and its band is where it is above the second.
LEAST, EDGE = 1e-5, 1e-3
MORE = 12  # samples in each hop besides those for the width of a band


@dataclass(frozen=True)
class FilterBank(FrontEnd):
    """Images of `n_bins` bands in dB, with `bins_per_octave` of them in an octave from `fmin` (Hz) on.

    sample_rate: Hz; hop_length: samples; top_db: dB from the loudest value of a window down to its floor. Each window
    is scaled to peak 1. A subclass gives `reach`, the samples to which the longest filter reaches on either side of its
    middle, and `responses`.
    """

    sample_rate: int
    hop_length: int
    n_bins: int
    bins_per_octave: int
    fmin: float
    top_db: float
    level: ClassVar[str] = "each scaled to the same peak, so it does not know how loud a sound is."

    @property
    def n_mels(self):
        """The number of bands, by the name that networks and their stored model.json have for it."""
        return self.n_bins

    @property
    def centres(self):
        """The frequencies of the bands, (n_bins,), Hz."""
        return self.fmin * 2 ** (np.arange(self.n_bins) / self.bins_per_octave)

    def images(self, samples, first, size, precision="double"):
        """Images, (windows, frames, n_bins) float32, of windows of a signal: see `FrontEnd.images`."""
        hops, frames, dtype = self.hops(size), size // self.hop_length + 1, PRECISIONS[precision]
        window, images = np.zeros(hops * self.hop_length, dtype), []
        samples = np.pad(samples, (0, max(0, first[-1] + size - len(samples))))
        for start in first:
            window[:size] = samples[start : start + size]
            spectrum = np.fft.rfft(window)
            bands = [power_of_hops(spectrum, hops, *own) for own in bank(self, hops, dtype)]
            images.append(np.stack(bands, axis=1)[:frames])
        return relative_to_peak(decibels(np.stack(images)).astype(np.float32), samples, first, size, self.top_db)

    def hops(self, size):
        """Hops of the transform of a window of `size` samples: so many that its end does not reach its beginning."""
        return fast_size(size // self.hop_length + 2 + self.reach / self.hop_length)

    @abstractmethod
    def responses(self, count):
        """Yield the response of every filter at the frequencies of a transform of `count` samples, (frequencies,)."""


@dataclass(frozen=True)
class Cqt(FilterBank):
    """The power of the constant-Q transform (Brown 1991), with the atoms and the scale of `librosa.cqt`.

    An atom is a tone under a Hann window. It is so long that the tones of neighbouring bands are told apart.
    """

    @property
    def lengths(self):
        """Samples of the atoms, (n_bins,)."""
        ratio = 2 ** (2 / self.bins_per_octave)  # of the frequencies on either side of a band
        return (ratio + 1) / (ratio - 1) * self.sample_rate / self.centres

    @property
    def reach(self):
        """Half the longest atom, samples."""
        return self.lengths[0] / 2

    def responses(self, count):
        """Yield the response of every filter: see `FilterBank.responses`."""
        for centre, length in zip(self.centres, self.lengths):
            time = np.arange(-length // 2, length // 2)
            window = hann(len(time))
            atom = np.zeros(count, complex)
            atom[time.astype(int)] = window / window.sum() * np.exp(2j * np.pi * centre / self.sample_rate * time)
            yield np.sqrt(length) * np.fft.fft(atom)[: count // 2 + 1]


@dataclass(frozen=True)
class Wavelet(FilterBank):
    """The power of the continuous wavelet transform with the complex Morlet wavelet, as a mean over each hop.

    bandwidth: B of the wavelet exp(-t^2 / B) exp(2 pi i t) / sqrt(pi B), which is cmorB-1.0 of PyWavelets.
    """

    bandwidth: float

    @property
    def reach(self):
        """Samples from the middle of the longest wavelet to where it is negligible."""
        return np.sqrt(-self.bandwidth * np.log(LEAST)) * self.sample_rate / self.fmin

    def responses(self, count):
        """Yield the response of every filter: see `FilterBank.responses`."""
        frequencies = np.arange(count // 2 + 1) * self.sample_rate / count
        for centre in self.centres:
            distance = frequencies / centre - 1
            yield np.sqrt(self.sample_rate / centre) * np.exp(-self.bandwidth * (np.pi * distance) ** 2)


@lru_cache(maxsize=4)
def bank(front_end, hops, dtype):
    """The filters of a `FilterBank`: a list of (first frequency, response from there on, samples in each hop)."""
    found, hop = [], front_end.hop_length
    frequencies = np.arange(hops * hop // 2 + 1) / (hops * hop)  # in cycles per sample
    for response in front_end.responses(hops * hop):
        share = np.abs(response) / np.abs(response).max()
        # Fewer samples than those of the window give the same mean power within 0.2 dB, in noise: the products of
        # frequencies that are folded into the mean are only those of the two ends of the band.
        density = fast_size(np.count_nonzero(share > EDGE) / hops + MORE)
        # The samples lie evenly in the hop of a frame, which begins half a hop before the frame's middle.
        delay = np.exp(-1j * np.pi * hop * (1 - 1 / density) * frequencies)
        low, *_, high = np.flatnonzero(share > LEAST)
        # The inverse transform divides by the number of its samples, and not by that of the spectrum's.
        own = (response * delay)[low : high + 1] * density / hop
        found.append((low, own.astype(np.result_type(dtype, np.complex64)), density))
    return found


def power_of_hops(spectrum, hops, first, response, density):
    """Mean power, (hops,), of a filtered signal over the `density` samples in each hop.

    spectrum: of the signal, (frequencies,); first, response: see `bank`. Frequencies that the samples cannot tell apart
    are added up. A shift of all frequencies would not change the power.
    """
    count = hops * density
    band = spectrum[first : first + len(response)] * response
    if len(band) > count:
        band = np.pad(band, (0, -len(band) % count)).reshape(-1, count).sum(axis=0)
    signal = np.fft.ifft(band, count)
    return (signal.real**2 + signal.imag**2).reshape(hops, density).mean(axis=1)


def fast_size(least):
    """The smallest integer from `least` on whose prime factors are 2, 3 and 5, so that its transform is fast."""
    count = max(1, int(np.ceil(least)))
    while (2 * 3 * 5) ** count.bit_length() % count:
        count += 1
    return count
