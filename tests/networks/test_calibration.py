"""Calibration of the untrained ear: from which raw logit on each class is present."""

import numpy as np
import pytest

from yoho.networks.calibration import relatives, thresholds

RNG = np.random.default_rng(0)
SETTINGS = {"quantile": 0.9, "lowest": 0.03}
LOWEST = np.log(0.03 / 0.97)


def test_a_class_is_present_above_its_quantile_in_recordings_of_other_classes():
    logits = {"dog": RNG.normal(0, 1, (1000, 3)), "rain": RNG.normal(2, 1, (1000, 3))}
    found = thresholds([(logits, {"dog": {0}, "rain": {1}})], **SETTINGS)
    # Class 0 may sound in recordings of dogs, class 1 in those of rain, class 2 in neither.
    assert found[0] == pytest.approx(np.quantile(logits["rain"][:, 0], 0.9))
    assert found[1] == pytest.approx(np.quantile(logits["dog"][:, 1], 0.9))
    both = np.concatenate([logits["dog"][:, 2], logits["rain"][:, 2]])
    assert found[2] == pytest.approx(np.quantile(both, 0.9))
    assert (both > found[2]).mean() == pytest.approx(0.1, abs=0.001)


def test_of_several_sources_the_one_that_excites_a_class_most_decides():
    recordings = {"dog": RNG.normal(0, 1, (1000, 3))}
    background = {"white": np.full((10, 3), -9.0), "brown": np.full((10, 3), -9.0)}
    background["brown"][:, 1] = np.arange(10)
    found = thresholds([(recordings, {"dog": {0}}), (background, {"white": {2}, "brown": set()})], **SETTINGS)
    assert found[0] == pytest.approx(LOWEST)
    assert found[1] == pytest.approx(np.quantile([*[-9] * 10, *range(10)], 0.9))
    assert found[2] == pytest.approx(np.quantile(recordings["dog"][:, 2], 0.9))


def test_a_class_with_the_name_of_a_kind_of_background_is_no_background():
    recordings, background = {"room": np.full((9, 2), 3.0)}, {"room": np.full((9, 2), 4.0)}
    found = thresholds([(recordings, {"room": {0}}), (background, {"room": {1}})], **SETTINGS)
    assert found == pytest.approx([4, 3])


def test_no_class_is_present_below_the_lowest_presence():
    found = thresholds([({"dog": np.full((50, 3), -20.0)}, {"dog": set()})], **SETTINGS)
    assert found == pytest.approx(np.full(3, LOWEST))


def test_a_class_that_may_sound_wherever_anything_is_heard_has_the_lowest_presence():
    logits = {"dog": np.full((50, 3), 5.0), "silence": np.zeros((0, 3))}
    found = thresholds([(logits, {"dog": {0, 1, 2}, "silence": set()})], **SETTINGS)
    assert found == pytest.approx(np.full(3, LOWEST))


def test_relatives_are_kinds_and_what_a_class_is_a_kind_of_but_no_siblings():
    descendants = {0: [1, 2, 3], 1: [3], 4: [5]}  # 0 animal, 1 dog, 2 cat, 3 bark, 4 vehicle, 5 car
    assert relatives({1}, descendants) == {0, 1, 3}
    assert relatives({3, 5}, descendants) == {0, 1, 3, 4, 5}
    assert relatives({2}, descendants) == {0, 2}
