"""Front ends: how the sound of a window becomes the image that a network sees (paper, section 4.2)."""

from dataclasses import dataclass
from functools import cached_property

import librosa
import numpy as np

from yoho.audio import read_audio, resampled
from yoho.windows.cutting import first_samples

SILENCE = 1e-14  # A window whose peak is lower (-280 dB) counts as silent: single precision cannot hold its power.


@dataclass(frozen=True)
class LogMel:
    """Log-mel images: 257 frames x 40 mel bands, in dB, for 2.56 s with the paper's settings.

    sample_rate: Hz; n_fft, hop_length, win_length: samples; n_mels: bands; top_db: dB from the loudest value of a
    window down to its floor. Each window is scaled to peak 1 first; power is in dB relative to 1. Everything else is
    as librosa does by default.

    precision: "double" keeps to librosa within 0.001 dB. "single" is several times faster, needs torch, and is off by
    0.004 dB in a band 70 dB below a loud tone.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    win_length: int
    n_mels: int
    top_db: float

    @cached_property
    def mel(self):
        """The mel filters, (frequencies, n_mels)."""
        return librosa.filters.mel(sr=self.sample_rate, n_fft=self.n_fft, n_mels=self.n_mels).T

    @cached_property
    def taper(self):
        """The factors of a frame's samples, (n_fft,)."""
        return librosa.util.pad_center(librosa.filters.get_window("hann", self.win_length), size=self.n_fft)

    def size(self, window_length):
        """Samples of a window of `window_length` seconds."""
        return round(window_length * self.sample_rate)

    def frames(self, window_length):
        """Frames of a window of `window_length` seconds; the first and the last are centred on its ends."""
        return self.size(window_length) // self.hop_length + 1

    def __call__(self, windows, precision="double"):
        """Images, (windows, frames, n_mels) float32 in dB, of separate windows (windows, samples)."""
        count, size = windows.shape
        return self.images(windows.ravel(), size * np.arange(count), size, precision)

    def images(self, samples, first, size, precision="double"):
        """Images, (windows, frames, n_mels) float32 in dB, of windows of a signal (samples,).

        first: first sample of each window, ascending, (windows,); size: samples of a window, zeros past the signal's
        end. The result is librosa's for each window, but frames that windows share are transformed only once.
        """
        decibels = {"double": mel_decibels, "single": single_mel_decibels}[precision]
        # This padding makes the frame that is centred on a sample begin at that sample's number.
        padded = np.pad(samples, (self.n_fft // 2, max(0, first[-1] + size + self.n_fft - len(samples))))
        centres = np.arange(0, size + 1, self.hop_length)
        reach = centres - self.n_fft // 2 + (self.n_fft - self.win_length) // 2
        inside = (reach >= 0) & (reach + self.win_length <= size)

        images = np.empty((len(first), len(centres), self.n_mels), np.float32)
        distinct, places = np.unique(first[:, None] + centres[inside], return_inverse=True)
        images[:, inside] = decibels(padded, distinct, self.taper, self.mel)[places]
        # A frame that reaches past the edge of its window finds zeros there: its taper is cut off at the edge.
        for frame in np.flatnonzero(~inside):
            position = centres[frame] - self.n_fft // 2 + np.arange(self.n_fft)
            cut = np.where((position >= 0) & (position < size), self.taper, 0)
            images[:, frame] = decibels(padded, first + centres[frame], cut, self.mel)

        # Scaling a window subtracts from its decibels. In a scaled window librosa's lowest value is -100 dB.
        peaks = np.array([np.abs(samples[start : start + size]).max(initial=0) for start in first])
        peaks[peaks < SILENCE] = 1
        images -= 20 * np.log10(peaks)[:, None, None]
        floors = np.maximum(images.max(axis=(1, 2), keepdims=True) - self.top_db, -100)
        return np.maximum(images, floors, out=images)

    def file_images(self, path, onsets, window_length):
        """Images, (windows, frames, n_mels) float32 in dB, of windows of a file; onsets: ascending, (windows,), s.

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


# The kinds of front ends, by their names in the config.
FRONT_ENDS = {"log_mel": LogMel}


def build_front_end(sample_rate, *, kind="log_mel", **settings):
    """The front end of a record in the config; networks that were trained earlier do not name its kind."""
    return FRONT_ENDS[kind](sample_rate, **settings)


def mel_decibels(samples, begins, taper, mel):
    """Mel power in dB relative to 1, (frames, n_mels), of frames of a signal (samples,), computed in double precision.

    begins: first sample of each frame, (frames,); taper, mel: as those of `LogMel`.
    """
    every_frame = np.lib.stride_tricks.sliding_window_view(samples, len(taper))
    # A hundred frames at a time stay in the processor's cache from the first step to the last.
    blocks = np.array_split(begins, len(begins) // 100 + 1)
    spectra = (np.fft.rfft(every_frame[block] * taper).astype(np.complex64) for block in blocks)
    power = np.concatenate([np.abs(spectrum) ** 2 @ mel for spectrum in spectra])
    return 10 * np.log10(np.maximum(power, np.finfo(np.float32).tiny))


def single_mel_decibels(samples, begins, taper, mel):
    """The same as `mel_decibels`, computed in single precision."""
    import torch  # Only segmenting needs it: the jobs that make windows have no torch.

    every_frame = torch.from_numpy(samples).float().unfold(0, len(taper), 1)
    steps = np.unique(np.diff(begins))
    even = len(steps) == 1 and steps[0] > 0
    if even:  # Frames at even steps are a view of the signal and need no copy.
        every_frame = every_frame[begins[0] :: steps[0]]
        begins = np.arange(len(begins))
    taper = torch.from_numpy(taper).float()
    halves = [(bands, rows, torch.from_numpy(filters)) for bands, rows, filters in low_and_high(mel)]
    power = torch.zeros(len(begins), mel.shape[1])
    # A hundred frames at a time stay in the processor's cache from the first step to the last.
    for start in range(0, len(begins), 128):
        block = begins[start : start + 128]
        frames = every_frame[block[0] : block[-1] + 1] if even else every_frame[block]
        parts = torch.view_as_real(torch.fft.rfft(frames * taper)).flatten(1).square_()
        for bands, rows, filters in halves:
            torch.mm(parts[:, rows], filters, out=power[start : start + 128, bands])
    return power.clamp_(min=torch.finfo(torch.float32).tiny).log10_().mul_(10).numpy()


def low_and_high(mel):
    """Mel filters (frequencies, n_mels) in two halves of bands, each without the frequencies at which it is all 0.

    Yields (bands, rows, filters): the filters, times those rows of a spectrum whose real and imaginary parts alternate,
    give those bands. The low bands need a sixth of the frequencies; multiples of eight are fastest.
    """
    low = 3 * mel.shape[1] // 5 // 8 * 8
    for bands in (slice(0, low), slice(low, mel.shape[1])):
        used = np.flatnonzero(mel[:, bands].any(axis=1))
        if len(used):
            filters = mel[used[0] : used[-1] + 1, bands].astype(np.float32)
            yield bands, slice(2 * used[0], 2 * used[-1] + 2), filters.repeat(2, axis=0)
