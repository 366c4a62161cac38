"""Learning curves of known slope: what another doubling of the windows would bring, and whether that is little."""

import numpy as np
import pandas as pd
import pytest
from frequency import assert_rate, band

from yoho.claims.curves import area_under_curve, gain_over_seeds, gain_per_doubling, trained
from yoho.claims.statistics import interval, over_seeds

EPOCHS, FULL = 24, 16  # epochs, and those at the highest learning rate
WINDOWS = 2500.0 * np.arange(1, EPOCHS + 1)
RATES = np.where(np.arange(EPOCHS) < FULL, 1e-3, 1e-4)


def history(f1):
    return pd.DataFrame({"epoch": np.arange(1, EPOCHS + 1), "learning_rate": RATES, "windows_seen": WINDOWS, "f1": f1})


def steady(gain, last=0.8):
    """F1 that changes by `gain` with every doubling of the windows and ends with `last`: (epochs,)."""
    return last + gain * np.log2(WINDOWS / WINDOWS[-1])


# ---- gain ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [-0.03, 0, 0.05])
def test_gain_is_the_slope_of_a_straight_curve(gain):
    assert gain_per_doubling(steady(gain), WINDOWS, RATES) == pytest.approx(gain, abs=1e-12)
    assert gain_per_doubling(steady(gain), 7 * WINDOWS, RATES) == pytest.approx(gain, abs=1e-12)


def test_gain_ignores_what_follows_a_drop_of_the_rate():
    """A drop makes F1 jump, and then flat."""
    f1 = np.where(RATES == 1e-3, steady(0.05), 0.9)
    assert gain_per_doubling(f1, WINDOWS, RATES) == pytest.approx(0.05)


