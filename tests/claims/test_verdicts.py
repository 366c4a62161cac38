"""Verdicts on made-up networks with known answers: supported, contradicted, undecided, untrained, not testable."""

from dataclasses import replace

import numpy as np
import pytest
from arms import (
    BINS,
    NETWORKS,
    PER_CLASS,
    REFERENCES,
    SIZES,
    STRATA,
    STUDENT,
    cell,
    curve,
    curves_with_penalties,
    evidence,
    given,
    make_arm,
    verdict_of_each,
)
from scipy import stats

from yoho.claims import verdicts as module
from yoho.claims.measures import Measurement, class_scores, convergence_difference, measure, score_difference
from yoho.claims.statistics import Estimate, equivalence_power, over_seeds, p_difference, p_equivalent
from yoho.claims.verdicts import (
    CLAIMS,
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    UNTESTABLE,
    Statement,
    above,
    balanced,
    claim_1,
    claim_2,
    claim_3,
    claim_4,
    claim_5,
    claim_6,
    claim_7,
    claims_table,
    decide,
    equivalent,
    p_apart,
    table_row,
)


def verdicts(rows):
    return [row["verdict"] for row in rows]


def pair(proposed, baseline=None):
    return {"proposed": proposed, "baseline": make_arm() if baseline is None else baseline}


# ---- statements ------------------------------------------------------------------------------------------------------


def test_equivalence_is_decided_at_the_config_s_level_and_margin(claims):
    arms = [make_arm(), make_arm()]
    found = Measurement(over_seeds([0.004, 0.008, -0.003, 0.001]), None)
    assert 0.01 < p_equivalent(found.seeds, 0.01) < 0.05

    def verdict(margin, claims):
        return decide([equivalent(Statement("", found, arms), margin, claims)], claims)[0]["verdict"]

    assert verdict(0.01, claims) == SUPPORTED
    assert verdict(0.01, claims | {"level": 0.01}) == UNDECIDED
    assert verdict(0.005, claims) == UNDECIDED


@pytest.mark.parametrize(
    "values, margin, expected",
    [
        ([0.07, 0.08, 0.06], 0.05, SUPPORTED),
        ([0.03, 0.04, 0.02], 0.05, CONTRADICTED),
        ([0.05, 0.09, 0.03], 0.05, UNDECIDED),
        ([-0.07, -0.08, -0.06], -0.1, SUPPORTED),
        ([-0.07, -0.08, -0.06], 0, CONTRADICTED),
        ([0.07], 0.05, UNDECIDED),
    ],
)
def test_more_than_a_margin_is_shown_refuted_or_neither(claims, values, margin, expected):
    (row,) = decide([above(Statement("", Measurement(over_seeds(values), None), []), margin)], claims)
    assert row["verdict"] == expected
    assert row["test"] == f"more than {margin}" and row["estimate"] == pytest.approx(np.mean(values))


def test_statements_keep_their_level_and_refutations_are_adjusted(claims):
    """Three statements with p-values of about 0.03 all hold; three refutations with p-values of 0.03 do not."""
    finding = Measurement(over_seeds([0.01, 0.02, 0.035]), None)
    shown, refuted = (
        above(Statement("", finding, []), 0),
        above(Statement("", Measurement(finding.seeds._replace(value=-finding.seeds.value), None), []), 0),
    )
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


def test_apart_needs_both_intervals():
    sure, unsure = Estimate(0.1, 0.01, 4, 5, 0), Estimate(0.1, 0.1, 20, 5, 24)
    assert (
        p_apart(Measurement(sure, unsure), 0.05)
        == p_apart(Measurement(unsure, None), 0.05)
        > p_apart(Measurement(sure, None), 0.05)
    )


# ---- C1: comparable --------------------------------------------------------------------------------------------------


def test_equal_networks_are_comparable(claims):
    (row,) = claim_1(given(pair(make_arm("EfficientNet"))), claims)
    assert row["verdict"] == SUPPORTED and row["reason"] == ""
    assert row["p"] < 0.05 and row["n_seeds"] == 5 and row["n_recordings"] == 24
    assert row["statistic"] == "F1, EfficientNet less YOHO" and row["test"] == "equal within 0.01"


