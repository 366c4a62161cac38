"""Log-mel images, against librosa called for each window, in double and in single precision."""

import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import librosa
import numpy as np
import pytest
import soundfile

from places import ROOT
from yoho.audio import read_audio, resampled, write_audio
from yoho.windows.cutting import cut_windows, first_samples, window_onsets
from yoho.windows.front_ends import LogMel, build_front_end, filters_in_parts, runs_of_frames
from yoho.windows.mel import hann, mel_filters

RATE, LENGTH, HOP = 44100, 2.56, 1.96
SIZE = 112896  # samples of a window
PAPER = LogMel(RATE, n_fft=2048, hop_length=441, win_length=1764, n_mels=40, top_db=80)


def sounds():
    """Windows (samples,) of every kind."""
    rng = np.random.default_rng(0)
    time = np.arange(SIZE) / RATE
    impulse = np.zeros(SIZE)
    impulse[50_000] = 1
    half = rng.standard_normal(SIZE)
    half[SIZE // 2 :] = 0
    return {
        "noise": 0.1 * rng.standard_normal(SIZE),
        "quiet noise": 1e-5 * rng.standard_normal(SIZE),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "silence": np.zeros(SIZE),
        "impulse": impulse,
        "impulse at the end": np.eye(1, SIZE, SIZE - 1)[0],
        "zero-padded": half,
        "constant": np.full(SIZE, 0.25),
        "clipped": np.sign(np.sin(2 * np.pi * 100 * time)),
        "chirp": librosa.chirp(fmin=50, fmax=20000, sr=RATE, length=SIZE),
    }


def by_librosa(window, front_end=PAPER):
    """The released recipe for one window: peak-normalise, mel spectrogram, dB with librosa's defaults."""
    settings = asdict(front_end)
    rate, top_db = settings.pop("sample_rate"), settings.pop("top_db")
    mel = librosa.feature.melspectrogram(y=librosa.util.normalize(window), sr=rate, **settings)
    return librosa.power_to_db(mel, top_db=top_db).T


# ---- log-mel ---------------------------------------------------------------------------------------------------------


def test_features_equal_librosa_window_by_window():
    windows = {name: window.astype(np.float32) for name, window in sounds().items()}
    features = PAPER(np.stack(list(windows.values())))
    assert features.shape == (len(windows), 257, 40) and features.dtype == np.float32
    for (name, window), found in zip(windows.items(), features, strict=True):
        assert np.abs(found - by_librosa(window)).max() < 1e-3, name


def test_features_are_finite_and_within_80_dB_of_the_window_s_own_maximum():
    features = PAPER(np.stack(list(sounds().values())).astype(np.float32))
    assert np.isfinite(features).all()
    assert (features.max(axis=(1, 2)) - features.min(axis=(1, 2)) <= 80.001).all()


def test_loud_neighbour_does_not_change_a_window():
    quiet, loud = (sounds()[name].astype(np.float32) for name in ("quiet noise", "clipped"))
    alone = PAPER(quiet[None])[0]
    np.testing.assert_allclose(PAPER(np.stack([loud, quiet]))[1], alone, atol=1e-4)


def test_gain_does_not_change_the_features():
    noise = sounds()["noise"].astype(np.float32)
    low, high = PAPER(np.stack([noise * 0.01, noise]))
    np.testing.assert_allclose(low, high, atol=1e-2)


def test_time_comes_before_frequency():
    features = PAPER(sounds()["impulse"].astype(np.float32)[None])[0]
    assert abs(int(features.mean(axis=1).argmax()) - 50_000 // 441) <= 1
    tone = PAPER(sounds()["tone"].astype(np.float32)[None])[0]
    bands = librosa.mel_frequencies(n_mels=42, fmax=RATE / 2)[1:-1]
    assert abs(int(tone.mean(axis=0).argmax()) - int(np.abs(bands - 440).argmin())) <= 1


def test_settings_are_used():
    noise = sounds()["noise"].astype(np.float32)[None]
    assert replace(PAPER, n_mels=64)(noise).shape == (1, 257, 64)
    assert replace(PAPER, hop_length=882)(noise).shape == (1, 129, 40)
    impulse = replace(PAPER, top_db=30)(sounds()["impulse"].astype(np.float32)[None])
    assert np.ptp(impulse) == pytest.approx(30, abs=1e-3)


@pytest.mark.parametrize(
    "length, rate, hop, count", [(2.56, 44100, 441, 257), (1.0, 16000, 160, 101), (2.56, 22050, 441, 129)]
)
def test_frames_of_a_window(length, rate, hop, count):
    front_end = replace(PAPER, sample_rate=rate, hop_length=hop)
    assert front_end.frames(length) == count
    window = np.random.default_rng(0).standard_normal((1, round(length * rate))).astype(np.float32)
    assert front_end(window).shape[1] == count


# ---- a whole mix -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 31, 32, 33, 47, 65])
def test_images_of_a_file_do_not_depend_on_how_many_windows_are_computed_at_a_time(tmp_path, count):
    rate, length, hop = 8000, 0.5, 0.3
    front_end = replace(PAPER, sample_rate=rate, n_fft=512, hop_length=80, win_length=320)
    duration = length + (count - 1) * hop - (0.1 if count > 1 else 0.2)
    samples = 0.1 * np.random.default_rng(count).standard_normal(round(duration * rate)).astype(np.float32)
    samples[: rate // 4] *= 3
    soundfile.write(tmp_path / "mix.flac", samples, rate)
    stored, _ = soundfile.read(tmp_path / "mix.flac", dtype="float32")
    onsets = window_onsets(duration, length, hop)
    assert len(onsets) == count
    expected = front_end(cut_windows(stored, onsets, length, rate))
    found = front_end.file_images(tmp_path / "mix.flac", onsets, length)
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


CONFIGS = {  # rate, window length, hop, what differs from n_fft 512, hop_length 80, win_length 320, 13 bands, 80 dB
    "whole frames": (8000, 0.64, 0.25, {}),
    "windows without overlap": (8000, 0.5, 0.5, {}),
    "hop of no whole number of frames": (8000, 0.64, 0.123, {}),
    "onsets between samples": (11025, 0.5, 0.1234, {}),
    "window of no whole number of frames": (8000, 0.513, 0.25, {}),
    "long steps": (8000, 0.64, 0.25, {"hop_length": 500}),
    "taper as long as the transform": (8000, 0.64, 0.25, {"win_length": 512}),
    "short taper": (8000, 0.64, 0.25, {"win_length": 61}),
    "odd taper": (8000, 0.64, 0.25, {"win_length": 321}),
    "taper of a few samples": (8000, 0.05, 0.02, {"n_fft": 64, "win_length": 7, "hop_length": 1}),
    "odd transform": (8000, 0.513, 0.25, {"n_fft": 511, "win_length": 320}),
    "all odd": (8000, 0.513, 0.211, {"n_fft": 457, "win_length": 333, "hop_length": 77}),
    "taper longer than the window": (8000, 0.03, 0.02, {}),
    "transform longer than the window": (8000, 0.05, 0.02, {}),
    "other bands and range": (16000, 0.4, 0.1, {"n_mels": 20, "top_db": 35}),
}


def scene(rate, length, hop):
    """A mix (samples,) float32: loud, faint and silent parts, an offset, clicks at windows' edges, a cut-off end."""
    rng = np.random.default_rng(0)
    size, first = round(length * rate), np.round(np.arange(12) * hop * rate).astype(int)
    samples = 0.1 * rng.standard_normal(first[-1] + size - round(0.4 * hop * rate))
    samples[: first[2]] *= 1e-3
    samples[first[3] : first[3] + size // 2] += 0.3
    samples[first[4] + size // 2 : first[7] + size] = 0
    for window, click in ((5, 0), (6, -1), (6, size - 1), (7, size), (8, size // 3)):
        samples[min(first[window] + click, len(samples) - 1)] = 0.5
    return samples.astype(np.float32)


def assert_equal_to_librosa(path, samples, length, hop, front_end):
    """Images of a mix that is written to `path`, against librosa called for each window."""
    rate = front_end.sample_rate
    soundfile.write(path, samples, rate, subtype="FLOAT")
    onsets = window_onsets(len(samples) / rate, length, hop)
    found = front_end.file_images(path, onsets, length)
    assert found.dtype == np.float32 and found.shape[:2] == (len(onsets), front_end.frames(length))
    for window, features in zip(cut_windows(samples, onsets, length, rate), found, strict=True):
        np.testing.assert_allclose(features, by_librosa(window, front_end), rtol=0, atol=1e-3)


@pytest.mark.filterwarnings("ignore:n_fft=:UserWarning", "ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("name", CONFIGS)
def test_images_of_a_file_equal_librosa_window_by_window(tmp_path, name):
    rate, length, hop, changes = CONFIGS[name]
    settings = {"n_fft": 512, "hop_length": 80, "win_length": 320, "n_mels": 13, "top_db": 80} | changes
    mix = scene(rate, length, hop)
    for samples in (mix, mix[: round(0.7 * length * rate)], mix[:1], np.zeros_like(mix)):
        assert_equal_to_librosa(tmp_path / "mix.wav", samples, length, hop, LogMel(rate, **settings))


@pytest.mark.parametrize("hop", [1.0, HOP])
def test_images_of_a_file_equal_librosa_at_the_paper_s_settings(tmp_path, hop):
    assert_equal_to_librosa(tmp_path / "mix.wav", scene(RATE, LENGTH, hop), LENGTH, hop, PAPER)


@pytest.mark.parametrize("frequency", [0, 50, 5000, 15000])  # Hz; 0 is a constant
@pytest.mark.parametrize("faint", [-60, -70, -80])  # dB
def test_faint_noise_beside_a_loud_sound_is_as_exact(frequency, faint):
    loud = 0.5 * np.cos(2 * np.pi * frequency * np.arange(SIZE) / RATE)
    noise = 10 ** (faint / 20) * np.random.default_rng(0).standard_normal(SIZE)
    window = (loud + noise).astype(np.float32)
    np.testing.assert_allclose(PAPER(window[None])[0], by_librosa(window), rtol=0, atol=1e-3)


@pytest.mark.parametrize("begins", [[0], [3, 13, 23], [0, 7, 10, 17, 100, 130, 160, 161], [5, 5, 6], [9, 40, 80]])
def test_frames_that_windows_share_are_in_the_runs_once(begins):
    runs, places = runs_of_frames(np.array(begins), 4, 10)
    frames = [begin for run in runs for begin in run]
    assert len(frames) == len(set(frames)) and all(run.step == 10 for run in runs)
    for begin, place in zip(begins, places, strict=True):
        assert frames[place : place + 4] == [begin, begin + 10, begin + 20, begin + 30]


def test_what_lies_beside_a_window_is_not_in_it(tmp_path):
    samples = np.zeros(10 * SIZE, np.float32)
    samples[[SIZE - 1, 2 * SIZE]] = 1  # the last sample before the window, the first after it
    soundfile.write(tmp_path / "mix.flac", samples, RATE)
    features = PAPER.file_images(tmp_path / "mix.flac", np.arange(3) * LENGTH, LENGTH)
    assert (features[1] == -100).all()
    assert features[0].max() > -20 and features[2].max() > -20


def test_frames_are_as_many_where_librosa_leaves_out_the_last():
    """With an odd n_fft, librosa leaves out the last frame of a window of a whole number of hops."""
    window = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    front_end = LogMel(8000, n_fft=511, hop_length=80, win_length=320, n_mels=13, top_db=80)
    found, expected = front_end(window[None])[0], by_librosa(window, front_end)
    assert len(found) == front_end.frames(0.5) == len(expected) + 1
    np.testing.assert_allclose(found[:-1], expected, rtol=0, atol=1e-3)


def test_faintest_window_that_is_not_silent():
    noise = sounds()["noise"].astype(np.float32)
    noise /= np.abs(noise).max()
    full, faint, silent = PAPER(np.stack([noise, noise * np.float32(2e-14), noise * np.float32(5e-15)]))
    np.testing.assert_allclose(faint, full, rtol=0, atol=1e-3)
    assert (silent == -100).all()


def test_long_file_can_be_taken_in_parts_and_no_more_than_a_part_is_in_memory(tmp_path):
    rate, length, hop = 8000, 0.5, 0.3
    front_end = replace(PAPER, sample_rate=rate, n_fft=512, hop_length=80, win_length=320)
    samples = 0.1 * np.random.default_rng(0).standard_normal(600 * rate)
    soundfile.write(tmp_path / "long.flac", samples, rate)
    onsets = window_onsets(600, length, hop)[1500:]
    whole = front_end.file_images(tmp_path / "long.flac", onsets, length)
    tracemalloc.start()
    parts = [front_end.file_images(tmp_path / "long.flac", part, length) for part in np.array_split(onsets, 7)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-4)
    assert most < whole.nbytes + 8e6 < 4 * samples.size


def test_file_of_another_sample_rate_is_resampled_as_a_whole(tmp_path):
    front_end = build_front_end(16000, kind="log_mel", n_fft=512, hop_length=160, win_length=400, n_mels=20, top_db=80)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 44100 * 100)
    write_audio(tmp_path / "mix.flac", samples, 44100)
    onsets = window_onsets(100, LENGTH, 1.0)
    images = front_end.file_images(tmp_path / "mix.flac", onsets, LENGTH)
    whole = np.concatenate(list(resampled([read_audio(tmp_path / "mix.flac")[0]], 44100, 16000)))
    expected = front_end.images(whole, first_samples(onsets, 16000), front_end.size(LENGTH))
    assert images.shape == (99, 257, 20)
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)


# ---- single precision ------------------------------------------------------------------------------------------------


def both(samples, first, front_end=PAPER):
    """Images in single and in double precision."""
    size = front_end.size(LENGTH)
    return [front_end.images(samples, np.asarray(first), size, precision) for precision in ("single", "double")]


def levels():
    """A signal of 10 s: noise whose level steps over 50 dB, and tones that come and go; (samples,) float32."""
    rng = np.random.default_rng(0)

    def held(values):
        return np.repeat(values, 5000)[:400_000]

    noise = rng.standard_normal(400_000) * held(10 ** rng.uniform(-3, -0.5, 80))
    tones = held(rng.random(80) < 0.4) * np.sin(np.cumsum(held(rng.uniform(0.01, 2, 80))))
    return (0.2 * (noise + tones)).astype(np.float32)


@pytest.mark.parametrize("first", [[0], [0, 1000], [0, 50_000, 90_000], 86_436 * np.arange(5), [300_000]])
def test_single_precision_is_within_a_hundredth_of_a_decibel(first):
    single, double = both(levels(), first)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=0.01)


@pytest.mark.parametrize("n_mels, n_fft", [(13, 2048), (64, 2048), (3, 2048), (40, 1801)])
def test_other_settings_in_single_precision(n_mels, n_fft):
    front_end = replace(PAPER, n_mels=n_mels, n_fft=n_fft)
    np.testing.assert_allclose(*both(levels(), [0, 86_436], front_end), rtol=0, atol=0.01)


def test_bands_below_a_loud_tone_in_single_precision():
    tone = 0.9 * np.sin(2 * np.pi * 10_000 * np.arange(SIZE) / RATE)
    samples = (tone + 1e-5 * np.random.default_rng(0).standard_normal(SIZE)).astype(np.float32)
    np.testing.assert_allclose(*both(samples, [0]), rtol=0, atol=0.05)


def test_silence_and_a_window_past_the_end_in_single_precision():
    for samples in (np.zeros(SIZE, np.float32), np.zeros(0, np.float32)):
        single, _ = both(samples, [0, 86_436])
        assert (single == -100).all()


@pytest.mark.parametrize("exponent", [1, 2])  # magnitudes, and squares of real and imaginary parts
def test_parts_of_the_mel_filters_are_the_whole(exponent):
    mel = np.random.default_rng(0).random((20, 39))
    mel[8:, :24] = 0
    mel[:5, 24:] = 0
    mel[:, 8:16] = 0
    whole = np.zeros((exponent * 20, 39))
    for bands, rows, filters in filters_in_parts(mel, exponent, float):
        whole[rows, bands] = filters
    assert all((whole[part::exponent] == mel).all() for part in range(exponent))


@pytest.mark.parametrize("precision", ["double", "single"])
def test_threads_compute_at_once_what_one_computes(precision):
    signals = [levels()[start:] for start in range(0, 40_000, 5000)]
    first, size = np.array([0, 86_436]), PAPER.size(LENGTH)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda samples: PAPER.images(samples, first, size, precision), signals))
    for images, samples in zip(found, signals, strict=True):
        np.testing.assert_array_equal(images, PAPER.images(samples, first, size, precision))


# ---- mel filters and tapers ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("rate", [300, 1500, 8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_mel_filters_are_bitwise_librosa_s(rate):
    for n_fft in (32, 457, 512, 2048, 4096):
        for n_mels in (1, 4, 13, 40, 64, 80, 128):
            expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels).T
            found = mel_filters(rate, n_fft, n_mels)
            assert found.dtype == expected.dtype and np.array_equal(found, expected), (n_fft, n_mels)


def test_tapers_are_bitwise_librosa_s():
    for length in (2, 3, 7, 61, 320, 321, 400, 512, 1764, 2048):
        assert np.array_equal(hann(length), librosa.filters.get_window("hann", length)), length
    assert np.array_equal(PAPER.taper, librosa.util.pad_center(librosa.filters.get_window("hann", 1764), size=2048))


@pytest.mark.parametrize("module", ["windows.front_ends", "segmenting.levels", "segmenting.page"])
def test_what_segmenting_imports_is_light(module):
    heavy = {"torch", "librosa", "scipy", "numba", "matplotlib"}
    code = f"import sys, yoho.{module}; print(*{heavy} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow/scripts", capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []
