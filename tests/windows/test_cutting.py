"""Where windows begin, which samples they hold, and arrays on disk."""

import errno
import os

import numpy as np
import pytest

from yoho.windows.cutting import create_array, cut_windows, window_onsets

LENGTH, HOP = 2.56, 1.96


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
