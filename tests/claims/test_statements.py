"""Statements with known answers: supported, contradicted, undecided, shown, or about networks that are not trained."""

import numpy as np
import pytest
from arms import STUDENT, curve, make_arm, nobody
from scipy import stats

from yoho.claims.measures import NOTHING, Joint, Measurement, measure_jointly, overall_score, score_difference
from yoho.claims.power import equivalence_power
from yoho.claims.statements import (
    CONTRADICTED,
    SHOWN,
    SUPPORTED,
    UNDECIDED,
    Statement,
    above,
    all_equivalent,
    below,
    between,
    decide,
    equivalent,
    p_apart,
)
from yoho.claims.statistics import Estimate, interval, over_seeds, p_equivalent, seed_deviates, smallest_margin


def verdicts(rows):
    return [row["verdict"] for row in rows]


def untested(values, arms=()):
    """A statement about the seeds' values, without a test."""
    return Statement("", Measurement(over_seeds(values), None), list(arms))


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_equivalence_is_decided_at_the_config_s_level_and_margin(claims):
    values = [0.004, 0.008, -0.003, 0.001]
    assert 0.01 < p_equivalent(over_seeds(values), 0.01) < 0.05

    def row(margin, claims):
        return decide([equivalent(untested(values), margin, claims)], claims)[0]

    assert row(0.01, claims)["verdict"] == SUPPORTED
    assert row(0.01, claims | {"level": 0.01})["verdict"] == UNDECIDED
    assert row(0.005, claims)["verdict"] == UNDECIDED


def test_smallest_margin_is_where_the_verdict_turns(claims):
    values = [0.004, 0.008, -0.003, 0.001]
    smallest = decide([equivalent(untested(values), 0.01, claims)], claims)[0]["smallest_margin"]
    assert smallest == pytest.approx(smallest_margin(over_seeds(values), 0.05))
    rows = [decide([equivalent(untested(values), margin * smallest, claims)], claims)[0] for margin in (0.999, 1.001)]
    assert verdicts(rows) == [UNDECIDED, SUPPORTED]
    assert rows[0]["smallest_margin"] == rows[1]["smallest_margin"]


@pytest.mark.parametrize(
    "values, margin, expected",
    [
        ([0.07, 0.08, 0.06], 0.05, SUPPORTED),
        ([0.03, 0.04, 0.02], 0.05, CONTRADICTED),
        ([0.05, 0.09, 0.03], 0.05, UNDECIDED),
        ([-0.07, -0.08, -0.06], -0.1, SUPPORTED),
        ([-0.07, -0.08, -0.06], 0, CONTRADICTED),
        ([0.07], 0.05, UNDECIDED),
        ([], 0.05, UNDECIDED),
    ],
)
def test_more_or_less_than_a_margin_is_shown_refuted_or_neither(claims, values, margin, expected):
    (row,) = decide([above(untested(values), margin)], claims)
    assert row["verdict"] == expected and row["test"] == f"more than {margin}"
    assert row["estimate"] == pytest.approx(np.mean(values) if values else np.nan, nan_ok=True)
    negated = [-value for value in values]
    (mirrored,) = decide([below(untested(negated), -margin)], claims)
    assert mirrored["verdict"] == expected and mirrored["test"] == f"less than {-margin}"
    assert mirrored["p"] == pytest.approx(row["p"], nan_ok=True)


@pytest.mark.parametrize(
    "values, expected",
    [
        ([0.05, 0.06, 0.04], SUPPORTED),
        ([0.05, 0.12, 0.02], UNDECIDED),
        ([-0.05, -0.06, -0.04], CONTRADICTED),
        ([0.15, 0.16, 0.14], CONTRADICTED),
    ],
)
def test_between_two_limits(claims, values, expected):
    (row,) = decide([between(untested(values), 0, 0.1)], claims)
    assert row["verdict"] == expected and row["test"] == "between 0 and 0.1"


