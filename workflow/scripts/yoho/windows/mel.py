"""Mel filters and tapers for the spectra of frames. Both are bitwise those of librosa 0.11."""

import numpy as np


def hann(length):
    """A periodic Hann taper, (length,): one period of a raised cosine, which begins with its zero."""
    return 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1)[:-1])


def mel_filters(sample_rate, n_fft, n_mels):
    """Triangular filters in Hz on Slaney's mel scale, (frequencies, n_mels) float32, each with an area of 1.

    sample_rate: Hz; n_fft: samples of a frame. The filters span all frequencies up to half the sample rate. Source:
    Slaney, Auditory Toolbox, 1998; `librosa.filters.mel` with its defaults.
    """
    edges = hertz(np.linspace(0, mels(sample_rate / 2), n_mels + 2))
    distance = edges[:, None] - np.fft.rfftfreq(n_fft, 1 / sample_rate)  # (edges, frequencies)
    width = np.diff(edges)[:, None]
    triangles = np.minimum(-distance[:-2] / width[:-1], distance[2:] / width[1:]).clip(min=0).astype(np.float32)
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32).T


# Slaney's scale is linear up to 1000 Hz, where 200 / 3 Hz are a mel, and logarithmic above.
HERTZ_PER_MEL = 200 / 3
KNEE = 1000.0  # Hz
MELS_AT_KNEE = KNEE / HERTZ_PER_MEL
LOG_STEP = np.log(6.4) / 27  # logarithm of the ratio of frequencies that are a mel apart


def mels(frequency):
    """A frequency (Hz) on the mel scale."""
    if frequency < KNEE:
        return frequency / HERTZ_PER_MEL
    return MELS_AT_KNEE + np.log(frequency / KNEE) / LOG_STEP


def hertz(mels):
    """Frequencies (Hz) of an array of mels."""
    above = KNEE * np.exp(LOG_STEP * (mels - MELS_AT_KNEE))
    return np.where(mels >= MELS_AT_KNEE, above, HERTZ_PER_MEL * mels)
