"""Several quantities at once: equal ones are found apart as rarely as stated, and unequal ones are found."""

from itertools import combinations

import numpy as np
import pytest
from frequency import assert_rate, band
from scipy import stats

from yoho.claims.statistics import (
    crossed,
    deviates_of,
    over_seeds,
    over_seeds_and_recordings,
    p_above,
    p_difference,
    p_largest_apart,
    seed_deviates,
)

PAIRS = np.array(list(combinations(range(6), 2))).T  # (2, 15): all pairs of six classes
REPLICATES = 199  # so that a p-value of 0.05 is possible


def differences(scores):
    """Differences between all pairs of classes: (..., classes) to (..., pairs)."""
    return scores[..., PAIRS[0]] - scores[..., PAIRS[1]]


def joint_deviates(counts, score, strata, rng, replicates):
    """Values, errors and deviates of a score of crossed seeds and recordings."""
    return deviates_of(crossed(counts, score, strata, rng, replicates), rng)


def departures(scores):
    """Departures from the mean of all: (..., cells) to (..., cells)."""
    return scores - scores.mean(axis=-1, keepdims=True)


def crossed_counts(rng, seeds, strata, effects):
    """Counts (seeds, recordings, 6), whose sums are six classes' scores, around 0; a recording adds to its class alone.

    effects: standard deviations of the seeds' scores, of recordings, and of a recording's scores between seeds.
    """
    own, recordings = np.eye(6)[strata], len(strata)
    values = rng.normal(0, effects[0], (seeds, 6))[:, strata]
    values = values + rng.normal(0, effects[1], recordings) + rng.normal(0, effects[2], (seeds, recordings))
    return values[..., None] * own / own.sum(axis=0)


# ---- what the deviates are -------------------------------------------------------------------------------------------


def test_p_of_the_largest_by_hand():
    values, errors = np.array([1, -3]), np.array([1, 2])
    deviates = np.array([[0.5, -1], [0, 0.2], [2, 0]])
    assert p_largest_apart(values, errors, deviates, 1) == pytest.approx(3 / 4)  # largest distance: 1 error
    assert p_largest_apart(values, errors, deviates, 0) == pytest.approx(2 / 4)  # 1.5 errors
    assert p_largest_apart(values, errors, 0 * deviates, 2.9) == pytest.approx(1 / 4)
    assert p_largest_apart(values, errors, 0 * deviates, 3) == 1


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_one_quantity_has_students_tails(seeds):
    scores = np.random.default_rng(seeds).normal(0.02, 0.02, (seeds, 1))
    estimate = over_seeds(scores[:, 0])
    values, errors, deviates = seed_deviates(scores, np.random.default_rng(1), 9999)
    assert (values[0], errors[0]) == pytest.approx(estimate[:2])
    assert stats.kstest(deviates[:, 0], stats.t(seeds - 1).cdf).pvalue > 0.01
    for margin in (0, 0.005):
        reached = 10000 * p_largest_apart(values, errors, deviates, margin) - 1
        low, high = band(9999, min(1, 2 * p_above(estimate._replace(value=abs(estimate.value)), margin)))
        assert low <= reached <= high


@pytest.mark.parametrize("seeds, effects", [(1, (0, 1, 1)), (4, (0.2, 1, 1)), (4, (1, 0.2, 0.2))])
def test_one_crossed_quantity_has_students_tails(seeds, effects):
    strata, score = np.arange(60) % 6, lambda sums: sums[..., 0] - sums[..., 1]
    counts = crossed_counts(np.random.default_rng(seeds), seeds, strata, effects)
    estimate = over_seeds_and_recordings(counts, score, strata, np.random.default_rng(1), 9999)
    judged = joint_deviates(counts, lambda sums: score(sums)[..., None], strata, np.random.default_rng(1), 9999)
    low, high = band(9999, p_difference(estimate))
    assert low <= 10000 * p_largest_apart(*judged, 0) - 1 <= high


def test_each_quantity_has_the_error_of_its_own_estimate():
    strata = np.arange(36) % 6
    counts = crossed_counts(np.random.default_rng(0), 3, strata, (0.3, 1, 1))
    values, errors, deviates = joint_deviates(counts, differences, strata, np.random.default_rng(1), 300)
    assert deviates.shape == (300, 15)
    for value, error, pair in zip(values, errors, PAIRS.T):
        of_pair = counts[..., pair] * [1, -1]
        alone = over_seeds_and_recordings(of_pair, lambda sums: sums.sum(-1), strata, np.random.default_rng(1), 300)
        assert (value, error) == pytest.approx(alone[:2])


def test_deviates_are_correlated_as_the_seeds_are():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (200, 3)) @ np.array([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 2]])
    _, _, deviates = seed_deviates(scores, rng, 20000)
    np.testing.assert_allclose(np.corrcoef(deviates, rowvar=False), np.corrcoef(scores, rowvar=False), atol=0.03)


