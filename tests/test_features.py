"""Windows and their log-mel features, against librosa called directly."""

import errno
import os

import librosa
import numpy as np
import pytest
import soundfile

from yoho.features import create_array, cut_windows, frames, log_mel, mix_features, window_onsets

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


def by_librosa(window):
    """The released recipe for one window: peak-normalise, mel spectrogram, dB with librosa's defaults."""
    mel = librosa.feature.melspectrogram(
        y=librosa.util.normalize(window), sr=RATE, n_fft=2048, hop_length=441, win_length=1764, n_mels=40
    )
    return librosa.power_to_db(mel).T


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


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 47])
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
