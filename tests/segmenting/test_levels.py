"""Levels: offsets are removed independently of the blocks; silent bins are found relative to the right full scale."""

import numpy as np
import pytest
from scipy.signal import butter, lfilter, lfilter_zi

from yoho.segmenting.levels import Silence, loudest, low_passed, offset_removed

RATE = 8000


def removed(signal, sizes=(4096,), cutoff=2.0, rate=RATE):
    """(the signal without offset, the signal as yielded), when given in blocks of these sizes, which are repeated."""
    blocks, start, number = [], 0, 0
    while start < len(signal):
        blocks.append(signal[start : start + sizes[number % len(sizes)]])
        start, number = start + len(blocks[-1]), number + 1
    came, without = zip(*offset_removed(blocks, rate, cutoff))
    np.testing.assert_array_equal(np.concatenate(came), signal)
    assert [len(block) for block in came] == [len(block) for block in without]
    return np.concatenate(without)


@pytest.mark.parametrize("length", [1, 79, 80, 7999, 8000, 20_001])
@pytest.mark.parametrize("value", [1, 0.1, -1e-6, 30_000])
def test_a_constant_becomes_zeros(length, value):
    assert np.abs(removed(np.full(length, value, np.float32))).max() <= 1e-7 * abs(value)


@pytest.mark.parametrize("sizes", [(1,), (79, 1), (100_000,), (8000, 1, 333)])
def test_the_cuts_between_blocks_change_no_bit(sizes):
    signal = np.random.default_rng(0).normal(0.3, 0.1, 30_011).astype(np.float32)
    np.testing.assert_array_equal(removed(signal, sizes), removed(signal))


def test_what_is_heard_stays_and_an_offset_goes():
    time = np.arange(20 * RATE) / RATE
    for hertz in (20, 50, 75, 100, 440):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)
        change = (removed(tone + np.float32(0.5)) - tone)[RATE:-RATE]
        # A first-order high-pass at 2 Hz shifts the phase at 20 Hz by 0.1.
        assert np.abs(change).max() < 2.2 / hertz
    slow = removed(np.sin(2 * np.pi * 0.1 * time).astype(np.float32))
    assert np.abs(slow[10 * RATE :]).max() == pytest.approx(0.05, rel=0.1)  # a twentieth of the cut-off


def test_a_step_is_gone_after_half_a_second():
    signal = np.zeros(5 * RATE, np.float32)
    signal[2 * RATE :] = 0.5
    without = removed(signal)
    assert np.abs(without[: 2 * RATE - 80]).max() == 0
    assert np.abs(without[int(2.5 * RATE) :]).max() < 0.002


@pytest.mark.parametrize("cutoff, rate", [(2, 100), (0.01, 100), (49, 100), (5, 99.3)])
def test_the_low_pass_is_scipy_s(cutoff, rate):
    values = np.random.default_rng(0).normal(0.3, 0.1, 3000)
    numerator, denominator = butter(1, cutoff, fs=rate)
    expected, _ = lfilter(numerator, denominator, values, zi=values[0] * lfilter_zi(numerator, denominator))
    found = low_passed(np.append(values[0], values), values[0], cutoff, rate)
    assert found[0] == values[0]
    np.testing.assert_allclose(found[1:], expected, rtol=1e-12, atol=0)


def test_nothing_is_removed_where_nothing_is_asked_for():
    signal = np.ones(100, np.float32)
    np.testing.assert_array_equal(removed(signal, cutoff=None), signal)


# ---- silence ---------------------------------------------------------------------------------------------------------

SIZE, BINS = 90, 9
QUIET = 10 ** (-80 / 20)


def bins_of(*levels):
    """A signal with a given level in each bin, where its samples alternate between + and - that level."""
    return np.concatenate([np.resize([level, -level], 10) for level in levels]).astype(np.float32)


def silent(signal, first=(0,), peak=None, limit=-80):
    return Silence(limit, peak)(signal, np.array(first), SIZE, BINS).astype(int).tolist()


def test_each_bin_is_judged_by_its_own_samples():
    signal = bins_of(1, 0, 0.9 * QUIET, 1.1 * QUIET, 1, 0, 1, 1, 1)
    assert silent(signal) == [[0, 1, 1, 0, 0, 1, 0, 0, 0]]
    assert silent(signal + np.float32(0.25)) == [[0, 1, 1, 0, 0, 1, 0, 0, 0]]
    signal[15] = 2 * QUIET  # one sample
    assert silent(signal) == [[0, 0, 1, 0, 0, 1, 0, 0, 0]]
    assert silent(signal, limit=None) == [[0] * 9]


def test_bins_past_the_end_are_silent():
    assert silent(bins_of(1, 1)[:15]) == [[0, 0, 1, 1, 1, 1, 1, 1, 1]]


def test_the_loudest_window_so_far_is_the_full_scale_of_floats_without_one():
    loud, faint = bins_of(*[1000] * 9), bins_of(*[0.05] * 9)
    both = np.concatenate([faint, loud, faint])
    assert [sum(row) for row in silent(both, (0, 90, 180), peak=0.0)] == [0, 0, 9]
    assert [sum(row) for row in silent(both, (0, 90, 180), peak=None)] == [0, 0, 0]
    both *= np.float32(1e-9)  # the loudest of the first window, 5e-11, is its full scale
    assert [sum(row) for row in silent(both, (0, 90, 180), peak=0.0)] == [0, 0, 9]
    assert [sum(row) for row in silent(both, (0, 90, 180), peak=None)] == [9, 9, 9]


def test_the_loudest_sample_is_kept_between_batches():
    silence = Silence(-80, 0.0)
    assert silence(bins_of(*[1000] * 9), np.array([0]), SIZE, BINS).sum() == 0
    assert silence(bins_of(*[0.05] * 9), np.array([0]), SIZE, BINS).sum() == 9


def test_how_loud_floats_are_where_nobody_knows_their_scale():
    sixteen = np.random.default_rng(0).integers(-(2**15), 2**15, 999) / np.float32(2**15)
    assert loudest([sixteen[:100], sixteen[100:]]) is None
    assert loudest([(sixteen[1:] + sixteen[:-1]) / 2]) is None  # the mean of two channels
    assert loudest([np.zeros(9, np.float32)]) is None
    assert loudest([np.float32([0.1, -0.3]), np.float32([0.2, np.nan])]) == pytest.approx(0.3)
    assert loudest([np.float32([3, -1000])]) == 1000  # 16-bit samples that were not divided by full scale


def test_the_limit_sinks_with_floats_that_are_faint_throughout():
    signal = bins_of(1, 1e-2, 2e-3, 5e-4, 5e-5, 0, 1, 1, 1)
    assert silent(signal, peak=1.0) == [[0, 0, 0, 0, 1, 1, 0, 0, 0]]
    for scale in (0.09, 1e-3, 1e-4, 2e-5, 1e-5, 1e-9):
        assert silent(signal * np.float32(scale), peak=scale) == [[0, 0, 0, 1, 1, 1, 0, 0, 0]]
