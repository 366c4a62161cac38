"""Power of the claims' tests: it is that of simulated tests; intervals of a deviation hold the true one."""

import numpy as np
import pytest
from frequency import assert_rate

from yoho.claims.power import (
    deviation_between,
    equivalence_power,
    noninferiority_power,
    power_table,
    seeds_needed,
)
from yoho.claims.statistics import over_seeds, p_above, p_equivalent

CLAIMS = {
    "level": 0.05,
    "power": 0.8,
    "expected_deviation": {"f1": 0.03, "data_loss": 0.1, "area": 0.02},
    "C1": {"margin": 0.03},
    "C5": {"margin": {"f1": 0.02, "data_loss": 0.05, "area": 0.02}},
    "C6": {"margin": {"f1": 0.02, "data_loss": 0.05}},
    "C7": {"margin": 0.03},
}

# ---- power -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds, deviation", [(2, 0.3), (3, 0.6), (5, 0.9), (20, 1.4)])
def test_power_is_that_of_simulated_tests(seeds, deviation):
    values = np.random.default_rng(seeds).normal(0, deviation, (1000, seeds))
    power = equivalence_power(1, deviation, seeds, 0.05)
    assert 0.1 < power < 0.95
    assert_rate([p_equivalent(over_seeds(row), 1) < 0.05 for row in values], power)


@pytest.mark.parametrize("seeds, deviation", [(2, 0.3), (3, 0.9), (5, 1.5), (20, 1.6)])
def test_power_of_noninferiority_is_that_of_simulated_tests(seeds, deviation):
    values = np.random.default_rng(seeds).normal(0, deviation, (1000, seeds))
    power = noninferiority_power(1, deviation, seeds, 0.05)
    assert 0.1 < power < 0.95
    assert_rate([p_above(over_seeds(row), -1) < 0.05 for row in values], power)


@pytest.mark.parametrize("power_of", [equivalence_power, noninferiority_power])
def test_power_grows_with_seeds_and_margin(power_of):
    assert (np.diff([power_of(1, 1, seeds, 0.05) for seeds in range(1, 40)]) > 0).all()
    assert (np.diff([power_of(margin, 1, 6, 0.05) for margin in (0.5, 1, 2, 3)]) > 0).all()
    assert power_of(0.02, 0.03, 8, 0.05) == pytest.approx(power_of(2, 3, 8, 0.05))


@pytest.mark.parametrize("power_of", [equivalence_power, noninferiority_power])
def test_power_at_its_limits(power_of):
    assert power_of(1, 0.1, 0, 0.05) == power_of(1, 0.1, 1, 0.05) == 0
    assert power_of(1, 0, 2, 0.05) == 1
    assert power_of(1, 1e-6, 3, 0.05) == pytest.approx(1)


def test_power_with_a_narrow_margin_is_none_for_equivalence_and_the_level_for_noninferiority():
    assert equivalence_power(0.001, 10, 800, 0.05) < 0.001
    assert noninferiority_power(0.001, 10, 800, 0.05) == pytest.approx(0.05, abs=0.001)


def test_noninferiority_needs_no_more_than_one_of_two_tests():
    for seeds in (2, 4, 12):
        assert noninferiority_power(1, 1, seeds, 0.05) > equivalence_power(1, 1, seeds, 0.05)


@pytest.mark.parametrize("power_of", [equivalence_power, noninferiority_power])
@pytest.mark.parametrize("deviation", [0.3, 1, 4])
def test_seeds_needed_are_the_fewest(power_of, deviation):
    seeds = seeds_needed(1, deviation, 0.05, 0.8, power_of)
    assert power_of(1, deviation, seeds, 0.05) >= 0.8
    assert power_of(1, deviation, seeds - 1, 0.05) < 0.8


def test_seeds_needed_are_at_least_two_and_at_most_many():
    assert seeds_needed(1, 0, 0.05, 0.8) == 2
    assert seeds_needed(1, 1, 0.05, 0.8, most=11) == seeds_needed(1, 1, 0.05, 0.8) == 11
    assert np.isnan(seeds_needed(1, 1, 0.05, 0.8, most=10))


# ---- deviations ------------------------------------------------------------------------------------------------------