@pytest.mark.parametrize("shift", [0.004, -0.004])
def test_small_difference_is_comparable_though_it_is_shown(claims, shift):
    """The difference is the same for every seed and recording, so it is significant, and it is within the margin."""
    arms = pair(make_arm(f1=0.8 + shift))
    (row,) = claim_1(given(arms), claims)
    assert score_difference("f1", *arms.values(), claims).p(p_difference) < 0.05
    assert row["verdict"] == SUPPORTED and row["estimate"] == pytest.approx(shift, rel=0.1)


@pytest.mark.parametrize("shift", [0.05, -0.05])
def test_different_networks_are_not_comparable(claims, shift):
    (row,) = claim_1(given(pair(make_arm(f1=0.8 + shift, by_seed=-STUDENT))), claims)
    assert row["verdict"] == CONTRADICTED
    assert row["estimate"] == pytest.approx(shift, rel=0.1)
    assert row["low"] < row["estimate"] < row["high"] and row["low"] * row["high"] > 0


def test_noise_decides_nothing_and_the_reason_states_the_power(claims):
    (row,) = claim_1(given(pair(make_arm(by_seed=20 * STUDENT))), claims)
    assert row["verdict"] == UNDECIDED
    power = equivalence_power(0.01, 0.02, 5, 0.05)
    assert row["reason"].endswith(f"the power of 5 seeds is {power:.2f} at most")


def test_seeds_that_agree_do_not_speak_for_other_recordings(claims):
    uneven = np.random.default_rng(2).normal(0, 0.08, len(STRATA))
    uneven -= np.average(uneven, weights=make_arm().tallies[0, :, 0, REFERENCES])
    arms = pair(make_arm(by_recording=uneven))
    (row,) = claim_1(given(arms), claims)
    assert p_equivalent(score_difference("f1", *arms.values(), claims).seeds, 0.01) < 0.05
    assert row["verdict"] == UNDECIDED and row["p"] > 0.05
    assert row["low"] < row["low_seeds"] < row["high_seeds"] < row["high"]


@pytest.mark.parametrize("label, untrained", [("EfficientNet", curve(top=0.4)), ("YOHO", curve(rise=0.1))])
def test_equal_networks_are_not_comparable_where_one_is_not_trained(claims, label, untrained):
    arms = {"proposed": make_arm("EfficientNet"), "baseline": make_arm("YOHO")}
    arms = {role: arm._replace(histories=[untrained] * 5) if arm.label == label else arm for role, arm in arms.items()}
    (row,) = claim_1(given(arms), claims)
    assert row["p"] < 0.05
    assert row["verdict"] == UNDECIDED and row["reason"] == f"not trained to the end: {label}"


def test_untrained_networks_are_not_called_different_either(claims):
    untrained = [curve(top=0.4)] * 5
    assert verdicts(claim_1(given(pair(make_arm(f1=0.7, curves=untrained))), claims)) == [UNDECIDED]


@pytest.mark.parametrize("f1", [0.8, 0.3])
def test_one_seed_decides_nothing(claims, f1):
    (row,) = claim_1(given(pair(make_arm(f1=f1, by_seed=[0]), make_arm(by_seed=[0]))), claims)
    assert row["verdict"] == UNDECIDED and "one seed" in row["reason"] and row["n_seeds"] == 1
    assert np.isnan(row["p"]) and np.isfinite([row["low"], row["high"]]).all()


def test_one_recording_of_each_class_decides_nothing(claims):
    first = np.arange(0, len(STRATA), PER_CLASS)
    few = [arm._replace(tallies=arm.tallies[:, first], strata=STRATA[first]) for arm in (make_arm(f1=0.3), make_arm())]
    assert verdicts(claim_1(given(pair(*few)), claims)) == [UNDECIDED]


def decided(claims, shift, runs=120):
    """Verdicts on networks that truly differ by `shift`, from five seeds and 24 recordings."""
    rng, claims = np.random.default_rng(int(1e4 * abs(shift))), claims | {"replicates": 100}
    for draw in range(runs):
        by_recording = rng.normal(0, 0.01, len(STRATA))
        first = make_arm(f1=0.8 + shift, by_seed=rng.normal(0, 0.003, 5), by_recording=by_recording, draw=draw)
        arms = [first, make_arm(draw=draw, by_seed=np.zeros(5))]
        statement = equivalent(Statement("", score_difference("f1", *arms, claims), arms), 0.01, claims)
        yield table_row(statement, statement.p_refutation, claims)["verdict"]