def test_statements_keep_their_level_and_refutations_are_adjusted(claims):
    """Three statements with p-values of about 0.03 all hold; three refutations with p-values of 0.03 do not."""
    shown, refuted = above(untested([0.01, 0.02, 0.035]), 0), above(untested([-0.01, -0.02, -0.035]), 0)
    assert 0.05 / 3 < shown.p < 0.05 and refuted.p_refutation == pytest.approx(shown.p)
    assert verdicts(decide([shown] * 3, claims)) == [SUPPORTED] * 3
    assert verdicts(decide([refuted], claims)) == [CONTRADICTED]
    rows = decide([refuted] * 3, claims)
    assert verdicts(rows) == [UNDECIDED] * 3
    assert [row["p_refutation"] for row in rows] == pytest.approx([3 * refuted.p_refutation] * 3)


@pytest.mark.parametrize("values", [[0.08, 0.09, 0.07], [-0.08, -0.09, -0.07]])
def test_apart_is_two_sided(values):
    one_sided = stats.ttest_1samp(np.abs(values), 0.05, alternative="greater").pvalue
    assert p_apart(Measurement(over_seeds(values), None), 0.05) == pytest.approx(2 * one_sided)
    assert p_apart(Measurement(over_seeds(values), None), 0.1) == 1
    assert np.isnan(p_apart(NOTHING, 0.1))


def test_apart_needs_both_intervals():
    sure, unsure = Estimate(0.1, 0.01, 4, 5, 0), Estimate(0.1, 0.1, 20, 5, 24)
    assert (
        p_apart(Measurement(sure, unsure), 0.05)
        == p_apart(Measurement(unsure, None), 0.05)
        > p_apart(Measurement(sure, None), 0.05)
    )


# ---- several quantities ----------------------------------------------------------------------------------------------


def joint_of(columns, seed=0):
    """A `Joint` of quantities, (seeds, quantities), that are not computed from recordings."""
    columns = np.asarray(columns, float)
    measured = [Measurement(over_seeds(values), None) for values in columns.T]
    return Joint(measured, [seed_deviates(columns, np.random.default_rng(seed), 2000)])


def test_all_are_equal_if_each_is(claims):
    """Intersection-union test: the p-value is the largest, with no correction for the number of quantities."""
    quantities = [[0.004, 0.001], [0.008, 0.0], [-0.003, 0.002], [0.001, 0.001]]
    joint = joint_of(quantities)
    statement = all_equivalent("ab", joint, [], 0.01, claims)
    one_by_one = [over_seeds(values) for values in np.transpose(quantities)]
    assert statement.p == max(p_equivalent(estimate, 0.01) for estimate in one_by_one) < 0.05
    assert statement.smallest_margin == max(smallest_margin(estimate, 0.05) for estimate in one_by_one)
    assert statement.p_refutation == 1
    assert statement.statistic == "a" and statement.measured == joint.measured[0]


def test_row_of_all_shows_the_quantity_on_which_the_verdict_hangs(claims):
    """Its interval lies within the margin if and only if p is below the level; the largest estimate's would anyway."""
    quantities = np.array([[0.006, 0.004], [0.006, -0.006], [0.007, 0.003], [0.0065, 0.007]])
    for margin, verdict in ((0.008, UNDECIDED), (0.02, SUPPORTED)):
        (row,) = decide([all_equivalent(["far", "noisy"], joint_of(quantities), [], margin, claims)], claims)
        assert row["statistic"] == "noisy" and row["verdict"] == verdict
        assert (max(-row["low"], row["high"]) < margin) == (row["p"] < 0.05) == (verdict == SUPPORTED)
        assert row["smallest_margin"] == pytest.approx(max(-row["low"], row["high"]))


def test_one_that_is_apart_refutes_all(claims):
    quantities = np.array([[0.0, 0.1, 0.0], [0.01, 0.11, 0.0], [0.0, 0.1, 0.01], [0.01, 0.1, 0.0]])
    statement = all_equivalent("abc", joint_of(quantities), [], 0.05, claims)
    assert statement.p == pytest.approx(1, abs=0.01) and statement.p_refutation < 0.01
    assert statement.statistic == "b"
    assert all_equivalent("abc", joint_of(quantities), [], 0.2, claims).p_refutation == 1


