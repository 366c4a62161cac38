"""Statistics on made-up data: true effects are found, absent ones are not, intervals and power are those simulated."""

import numpy as np
import pytest
from frequency import assert_rate, band
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from yoho.claims.statistics import (
    Estimate,
    estimated,
    holm,
    interval,
    joint_freedom,
    over_seeds,
    over_seeds_and_recordings,
    p_above,
    p_difference,
    p_equivalent,
    resampling_weights,
    smallest_margin,
)
from yoho.scoring.segments import rates

UNKNOWN = Estimate(0.1, np.nan, 0, 1, 0)


def holds(estimate, truth, level=0.95):
    low, high = interval(estimate, level)
    return low <= truth <= high


def mean(counts):
    """A linear score of the kinds (total, number): total over number."""
    return counts[..., 0] / counts[..., 1]


def f1(counts):
    """F1 of the kinds (true positives, references, predictions)."""
    return rates(counts[..., 0], counts[..., 1], counts[..., 2], 0)["f1"]


def f1_difference(counts):
    """F1 of the second network minus that of the first, from the kinds of both."""
    return f1(counts[..., 3:]) - f1(counts[..., :3])


def with_ones(values):
    """Counts whose `mean` is that of the values: (seeds, recordings) -> (seeds, recordings, 2)."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def two_way(rng, seeds, recordings, seed, recording, interaction):
    """Values around 0, (seeds, recordings), with crossed effects that have the given standard deviations."""
    return (
        rng.normal(0, seed, (seeds, 1))
        + rng.normal(0, recording, (1, recordings))
        + rng.normal(0, interaction, (seeds, recordings))
    )


def mean_squares(values):
    """Mean squares of seeds, of recordings and of their interaction, for values (seeds, recordings)."""
    seeds, recordings = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return (
        values.mean(axis=1).var(ddof=1) * recordings,
        values.mean(axis=0).var(ddof=1) * seeds,
        (rest**2).sum() / ((seeds - 1) * (recordings - 1)),
    )


def detections(rng, seed_effects, strata, gain):
    """Counts (seeds, recordings, 6) of two networks; the second is better by `gain` in log odds.

    seed_effects: (seeds, 2), log odds. Recordings differ in length and in difficulty, in part for both networks alike
    and in part for each. Classes differ in difficulty too. Both networks miss seconds and report false ones.
    """
    seeds, recordings = len(seed_effects), len(strata)
    references = rng.integers(10, 60, recordings)
    hard = 0.5 * (strata % 3) + rng.normal(0, 0.8, recordings)
    odds = (
        1.5
        - hard[:, None]
        + rng.normal(0, 0.4, (recordings, 2))
        + seed_effects[:, None]
        + rng.normal(0, 0.3, (seeds, recordings, 2))
        + np.array([0, gain])
    )
    true_positives = rng.binomial(references[:, None], 1 / (1 + np.exp(-odds)))
    false = rng.poisson(references[:, None] * 0.3 * np.exp(-0.5 * odds))
    kinds = np.stack(
        [true_positives, np.broadcast_to(references[:, None], true_positives.shape), true_positives + false], axis=-1
    )
    return kinds.reshape(seeds, recordings, 6).astype(float)


# ---- over seeds ------------------------------------------------------------------------------------------------------


def test_over_seeds_by_hand():
    estimate = over_seeds([1, 2, 6])
    assert estimate == pytest.approx((3, np.sqrt(7 / 3), 2, 3, 0))
    assert interval(estimate, 0.95) == pytest.approx((3 - 4.302653 * np.sqrt(7 / 3), 3 + 4.302653 * np.sqrt(7 / 3)))


def test_one_seed_has_no_error():
    estimate = over_seeds([0.4])
    assert estimate[0] == 0.4
    assert np.isnan(estimate.error)
    assert estimate[2:] == (0, 1, 0)


def test_no_seeds_have_no_value():
    without = [
        over_seeds([]),
        over_seeds_and_recordings(np.ones((0, 4, 2)), mean, np.zeros(4), np.random.default_rng(0), 50),
    ]
    for estimate, recordings in zip(without, (0, 4)):
        assert np.isnan(estimate[:2]).all()
        assert estimate[2:] == (0, 0, recordings)
        assert np.isnan([p_difference(estimate), p_above(estimate, 0), p_equivalent(estimate, 1)]).all()
        assert np.isnan([*interval(estimate, 0.9), smallest_margin(estimate, 0.05)]).all()


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_over_seeds_is_students_test(seeds):
    values = np.random.default_rng(seeds).normal(0.01, 0.02, seeds)
    estimate, peer = over_seeds(values), stats.ttest_1samp(values, 0)
    assert p_difference(estimate) == pytest.approx(peer.pvalue)
    assert p_difference(over_seeds(-values)) == pytest.approx(peer.pvalue)
    assert interval(estimate, 0.9) == pytest.approx(tuple(peer.confidence_interval(0.9)))
    for margin in (-0.01, 0, 0.02):
        peer = stats.ttest_1samp(values, margin, alternative="greater")
        assert p_above(estimate, margin) == pytest.approx(peer.pvalue)
    for margin in (0.01, 0.05):
        assert p_equivalent(estimate, margin) == pytest.approx(DescrStatsW(values).ttost_mean(-margin, margin)[0])


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_over_seeds_hold(seeds):
    values = np.random.default_rng(10 + seeds).normal(0.7, 0.03, (1500, seeds))
    assert_rate([holds(over_seeds(row), 0.7) for row in values], 0.95)


# ---- over recordings: the formula ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds, recordings", [(2, 12), (3, 40), (5, 8)])
def test_variance_is_that_of_the_two_way_analysis(seeds, recordings):
    values = 0.5 + two_way(np.random.default_rng(seeds), seeds, recordings, 0.1, 0.6, 0.3)
    of_seeds, of_recordings, rest = mean_squares(values)
    strata = np.zeros(recordings)
    estimate = over_seeds_and_recordings(with_ones(values), mean, strata, np.random.default_rng(0), 40000)
    parts = np.array([of_seeds, of_recordings - rest]) / (seeds * recordings)
    assert parts[1] > 0.1 * parts[0]
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.error**2 == pytest.approx(parts.sum(), rel=0.03)
    assert estimate.freedom == pytest.approx(joint_freedom(parts, np.array([seeds - 1, recordings - 1])), rel=0.03)
    assert estimate[3:] == (seeds, recordings)


def test_variance_of_one_seed_is_that_between_recordings():
    values = two_way(np.random.default_rng(0), 1, 15, 1, 1, 1)
    estimate = over_seeds_and_recordings(with_ones(values), mean, np.zeros(15), np.random.default_rng(1), 40000)
    assert estimate.error**2 == pytest.approx(values.var(ddof=1) / 15, rel=0.03)
    assert estimate.freedom == pytest.approx(14)
    assert estimate.seeds == 1


def test_variance_is_that_within_classes():
    """The variance is the sum over strata of n s^2 / N^2; a stratum with one recording adds nothing to it."""
    rng = np.random.default_rng(2)
    strata = np.array(list("aaabbbbbbcd") + ["c"] * 3)
    values = rng.normal(0, 1, (1, len(strata))) + np.char.equal(strata, "a") * 50.0
    estimate = over_seeds_and_recordings(with_ones(values), mean, strata, np.random.default_rng(3), 40000)
    numbers = np.array([3, 6, 4])
    parts = numbers * [values[0, strata == name].var(ddof=1) for name in "abc"]
    assert estimate.error**2 == pytest.approx(parts.sum() / len(strata) ** 2, rel=0.03)
    assert estimate.freedom == pytest.approx(parts.sum() ** 2 / (parts**2 / (numbers - 1)).sum())


def class_difference(counts):
    """Mean of the first class minus that of the second, from the kinds (total, number) of six classes."""
    return mean(counts[..., :2]) - mean(counts[..., 2:4])


def by_class(values, strata):
    """Counts of `class_difference`: values (seeds, recordings) to (seeds, recordings, 12); strata: 0 to 5."""
    own = np.eye(6)[strata][..., None]  # (recordings, classes, 1)
    return (own * with_ones(values)[:, :, None]).reshape(*values.shape, 12)


def test_difference_of_two_classes_is_welchs_test():
    """The recordings of the other four classes add no degrees of freedom."""
    strata = np.repeat(np.arange(6), [12, 5, 9, 9, 9, 9])
    values = np.random.default_rng(0).normal(0, np.where(strata == 0, 3, 1), (1, len(strata)))
    counts = by_class(values, strata)
    estimate = over_seeds_and_recordings(counts, class_difference, strata, np.random.default_rng(1), 40000)
    peer = stats.ttest_ind(values[0, strata == 0], values[0, strata == 1], equal_var=False)
    assert estimate.value / estimate.error == pytest.approx(peer.statistic, rel=0.02)
    assert estimate.freedom == pytest.approx(peer.df)


def test_intervals_of_class_differences_hold_with_few_recordings():
    """With four recordings of each of six classes, of which the difference depends on two: 6 degrees of freedom."""
    strata, rng, held, held_by_all = np.arange(24) % 6, np.random.default_rng(0), [], []
    for _ in range(800):
        counts = by_class(rng.normal(0, 1, (1, 24)), strata)
        estimate = over_seeds_and_recordings(counts, class_difference, strata, rng, 150)
        held.append(holds(estimate, 0))
        held_by_all.append(holds(estimate._replace(freedom=18), 0))
    assert_rate(held, 0.95)
    assert np.sum(held_by_all) < band(800, 0.95)[0]


def test_score_is_of_sums_and_its_mean_is_over_seeds():
    counts = np.array([[[1, 2, 2], [30, 40, 60]], [[0, 2, 0], [40, 40, 40]]], float)
    estimate = over_seeds_and_recordings(counts, f1, np.zeros(2), np.random.default_rng(0), 50)
    assert estimate.value == pytest.approx((62 / 104 + 80 / 82) / 2)


def test_equal_seeds_tell_no_more_than_one():
    """The same recordings are drawn for all seeds, so more seeds do not narrow the interval."""
    counts = detections(np.random.default_rng(0), np.zeros((1, 2)), np.arange(24) % 4, 0.2)
    one, five = (
        over_seeds_and_recordings(
            np.repeat(counts, n, axis=0), f1_difference, np.arange(24) % 4, np.random.default_rng(1), 200
        )
        for n in (1, 5)
    )
    assert one[:3] == pytest.approx(five[:3])
    assert one.error > 0
    assert 15 < one.freedom <= 20


def test_negative_covariance_counts_zero():
    """If recordings are hard for one seed and easy for the other, only the difference of the seeds is left."""
    values = np.array([[1.0, 2, 3, 4], [5, 4, 3, 2]])
    estimate = over_seeds_and_recordings(with_ones(values), mean, np.zeros(4), np.random.default_rng(0), 500)
    assert estimate[:3] == pytest.approx((3, 0.5, 1))


def test_classes_of_one_recording_have_no_error():
    estimate = over_seeds_and_recordings(np.ones((3, 4, 2)), mean, np.arange(4), np.random.default_rng(0), 50)
    assert estimate.value == 1
    assert np.isnan(estimate.error)
    assert np.isnan(p_difference(estimate))


def test_nothing_varies():
    strata = np.array([0, 0, 1, 1, 1])
    estimate = over_seeds_and_recordings(np.ones((3, 5, 2)), mean, strata, np.random.default_rng(0), 50)
    assert estimate == (1, 0, 2, 3, 5)


def test_joint_freedom():
    parts = np.array([1.0, 3.0])
    assert joint_freedom(parts, np.array([2, 36])) == pytest.approx(1 / (0.25 / 2 + 0.75 / 36))
    assert joint_freedom(np.array([1.0, 0]), np.array([2, 36])) == 2
    assert joint_freedom(np.array([0, 1.0]), np.array([2, 36])) == pytest.approx(36)
    assert joint_freedom(np.zeros(2), np.array([2, 36])) == 2


def test_joint_freedom_of_several_quantities():
    parts, freedoms = np.array([[1.0, 0, 0], [3, 2, 0]]), np.array([[2, 2, 4], [36, 9, 3]])
    assert joint_freedom(parts, freedoms) == pytest.approx([1 / (0.25 / 2 + 0.75 / 36), 9, 3])


def test_resampling_keeps_classes():
    strata = np.array(["b", "a", "a", "b", "c", "a"])
    weights = resampling_weights(strata, np.random.default_rng(0), 20000)
    assert weights.shape == (20000, 6)
    for name, number in (("a", 3), ("b", 2), ("c", 1)):
        np.testing.assert_allclose(weights[:, strata == name].sum(axis=1), number)
    np.testing.assert_array_equal(weights[:, 4], 1)
    others = weights[:, strata != "c"]
    np.testing.assert_allclose(others.mean(axis=0), 1, atol=0.03)
    # The weights of a sum vary so that its variance is n s^2, unbiased.
    np.testing.assert_allclose(others.var(axis=0), 1, atol=0.05)
    assert set(np.unique(weights[:, strata == "a"])) == {0, 1.5, 3}


def test_same_draws_same_error():
    counts = detections(np.random.default_rng(0), np.zeros((3, 2)), np.arange(20) % 4, 0)
    first, again, other = (
        over_seeds_and_recordings(counts, f1_difference, np.arange(20) % 4, np.random.default_rng(n), 100)
        for n in (0, 0, 1)
    )
    assert first == again
    assert first.value == other.value
    assert first.error != other.error


# ---- over recordings: do the intervals hold? -------------------------------------------------------------------------


def coverage(rng, seeds, recordings, effects, runs=800):
    """Whether the 95 % interval holds the true value, (runs,) bool."""
    strata = np.arange(recordings) % 2
    runs = (with_ones(two_way(rng, seeds, recordings, *effects)) for _ in range(runs))
    return [holds(over_seeds_and_recordings(counts, mean, strata, rng, 150), 0) for counts in runs]


@pytest.mark.parametrize(
    "seeds, recordings, effects",
    [
        (3, 40, (1, 20, 4)),  # most is due to recordings
        (3, 40, (1, 0.1, 0.1)),  # nearly all is due to seeds
        (5, 20, (1, 20, 4)),
        (5, 20, (0, 4, 1)),  # all seeds alike
    ],
)
def test_intervals_over_both_hold(seeds, recordings, effects):
    assert_rate(coverage(np.random.default_rng([seeds, recordings]), seeds, recordings, effects), 0.95)


@pytest.mark.parametrize(
    "seeds, recordings, effects",
    [
        (3, 40, (1, 5, 1)),  # a third is due to seeds: t for the mean of 1 / freedom is a little wide there
        (3, 10, (0, 0, 1)),  # no recording effect: its part, floored at 0, is above 0 on average
        (5, 20, (1, 4, 2)),
    ],
)
def test_intervals_over_both_hold_at_least(seeds, recordings, effects):
    held = coverage(np.random.default_rng([seeds, recordings]), seeds, recordings, effects)
    assert np.sum(held) >= band(len(held), 0.95)[0]


def test_intervals_hold_where_satterthwaite_is_too_bold():
    """With three seeds that cause most of the variance, Satterthwaite's intervals hold in 93 % of cases."""
    rng, runs, parts = np.random.default_rng(0), 4000, np.array([0.85, 0.15])
    freedoms = np.array([2, 39])
    found = parts * rng.chisquare(freedoms, (runs, 2)) / freedoms
    values = rng.normal(0, 1, runs)
    held = [
        holds(Estimate(value, np.sqrt(pair.sum()), joint_freedom(pair, freedoms), 3, 40), 0)
        for value, pair in zip(values, found)
    ]
    assert_rate(held, 0.95)
    t = stats.t.isf(0.025, found.sum(axis=1) ** 2 / (found**2 / freedoms).sum(axis=1))
    assert np.sum(abs(values) <= t * np.sqrt(found.sum(axis=1))) < band(runs, 0.95)[0]