def at_most(found, verdict, rate):
    """Whether a verdict is no more frequent than its rate allows, at the level of 0.1 %."""
    found = list(found)
    return found.count(verdict) <= stats.binom.ppf(0.999, len(found), rate)


def test_networks_at_the_margin_are_rarely_called_comparable(claims):
    assert at_most(decided(claims, -0.01), SUPPORTED, 0.05)


def test_equal_networks_are_often_called_comparable_and_rarely_different(claims):
    found = list(decided(claims, 0.0))
    assert found.count(SUPPORTED) > len(found) / 2
    assert at_most(found, CONTRADICTED, 0.05)


def test_networks_within_the_margin_are_rarely_called_different(claims):
    assert at_most(decided(claims, 0.0095), CONTRADICTED, 0.05)


# ---- C2: a lower loss ------------------------------------------------------------------------------------------------


def loss_arms(data=(1.0, 0.8), reported=((75, 76, 74.5), (22, 21, 22.5))):
    """Arms of a baseline and a proposed network: data loss per bin, and reported loss of each seed."""
    arms = {}
    for role, label, own, penalties in zip(("baseline", "proposed"), ("YOHO", "EfficientNet"), data, reported):
        arms[role] = make_arm(label, by_seed=[0, 0, 0], loss=np.asarray(own) * [1.0, 1.001, 0.999])
        arms[f"penalised_{role}"] = make_arm(label, by_seed=[0, 0, 0], curves=curves_with_penalties(*penalties))
    return arms


def test_lower_loss_is_found_in_the_data_loss_and_in_the_reported_one(claims):
    data, reported = claim_2(given(loss_arms()), claims)
    assert data["verdict"] == reported["verdict"] == SUPPORTED
    assert data["estimate"] == pytest.approx(0.2 * BINS, rel=0.1) and data["n_recordings"] == 24
    assert reported["estimate"] == pytest.approx(np.mean([53, 55, 52])) and reported["n_recordings"] == 24
    assert reported["p"] == pytest.approx(stats.ttest_1samp([53, 55, 52], 0, alternative="greater").pvalue)
    assert (reported["low"], reported["high"]) == pytest.approx((reported["low_seeds"], reported["high_seeds"]))


def test_lower_loss_by_the_penalty_alone_is_seen(claims):
    data, reported = claim_2(given(loss_arms(data=(0.8, 1.0))), claims)
    assert (data["verdict"], reported["verdict"]) == (CONTRADICTED, SUPPORTED)


def test_lower_loss_of_untrained_networks_is_supported_with_a_reserve(claims):
    arms = loss_arms()
    arms["baseline"] = arms["baseline"]._replace(histories=[curve(rise=0.1)] * 3)
    data, reported = claim_2(given(arms), claims)
    assert (data["verdict"], data["reason"]) == (SUPPORTED, "not trained to the end: YOHO")
    assert (reported["verdict"], reported["reason"]) == (SUPPORTED, "")


def test_equal_losses_decide_nothing(claims):
    rows = claim_2(given(loss_arms(data=([1, 1.1, 1], [1.1, 1, 1]), reported=((22, 21, 23), (21, 23, 22)))), claims)
    assert verdicts(rows) == [UNDECIDED, UNDECIDED]


# ---- C3: clearly worse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vggish, expected",
    [
        (0.6, [SUPPORTED, SUPPORTED]),
        (0.73, [UNDECIDED, SUPPORTED]),  # noise around the margin of 0.05
        (0.79, [CONTRADICTED, CONTRADICTED]),  # worse, but not clearly
        (0.9, [CONTRADICTED, CONTRADICTED]),
    ],
)
def test_vggish_is_clearly_worse_than_both_or_not(claims, vggish, expected):
    arms = {"baseline": make_arm("YOHO", 0.78, 5 * STUDENT), "proposed": make_arm("EfficientNet", 0.83, STUDENT)}
    rows = claim_3(given(arms | {"vggish": make_arm("VGGish", vggish, -STUDENT)}), claims)
    assert verdicts(rows) == expected
    assert [row["statistic"] for row in rows] == ["F1, YOHO less VGGish", "F1, EfficientNet less VGGish"]


# ---- C4: classes -----------------------------------------------------------------------------------------------------


