"""Log-mel features of the 2.56 s windows of a mix (paper, section 4.2): 257 frames x 40 mel bands, in dB."""

import os

import librosa
import numpy as np

from yoho.sources import read_audio


def window_onsets(duration, window_length, hop):
    """Onsets of the windows that cover `duration` seconds, (windows,), s.

    A clip shorter than a window gives one window; otherwise the tail is covered by a last window that may
    reach past the end. The 1e-9 keeps a duration of a whole number of hops from gaining a window by rounding.
    """
    count = 1 if duration <= window_length else int(np.ceil((duration - window_length) / hop - 1e-9)) + 1
    return np.arange(count) * hop


def frames(window_length, sample_rate, hop_length):
    """Frames of a window: 257 for 2.56 s at 44.1 kHz and a hop of 441 samples (centred frames, ends included)."""
    return round(window_length * sample_rate) // hop_length + 1


def cut_windows(samples, onsets, window_length, sample_rate):
    """Windows of a mix, (windows, window_length * sample_rate), zeros where a window reaches past the end."""
    size = round(window_length * sample_rate)
    first = np.round(np.asarray(onsets) * sample_rate).astype(int)
    padded = np.pad(samples, (0, max(0, first[-1] + size - len(samples))))
    return np.stack([padded[start : start + size] for start in first])


def log_mel(windows, sample_rate, n_fft, hop_length, win_length, n_mels, top_db):
    """Log-mel features, (windows, frames, n_mels) float32 in dB, of windows (windows, samples).

    Each window is scaled to peak 1 first; power in dB relative to 1, floored at `top_db` below the
    loudest value of its own window (librosa's defaults otherwise).
    """
    windows = librosa.util.normalize(windows, axis=-1)
    power = librosa.feature.melspectrogram(
        y=windows, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, win_length=win_length, n_mels=n_mels
    )
    decibels = librosa.power_to_db(power, top_db=None)
    decibels = np.maximum(decibels, decibels.max(axis=(-2, -1), keepdims=True) - top_db)
    return decibels.swapaxes(-2, -1).astype(np.float32)


def mix_features(path, onsets, window_length, sample_rate, settings):
    """Log-mel features of one mix's windows, (windows, frames, n_mels); a few windows at a time in memory."""
    samples, _ = read_audio(path)
    blocks = np.array_split(np.asarray(onsets), max(1, len(onsets) // 16))
    cut = (cut_windows(samples, block, window_length, sample_rate) for block in blocks)
    return np.concatenate([log_mel(windows, sample_rate, **settings) for windows in cut])


def create_array(path, shape):
    """A float32 .npy file of a given shape, memory-mapped; OSError here, not a crash later, on a full disk."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, array.offset + array.nbytes)
            except OSError as error:
                error.filename = str(path)
                raise
    return array
