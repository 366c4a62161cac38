"""Windows and their log-mel features, against librosa called directly."""

import errno
import os
import tracemalloc

import librosa
import numpy as np
import pytest
import soundfile

from yoho.windows.front_ends import create_array, cut_windows, frames, log_mel, mix_features, window_onsets

RATE, LENGTH, HOP = 44100, 2.56, 1.96
SIZE = 112896  # samples of a window
SETTINGS = {"n_fft": 2048, "hop_length": 441, "win_length": 1764, "n_mels": 40, "top_db": 80}


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


def by_librosa(window, rate=RATE, top_db=80, n_fft=2048, hop_length=441, win_length=1764, n_mels=40):
    """The released recipe for one window: peak-normalise, mel spectrogram, dB with librosa's defaults."""
    mel = librosa.feature.melspectrogram(
        y=librosa.util.normalize(window),
        sr=rate,
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        n_mels=n_mels,
    )
    return librosa.power_to_db(mel, top_db=top_db).T


# ---- log-mel ---------------------------------------------------------------------------------------------------------


def test_features_equal_librosa_window_by_window():
    windows = {name: window.astype(np.float32) for name, window in sounds().items()}
    features = log_mel(np.stack(list(windows.values())), RATE, **SETTINGS)
    assert features.shape == (len(windows), 257, 40) and features.dtype == np.float32
    for (name, window), found in zip(windows.items(), features, strict=True):
        assert np.abs(found - by_librosa(window)).max() < 1e-3, name


def test_features_are_finite_and_within_80_dB_of_the_window_s_own_maximum():
    features = log_mel(np.stack(list(sounds().values())).astype(np.float32), RATE, **SETTINGS)
    assert np.isfinite(features).all()
    assert (features.max(axis=(1, 2)) - features.min(axis=(1, 2)) <= 80.001).all()


def test_loud_neighbour_does_not_change_a_window():
    quiet, loud = (sounds()[name].astype(np.float32) for name in ("quiet noise", "clipped"))
    alone = log_mel(quiet[None], RATE, **SETTINGS)[0]
    np.testing.assert_allclose(log_mel(np.stack([loud, quiet]), RATE, **SETTINGS)[1], alone, atol=1e-4)


def test_gain_does_not_change_the_features():
    noise = sounds()["noise"].astype(np.float32)
    low, high = log_mel(np.stack([noise * 0.01, noise]), RATE, **SETTINGS)
    np.testing.assert_allclose(low, high, atol=1e-2)


