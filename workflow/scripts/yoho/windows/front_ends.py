"""Log-mel features of the 2.56 s windows of a mix (paper, section 4.2): 257 frames x 40 mel bands, in dB."""

import os

import librosa
import numpy as np

from yoho.audio import read_audio

SILENCE = 1e-14  # a window of a lower peak counts as silent (-280 dB): single precision cannot hold its power


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


def mel_decibels(samples, begins, taper, mel):
    """Mel power in dB relative to 1, (frames, n_mels), of frames of a signal (samples,).

    begins: first sample of each frame, (frames,); taper: what each is multiplied by, (n_fft,); mel: the filters,
    (frequencies, n_mels).
    """
    every_frame = np.lib.stride_tricks.sliding_window_view(samples, len(taper))
    # A hundred frames at a time stay in the processor's cache from the first step to the last.
    blocks = np.array_split(begins, len(begins) // 100 + 1)
    spectra = (np.fft.rfft(every_frame[block] * taper).astype(np.complex64) for block in blocks)
    power = np.concatenate([np.abs(spectrum) ** 2 @ mel for spectrum in spectra])
    return 10 * np.log10(np.maximum(power, np.finfo(np.float32).tiny))


def overlapping_log_mel(
    samples, first, size, sample_rate, n_fft, hop_length, win_length, n_mels, top_db, decibels=mel_decibels
):
    """Log-mel features, (windows, frames, n_mels) float32 in dB, of windows of a signal (samples,).

    first: first sample of each window, ascending, (windows,); size: samples of a window, zeros past the signal's end.
    Each window is scaled to peak 1 first; power in dB relative to 1, floored at `top_db` below the loudest value of
    its own window (librosa's defaults otherwise). The same as librosa called window by window, but a frame that
    windows share is transformed once. decibels: `mel_decibels` or a function like it.
    """
    mel = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels).T
    # Double precision, and so the transform: in single, a band 70 dB below a loud tone is off by 0.004 dB.
    taper = librosa.util.pad_center(librosa.filters.get_window("hann", win_length), size=n_fft)
    # Padded so, the frame centred on a sample begins at that sample's number.
    padded = np.pad(samples, (n_fft // 2, max(0, first[-1] + size + n_fft - len(samples))))
    centres = np.arange(0, size + 1, hop_length)
    reach = centres - n_fft // 2 + (n_fft - win_length) // 2
    inside = (reach >= 0) & (reach + win_length <= size)

    features = np.empty((len(first), len(centres), n_mels), np.float32)
    distinct, places = np.unique(first[:, None] + centres[inside], return_inverse=True)
    features[:, inside] = decibels(padded, distinct, taper, mel)[places]
    # A frame that reaches past the edge of its window finds zeros there: its taper is cut off at the edge.
    for frame in np.flatnonzero(~inside):
        position = centres[frame] - n_fft // 2 + np.arange(n_fft)
        cut = np.where((position >= 0) & (position < size), taper, 0)
        features[:, frame] = decibels(padded, first + centres[frame], cut, mel)

    # Scaling a window is subtracting from its decibels; -100 dB is the least that librosa lets a scaled window have.
    peaks = np.array([np.abs(samples[start : start + size]).max(initial=0) for start in first])
    peaks[peaks < SILENCE] = 1
    features -= 20 * np.log10(peaks)[:, None, None]
    floors = np.maximum(features.max(axis=(1, 2), keepdims=True) - top_db, -100)
    return np.maximum(features, floors, out=features)


def log_mel(windows, sample_rate, **settings):
    """Log-mel features, (windows, frames, n_mels) float32 in dB, of separate windows (windows, samples)."""
    count, size = windows.shape
    return overlapping_log_mel(windows.ravel(), size * np.arange(count), size, sample_rate, **settings)


def mix_features(path, onsets, window_length, sample_rate, settings):
    """Log-mel features of one mix's windows, (windows, frames, n_mels) float32 in dB; onsets ascending, s.

    Of the file no more than the windows cover is read, and of that a few windows at a time are in memory: a long
    file can be taken some onsets after the others.
    """
    size = round(window_length * sample_rate)
    first = np.round(np.asarray(onsets) * sample_rate).astype(int)
    features = []
    for block in np.array_split(first, len(first) // 32 + 1):
        samples, _ = read_audio(path, block[0] / sample_rate, (block[-1] + size) / sample_rate)
        features.append(overlapping_log_mel(samples, block - block[0], size, sample_rate, **settings))
    return np.concatenate(features)


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
