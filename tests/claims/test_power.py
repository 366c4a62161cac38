"""Power of the equivalence tests: against simulated tests, at its limits, and as a table."""

import numpy as np
import pytest
from frequency import assert_rate

from yoho.claims.power import equivalence_power, power_table, seeds_needed
from yoho.claims.statistics import over_seeds, p_equivalent


@pytest.mark.parametrize("seeds, deviation", [(2, 0.3), (3, 0.6), (5, 0.9), (20, 1.4)])
def test_power_is_that_of_simulated_tests(seeds, deviation):
    values = np.random.default_rng(seeds).normal(0, deviation, (1000, seeds))
    power = equivalence_power(1, deviation, seeds, 0.05)
    assert 0.1 < power < 0.95
    assert_rate([p_equivalent(over_seeds(row), 1) < 0.05 for row in values], power)


def test_power_grows_with_seeds_and_margin():
    assert (np.diff([equivalence_power(1, 1, seeds, 0.05) for seeds in range(1, 40)]) > 0).all()
    assert (np.diff([equivalence_power(margin, 1, 6, 0.05) for margin in (0.5, 1, 2, 3)]) > 0).all()
    assert equivalence_power(0.02, 0.03, 8, 0.05) == pytest.approx(equivalence_power(2, 3, 8, 0.05))


def test_power_at_its_limits():
    assert equivalence_power(1, 0.1, 1, 0.05) == 0
    assert equivalence_power(1, 0, 2, 0.05) == 1
    assert equivalence_power(1, 1e-6, 3, 0.05) == pytest.approx(1)
    assert equivalence_power(0.001, 10, 800, 0.05) < 0.001


@pytest.mark.parametrize("deviation", [0.2, 1, 4])
def test_seeds_needed_are_the_fewest(deviation):
    seeds = seeds_needed(1, deviation, 0.05, 0.8)
    assert equivalence_power(1, deviation, seeds, 0.05) >= 0.8
    assert equivalence_power(1, deviation, seeds - 1, 0.05) < 0.8


def test_seeds_needed_are_at_least_two_and_at_most_many():
    assert seeds_needed(1, 0, 0.05, 0.8) == 2
    assert seeds_needed(1, 1, 0.05, 0.8, most=11) == seeds_needed(1, 1, 0.05, 0.8) == 11
    assert np.isnan(seeds_needed(1, 1, 0.05, 0.8, most=10))


def test_power_of_every_equivalence_follows_from_the_config_alone(power):
    assert power["claim"].tolist() == ["C1", "C5", "C5", "C5", "C6"]
    assert power["measure"].tolist() == ["f1", "f1", "data_loss", "epochs", "f1"]
    assert power["margin"].tolist() == [0.01, 0.01, 0.05, 0.1, 0.01]
    assert power["expected_deviation"].tolist() == [0.02, 0.02, 0.05, 0.08, 0.02]
    for test in power.itertuples():
        assert test.power == equivalence_power(test.margin, test.expected_deviation, 5, 0.05)
        assert test.enough == (test.seeds_needed <= 5)
    assert power["seeds_needed"][3] == seeds_needed(0.1, 0.08, 0.05, 0.8)


def test_power_is_enough_from_the_seeds_needed_on(claims):
    needed = seeds_needed(0.01, 0.02, 0.05, 0.8)
    table = power_table(claims, {"C1": needed, "C5": 1, "C6": needed - 1})
    assert table["n_seeds"].tolist() == [needed, 1, 1, 1, needed - 1]
    assert table["enough"].tolist() == [True, False, False, False, False]
    assert table["power"].tolist()[1:4] == [0, 0, 0] and 0.7 < table["power"][4] < 0.8