def test_refutation_must_hold_for_other_recordings_too(claims):
    """All seeds agree that one difference is 0.05 above the margin, but a few recordings make it so."""
    uneven = np.zeros(24)
    uneven[:3] = 0.9
    f1 = overall_score("f1", make_arm().kinds)
    arms = [make_arm(f1=0.05, by_seed=[0, 0, 0], by_recording=uneven), make_arm(f1=0.05, by_seed=[0, 0, 0])]
    joint = measure_jointly(lambda a, b: np.stack([f1(a) - f1(b), 0 * f1(a)], axis=-1), arms, claims)
    seeds, both = (Joint(joint.measured, [part]).p(0.05) for part in joint.deviates)
    assert joint.measured[0].seeds.value > 0.1 and seeds < 0.05 < both == joint.p(0.05)


# ---- what keeps a statement from being decided -----------------------------------------------------------------------

LATE = [curve(gain=0.05)] * 5
SHORT = [curve(epochs=6)] * 5


@pytest.mark.parametrize("curves, words", [(LATE, "not trained"), (SHORT, "unclear whether trained")])
@pytest.mark.parametrize("values", [[0.07, 0.08, 0.06, 0.07, 0.07], [-0.07, -0.08, -0.06, -0.07, -0.07]])
def test_nothing_is_decided_about_networks_that_may_not_be_trained(claims, curves, words, values):
    """Neither support nor refutation of any kind of statement."""
    arms = [make_arm("YOHO"), make_arm("EfficientNet", curves=curves)]
    for test in (above, below, lambda statement, margin: equivalent(statement, 0.2, claims)):
        (row,) = decide([test(untested(values, arms), 0)], claims)
        (trained,) = decide([test(untested(values, arms[:1]), 0)], claims)
        assert row["verdict"] == UNDECIDED != trained["verdict"]
        assert row["reason"] == f"{words}: EfficientNet"


def test_reason_names_every_network_that_may_not_be_trained(claims):
    arms = [make_arm("YOHO", curves=SHORT), make_arm("EfficientNet", curves=LATE)]
    (row,) = decide([above(untested([0.1, 0.2], arms), 0)], claims)
    assert row["reason"] == "not trained: EfficientNet; unclear whether trained: YOHO"


def test_flat_networks_with_a_low_score_are_compared(claims):
    arms = [make_arm("YOHO"), make_arm("VGGish", curves=[curve(top=0.35)] * 5)]
    assert verdicts(decide([above(untested([0.5, 0.6, 0.55], arms), 0)], claims)) == [SUPPORTED]


def test_networks_that_share_no_seed_are_undecided(claims):
    for arms, words in (([nobody()], "it"), ([make_arm(), nobody()], "both"), ([make_arm()] * 2 + [nobody()], "all")):
        statement = Statement("", NOTHING, arms)
        for test in (above(statement, 0), below(statement, 0), equivalent(statement, 0.1, claims)):
            (row,) = decide([test], claims)
            assert (row["verdict"], row["reason"]) == (UNDECIDED, f"no seed has trained {words}")
            assert row["n_seeds"] == 0 and np.isnan([row["estimate"], row["low"], row["p"]]).all()


def test_one_seed_decides_nothing(claims):
    (row,) = decide([above(untested([0.1]), 0)], claims)
    assert row["verdict"] == UNDECIDED and row["reason"] == "one seed: the variation between seeds is unknown"


def test_unknown_error_decides_nothing(claims):
    unknown = Measurement(over_seeds([0.1, 0.11, 0.1]), Estimate(0.1, np.nan, 0, 3, 6))
    (row,) = decide([above(Statement("", unknown, []), 0)], claims)
    assert row["verdict"] == UNDECIDED and row["reason"] == "a score or its error is unknown"


# ---- rows ------------------------------------------------------------------------------------------------------------


