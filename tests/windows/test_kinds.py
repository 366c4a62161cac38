"""Front ends beside the log-mel: PCEN, the constant-Q and the wavelet transform, at the configured settings."""

import librosa
import numpy as np
import pytest
import pywt
import yaml

from places import ROOT
from yoho.audio import read_audio, write_audio
from yoho.windows.cutting import cut_windows
from yoho.windows.filters import Cqt, Wavelet, fast_size
from yoho.windows.front_ends import build_front_end

RATE, LENGTH, SIZE, HOP = 44100, 2.56, 112896, 441
KINDS = ["pcen", "cqt", "wavelet"]
FRONT_ENDS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["windows"]["front_ends"]
MEL_CENTRES = librosa.mel_frequencies(n_mels=42, fmax=RATE / 2)[1:-1]

# The transforms at a low rate, whose hop has divisors.
LOW_RATE, LOW_HOP = 8100, 81
LOW = {"sample_rate": LOW_RATE, "hop_length": LOW_HOP, "n_bins": 30, "bins_per_octave": 5, "fmin": 40, "top_db": 80}


@pytest.fixture(scope="module", params=KINDS)
def front_end(request):
    return build_front_end(**FRONT_ENDS[request.param])


def noise(size=SIZE, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def image_of(front_end, window):
    return front_end(np.asarray(window, np.float32)[None])[0]


@pytest.mark.parametrize("frequency", [110, 440, 940, 3300, 12_000])
def test_tone_is_loudest_in_the_band_with_the_nearest_centre(front_end, frequency):
    centres = getattr(front_end, "centres", MEL_CENTRES)
    image = image_of(front_end, 0.5 * np.sin(2 * np.pi * frequency * np.arange(SIZE) / RATE))
    assert image[20:-20].mean(axis=0).argmax() == np.abs(np.log(centres / frequency)).argmin()


@pytest.mark.parametrize("sample", [0, 30_000, 50_000, 50_220, 90_123, SIZE - 1])
def test_click_is_loudest_in_the_frame_around_it(front_end, sample):
    image = image_of(front_end, np.eye(1, SIZE, sample)[0])
    frames = image[:, 20:].argmax(axis=0)  # In lower bands a click lasts longer than a frame.
    assert np.abs(frames - round(sample / HOP)).max() <= (1 if hasattr(front_end, "n_fft") else 0)


def test_silence_is_finite_and_constant(front_end):
    image = image_of(front_end, np.zeros(SIZE))
    assert np.isfinite(image).all() and np.ptp(image) == 0


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("seconds", [0, 1.3, 7])
def test_image_has_the_paper_s_shape(front_end, precision, seconds):
    images = front_end.images(noise(round(seconds * RATE)), np.array([0, 50_000, 200_000]), SIZE, precision)
    assert images.shape == (3, 257, 40) and images.dtype == np.float32 and np.isfinite(images).all()
    assert (front_end.frames(LENGTH), front_end.n_mels) == (257, 40)


def test_single_precision_is_as_good(front_end):
    window = (noise() * np.repeat([1, 1e-3], SIZE // 2))[None]
    np.testing.assert_allclose(front_end(window, "single"), front_end(window), rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["cqt", "wavelet"])
def test_gain_does_not_change_a_transform_in_decibels(name):
    front_end = build_front_end(**FRONT_ENDS[name])
    np.testing.assert_allclose(image_of(front_end, 0.01 * noise()), image_of(front_end, noise()), rtol=0, atol=1e-3)


def test_pcen_hardly_sees_the_level():
    front_end = build_front_end(**FRONT_ENDS["pcen"])
    soft, loud = image_of(front_end, 0.1 * noise()), image_of(front_end, noise())
    assert 0.5 * loud.mean() < soft.mean() < 0.99 * loud.mean()  # 20 dB are a factor of 100 in power.


def test_windows_of_a_file_are_those_cut_from_it(front_end, tmp_path):
    samples, onsets = noise(5 * RATE), np.array([0, 0.64, 1.28, 3.2])
    write_audio(tmp_path / "mix.flac", samples, RATE)
    stored, _ = read_audio(tmp_path / "mix.flac")
    expected = front_end(cut_windows(stored, onsets, LENGTH, RATE))
    np.testing.assert_allclose(front_end.file_images(tmp_path / "mix.flac", onsets, LENGTH), expected, atol=1e-4)


def test_what_lies_beside_a_window_is_not_in_it(front_end):
    samples = np.concatenate([noise(), np.zeros(SIZE, np.float32), noise()])
    image = front_end.images(samples, np.array([SIZE]), SIZE)[0]
    assert np.ptp(image) == 0


# ---- against other programs ------------------------------------------------------------------------------------------


def test_pcen_is_librosa_s_with_a_mean_that_begins_with_the_first_frame():
    front_end = build_front_end(**FRONT_ENDS["pcen"])
    window = noise() * np.linspace(0, 1, SIZE, dtype=np.float32) ** 4
    own = {"sr": RATE, "hop_length": HOP}
    energies = 2**31 * librosa.feature.melspectrogram(y=window, n_fft=2048, win_length=1764, n_mels=40, **own)
    settings = own | {"gain": 0.8, "bias": 10, "power": 0.25, "time_constant": 0.06, "eps": 1e-6}
    share = (np.sqrt(1 + 4 * 6**2) - 1) / (2 * 6**2)  # 0.06 s are 6 hops
    expected = librosa.pcen(energies, b=share, zi=(1 - share) * energies[:, :1], **settings).T
    np.testing.assert_allclose(image_of(front_end, window), expected, rtol=1e-3, atol=1e-3)


def in_decibels(power, window):
    """Power (bands, frames) as an image of LOW."""
    image = 10 * np.log10(power.T / np.abs(window).max() ** 2)
    return np.maximum(image, max(image.max() - 80, -100))


def mean_over_hops(power, per_hop):
    """Means (bands, frames) over the hops around the frames, of samples of which `per_hop` lie in each hop."""
    inner = power[:, per_hop - per_hop // 2 :]
    return inner[:, : inner.shape[1] // per_hop * per_hop].reshape(len(power), -1, per_hop).mean(axis=2)


def rising():
    """Noise whose level rises by 40 dB in a window of 1.28 s at LOW_RATE."""
    return noise(128 * LOW_HOP).astype(float) * np.logspace(-2, 0, 128 * LOW_HOP)


def test_constant_q_is_the_mean_power_of_librosa_s():
    window, keys = rising(), {key: LOW[key] for key in ("fmin", "n_bins", "bins_per_octave")}
    power = np.abs(librosa.cqt(window, sr=LOW_RATE, hop_length=3, sparsity=0, dtype=complex, **keys)) ** 2
    expected, found = in_decibels(mean_over_hops(power, 27), window), Cqt(**LOW)(window[None])[0]
    np.testing.assert_allclose(found[1:-2], expected[: len(found) - 3], rtol=0, atol=0.2)


def test_wavelet_is_the_mean_power_of_pywavelets():
    window, front_end = rising(), Wavelet(**LOW, bandwidth=2)
    # At higher frequencies the steps in which PyWavelets integrates a wavelet lower its power.
    scales = LOW_RATE / front_end.centres[:18]
    coefficients, _ = pywt.cwt(window, scales, "cmor2.0-1.0", method="fft", precision=20)
    expected = in_decibels(mean_over_hops(np.abs(coefficients) ** 2, LOW_HOP), window)
    found = front_end(window[None])[0, :, :18]
    np.testing.assert_allclose(found[1:-2], expected[: len(found) - 3], rtol=0, atol=0.2)


def test_bands_span_what_the_mel_bands_do():
    for name in ("cqt", "wavelet"):
        centres = build_front_end(**FRONT_ENDS[name]).centres
        assert centres[0] == pytest.approx(MEL_CENTRES[0], rel=0.12)
        assert centres[-1] == pytest.approx(MEL_CENTRES[-1], rel=0.12)


@pytest.mark.parametrize("least, expected", [(0.2, 1), (1, 1), (7, 8), (11, 12), (31, 32), (121, 125), (264, 270)])
def test_fast_lengths_have_small_factors(least, expected):
    assert fast_size(least) == expected
