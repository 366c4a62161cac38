"""Front ends: how the sound of a window becomes the image that a network sees (paper, section 4.2)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from yoho.windows.filters import Cqt, Wavelet
from yoho.windows.front_end import PRECISIONS, FrontEnd, decibels, relative_to_peak
from yoho.windows.mel import hann, mel_filters

AT_ONCE = 2**20  # bytes of the frames that are transformed together, so few that the processor's cache holds them
BANDS_AT_ONCE = 4  # so few that NumPy multiplies on the calling thread alone


@dataclass(frozen=True)
class MelFrontEnd(FrontEnd):
    """What front ends of mel bands share: sums over the spectra of frames, in dB or on another scale.

    sample_rate: Hz; n_fft, hop_length, win_length: samples; n_mels: bands. `exponent` is 2 for the sums of power in the
    bands and 1 for those of magnitude. A subclass gives `scale`, which maps these sums to values; `finish`, which
    completes the images of windows; and `level`, a limit for the model card.

    precision: "double" keeps to librosa within 0.001 dB. "single" takes two thirds of the time, and is off by
    0.004 dB in a band 70 dB below a loud tone.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    win_length: int
    n_mels: int
    exponent: ClassVar[int] = 2

    @cached_property
    def taper(self):
        """The factors of a frame's samples, (n_fft,)."""
        before = (self.n_fft - self.win_length) // 2
        return np.pad(hann(self.win_length), (before, self.n_fft - self.win_length - before))

    @cached_property
    def mel(self):
        """The mel filters, (frequencies, n_mels)."""
        return mel_filters(self.sample_rate, self.n_fft, self.n_mels)

    def images(self, samples, first, size, precision="double"):
        """Images, (windows, frames, n_mels) float32, of windows of a signal (samples,).

        first: first sample of each window, ascending, (windows,); size: samples of a window, zeros past the signal's
        end. Each window is transformed as librosa would, but frames that windows share are transformed only once.
        """
        # A frame's taper is 0 outside `win_length` samples, which begin `reach` samples after the window's first one.
        reach = np.arange(0, size + 1, self.hop_length) - self.n_fft // 2 + (self.n_fft - self.win_length) // 2
        inside = (reach >= 0) & (reach + self.win_length <= size)
        count, edge = inside.sum(), inside.argmax()
        missing = first[-1] + max(size, self.win_length) - len(samples)
        samples = np.pad(samples, (0, missing)) if missing > 0 else samples
        every_frame = np.lib.stride_tricks.sliding_window_view(samples, self.win_length)
        runs, places = runs_of_frames(first + reach[edge], count, self.hop_length)
        frames = [every_frame[run.start : run.stop : run.step] for run in runs]
        # A frame that reaches past the edge of its window finds zeros there.
        edges = np.zeros((len(first), len(reach) - count, self.win_length), samples.dtype)
        for row, window in zip(edges, first):
            for frame, begin in zip(row, reach[~inside]):
                low, high = max(0, -begin), min(self.win_length, size - begin)
                frame[low:high] = samples[window + begin + low : window + begin + high]
        values = self.scale(self.sums([edges.reshape(-1, self.win_length), *frames], PRECISIONS[precision]))

        own = edges.shape[0] * edges.shape[1]
        images = np.empty((len(first), len(reach), self.n_mels), np.float32)
        images[:, ~inside] = values[:own].reshape(*edges.shape[:2], self.n_mels)
        for image, place in zip(images, own + places):
            image[edge : edge + count] = values[place : place + count]
        return self.finish(images, samples, first, size)

    def sums(self, runs, dtype):
        """Sums of |spectrum| ** exponent in mel bands, (frames, n_mels) float32, of the frames of all runs.

        runs: arrays (frames, win_length) of samples; dtype: the precision of the spectra.
        """
        sums, done = np.zeros((sum(map(len, runs)), self.n_mels), np.float32), 0
        filters = list(filters_in_parts(self.mel, self.exponent, dtype))
        most = min(max(1, AT_ONCE // (self.n_fft * np.dtype(dtype).itemsize)), max(map(len, runs)))
        # New arrays for every block would cost as much as the transform.
        tapered = np.zeros((most, self.n_fft), dtype)
        spectra = np.empty((most, self.n_fft // 2 + 1), np.result_type(dtype, np.complex64))
        magnitudes = np.empty(spectra.shape, dtype)
        # The transform divides by n_fft. NumPy is several times as fast with a taper in every row as with one for all.
        taper = np.zeros_like(tapered)
        taper[:, : self.win_length] = self.n_fft * hann(self.win_length)
        for block in (run[start : start + most] for run in runs for start in range(0, len(run), most)):
            count = len(block)
            tapered[:count, : self.win_length] = block
            np.multiply(tapered[:count], taper[:count], out=tapered[:count])
            # Without norm="forward", NumPy would transform in double precision whatever the type.
            spectrum = np.fft.rfft(tapered[:count], norm="forward", out=spectra[:count])
            if self.exponent == 1:
                parts = np.abs(spectrum, out=magnitudes[:count])
            else:
                parts = np.square(spectrum.view(dtype), out=spectrum.view(dtype))
            for bands, rows, factors in filters:
                np.matmul(parts[:, rows], factors, out=sums[done : done + count, bands])
            done += count
        return sums


@dataclass(frozen=True)
class LogMel(MelFrontEnd):
    """The paper's log-mel images: 257 frames x 40 mel bands, in dB, for 2.56 s.

    top_db: dB from the loudest value of a window down to its floor. Each window is scaled to peak 1 first; power is in
    dB relative to 1. Everything else is as librosa does by default.
    """

    top_db: float
    level: ClassVar[str] = "each scaled to the same peak, so it does not know how loud a sound is."

    def scale(self, power):
        """Power in dB relative to 1."""
        return decibels(power)

    def finish(self, images, samples, first, size):
        """Scale each window to peak 1, which subtracts from its decibels, and raise its values to its floor."""
        return relative_to_peak(images, samples, first, size, self.top_db)


@dataclass(frozen=True)
class Pcen(MelFrontEnd):
    """Mel power under per-channel energy normalization (PCEN), which divides each band by its own recent mean.

    A frame's energy E becomes (E / (epsilon + M)^gain + bias)^power - bias^power. The mean M is smoothed by a filter of
    first order with `time_constant` (s), and begins with the window's first frame. Power is multiplied by `factor`
    first, because the published settings are for samples that are counted as integers. Sources: Wang et al., Trainable
    frontend for robust and far-field keyword spotting, 2017; Lostanlen et al., Per-channel energy normalization: why
    and how, 2019; `librosa.pcen`, whose mean begins elsewhere.
    """

    factor: float
    gain: float
    bias: float
    power: float
    time_constant: float
    epsilon: float
    level: ClassVar[str] = "whose level it hardly sees, because each band is divided by its own recent mean."

    def recent_means(self, energies):
        """The recent means of energies (windows, frames, bands), in the same shape."""
        time = self.time_constant * self.sample_rate / self.hop_length
        share = (np.sqrt(1 + 4 * time**2) - 1) / (2 * time**2)  # of a new frame in the mean
        means = np.array(energies)
        for frame in range(1, means.shape[1]):
            means[:, frame] = share * means[:, frame] + (1 - share) * means[:, frame - 1]
        return means

    def scale(self, power):
        """Power in the units of the published settings."""
        return self.factor * power

    def finish(self, images, samples, first, size):
        """Divide each band by its recent mean, and compress its range."""
        return self.compressed(images, self.recent_means(images))

    def compressed(self, energies, means):
        """Values from energies and their recent means, arrays of NumPy or of PyTorch."""
        return (energies * (self.epsilon + means) ** -self.gain + self.bias) ** self.power - self.bias**self.power


@dataclass(frozen=True)
class YamnetLogMel(MelFrontEnd):
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
FRONT_ENDS = {"log_mel": LogMel, "yamnet": YamnetLogMel, "pcen": Pcen, "cqt": Cqt, "wavelet": Wavelet}


def build_front_end(sample_rate, *, kind="log_mel", **settings):
    """The front end of a record in the config; networks that were trained earlier do not name its kind."""
    return FRONT_ENDS[kind](sample_rate=sample_rate, **settings)


def runs_of_frames(begins, count, hop):
    """Runs in which each frame begins `hop` samples after the one before it. They hold every frame of all windows once.

    begins: first sample of each window's first frame, (windows,); count: frames of a window. Returns the runs, as
    ranges of first samples, and the number of each window's first frame among the frames of all runs, (windows,).
    """
    runs, places, before = [], np.empty(len(begins), int), 0
    for window in np.lexsort((begins, begins % hop)):
        begin, end = begins[window], begins[window] + count * hop
        if runs and begin <= runs[-1].stop and begin % hop == runs[-1].start % hop:
            runs[-1] = range(runs[-1].start, end, hop)
        else:
            before += len(runs[-1]) if runs else 0
            runs.append(range(begin, end, hop))
        places[window] = before + (begin - runs[-1].start) // hop
    return runs, places


def filters_in_parts(mel, exponent, dtype):
    """Mel filters (frequencies, n_mels) in parts of a few bands, each without the frequencies at which it is all 0.

    Yields (bands, rows, filters): the filters, times those rows of the magnitudes of a spectrum, give those bands. For
    an exponent of 2 they apply to a spectrum's squared real and imaginary parts, which alternate.
    """
    for low in range(0, mel.shape[1], BANDS_AT_ONCE):
        bands = slice(low, low + BANDS_AT_ONCE)
        used = np.flatnonzero(mel[:, bands].any(axis=1))
        if len(used):
            filters = mel[used[0] : used[-1] + 1, bands].astype(dtype)
            yield bands, slice(exponent * used[0], exponent * (used[-1] + 1)), filters.repeat(exponent, axis=0)