def test_interval_of_a_row_is_the_one_that_its_verdict_uses(claims):
    """It holds both estimates' intervals with a coverage of 1 - 2 level, and its end is where the verdict turns."""
    uneven = np.random.default_rng(2).normal(0, 0.08, 24)
    arms = [make_arm(by_recording=uneven), make_arm(by_seed=20 * STUDENT)]
    measured = score_difference("f1", *arms, claims)
    (row,) = decide([above(Statement("", measured, arms), -1)], claims)
    ends = [interval(estimate, 0.9) for estimate in measured]
    assert (row["low"], row["high"]) == (min(low for low, _ in ends), max(high for _, high in ends))
    assert (row["low_seeds"], row["high_seeds"]) == ends[0]
    for margin, verdict in ((row["low"] - 1e-6, SUPPORTED), (row["low"] + 1e-6, UNDECIDED)):
        assert verdicts(decide([above(Statement("", measured, arms), margin)], claims)) == [verdict]


def test_row_states_the_least_that_its_networks_rest_on(claims):
    first = make_arm()._replace(exposure={"windows_seen": 60_000, "mixes": 600, "recordings": 500})
    second = make_arm()._replace(exposure={"windows_seen": 90_000, "mixes": 500, "recordings": 900})
    (row,) = decide([above(Statement("", score_difference("f1", first, second, claims), [first, second]), 0)], claims)
    assert (row["n_seeds"], row["n_recordings"]) == (5, 24)
    rests_on = [row[f"training_{key}"] for key in ("windows_seen", "mixes", "recordings")]
    assert rests_on == [60_000, 500, 500]


def test_row_states_the_seeds_that_its_networks_are_to_share(claims):
    arms = [make_arm()._replace(planned=list(range(12))), make_arm()._replace(planned=[0, 1, 2, 3, 4, 20])]
    for compared, expected in ((arms, 5), (arms[:1], 12), ([arms[0], nobody()], 0), ([], 0)):
        assert decide([above(untested([0.1, 0.2], compared), 0)], claims)[0]["n_planned"] == expected
    waiting = Statement("", NOTHING, [arms[0], nobody()._replace(planned=[0, 1, 2])])
    (row,) = decide([above(waiting, 0)], claims)
    assert (row["n_seeds"], row["n_planned"]) == (0, 3)


def test_shown_row_has_no_test_and_does_not_count_among_the_refutations(claims):
    refuted = above(untested([-0.01, -0.02, -0.035], [make_arm()]), 0)
    shown = untested([0.5, 0.6, 0.55], [make_arm("EfficientNet", curves=LATE)])
    alone, row = decide([refuted], claims, [shown])
    assert alone["p_refutation"] == refuted.p_refutation and alone["verdict"] == CONTRADICTED
    assert (row["verdict"], row["test"]) == (SHOWN, "none") and np.isnan([row["p"], row["p_refutation"]]).all()
    assert row["estimate"] == pytest.approx(0.55) and row["low"] < 0.55 < row["high"]
    assert row["reason"].startswith("not trained: EfficientNet")


def test_note_stands_beside_any_reason(claims):
    several, one = (untested(values)._replace(note="noted") for values in ([0.07, 0.08, 0.06], [0.07]))
    reasons = [row["reason"] for row in decide([above(several, 0.05), above(one, 0.05)], claims)]
    assert reasons == ["noted", "one seed: the variation between seeds is unknown; noted"]


def test_contradiction_states_its_p_value(claims):
    (row,) = decide([above(untested([-0.07, -0.08, -0.06]), 0)], claims)
    assert row["reason"] == f"the contrary is significant (p = {row['p_refutation']:.2g})"


@pytest.mark.parametrize("name", ["f1", "data_loss", "area"])
def test_power_in_the_reason_is_that_of_the_measure(claims, name):
    (row,) = decide([equivalent(untested([0.1, -0.2, 0.1]), 0.04, claims, name)], claims)
    power = equivalence_power(0.04, claims["expected_deviation"][name], 3, 0.05)
    assert row["verdict"] == UNDECIDED and row["reason"].endswith(f"the power of 3 seeds is {power:.2f} at most")