def three(f1, guessed=1.0, **others):
    return {role: make_arm(role, f1, guessed=guessed, **others) for role in ("baseline", "vggish", "proposed")}


def of_baseline(rows):
    """Balance, rainforest and car of one network."""
    return [row for row in rows if row["statistic"].endswith("baseline")]


def test_balance_and_the_classes_that_stand_out_are_found(claims):
    rows = claim_4(given(three([0.85, 0.8, 0.8], [1, 1.1, 1]), source="bbc"), claims)
    assert verdicts(rows) == [SUPPORTED] * 9
    balance, rainforest, car = of_baseline(rows)
    assert (
        "farthest apart" in balance["statistic"]
        and "rainforest" in rainforest["statistic"]
        and "car" in car["statistic"]
    )
    assert car["estimate"] == pytest.approx(0.825 - 0.8 / 1.1, abs=0.03)
    assert abs(balance["estimate"]) < 0.2 and 0 < rainforest["estimate"] < 0.1
    assert {row["n_recordings"] for row in rows} == {24}


@pytest.mark.parametrize(
    "f1, guessed, expected",
    [
        ([0.5, 0.8, 0.8], 1, [CONTRADICTED, CONTRADICTED, CONTRADICTED]),  # rainforest worse, in precision too
        ([0.8, 0.8, 0.8], [1, 0.9, 1], [SUPPORTED, CONTRADICTED, CONTRADICTED]),  # car found less often, and better
        ([0.8, 0.8, 0.6], 1, [UNDECIDED, SUPPORTED, CONTRADICTED]),  # at the margin of balance; car more precise
        ([0.95, 0.8, 0.8], [1, 1.1, 1], [SUPPORTED, CONTRADICTED, SUPPORTED]),  # rainforest more than slightly better
        ([0.92, 0.8, 0.8], 1, [SUPPORTED, UNDECIDED, SUPPORTED]),  # better, and slightly or more
    ],
)
def test_each_part_is_decided_by_itself(claims, f1, guessed, expected):
    assert verdicts(of_baseline(claim_4(given(three(f1, guessed), source="bbc"), claims))) == expected


def test_balance_is_of_every_two_classes(claims):
    """The p-value is the largest of all pairs; that of the refutation is the smallest after Holm's adjustment."""
    arm = make_arm("baseline", [0.8, 0.7, 0.5], by_recording=np.random.default_rng(0).normal(0, 0.1, len(STRATA)))
    statement = balanced(arm, claims)
    pairs = {
        (first, second): measure(
            lambda sums, a=first, b=second: class_scores("f1")(sums)[..., a] - class_scores("f1")(sums)[..., b],
            [arm],
            claims,
        )
        for first, second in ((0, 1), (0, 2), (1, 2))
    }
    assert statement.statistic.startswith("F1 of rainforest less clocks")
    assert statement.measured == pairs[0, 2]
    assert statement.p == max(difference.p(p_equivalent, 0.2) for difference in pairs.values())
    assert statement.p_refutation == pytest.approx(3 * p_apart(pairs[0, 2], 0.2)) and statement.p_refutation < 1


def test_largest_of_many_differences_is_not_taken_for_a_true_one(claims):
    """Classes differ by 0.18. Noise widens their range, which must not refute a balance within 0.2."""
    rng, found = np.random.default_rng(0), []
    for draw in range(60):
        noise = rng.normal(0, 0.15, len(STRATA))
        arm = make_arm("", [0.52, 0.7, 0.52], by_seed=rng.normal(0, 0.02, 3), by_recording=noise, draw=draw)
        refuted = balanced(arm, claims | {"replicates": 100}).p_refutation < 0.05
        found.append(CONTRADICTED if refuted else UNDECIDED)
    assert at_most(found, CONTRADICTED, 0.05)


@pytest.mark.parametrize("source", ["synthetic", "esc50"])
def test_claims_about_classes_of_the_bbc_are_not_testable_on_other_recordings(claims, source):
    rows = claim_4(given(three([0.85, 0.8, 0.8], [1, 1.1, 1]), source=source), claims)
    for row in rows:
        named = "farthest apart" not in row["statistic"]
        assert row["verdict"] == (UNTESTABLE if named else SUPPORTED)
        assert ("bbc" in row["reason"]) == named
    assert sum(row["verdict"] == UNTESTABLE for row in rows) == 6


