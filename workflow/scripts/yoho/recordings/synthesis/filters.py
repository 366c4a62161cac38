"""Gains and filters."""

from collections.abc import Callable

import numpy as np
from scipy import fft

Gain = Callable[[np.ndarray], np.ndarray]  # a filter: its real or complex gain by frequency in Hz


def linear(decibels):
    """Amplitude factor of a gain in dB."""
    return 10 ** (np.asarray(decibels) / 20)


def band(low: float, high: float, slope_db: float = 0.0, order: int = 2) -> Gain:
    """Gain of a band from `low` to `high` Hz with Butterworth edges, tilted by `slope_db` per octave about 1 kHz."""

    def gain(frequency):
        edges = (1 + (low / frequency) ** (2 * order)) * (1 + (frequency / high) ** (2 * order))
        return linear(slope_db * np.log2(frequency / 1000)) / np.sqrt(edges)

    return gain


def resonances(centres, widths, gains) -> Gain:
    """Complex gain of damped resonators side by side, each with its centre and width in Hz and its gain."""

    def gain(frequency):
        frequency = frequency[:, None]
        damping = 1j * frequency * np.asarray(widths)
        return (np.asarray(gains) * damping / (np.square(centres) - frequency**2 + damping)).sum(axis=1)

    return gain


def air(distance: float) -> Gain:
    """Gain of `distance` metres of air: about -0.5 dB per 100 m at 1 kHz, -16 dB at 10 kHz."""
    return lambda frequency: linear(-0.005 * distance * (frequency / 1000) ** 1.5)


def sampled(gain: Gain, size: int, sample_rate: float) -> np.ndarray:
    """A filter at the frequencies of a transform of `size` samples, interpolated from a log grid. (size // 2 + 1,)"""
    grid = np.geomspace(5, sample_rate / 2, 1300)  # a hundredth of an octave
    return np.interp(fft.rfftfreq(size, 1 / sample_rate), grid, gain(grid)).astype(np.complex64)


def filtered(audio: np.ndarray, sample_rate: float, gain: Gain) -> np.ndarray:
    """Audio through a filter. (samples,)"""
    size = fft.next_fast_len(len(audio), real=True)
    spectrum = fft.rfft(audio.astype(np.float32), size) * sampled(gain, size, sample_rate)
    return fft.irfft(spectrum, size)[: len(audio)]
