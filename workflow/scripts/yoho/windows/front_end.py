"""What all front ends share: how windows are cut from a file or a signal, and decibels relative to a window's peak."""

from abc import ABC, abstractmethod

import numpy as np

from yoho.audio import read_audio, resampled
from yoho.windows.cutting import first_samples

SILENCE = 1e-14  # A window whose peak is lower (-280 dB) counts as silent: single precision cannot hold its power.

PRECISIONS = {"double": np.float64, "single": np.float32}


class FrontEnd(ABC):
    """How the sound of a window becomes an image, which is a table of frames and bands.

    A subclass is a frozen dataclass of settings with `sample_rate`, Hz, and `hop_length`, samples from one frame to the
    next. It gives `n_mels`, the number of bands; `images`; and `level`, a limit for the model card.
    """

    def size(self, window_length):
        """Samples of a window of `window_length` seconds."""
        return round(window_length * self.sample_rate)

    def frames(self, window_length):
        """Frames of a window of `window_length` seconds; the first and the last are centred on its ends."""
        return self.size(window_length) // self.hop_length + 1

    def __call__(self, windows, precision="double"):
        """Images, (windows, frames, n_mels) float32, of separate windows (windows, samples)."""
        count, size = windows.shape
        return self.images(windows.ravel(), size * np.arange(count), size, precision)

    @abstractmethod
    def images(self, samples, first, size, precision="double"):
        """Images, (windows, frames, n_mels) float32, of windows of a signal (samples,).

        first: first sample of each window, ascending, (windows,); size: samples of a window, zeros past the signal's
        end; precision: a key of PRECISIONS.
        """

    def file_images(self, path, onsets, window_length):
        """Images, (windows, frames, n_mels) float32, of windows of a file; onsets: ascending, (windows,), s.

        A few windows at a time are computed. They are also read so, and memory holds little of a long file's audio,
        unless the file has another sample rate: then it is resampled as a whole. Raises InputError if it is unreadable.
        """
        size, first, whole = self.size(window_length), first_samples(onsets, self.sample_rate), None
        images = []
        for block in np.array_split(first, len(first) // 32 + 1):
            begin, end = block[0], block[-1] + size
            if whole is None:
                samples, sample_rate = read_audio(path, begin / self.sample_rate, end / self.sample_rate)
            if whole is None and sample_rate != self.sample_rate:
                whole = np.concatenate(list(resampled([read_audio(path)[0]], sample_rate, self.sample_rate)))
            samples = samples if whole is None else whole[begin:end]
            images.append(self.images(samples, block - begin, size))
        return np.concatenate(images)


def decibels(power):
    """Power in dB relative to 1."""
    return 10 * np.log10(np.maximum(power, np.finfo(np.float32).tiny))


def relative_to_peak(images, samples, first, size, top_db):
    """Scale each window to peak 1, which subtracts from its decibels, and raise its values to its floor.

    images: dB, (windows, frames, bands), which are changed; samples, first, size: as of `FrontEnd.images`; top_db: dB
    from the loudest value of a window down to its floor.
    """
    windows = (samples[start : start + size] for start in first)
    peaks = np.array([max(window.max(), -window.min()) for window in windows])
    peaks[peaks < SILENCE] = 1
    images -= 20 * np.log10(peaks)[:, None, None]
    # In a scaled window librosa's lowest value is -100 dB.
    floors = np.maximum(images.max(axis=(1, 2), keepdims=True) - top_db, -100)
    return np.maximum(images, floors, out=images)