def test_what_cannot_be_tested_does_not_count_among_the_refutations(claims):
    f1, by_recording = [0.5, 0.7, 0.8], np.random.default_rng(0).normal(0, 0.1, len(STRATA))
    arms = three(f1, by_seed=[0, 0, 0], by_recording=by_recording)
    refutation = decide([balanced(arms["baseline"], claims)], claims)[0]["p_refutation"]
    here, there = (
        of_baseline(claim_4(given(arms, source=source), claims))[0]["p_refutation"] for source in ("synthetic", "bbc")
    )
    assert 0.01 < refutation < 0.1
    assert here == pytest.approx(3 * refutation) and there > 1.5 * here


def test_claims_about_classes_that_a_dataset_lacks_are_not_testable(claims):
    arms = {role: arm._replace(event_labels=["dog", "rain", "clocks"]) for role, arm in three(0.8).items()}
    rows = claim_4(given(arms, source="esc50"), claims)
    assert verdicts(rows) == [SUPPORTED] * 3 + [UNTESTABLE] and "bbc" in rows[-1]["reason"]
    assert rows[-1]["reason"].endswith("this dataset has neither class")


def test_one_class_alone_is_not_testable(claims):
    arms = {role: arm._replace(event_labels=["dog"]) for role, arm in three(0.8).items()}
    assert verdicts(claim_4(given(arms, source="esc50"), claims)) == [UNTESTABLE]


def test_networks_that_find_nothing_are_not_balanced(claims):
    arms = three(-1.0, curves=[curve(top=0.0)] * 5)
    assert SUPPORTED not in verdicts(claim_4(given(arms, source="synthetic"), claims))


# ---- C5: the mask ----------------------------------------------------------------------------------------------------


def epochs_cell(differences, label="lr 0.001", epochs=100, reached=40):
    """A cell whose networks differ only in their epochs to converge."""
    seeds = np.zeros(len(differences))
    masked = [curve(reached=reached + late, epochs=epochs) for late in differences]
    plain = [curve(reached=reached, epochs=epochs) for _ in differences]
    return label, make_arm("mask", by_seed=seeds, curves=masked), make_arm("none", by_seed=seeds, curves=plain)