def test_deviation_by_hand():
    """s^2 = 7 with 2 degrees of freedom, for which the chi-square quantiles of 10 and 90 % are -2 log(0.9 or 0.1)."""
    deviation = deviation_between([1, 2, 6])
    assert deviation == pytest.approx((3, np.sqrt(7), np.sqrt(7 / -np.log(0.1)), np.sqrt(7 / -np.log(0.9))))


def test_deviation_is_blind_to_the_mean():
    assert deviation_between([1001, 1002, 1006]) == pytest.approx(deviation_between([1, 2, 6]))


@pytest.mark.parametrize("differences", [[], [0.4]])
def test_deviation_of_too_few_seeds_is_unknown(differences):
    deviation = deviation_between(differences)
    assert deviation.seeds == len(differences)
    assert np.isnan(deviation[1:]).all()


@pytest.mark.parametrize("seeds", [2, 4, 12])
def test_intervals_of_deviations_hold(seeds):
    values = np.random.default_rng(seeds).normal(5, 0.03, (1000, seeds))
    found = [deviation_between(row) for row in values]
    assert_rate([deviation.low <= 0.03 <= deviation.high for deviation in found], 0.8)
    assert_rate([deviation.high < 0.03 for deviation in found], 0.1)


# ---- table -----------------------------------------------------------------------------------------------------------


def test_every_test_of_a_margin_has_its_power():
    table = power_table(CLAIMS, {"C1": 5, "C5": 6, "C6": 7, "C7": 8}, {})
    assert table["claim"].tolist() == ["C1", "C5", "C5", "C5", "C6", "C6", "C7"]
    assert table["measure"].tolist() == ["f1", "f1", "data_loss", "area", "f1", "data_loss", "f1"]
    assert table["margin"].tolist() == [0.03, 0.02, 0.05, 0.02, 0.02, 0.05, 0.03]
    assert table["expected_deviation"].tolist() == [0.03, 0.03, 0.1, 0.02, 0.03, 0.1, 0.03]
    assert table["n_seeds"].tolist() == [5, 6, 6, 6, 7, 7, 8]
    for test in table.itertuples():
        power_of = noninferiority_power if test.claim == "C7" else equivalence_power
        assert test.power == power_of(test.margin, test.expected_deviation, test.n_seeds, 0.05)
        assert test.seeds_needed == seeds_needed(test.margin, test.expected_deviation, 0.05, 0.8, power_of)
        assert test.enough == (test.seeds_needed <= test.n_seeds)
    assert table["enough"].tolist() == [False, False, False, False, False, False, True]
    assert (table["seeds_there"] == 0).all()
    assert table[["deviation", "low", "high"]].isna().all(axis=None)


def test_power_is_enough_from_the_seeds_needed_on():
    needed = seeds_needed(0.03, 0.03, 0.05, 0.8)
    table = power_table(CLAIMS, {"C1": needed, "C5": 1, "C6": 0, "C7": needed - 1}, {}).set_index(["claim", "measure"])
    assert table["enough"]["C1", "f1"]
    assert table["power"][["C5", "C6"]].tolist() == [0] * 5
    fewer = power_table(CLAIMS, dict.fromkeys(["C1", "C5", "C6", "C7"], needed - 1), {})
    assert not fewer["enough"][0] and 0.7 < fewer["power"][0] < 0.8


def test_deviations_so_far_stand_beside_those_that_are_expected():
    differences = {
        ("C5", "area"): np.array([0.01, 0.02, 0.06]),
        ("C1", "f1"): np.array([]),
        ("C7", "f1"): np.array([0.1]),
    }
    table = power_table(CLAIMS, dict.fromkeys(["C1", "C5", "C6", "C7"], 4), differences)
    assert table["seeds_there"].tolist() == [0, 0, 0, 3, 0, 0, 1]
    assert tuple(table.loc[3, ["deviation", "low", "high"]]) == deviation_between(differences["C5", "area"])[1:]
    assert table["deviation"].isna().tolist() == [True, True, True, False, True, True, True]
    without = power_table(CLAIMS, dict.fromkeys(["C1", "C5", "C6", "C7"], 4), {})
    assert table["power"].equals(without["power"])  # the margins' power rests on the deviations of the config