def test_interval_of_one_seed_holds_the_truth_of_that_seed():
    rng = np.random.default_rng(0)
    held, held_of_all = [], []
    for _ in range(800):
        seed_effect = rng.normal(0, 2)
        counts = with_ones(seed_effect + two_way(rng, 1, 30, 0, 3, 2))
        estimate = over_seeds_and_recordings(counts, mean, np.arange(30) % 3, rng, 150)
        held.append(holds(estimate, seed_effect))
        held_of_all.append(holds(estimate, 0))
    assert_rate(held, 0.95)
    assert np.mean(held_of_all) < 0.7  # it does not speak of other seeds


@pytest.mark.parametrize("seeds, recordings, gain", [(3, 32, 0), (1, 32, 0), (3, 40, 0.5)])
def test_intervals_of_f1_differences_hold(seeds, recordings, gain):
    """A realistic score: two networks with F1 around 0.7 on the same hard and easy recordings of four classes."""
    rng, spread = np.random.default_rng([seeds, recordings]), 0.2 * (seeds > 1)
    truth = 0  # by symmetry; else of many recordings, over the quantiles of the seeds
    if gain:
        quantiles = spread * stats.norm.ppf((np.arange(31) + 0.5) / 31)
        many = detections(rng, np.repeat(quantiles[:, None], 2, axis=1), np.arange(20000) % 4, gain)
        truth = f1_difference(many.sum(axis=1)).mean()
        assert 0.6 < f1(many.sum(axis=1)[..., :3]).mean() < 0.8
        assert 0.04 < truth < 0.1
    strata, held, different = np.arange(recordings) % 4, [], []
    for _ in range(800):
        counts = detections(rng, rng.normal(0, spread, (seeds, 2)), strata, gain)
        estimate = over_seeds_and_recordings(counts, f1_difference, strata, rng, 150)
        held.append(holds(estimate, truth))
        different.append(p_difference(estimate) < 0.05)
    assert_rate(held, 0.95)
    if gain:
        assert np.mean(different) > 0.2
    else:
        assert_rate(different, 0.05)


def test_recordings_are_the_unit_and_not_seconds():
    """Ten seconds of a recording score the same. Counted as ten recordings, they make intervals too narrow."""
    rng, by_recording, by_second = np.random.default_rng(0), [], []
    for _ in range(400):
        values = rng.uniform(0, 1, (1, 20)) + rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.1, (3, 20))
        for held, seconds in ((by_recording, 1), (by_second, 10)):
            counts = with_ones(np.repeat(values, seconds, axis=1))
            held.append(holds(over_seeds_and_recordings(counts, mean, np.zeros(20 * seconds), rng, 100), 0.5))
    assert_rate(by_recording, 0.95)
    assert np.mean(by_second) < 0.75


def test_seconds_within_recordings_add_nothing():
    """More seconds of the same recordings, with the same scores, do not change the estimate."""
    counts = detections(np.random.default_rng(0), np.zeros((3, 2)), np.arange(20) % 4, 0.3)
    few, many = (
        over_seeds_and_recordings(n * counts, f1_difference, np.arange(20) % 4, np.random.default_rng(1), 100)
        for n in (1, 10)
    )
    assert few == pytest.approx(many)


def test_pairing_narrows_the_interval():
    rng = np.random.default_rng(0)
    strata = np.arange(40) % 4
    counts = detections(rng, np.repeat(rng.normal(0, 0.2, (3, 1)), 2, axis=1), strata, 0.3)
    paired = over_seeds_and_recordings(counts, f1_difference, strata, rng, 2000)
    alone = [over_seeds_and_recordings(counts[..., kinds], f1, strata, rng, 2000) for kinds in (slice(3), slice(3, 6))]
    assert paired.value == pytest.approx(alone[1].value - alone[0].value)
    assert paired.error < 0.8 * np.hypot(alone[0].error, alone[1].error)


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_a_true_difference_is_found():
    strata = np.arange(60) % 4
    rng = np.random.default_rng(0)
    estimate = over_seeds_and_recordings(
        detections(rng, rng.normal(0, 0.1, (5, 2)), strata, 0.8), f1_difference, strata, rng, 500
    )
    assert p_difference(estimate) < 0.001
    assert p_above(estimate, 0.02) < 0.01
    assert p_equivalent(estimate, 0.02) > 0.5
    assert interval(estimate, 0.95)[0] > 0


def test_an_equivalence_is_shown():
    estimate = over_seeds([0.002, -0.001, 0.001, -0.003, 0.0])
    assert p_equivalent(estimate, 0.02) < 0.001
    assert p_difference(estimate) > 0.5
    assert p_above(estimate, 0) > 0.5


def test_neither_is_shown_by_noise():
    estimate = over_seeds([0.05, -0.06, 0.02])
    assert p_difference(estimate) > 0.5
    assert p_equivalent(estimate, 0.02) > 0.2


def test_tests_agree_with_intervals():
    """A test at level a agrees with the interval of 1 - a (difference) or of 1 - 2 a (equivalence)."""
    estimate = Estimate(0.01, 0.004, 3.5, 3, 40)
    low, high = interval(estimate, 0.9)
    assert p_above(estimate, low) == pytest.approx(0.05)
    assert p_equivalent(estimate, high) == pytest.approx(0.05)
    assert p_equivalent(estimate._replace(value=-0.01), high) == pytest.approx(0.05)
    assert p_difference(Estimate(high - 0.01, 0.004, 3.5, 3, 40)) == pytest.approx(0.1)


def test_false_positives_are_as_rare_as_stated():
    values = np.random.default_rng(0).normal(0, 0.03, (2000, 3))
    assert_rate([p_difference(over_seeds(row)) < 0.05 for row in values], 0.05)
    assert_rate([p_above(over_seeds(row), 0) < 0.05 for row in values], 0.05)


@pytest.mark.parametrize("edge", [-1, 1])
def test_false_equivalences_at_the_margin_are_as_rare_as_stated(edge):
    values = np.random.default_rng(1).normal(edge, 0.2, (2000, 4))
    assert_rate([p_equivalent(over_seeds(row), 1) < 0.05 for row in values], 0.05)
    # With much noise there are fewer.
    wide = np.random.default_rng(2).normal(edge, 2, (1000, 4))
    assert np.sum([p_equivalent(over_seeds(row), 1) < 0.05 for row in wide]) <= band(1000, 0.05)[1]


def test_without_an_error_nothing_is_decided():
    found = [p_difference(UNKNOWN), p_above(UNKNOWN, 0), p_equivalent(UNKNOWN, 1), *interval(UNKNOWN, 0.95)]
    assert np.isnan(found).all()


def test_without_spread_all_is_decided():
    estimate = over_seeds([0.5, 0.5, 0.5])
    assert estimate.error == 0
    assert interval(estimate, 0.95) == (0.5, 0.5)
    assert p_difference(estimate) == 0
    assert p_difference(over_seeds([0.0, 0.0])) == 1
    assert [p_above(estimate, margin) for margin in (0.4, 0.5, 0.6)] == [0, 1, 1]
    assert [p_equivalent(estimate, margin) for margin in (0.4, 0.5, 0.6)] == [1, 1, 0]
    assert [p_equivalent(over_seeds([-0.5, -0.5]), margin) for margin in (0.4, 0.5, 0.6)] == [1, 1, 0]


@pytest.mark.parametrize("value", [0.01, -0.01, 0])
def test_smallest_margin_is_where_equivalence_begins(value):
    estimate = Estimate(value, 0.004, 3, 4, 0)
    margin = smallest_margin(estimate, 0.05)
    assert margin == pytest.approx(abs(value) + 2.353363 * 0.004)
    assert p_equivalent(estimate, margin) == pytest.approx(0.05)
    assert p_equivalent(estimate, 1.001 * margin) < 0.05 < p_equivalent(estimate, 0.999 * margin)


def test_smallest_margin_at_its_limits():
    assert np.isnan(smallest_margin(UNKNOWN, 0.05))
    assert smallest_margin(over_seeds([-0.5, -0.5]), 0.05) == 0.5


def test_smallest_margin_is_below_the_truth_as_rarely_as_stated():
    values = np.random.default_rng(3).normal(-1, 0.2, (2000, 4))
    assert_rate([smallest_margin(over_seeds(row), 0.05) < 1 for row in values], 0.05)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    np.testing.assert_allclose(holm([0.01, np.nan, 0.04]), [0.03, np.nan, 0.08])
    assert np.isnan(holm([np.nan])).all()
    assert holm([]).shape == (0,)


def test_an_estimate_with_the_settings_of_the_claims_is_seeded_by_them():
    counts = np.random.default_rng(0).integers(0, 9, (2, 6, 2))
    found = [
        estimated(counts, mean, np.zeros(6), {"seed": seed, "replicates": 40, "level": 0.05}) for seed in (0, 0, 1)
    ]
    expected = over_seeds_and_recordings(counts, mean, np.zeros(6), np.random.default_rng(0), 40)
    assert found[0] == found[1] == expected and found[2].error != expected.error