def test_mask_that_changes_nothing_in_any_cell_is_shown(claims):
    labels = ["lr 0.001, mask head", "lr 0.0001, mask middle"]
    rows = claim_5(given(cells=[cell(labels[0], loss=1 + STUDENT), cell(labels[1])]), claims)
    assert verdicts(rows) == [SUPPORTED] * 6
    for number, row in enumerate(rows):
        assert ("F1", "loss", "epochs")[number % 3] in row["statistic"] and labels[number // 3] in row["statistic"]
    assert [row["test"] for row in rows[:3]] == [f"equal within {margin}" for margin in (0.01, 0.05, 0.1)]
    assert [row["n_recordings"] for row in rows[:3]] == [24, 24, 0]


def test_relative_loss_is_a_share_of_the_second(claims):
    row = claim_5(given(cells=[cell("", make_arm(loss=1.2), make_arm(loss=1.6))]), claims)[1]
    assert row["estimate"] == pytest.approx(-0.25)
    assert row["high_seeds"] - row["low_seeds"] < 1e-8 and row["high"] - row["low"] < 1e-8  # alike for all


@pytest.mark.parametrize(
    "changed, place",
    [({"f1": 0.7}, 0), ({"loss": 1.2 + STUDENT}, 1), ({"curves": [curve(reached=9 + n % 2) for n in range(5)]}, 2)],
)
def test_mask_that_changes_one_measure_in_one_cell_is_found(claims, changed, place):
    cells = [cell(), cell("lr 0.0001", by_seed=-STUDENT, **changed), cell("step")]
    expected = [SUPPORTED] * 9
    expected[3 + place] = CONTRADICTED
    assert verdicts(claim_5(given(cells=cells), claims)) == expected


def test_cell_with_untrained_networks_is_refused_and_the_others_stand(claims):
    late = make_arm("none", curves=[curve(rise=0.1)] * 5)
    rows = claim_5(
        given(cells=[cell(), cell("lr 0.0001", make_arm("mask", curves=[curve(rise=0.1)] * 5), late)]), claims
    )
    assert verdicts(rows) == [SUPPORTED] * 3 + [UNDECIDED] * 3
    assert {row["reason"] for row in rows[3:]} == {"not trained to the end: mask, none"}


def test_equivalence_needs_no_correction_as_all_cells_must_show_it(claims):
    """Intersection-union test: in each cell a p-value between 0.05 / 3 and 0.05 is enough."""
    late = [2, 6, -2]
    p = p_equivalent(convergence_difference(*epochs_cell(late)[1:], 0.95).seeds, 0.1)
    assert 0.05 / 3 < p < 0.05
    rows = claim_5(given(cells=[epochs_cell(late), epochs_cell(late, "b"), epochs_cell(late, "c")]), claims)
    assert verdicts(rows) == [SUPPORTED] * 9
    assert [rows[place]["p"] for place in (2, 5, 8)] == pytest.approx([p] * 3)


def test_refutations_are_adjusted_for_all_cells_and_measures(claims):
    """A difference that is significant by itself is not significant among three measures."""
    late = [18, 40, 33, 24]
    p = p_apart(convergence_difference(*epochs_cell(late)[1:], 0.95), 0.1)
    assert 0.05 / 3 < p < 0.05
    row = claim_5(given(cells=[epochs_cell(late)]), claims)[2]
    assert row["p_refutation"] == pytest.approx(3 * p)
    assert row["verdict"] == UNDECIDED
    surer = claim_5(given(cells=[epochs_cell([30, 31, 30, 31])]), claims)[2]
    assert surer["p_refutation"] < 0.05 and surer["verdict"] == CONTRADICTED


def test_power_in_the_reason_is_that_of_the_measure(claims):
    loud = cell(by_seed=20 * STUDENT, loss=1 + 100 * STUDENT, curves=[curve(reached=3 + 2 * n) for n in range(5)])
    rows = claim_5(given(cells=[loud]), claims)
    assert verdicts(rows) == [UNDECIDED] * 3
    for row, name in zip(rows, ("f1", "data_loss", "epochs"), strict=True):
        power = equivalence_power(claims["C5"]["margin"][name], claims["expected_deviation"][name], 5, 0.05)
        assert f"power of 5 seeds is {power:.2f}" in row["reason"]


def test_true_difference_at_the_margin_is_not_rounded_to_an_equivalence(claims):
    """With twelve epochs and a margin of 1.2 epochs, a true difference of 1.2 is rounded to 1 for most seeds."""
    rng, plain, shown = np.random.default_rng(0), make_arm(by_seed=[0] * 3, curves=[curve(epochs=12)] * 3), []
    for _ in range(100):
        late = np.round(rng.normal(1.2, 0.3, 3))
        masked = plain._replace(histories=[curve(reached=4 + epochs, epochs=12) for epochs in late])
        shown.append(
            SUPPORTED if convergence_difference(masked, plain, 0.95).p(p_equivalent, 0.1) < 0.05 else UNDECIDED
        )
    assert at_most(shown, SUPPORTED, 0.05)


def test_rounding_to_whole_epochs_leaves_some_doubt(claims):
    """Three seeds all converge in the same epoch of eight: a difference of less than one epoch remains possible."""
    found = convergence_difference(*epochs_cell([0, 0, 0], epochs=8, reached=4)[1:], 0.95).seeds
    assert found.value == 0 and found.error == pytest.approx(1 / 8 / np.sqrt(18))


def test_one_seed_of_the_mask_study_decides_nothing(claims):
    (label, masked, plain) = epochs_cell([40])
    assert verdicts(claim_5(given(cells=[(label, masked, plain)]), claims)) == [UNDECIDED] * 3


# ---- C6: whose improvement -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain, masked, expected",
    [
        (0.85, 0.85, [SUPPORTED, SUPPORTED]),
        (0.80, 0.85, [UNDECIDED, CONTRADICTED]),  # the mask's
        (0.85, 0.90, [SUPPORTED, CONTRADICTED]),  # both
        (0.75, 0.75, [CONTRADICTED, SUPPORTED]),  # none
    ],
)
def test_improvement_is_ascribed_to_the_backbone_or_the_mask(claims, plain, masked, expected):
    arms = {
        "baseline": make_arm("YOHO", 0.8, by_seed=[0.01, -0.01, 0.005, -0.005, 0]),
        "unmasked": make_arm("EfficientNet", plain, STUDENT),
        "proposed": make_arm("EfficientNet + mask", masked, np.zeros(5)),
    }
    rows = claim_6(given(arms), claims)
    assert verdicts(rows) == expected
    parts = ["F1, EfficientNet less YOHO", "F1, EfficientNet + mask less EfficientNet"]
    assert [row["statistic"] for row in rows] == parts


