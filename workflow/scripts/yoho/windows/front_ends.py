"""Front ends: how the sound of a window becomes the image that a network sees (paper, section 4.2)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import librosa
import numpy as np

from yoho.audio import read_audio, resampled
from yoho.windows.cutting import first_samples

SILENCE = 1e-14  # A window whose peak is lower (-280 dB) counts as silent: single precision cannot hold its power.


@dataclass(frozen=True)
class FrontEnd:
    """What all front ends share: mel bands of frames, whose values are those of `decibels` or of another scale.

    sample_rate: Hz; n_fft, hop_length, win_length: samples; n_mels: bands. A subclass gives `mel`, its filters
    (frequencies, n_mels); `exponent`, 2 for the sums of power in the bands and 1 for those of magnitude; `scale`, which
    maps these sums to values; `finish`, which completes the images of windows; and `level`, a limit for the model card.

    precision: "double" keeps to librosa within 0.001 dB. "single" is several times faster, needs torch, and is off by
    0.004 dB in a band 70 dB below a loud tone.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    win_length: int
    n_mels: int

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
        """Images, (windows, frames, n_mels) float32, of separate windows (windows, samples)."""
        count, size = windows.shape
        return self.images(windows.ravel(), size * np.arange(count), size, precision)

    def images(self, samples, first, size, precision="double"):
        """Images, (windows, frames, n_mels) float32, of windows of a signal (samples,).

        first: first sample of each window, ascending, (windows,); size: samples of a window, zeros past the signal's
        end. Each window is transformed as librosa would, but frames that windows share are transformed only once.
        """
        sums = {"double": mel_sums, "single": single_mel_sums}[precision]
        # This padding makes the frame that is centred on a sample begin at that sample's number.
        padded = np.pad(samples, (self.n_fft // 2, max(0, first[-1] + size + self.n_fft - len(samples))))
        centres = np.arange(0, size + 1, self.hop_length)
        reach = centres - self.n_fft // 2 + (self.n_fft - self.win_length) // 2
        inside = (reach >= 0) & (reach + self.win_length <= size)

        images = np.empty((len(first), len(centres), self.n_mels), np.float32)
        distinct, places = np.unique(first[:, None] + centres[inside], return_inverse=True)
        images[:, inside] = self.scale(sums(padded, distinct, self.taper, self.mel, self.exponent))[places]
        # A frame that reaches past the edge of its window finds zeros there: its taper is cut off at the edge.
        for frame in np.flatnonzero(~inside):
            position = centres[frame] - self.n_fft // 2 + np.arange(self.n_fft)
            cut = np.where((position >= 0) & (position < size), self.taper, 0)
            images[:, frame] = self.scale(sums(padded, first + centres[frame], cut, self.mel, self.exponent))
        return self.finish(images, samples, first, size)

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


@dataclass(frozen=True)
class LogMel(FrontEnd):
    """The paper's log-mel images: 257 frames x 40 mel bands, in dB, for 2.56 s.

    top_db: dB from the loudest value of a window down to its floor. Each window is scaled to peak 1 first; power is in
    dB relative to 1. Everything else is as librosa does by default.
    """

    top_db: float
    exponent: ClassVar[int] = 2
    level: ClassVar[str] = "each scaled to the same peak, so it does not know how loud a sound is."

    @cached_property
    def mel(self):
        """The mel filters, (frequencies, n_mels)."""
        return librosa.filters.mel(sr=self.sample_rate, n_fft=self.n_fft, n_mels=self.n_mels).T

    def scale(self, power):
        """Power in dB relative to 1."""
        return 10 * np.log10(np.maximum(power, np.finfo(np.float32).tiny))

    def finish(self, images, samples, first, size):
        """Scale each window to peak 1, which subtracts from its decibels, and raise its values to its floor."""
        peaks = np.array([np.abs(samples[start : start + size]).max(initial=0) for start in first])
        peaks[peaks < SILENCE] = 1
        images -= 20 * np.log10(peaks)[:, None, None]
        # In a scaled window librosa's lowest value is -100 dB.
        floors = np.maximum(images.max(axis=(1, 2), keepdims=True) - self.top_db, -100)
        return np.maximum(images, floors, out=images)


@dataclass(frozen=True)
class YamnetLogMel(FrontEnd):
    """The log-mel images on which YAMNet was trained: 257 frames x 64 mel bands for 2.56 s at 16 kHz.

    They are natural logarithms of magnitudes: ln(sum of a band + `offset`). Windows keep their level. fmin, fmax: Hz,
    lower edge of the first band and upper edge of the last. Source: Google's YAMNet and the TensorFlow function
    `linear_to_mel_weight_matrix`, whose filters are triangles on the mel scale (librosa's are triangles in Hz).
    """

    fmin: float
    fmax: float
    offset: float
    exponent: ClassVar[int] = 1
    level: ClassVar[str] = "whose level it sees, so it may miss a sound that is much softer than those it learned from."

    @cached_property
    def mel(self):
        """The mel filters, (frequencies, n_mels); each has its peak, 1, at the centre of its band."""
        edges = np.linspace(htk_mel(self.fmin), htk_mel(self.fmax), self.n_mels + 2)
        mels = htk_mel(np.arange(self.n_fft // 2 + 1) * self.sample_rate / self.n_fft)[:, None]
        low, centre, high = edges[:-2], edges[1:-1], edges[2:]
        return np.minimum((mels - low) / (centre - low), (high - mels) / (high - centre)).clip(min=0)

    def scale(self, magnitude):
        """Natural logarithms of magnitudes."""
        return np.log(magnitude + self.offset)

    def finish(self, images, samples, first, size):
        """The images as they are."""
        return images


def htk_mel(frequency):
    """A frequency (Hz) on HTK's mel scale."""
    return 1127 * np.log(1 + np.asarray(frequency) / 700)


# The kinds of front ends, by their names in the config.
FRONT_ENDS = {"log_mel": LogMel, "yamnet": YamnetLogMel}


def build_front_end(sample_rate, *, kind="log_mel", **settings):
    """The front end of a record in the config; networks that were trained earlier do not name its kind."""
    return FRONT_ENDS[kind](sample_rate=sample_rate, **settings)


def mel_sums(samples, begins, taper, mel, exponent):
    """Sums of |spectrum| ** exponent in mel bands, (frames, n_mels), of frames of a signal, in double precision.

    samples: (samples,); begins: first sample of each frame, (frames,); taper, mel, exponent: as in `FrontEnd`.
    """
    every_frame = np.lib.stride_tricks.sliding_window_view(samples, len(taper))
    # A hundred frames at a time stay in the processor's cache from the first step to the last.
    blocks = np.array_split(begins, len(begins) // 100 + 1)
    spectra = (np.fft.rfft(every_frame[block] * taper).astype(np.complex64) for block in blocks)
    return np.concatenate([np.abs(spectrum) ** exponent @ mel for spectrum in spectra])


def single_mel_sums(samples, begins, taper, mel, exponent):
    """The same as `mel_sums`, computed in single precision."""
    import torch  # Only segmenting needs it: the jobs that make windows have no torch.

    every_frame = torch.from_numpy(samples).float().unfold(0, len(taper), 1)
    steps = np.unique(np.diff(begins))
    even = len(steps) == 1 and steps[0] > 0
    if even:  # Frames at even steps are a view of the signal and need no copy.
        every_frame = every_frame[begins[0] :: steps[0]]
        begins = np.arange(len(begins))
    taper = torch.from_numpy(taper).float()
    halves = [(bands, rows, torch.from_numpy(filters)) for bands, rows, filters in low_and_high(mel, exponent)]
    sums = torch.zeros(len(begins), mel.shape[1])
    # A hundred frames at a time stay in the processor's cache from the first step to the last.
    for start in range(0, len(begins), 128):
        block = begins[start : start + 128]
        frames = every_frame[block[0] : block[-1] + 1] if even else every_frame[block]
        spectra = torch.fft.rfft(frames * taper)
        parts = spectra.abs() if exponent == 1 else torch.view_as_real(spectra).flatten(1).square_()
        for bands, rows, filters in halves:
            torch.mm(parts[:, rows], filters, out=sums[start : start + 128, bands])
    return sums.numpy()


def low_and_high(mel, exponent):
    """Mel filters (frequencies, n_mels) in two halves of bands, each without the frequencies at which it is all 0.

    Yields (bands, rows, filters): the filters, times those rows of the magnitudes of a spectrum, give those bands. For
    an exponent of 2 they apply to a spectrum's squared real and imaginary parts, which alternate. The low bands need a
    sixth of the frequencies; multiples of eight are fastest.
    """
    low = 3 * mel.shape[1] // 5 // 8 * 8
    for bands in (slice(0, low), slice(low, mel.shape[1])):
        used = np.flatnonzero(mel[:, bands].any(axis=1))
        if len(used):
            filters = mel[used[0] : used[-1] + 1, bands].astype(np.float32)
            yield bands, slice(exponent * used[0], exponent * (used[-1] + 1)), filters.repeat(exponent, axis=0)