def test_gain_ignores_the_first_half_of_the_windows_at_the_highest_rate():
    f1 = np.where(np.arange(1, EPOCHS + 1) <= FULL / 2, 0.1, steady(0.02))
    assert gain_per_doubling(f1, WINDOWS, RATES) == pytest.approx(0.02)
    f1[FULL // 2] -= 0.1  # the first epoch of the last half
    assert gain_per_doubling(f1, WINDOWS, RATES) > 0.03


def test_gain_ignores_a_low_rate_before_the_highest():
    rates = np.where(np.arange(EPOCHS) < 2, 1e-5, RATES)
    assert gain_per_doubling(steady(0.05), WINDOWS, rates) == pytest.approx(0.05)


def test_gain_of_windows_that_are_not_seen_in_equal_parts():
    windows = np.cumsum([100, 50, 300, 10, 80, 200, 60, 20, 150, 40])
    f1 = 0.3 + 0.04 * np.log2(windows)
    assert gain_per_doubling(f1, windows, np.ones(10)) == pytest.approx(0.04)


def test_gain_is_that_of_least_squares():
    f1 = 0.8 + np.random.default_rng(0).normal(0, 0.05, EPOCHS)
    last = slice(FULL // 2, FULL)
    expected = np.polyfit(np.log2(WINDOWS[last]), f1[last], 1)[0]
    assert gain_per_doubling(f1, WINDOWS, RATES) == pytest.approx(expected)


def test_gain_of_a_curve_that_levels_off_is_at_least_what_a_doubling_brings():
    def f1(windows):
        return 0.9 - 4000 / windows

    brought = f1(2 * WINDOWS[FULL - 1]) - f1(WINDOWS[FULL - 1])
    assert brought < gain_per_doubling(f1(WINDOWS), WINDOWS, RATES) < 4 * brought


@pytest.mark.parametrize("epochs, known", [(6, False), (7, True)])
def test_gain_needs_four_epochs(epochs, known):
    gain = gain_per_doubling(steady(0.05)[:epochs], WINDOWS[:epochs], np.ones(epochs))
    assert gain == pytest.approx(0.05 if known else np.nan, nan_ok=True)


def test_gain_is_unknown_if_the_rate_falls_in_every_epoch():
    assert np.isnan(gain_per_doubling(steady(0), WINDOWS, np.geomspace(1e-3, 1e-5, EPOCHS)))


def test_gain_over_seeds_is_their_mean_with_its_error():
    estimate = gain_over_seeds([history(steady(gain)) for gain in (0.01, 0.02, 0.06)])
    assert estimate == pytest.approx(over_seeds([0.01, 0.02, 0.06]))
    assert np.isnan(gain_over_seeds([]).value)


def test_intervals_of_the_gain_hold():
    rng, held = np.random.default_rng(0), []
    for _ in range(500):
        curves = [pd.DataFrame(history(steady(0.03) + rng.normal(0, 0.02, EPOCHS))) for _ in range(3)]
        low, high = interval(gain_over_seeds(curves), 0.9)
        held.append(low <= 0.03 <= high)
    assert_rate(held, 0.9)


# ---- trained ---------------------------------------------------------------------------------------------------------


def answer(gains, last=0.8):
    """Whether networks with these gains are trained, if the limits are 0.3 and 0.02 at the level 0.05."""
    return trained([history(steady(gain, last)) for gain in gains], 0.3, 0.02, 0.05)


@pytest.mark.parametrize("last", [0.8, 0.3])  # a bad network may have nothing more to learn
@pytest.mark.parametrize(
    "gains, expected",
    [
        ([0.01, 0.012, 0.011], "yes"),
        ([-0.01, -0.012, -0.011], "yes"),
        ([0.0, 0.0, 0.0], "yes"),
        ([0.05, 0.052, 0.051], "no"),
        ([-0.05, -0.052, -0.051], "no"),
        ([0.0, 0.03, 0.01], "unclear"),  # a small mean, and a wide interval
        ([0.05, -0.05], "unclear"),
        ([0.02, 0.03, 0.01], "unclear"),  # at the limit
        ([0.0], "unclear"),  # nothing is known about other seeds
        ([0.0, np.nan], "unclear"),
        ([], "unclear"),
    ],
)
def test_trained_by_the_interval_of_the_gain(gains, last, expected):
    assert answer(gains, last) == expected


@pytest.mark.parametrize("last", [0.29, 0.0])
@pytest.mark.parametrize("gains", [[0.0], [0.0, 0.0, 0.0]])
def test_networks_that_have_learned_nothing_are_not_trained(gains, last):
    assert answer(gains, last) == "no"


def test_one_seed_that_has_learned_nothing_is_enough():
    curves = [history(steady(0.01)), history(steady(0.01)), history(steady(0.0, 0.18))]
    assert trained(curves, 0.3, 0.02, 0.05) == "no" and trained(curves[:2], 0.3, 0.02, 0.05) == "yes"


def test_answer_turns_where_an_end_of_the_interval_reaches_the_limit():
    gains = [0.01, 0.015, 0.02]
    low, high = interval(over_seeds(gains), 0.9)
    curves = [history(steady(gain)) for gain in gains]
    expected = {high + 1e-6: "yes", high - 1e-6: "unclear", low + 1e-6: "unclear", low - 1e-6: "no"}
    assert {limit: trained(curves, 0.3, limit, 0.05) for limit in expected} == expected
    assert trained(curves, 0.3, high + 1e-6, 0.01) == "unclear"  # a stricter level has a wider interval


def test_a_curve_that_is_flat_after_a_drop_alone_is_not_trained():
    f1 = np.where(RATES == 1e-3, steady(0.1), 0.85)
    assert trained([history(f1), history(f1 + 0.01)], 0.3, 0.02, 0.05) == "no"


def test_too_few_epochs_leave_it_unclear():
    curves = [history(steady(0)), history(steady(0.001))]
    assert trained([curve.head(6) for curve in curves], 0.3, 0.02, 0.05) == "unclear"
    assert trained([curve.head(7) for curve in curves], 0.3, 0.02, 0.05) == "yes"


def simulated(gain, seeds, noise, runs=500):
    """Answers about networks of 8 epochs with this gain, a limit of 0.02, and noise of F1 in each epoch: (runs,)."""
    rng, windows = np.random.default_rng([seeds, int(1000 * noise)]), 2500.0 * np.arange(1, 9)
    for _ in range(runs):
        f1 = 0.7 + gain * np.log2(windows / windows[-1]) + rng.normal(0, noise, (seeds, 8))
        curves = [pd.DataFrame({"f1": own, "windows_seen": windows, "learning_rate": 1.0}) for own in f1]
        yield trained(curves, 0.3, 0.02, 0.05)


@pytest.mark.parametrize("gain", [0.02, 0.04, -0.04])  # once and twice the limit
@pytest.mark.parametrize("noise", [0.02, 0.04])
@pytest.mark.parametrize("seeds", [4, 12])
def test_network_that_still_gains_is_rarely_called_trained(gain, noise, seeds):
    assert list(simulated(gain, seeds, noise)).count("yes") <= band(500, 0.05)[1]


@pytest.mark.parametrize("noise", [0.01, 0.02])
def test_network_that_gains_nothing_is_rarely_called_untrained(noise):
    found = list(simulated(0.0, 12, noise))
    assert found.count("no") <= band(500, 0.05)[1]
    assert found.count("yes") > {0.01: 400, 0.02: 50}[noise]


# ---- area ------------------------------------------------------------------------------------------------------------


def test_area_by_hand():
    """Trapezoids of 100 windows at a mean of 0.3, and of 300 windows at a mean of 0.6."""
    assert area_under_curve([0.2, 0.4, 0.8], [100, 200, 500]) == pytest.approx((100 * 0.3 + 300 * 0.6) / 400)


def test_area_is_a_mean():
    assert area_under_curve(np.full(EPOCHS, 0.7), WINDOWS) == pytest.approx(0.7)
    assert area_under_curve(np.linspace(0, 1, EPOCHS), WINDOWS) == pytest.approx(0.5)
    assert area_under_curve([0.3, 0.5, 0.6], [1, 2, 4]) == area_under_curve([0.3, 0.5, 0.6], [10, 20, 40])


def test_area_is_larger_if_the_same_end_is_reached_sooner():
    slow, fast = (0.8 * (1 - np.exp(-WINDOWS / scale)) for scale in (9000, 3000))
    assert slow[-1] == pytest.approx(fast[-1], abs=0.01)
    assert area_under_curve(fast, WINDOWS) > area_under_curve(slow, WINDOWS) + 0.05


def test_area_of_one_epoch_is_unknown():
    assert np.isnan(area_under_curve([0.5], [100]))