def test_deviates_are_correlated_as_the_recordings_are():
    """Two seeds with equal scores: all variance is due to the recordings."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (200, 2)) @ np.array([[1, 0.8], [0, 0.6]])
    _, errors, deviates = joint_deviates(np.stack([values, values]), lambda sums: sums / 200, np.zeros(200), rng, 20000)
    np.testing.assert_allclose(errors, values.std(axis=0, ddof=1) / np.sqrt(200), rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(deviates, rowvar=False), np.corrcoef(values, rowvar=False), atol=0.03)


# ---- rates -----------------------------------------------------------------------------------------------------------


def rejected(scores, quantities, rng, margin=0):
    """Whether "all within the margin" is rejected at 5 %, over seeds; scores: (runs, seeds, classes)."""
    return [p_largest_apart(*seed_deviates(quantities(run), rng, REPLICATES), margin) <= 0.05 for run in scores]


@pytest.mark.parametrize("quantities", [differences, departures])
@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_equal_classes_are_found_apart_as_rarely_as_stated(quantities, seeds):
    rng = np.random.default_rng(seeds)
    assert_rate(rejected(rng.normal(0.7, 0.05, (1000, seeds, 6)), quantities, rng), 0.05)


@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_equal_classes_that_vary_together_or_unequally_are_not_found_apart_more_often(seeds):
    rng = np.random.default_rng(seeds)
    together = 0.9 * rng.normal(0, 1, (1000, seeds, 1)) + rng.normal(0, 0.4, (1000, seeds, 6))
    unequal = rng.normal(0, [0.2, 0.5, 1, 1, 2, 4], (1000, seeds, 6))
    for scores, quantities in ((together, np.asarray), (unequal, differences)):
        assert np.sum(rejected(scores, quantities, rng)) <= band(1000, 0.05)[1]


def test_a_pooled_error_would_find_equal_classes_apart():
    """The chi-square variate of the first quantity for all of them, as in the multivariate t distribution."""
    rng, found = np.random.default_rng(0), []
    for scores in rng.normal(0, 1, (1000, 3, 6)):
        values, errors, _ = seed_deviates(differences(scores), rng, 2)
        residuals = (differences(scores) - values) / np.sqrt(6) / errors
        pooled = rng.standard_normal((REPLICATES, 3)) @ residuals / np.sqrt(rng.chisquare(2, (REPLICATES, 1)) / 2)
        found.append(p_largest_apart(values, errors, pooled, 0) <= 0.05)
    assert 0.25 < np.mean(found) < 0.32


@pytest.mark.parametrize(
    "seeds, each, effects",
    [
        (3, 10, (0.1, 2, 1)),  # most is due to recordings
        (3, 10, (0.3, 0.1, 0.1)),  # most is due to seeds
        (5, 10, (0.1, 1, 1)),
        (12, 6, (0.2, 1, 1)),
        (12, 4, (0.1, 2, 0.3)),  # few recordings of each class
        (12, 6, (0, 0, 1)),  # neither a seed nor a recording effect
    ],
)
def test_equal_classes_are_not_found_apart_more_often_over_recordings(seeds, each, effects):
    rng, strata, found = np.random.default_rng([seeds, each]), np.arange(6 * each) % 6, []
    for _ in range(300):
        counts = crossed_counts(rng, seeds, strata, effects)
        judged = joint_deviates(counts, differences, strata, rng, REPLICATES)
        found.append(p_largest_apart(*judged, 0) <= 0.05)
    assert np.sum(found) <= band(300, 0.05)[1]


def test_classes_at_the_margin_are_not_found_beyond_it_more_often():
    rng = np.random.default_rng(0)
    scores = rng.normal([0, 0, 0, 0.1, 0.1, 0.1], 0.02, (1000, 5, 6))
    assert np.sum(rejected(scores, differences, rng, margin=0.1)) <= band(1000, 0.05)[1]


@pytest.mark.parametrize("seeds, distance, least", [(3, 0.6, 0.3), (5, 0.2, 0.5), (12, 0.1, 0.8)])
def test_one_class_that_is_apart_is_found(seeds, distance, least):
    rng = np.random.default_rng(seeds)
    scores = rng.normal([0, 0, 0, 0, 0, distance], 0.05, (300, seeds, 6))
    assert np.mean(rejected(scores, differences, rng)) > least


def test_a_class_that_is_apart_is_found_over_recordings():
    rng, strata = np.random.default_rng(0), np.arange(60) % 6
    counts = crossed_counts(rng, 5, strata, (0.1, 0.5, 0.5))
    counts[:, strata == 2, 2] += 3 / 10
    judged = joint_deviates(counts, differences, strata, rng, 999)
    assert judged[0][PAIRS[1] == 2] == pytest.approx(-3, abs=0.7)
    assert p_largest_apart(*judged, 0) < 0.01
    assert p_largest_apart(*judged, 1) < 0.05
    assert p_largest_apart(*judged, 4) == 1


# ---- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [0, 1])
def test_without_two_seeds_nothing_is_decided(seeds):
    values, errors, deviates = seed_deviates(np.ones((seeds, 2)), np.random.default_rng(0), 20)
    assert values == pytest.approx([1, 1] if seeds else [np.nan, np.nan], nan_ok=True)
    assert np.isnan(errors).all()
    assert deviates.shape == (20, 2)
    assert np.isnan(p_largest_apart(values, errors, deviates, 0))


@pytest.mark.parametrize("counts", [np.ones((0, 4, 2)), np.ones((3, 2, 2))])
def test_without_seeds_or_with_classes_of_one_recording_nothing_is_decided(counts):
    judged = joint_deviates(counts, lambda sums: sums, np.arange(counts.shape[1]) % 2, np.random.default_rng(0), 20)
    assert judged[2].shape == (20, 2)
    assert np.isnan(p_largest_apart(*judged, 0))


def test_a_quantity_that_never_varies_is_certain():
    scores = np.array([[0.5, 0.1], [0.5, 0.2], [0.5, -0.1]])
    judged = seed_deviates(scores, np.random.default_rng(0), 999)
    assert p_largest_apart(*judged, 0.4) == 1 / 1000
    assert p_largest_apart(*judged, 0.5) == 1
    np.testing.assert_array_equal(judged[2][:, 0], 0)