def test_time_comes_before_frequency():
    features = log_mel(sounds()["impulse"].astype(np.float32)[None], RATE, **SETTINGS)[0]
    assert abs(int(features.mean(axis=1).argmax()) - 50_000 // 441) <= 1
    tone = log_mel(sounds()["tone"].astype(np.float32)[None], RATE, **SETTINGS)[0]
    bands = librosa.mel_frequencies(n_mels=42, fmax=RATE / 2)[1:-1]
    assert abs(int(tone.mean(axis=0).argmax()) - int(np.abs(bands - 440).argmin())) <= 1


def test_settings_are_used():
    noise = sounds()["noise"].astype(np.float32)[None]
    assert log_mel(noise, RATE, **SETTINGS | {"n_mels": 64}).shape == (1, 257, 64)
    assert log_mel(noise, RATE, **SETTINGS | {"hop_length": 882}).shape == (1, 129, 40)
    impulse = log_mel(sounds()["impulse"].astype(np.float32)[None], RATE, **SETTINGS | {"top_db": 30})
    assert np.ptp(impulse) == pytest.approx(30, abs=1e-3)


@pytest.mark.parametrize(
    "length, rate, hop, count", [(2.56, 44100, 441, 257), (1.0, 16000, 160, 101), (2.56, 22050, 441, 129)]
)
def test_frames_of_a_window(length, rate, hop, count):
    assert frames(length, rate, hop) == count
    window = np.random.default_rng(0).standard_normal((1, round(length * rate))).astype(np.float32)
    assert log_mel(window, rate, **SETTINGS | {"hop_length": hop}).shape[1] == count


# ---- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duration", [0.01, 1.0, 2.5599, 2.56])
def test_clip_no_longer_than_a_window_gives_one_window(duration):
    assert window_onsets(duration, LENGTH, HOP).tolist() == [0.0]


@pytest.mark.parametrize("hop", [1.0, HOP])
@pytest.mark.parametrize("hops", [1, 2, 7, 31, 64])
def test_whole_number_of_hops_gains_no_window_by_rounding(hop, hops):
    assert len(window_onsets(LENGTH + hops * hop, LENGTH, hop)) == hops + 1
    assert len(window_onsets(LENGTH + hops * hop - 1e-3, LENGTH, hop)) == hops + 1
    assert len(window_onsets(LENGTH + hops * hop + 1e-3, LENGTH, hop)) == hops + 2


@pytest.mark.parametrize("hop", [1.0, HOP])
def test_windows_cover_the_mix_to_its_end_and_no_window_is_needless(hop):
    for duration in np.random.default_rng(0).uniform(2.57, 130, 200):
        onsets = window_onsets(duration, LENGTH, hop)
        assert onsets[0] == 0
        np.testing.assert_allclose(np.diff(onsets), hop)
        assert onsets[-1] + LENGTH >= duration - 1e-6
        assert onsets[-2] + LENGTH < duration


def test_window_past_the_end_is_padded_with_zeros():
    samples = np.arange(1, 26, dtype=np.float32)  # 2.5 s at 10 Hz
    windows = cut_windows(samples, [0.0, 1.0, 2.0], 1.0, 10)
    assert windows.tolist() == [
        list(range(1, 11)),
        list(range(11, 21)),
        [21, 22, 23, 24, 25, 0, 0, 0, 0, 0],
    ]


def test_clip_shorter_than_a_window_is_padded_with_zeros():
    assert cut_windows(np.ones(3, np.float32), [0.0], 1.0, 10).tolist() == [[1, 1, 1, 0, 0, 0, 0, 0, 0, 0]]


def test_windows_start_at_the_nearest_sample():
    samples = np.arange(100, dtype=np.float32)
    assert cut_windows(samples, np.arange(4) * 1.96, 1.0, 10)[:, 0].tolist() == [0, 20, 39, 59]


# ---- a whole mix -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 31, 32, 33, 47, 65])
def test_mix_features_do_not_depend_on_how_many_windows_are_computed_at_a_time(tmp_path, count):
    rate, length, hop = 8000, 0.5, 0.3
    settings = SETTINGS | {"n_fft": 512, "hop_length": 80, "win_length": 320}
    duration = length + (count - 1) * hop - (0.1 if count > 1 else 0.2)
    samples = 0.1 * np.random.default_rng(count).standard_normal(round(duration * rate)).astype(np.float32)
    samples[: rate // 4] *= 3
    soundfile.write(tmp_path / "mix.flac", samples, rate)
    stored, _ = soundfile.read(tmp_path / "mix.flac", dtype="float32")
    onsets = window_onsets(duration, length, hop)
    assert len(onsets) == count
    expected = log_mel(cut_windows(stored, onsets, length, rate), rate, **settings)
    found = mix_features(tmp_path / "mix.flac", onsets, length, rate, settings)
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


def assert_equal_to_librosa(path, samples, length, hop, rate, settings):
    """Features of a mix that is written to `path`, against librosa called for each window."""
    soundfile.write(path, samples, rate, subtype="FLOAT")
    onsets = window_onsets(len(samples) / rate, length, hop)
    found = mix_features(path, onsets, length, rate, settings)
    assert found.dtype == np.float32 and found.shape[:2] == (len(onsets), frames(length, rate, settings["hop_length"]))
    for window, features in zip(cut_windows(samples, onsets, length, rate), found, strict=True):
        np.testing.assert_allclose(features, by_librosa(window, rate, **settings), rtol=0, atol=1e-3)


@pytest.mark.filterwarnings("ignore:n_fft=:UserWarning", "ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("name", CONFIGS)
def test_mix_features_equal_librosa_window_by_window(tmp_path, name):
    rate, length, hop, settings = CONFIGS[name]
    settings = {"n_fft": 512, "hop_length": 80, "win_length": 320, "n_mels": 13, "top_db": 80} | settings
    mix = scene(rate, length, hop)
    for samples in (mix, mix[: round(0.7 * length * rate)], mix[:1], np.zeros_like(mix)):
        assert_equal_to_librosa(tmp_path / "mix.wav", samples, length, hop, rate, settings)


@pytest.mark.parametrize("hop", [1.0, HOP])
def test_mix_features_equal_librosa_at_the_paper_s_settings(tmp_path, hop):
    assert_equal_to_librosa(tmp_path / "mix.wav", scene(RATE, LENGTH, hop), LENGTH, hop, RATE, SETTINGS)


@pytest.mark.parametrize("frequency", [0, 50, 5000, 15000])  # Hz; 0 is a constant
@pytest.mark.parametrize("faint", [-60, -70, -80])  # dB
def test_faint_noise_beside_a_loud_sound_is_as_exact(frequency, faint):
    loud = 0.5 * np.cos(2 * np.pi * frequency * np.arange(SIZE) / RATE)
    noise = 10 ** (faint / 20) * np.random.default_rng(0).standard_normal(SIZE)
    window = (loud + noise).astype(np.float32)
    np.testing.assert_allclose(log_mel(window[None], RATE, **SETTINGS)[0], by_librosa(window), rtol=0, atol=1e-3)


def test_what_lies_beside_a_window_is_not_in_it(tmp_path):
    samples = np.zeros(10 * SIZE, np.float32)
    samples[[SIZE - 1, 2 * SIZE]] = 1  # the last sample before the window, the first after it
    soundfile.write(tmp_path / "mix.flac", samples, RATE)
    features = mix_features(tmp_path / "mix.flac", np.arange(3) * LENGTH, LENGTH, RATE, SETTINGS)
    assert (features[1] == -100).all()
    assert features[0].max() > -20 and features[2].max() > -20


def test_frames_are_as_many_where_librosa_leaves_out_the_last():
    """Of a window of whole steps, librosa's frames with an odd n_fft are one fewer."""
    window = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    settings = SETTINGS | {"n_fft": 511, "hop_length": 80, "win_length": 320, "n_mels": 13}
    found, expected = log_mel(window[None], 8000, **settings)[0], by_librosa(window, 8000, **settings)
    assert len(found) == frames(0.5, 8000, 80) == len(expected) + 1
    np.testing.assert_allclose(found[:-1], expected, rtol=0, atol=1e-3)


def test_faintest_window_that_is_not_silent():
    noise = sounds()["noise"].astype(np.float32)
    noise /= np.abs(noise).max()
    full, faint, silent = log_mel(
        np.stack([noise, noise * np.float32(2e-14), noise * np.float32(5e-15)]), RATE, **SETTINGS
    )
    np.testing.assert_allclose(faint, full, rtol=0, atol=1e-3)
    assert (silent == -100).all()


def test_long_file_can_be_taken_in_parts_and_no_more_than_a_part_is_in_memory(tmp_path):
    rate, length, hop = 8000, 0.5, 0.3
    settings = SETTINGS | {"n_fft": 512, "hop_length": 80, "win_length": 320}
    samples = 0.1 * np.random.default_rng(0).standard_normal(600 * rate)
    soundfile.write(tmp_path / "long.flac", samples, rate)
    onsets = window_onsets(600, length, hop)[1500:]
    whole = mix_features(tmp_path / "long.flac", onsets, length, rate, settings)
    tracemalloc.start()
    parts = [mix_features(tmp_path / "long.flac", part, length, rate, settings) for part in np.array_split(onsets, 7)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-4)
    assert most < whole.nbytes + 8e6 < 4 * samples.size


# ---- arrays on disk --------------------------------------------------------------------------------------------------


def test_array_on_disk_holds_what_is_put_into_it(tmp_path):
    array = create_array(tmp_path / "features.npy", (3, 4, 5))
    values = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    array[:] = values
    array.flush()
    read = np.load(tmp_path / "features.npy", mmap_mode="r")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve space")
def test_full_disk_is_noticed_when_the_array_is_made_and_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="features.npy") as caught:
        create_array(tmp_path / "features.npy", (3, 4, 5))
    assert caught.value.errno == errno.ENOSPC