def test_mask_without_effect_is_not_shown_by_untrained_networks(claims):
    untrained = make_arm("EfficientNet", 0.9, STUDENT, curves=[curve(rise=0.1)] * 5)
    arms = {"baseline": make_arm(by_seed=-STUDENT), "unmasked": untrained, "proposed": untrained}
    rows = claim_6(given(arms), claims)
    assert verdicts(rows) == [SUPPORTED, UNDECIDED] and "EfficientNet" in rows[1]["reason"]


# ---- C7: arithmetic --------------------------------------------------------------------------------------------------


def test_parameters_are_counted_and_nothing_is_tested(claims):
    rows = claim_7(given(three(0.8)), claims)
    assert verdicts(rows) == [CONTRADICTED, SUPPORTED, SUPPORTED]
    assert [row["estimate"] for row in rows] == [1_050_240, -9_015_470, -10_287_040]
    assert rows[0]["reason"] == "4,984,530 against 3,934,290"
    for row in rows:
        assert row["test"] == "arithmetic" and np.isnan(row["p"]) and row["n_seeds"] == 0


def test_parameters_are_of_the_networks_that_the_claims_name(claims):
    networks = NETWORKS | {
        "proposed": ["efficientnet", "none", "multiply"],
        "baseline": ["mobilenet", "backbone", "multiply"],
    }
    rows = claim_7(given(three(0.8), networks=networks), claims)
    assert [row["estimate"] for row in rows] == [0, 1 - 14_000_000, 1 - 15_271_570]
    assert rows[0]["verdict"] == CONTRADICTED  # as many are not fewer


def test_fewest_parameters_are_fewer_than_all(claims):
    few = SIZES.assign(parameters=SIZES["parameters"].where(SIZES["parameters"] != 4_984_530, 3_000_000))
    assert verdicts(claim_7(given(three(0.8), sizes=few), claims)) == [SUPPORTED] * 3


# ---- all of them -----------------------------------------------------------------------------------------------------


def test_every_claim_is_decided_and_names_its_dataset(claims):
    table = claims_table(claims, "archive", evidence())
    expected = dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], SUPPORTED) | {"C7": CONTRADICTED}
    assert verdict_of_each(table) == expected
    assert list(CLAIMS) == list(expected)
    assert (table["dataset"] == "archive").all()
    assert table.loc[table["claim"] != "C7"].notna().all(axis=None)


def test_one_seed_decides_no_claim_but_arithmetic(claims):
    table = claims_table(claims, "archive", evidence(1))
    assert verdict_of_each(table) == dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], UNDECIDED) | {
        "C7": CONTRADICTED
    }
    assert table.loc[table["claim"] != "C7", "p"].isna().all()
    assert (table.loc[table["claim"] != "C7", "verdict"] == UNDECIDED).all()


def test_other_recordings_leave_the_claim_about_classes_untestable(claims):
    table = claims_table(claims, "builtin", replace(evidence(), source="synthetic"))
    assert verdict_of_each(table)["C4"] == UNTESTABLE and verdict_of_each(table)["C3"] == SUPPORTED


@pytest.mark.parametrize(
    "parts, expected",
    [
        ([SUPPORTED], SUPPORTED),
        ([SUPPORTED, SUPPORTED, UNDECIDED], UNDECIDED),
        ([UNDECIDED, UNTESTABLE, SUPPORTED], UNTESTABLE),
        ([UNDECIDED, UNTESTABLE, SUPPORTED, CONTRADICTED], CONTRADICTED),
        ([CONTRADICTED, SUPPORTED], CONTRADICTED),
    ],
)
def test_claim_holds_where_all_its_parts_do(claims, monkeypatch, parts, expected):
    monkeypatch.setattr(module, "CLAIMS", {"C1": lambda *_: [{"verdict": part} for part in parts]})
    table = claims_table(claims, "builtin", evidence())
    assert table["claim_verdict"].tolist() == [expected] * len(parts)
    assert table["verdict"].tolist() == parts
