"""Calibration of the untrained ear: from which raw logit on each class is present."""

import numpy as np
import pytest

from yoho.networks.calibration import relatives, thresholds

RNG = np.random.default_rng(0)
SETTINGS = {"quantile": 0.9, "background_quantile": 0.99, "lowest": 0.03}
QUIET = np.full((10, 3), -9.0)
LOWEST = np.log(0.03 / 0.97)


def test_a_class_is_present_above_its_quantile_in_recordings_of_other_classes():
    logits = {"dog": RNG.normal(0, 1, (1000, 3)), "rain": RNG.normal(2, 1, (1000, 3))}
    found = thresholds(logits, {"dog": {0}, "rain": {1}}, QUIET, **SETTINGS)
    # Class 0 may sound in recordings of dogs, class 1 in those of rain, class 2 in neither.
    assert found[0] == pytest.approx(np.quantile(logits["rain"][:, 0], 0.9))
    assert found[1] == pytest.approx(np.quantile(logits["dog"][:, 1], 0.9))
    both = np.concatenate([logits["dog"][:, 2], logits["rain"][:, 2]])
    assert found[2] == pytest.approx(np.quantile(both, 0.9))
    assert (both > found[2]).mean() == pytest.approx(0.1, abs=0.001)


def test_a_class_that_background_excites_needs_more_than_that():
    background = np.full((100, 3), -9.0)
    background[:, 1] = np.arange(100)
    found = thresholds({"dog": RNG.normal(0, 1, (50, 3))}, {"dog": {0}}, background, **SETTINGS)
    assert found[1] == pytest.approx(np.quantile(np.arange(100), 0.99))


def test_no_class_is_present_below_the_lowest_presence():
    found = thresholds({"dog": np.full((50, 3), -20.0)}, {"dog": set()}, QUIET, **SETTINGS)
    assert found == pytest.approx(np.full(3, LOWEST))


def test_a_class_that_may_sound_everywhere_has_the_background_alone():
    found = thresholds({"dog": np.full((50, 3), 5.0)}, {"dog": {0, 1, 2}}, QUIET, **SETTINGS)
    assert found == pytest.approx(np.full(3, LOWEST))


def test_relatives_are_kinds_and_what_a_class_is_a_kind_of_but_no_siblings():
    descendants = {0: [1, 2, 3], 1: [3], 4: [5]}  # 0 animal, 1 dog, 2 cat, 3 bark, 4 vehicle, 5 car
    assert relatives({1}, descendants) == {0, 1, 3}
    assert relatives({3, 5}, descendants) == {0, 1, 3, 4, 5}
    assert relatives({2}, descendants) == {0, 2}
