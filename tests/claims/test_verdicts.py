"""Verdicts on made-up networks with known answers: each claim supported, contradicted, undecided, not testable."""

from dataclasses import replace

import numpy as np
import pandas as pd
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
    evidence,
    given,
    make_arm,
    nobody,
    verdict_of_each,
)
from scipy import stats

from yoho.claims import verdicts as module
from yoho.claims.measures import class_scores, effects_by_seed, mean_effect, measure, overall_score, score_difference
from yoho.claims.power import equivalence_power
from yoho.claims.statements import (
    CONTRADICTED,
    SHOWN,
    SUPPORTED,
    UNDECIDED,
    UNTESTABLE,
    Statement,
    decide,
    equivalent,
    p_apart,
    table_row,
)
from yoho.claims.statistics import over_seeds, p_difference, p_equivalent
from yoho.claims.verdicts import (
    CLAIMS,
    balanced,
    claim_1,
    claim_2,
    claim_3,
    claim_4,
    claim_5,
    claim_6,
    claim_7,
    claim_8,
    claims_table,
)
from yoho.scoring.segments import COUNTS

LATE = [curve(gain=0.05)] * 5  # of networks that are not trained


def verdicts(rows):
    """The verdicts of the rows that are decided."""
    return [row["verdict"] for row in rows if row["verdict"] != SHOWN]


def pair(proposed, baseline=None):
    return {"proposed": proposed, "baseline": make_arm() if baseline is None else baseline}


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
    assert row["verdict"] == UNDECIDED and row["smallest_margin"] > 0.01
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


def test_equal_networks_are_not_comparable_where_one_is_not_trained(claims):
    arms = {"proposed": make_arm("EfficientNet"), "baseline": make_arm("YOHO", curves=LATE)}
    (row,) = claim_1(given(arms), claims)
    assert row["p"] < 0.05
    assert row["verdict"] == UNDECIDED and row["reason"] == "not trained: YOHO"


def test_networks_of_other_seeds_are_not_compared(claims):
    arms = pair(make_arm("EfficientNet"), make_arm()._replace(seeds=[5, 6, 7, 8, 9]))
    (row,) = claim_1(given(arms), claims)
    assert (row["verdict"], row["reason"]) == (UNDECIDED, "no seed has trained both")
    shared = pair(make_arm("EfficientNet"), make_arm()._replace(seeds=[3, 4, 5, 6, 7]))
    (row,) = claim_1(given(shared), claims)
    assert row["n_seeds"] == 2


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


# ---- C2: a lower loss, better starts and ends ------------------------------------------------------------------------

EQUAL = np.array([1.0, 1.001, 0.999, 1.002, 0.998])  # of five seeds


def loss_arms(**proposed):
    """A baseline and a proposed network; proposed: (loss, regression, onset, offset, matched) of the latter."""
    proposed = {"loss": 0.8 * EQUAL, "regression": 0.2 * EQUAL, "onset": 80 * EQUAL, "offset": 150 * EQUAL} | proposed
    return given(pair(make_arm("EfficientNet", **proposed), make_arm("YOHO", regression=0.25)))


def test_lower_losses_and_smaller_errors_of_times_are_found(claims):
    rows = claim_2(loss_arms(), claims)
    assert verdicts(rows) == [SUPPORTED] * 4
    estimates = [row["estimate"] for row in rows[:4]]
    assert estimates == pytest.approx([0.2 * BINS, 0.05 * BINS, 20, 50], rel=0.1)
    for row, words in zip(rows, ("data loss per window", "starts and ends", "onset error", "offset error")):
        assert words in row["statistic"] and row["statistic"].endswith(", YOHO less EfficientNet")
        assert row["n_recordings"] == 24 and row["test"] == "more than 0"


@pytest.mark.parametrize(
    "changed, place",
    [
        ({"loss": 1.2 * EQUAL}, 0),
        ({"regression": 0.3 * EQUAL}, 1),
        ({"onset": 120 * EQUAL}, 2),
        ({"offset": 250 * EQUAL}, 3),
    ],
)
def test_each_loss_and_each_error_is_decided_by_itself(claims, changed, place):
    expected = [SUPPORTED] * 4
    expected[place] = CONTRADICTED
    assert verdicts(claim_2(loss_arms(**changed), claims)) == expected


def test_presence_collars_and_penalty_are_shown(claims):
    presence, matched, *collars, penalty = claim_2(loss_arms(matched=0.8), claims)[4:]
    assert {row["verdict"] for row in (presence, matched, *collars, penalty)} == {SHOWN}
    assert matched["statistic"].startswith("share of true events that are matched, YOHO less ")
    assert matched["estimate"] == pytest.approx(1 - 0.8)
    assert "presence" in presence["statistic"] and presence["estimate"] == pytest.approx(0.15 * BINS, rel=0.1)
    assert [row["statistic"].split()[6] for row in collars] == ["0.1", "0.2", "0.5", "1"]
    assert [row["estimate"] for row in collars] == pytest.approx([0.01, 0.02, 0.05, 0.1], rel=0.1)  # F1 of 0.05 to 0.5
    assert penalty["statistic"] == "L2 penalty at the start, YOHO less EfficientNet" and penalty["estimate"] == 37.5
    assert penalty["reason"] == "arithmetic on the penalty, no test: 60.0 against 22.5"


def test_lower_loss_of_untrained_networks_decides_nothing(claims):
    found = loss_arms(curves=LATE)
    assert verdicts(claim_2(found, claims)) == [UNDECIDED] * 4
    assert all("not trained: EfficientNet" in row["reason"] for row in claim_2(found, claims)[:-1])


def test_network_that_finds_no_event_has_no_smaller_error(claims):
    rows = claim_2(loss_arms(matched=[0.0, 1, 1, 1, 1]), claims)
    assert verdicts(rows) == [SUPPORTED, SUPPORTED, UNDECIDED, UNDECIDED]
    assert rows[2]["reason"] == "a score or its error is unknown"


def test_equal_losses_decide_nothing(claims):
    others = {"loss": EQUAL, "regression": 0.25 * EQUAL, "onset": 100 * EQUAL, "offset": 200 * EQUAL}
    assert verdicts(claim_2(loss_arms(**others), claims)) == [UNDECIDED] * 4


# ---- C3: clearly worse -----------------------------------------------------------------------------------------------


def test_flat_network_with_a_low_score_is_clearly_worse(claims):
    """It has learned what it can, and this is little."""
    assert verdicts(claim_3(vggish_arms(0.35, curves=[curve(top=0.35)] * 5), claims)) == [SUPPORTED] * 2


def test_network_that_has_learned_nothing_shows_nothing(claims):
    """Its curve is flat at 0, but this says nothing about what it could learn."""
    assert verdicts(claim_3(vggish_arms(0.01, curves=[curve(top=0.0)] * 5), claims)) == [UNDECIDED] * 2


def vggish_arms(vggish, released=0.9, **others):
    """The three networks, and VGGish as released, with the F1 of both VGGish."""
    arms = {"baseline": make_arm("YOHO", 0.78, 5 * STUDENT), "proposed": make_arm("EfficientNet", 0.83, STUDENT)}
    arms["vggish"] = make_arm("VGGish", vggish, -STUDENT, **others)
    return given(arms | {"vggish_released": make_arm("VGGish as released", released, -STUDENT)})


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
    rows = claim_3(vggish_arms(vggish), claims)
    assert verdicts(rows) == expected
    names = ["YOHO less VGGish", "EfficientNet less VGGish"]
    names += [f"{name} as released" for name in names]
    assert [row["statistic"] for row in rows] == [f"F1, {name}" for name in names]


@pytest.mark.parametrize("released", [0.4, 0.9])
def test_vggish_as_released_is_shown_and_decides_nothing(claims, released):
    rows = claim_3(vggish_arms(0.6, released), claims)
    assert verdicts(rows) == [SUPPORTED, SUPPORTED]
    shown = [row["estimate"] for row in rows if row["verdict"] == SHOWN]
    assert shown == pytest.approx([0.78 - released, 0.83 - released], abs=0.01)


@pytest.mark.parametrize("vggish", [0.6, 0.9])
def test_untrained_vggish_is_neither_worse_nor_better(claims, vggish):
    assert verdicts(claim_3(vggish_arms(vggish, curves=LATE), claims)) == [UNDECIDED] * 2


def test_vggish_that_nobody_has_trained_is_waited_for(claims):
    found = vggish_arms(0.6)
    rows = claim_3(replace(found, arms=found.arms | {"vggish": nobody(), "vggish_released": nobody()}), claims)
    assert [row["verdict"] for row in rows] == [UNDECIDED] * 2 + [SHOWN] * 2
    assert {row["reason"] for row in rows} == {"no seed has trained both"}


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
    assert "largest p" in balance["statistic"] and "rainforest" in rainforest["statistic"] and "car" in car["statistic"]
    assert car["estimate"] == pytest.approx(0.825 - 0.8 / 1.1, abs=0.03)
    assert abs(balance["estimate"]) < 0.2 and 0 < rainforest["estimate"] < 0.1
    assert {row["n_recordings"] for row in rows} == {24}


@pytest.mark.parametrize(
    "f1, guessed, expected",
    [
        ([0.5, 0.8, 0.8], 1, [CONTRADICTED, CONTRADICTED, CONTRADICTED]),  # rainforest worse, in precision too
        ([0.8, 0.8, 0.8], [1, 0.9, 1], [SUPPORTED, CONTRADICTED, CONTRADICTED]),  # car found less often, and better
        ([0.8, 0.8, 0.62], 1, [UNDECIDED, SUPPORTED, CONTRADICTED]),  # at the margin of balance; car more precise
        ([0.95, 0.8, 0.8], [1, 1.1, 1], [SUPPORTED, CONTRADICTED, SUPPORTED]),  # rainforest more than slightly better
        ([0.92, 0.8, 0.8], 1, [SUPPORTED, UNDECIDED, SUPPORTED]),  # better, and slightly or more
    ],
)
def test_each_part_is_decided_by_itself(claims, f1, guessed, expected):
    assert verdicts(of_baseline(claim_4(given(three(f1, guessed), source="bbc"), claims))) == expected


def test_balance_is_of_every_two_classes(claims):
    """The p-value is the largest of all pairs, without a correction; so is the smallest margin."""
    arm = make_arm("baseline", [0.8, 0.8, 0.65], by_recording=np.random.default_rng(0).normal(0, 0.1, len(STRATA)))
    statement, f1 = balanced(arm, claims), class_scores("f1", COUNTS)
    arm = arm._replace(tallies=arm.tallies[..., : len(COUNTS)])
    pairs = {
        (first, second): measure(lambda sums, a=first, b=second: f1(sums)[..., a] - f1(sums)[..., b], [arm], claims)
        for first, second in ((0, 1), (0, 2), (1, 2))
    }
    weakest = max(pairs, key=lambda pair: pairs[pair].p(p_equivalent, 0.2))
    first, second = (arm.event_labels[place] for place in weakest)
    assert statement.statistic.startswith(f"F1 of {first} less {second}, of all pairs the one with the largest p")
    assert statement.measured.seeds == pytest.approx(pairs[weakest].seeds)
    assert statement.measured.crossed == pytest.approx(pairs[weakest].crossed)
    assert statement.p == pytest.approx(max(difference.p(p_equivalent, 0.2) for difference in pairs.values()))
    assert statement.smallest_margin == pytest.approx(max(found.smallest_margin(0.05) for found in pairs.values()))


def test_balance_is_refuted_by_its_largest_difference(claims):
    """The p-value of a difference that is 0.3 too large is small, and larger than that of this pair alone."""
    noise = np.random.default_rng(1).normal(0, 0.1, len(STRATA))
    statement = balanced(make_arm("baseline", [0.8, 0.7, 0.45], 10 * STUDENT, by_recording=noise), claims)
    alone = p_apart(statement.measured, 0.2)
    assert 0.9 * alone < statement.p_refutation < 0.05
    assert balanced(make_arm("baseline", [0.8, 0.7, 0.65], 10 * STUDENT, by_recording=noise), claims).p_refutation > 0.5


def test_largest_of_many_differences_is_not_taken_for_a_true_one(claims):
    """Classes differ by 0.18. Noise widens their range, which must not refute a balance within 0.2."""
    rng, found = np.random.default_rng(0), []
    for draw in range(60):
        noise = rng.normal(0, 0.15, len(STRATA))
        arm = make_arm("", [0.52, 0.7, 0.52], by_seed=rng.normal(0, 0.02, 3), by_recording=noise, draw=draw)
        refuted = balanced(arm, claims | {"replicates": 100}).p_refutation < 0.05
        found.append(CONTRADICTED if refuted else UNDECIDED)
    assert at_most(found, CONTRADICTED, 0.05)


def test_untrained_networks_are_not_balanced(claims):
    rows = claim_4(given(three([0.85, 0.8, 0.8], [1, 1.1, 1], curves=LATE), source="bbc"), claims)
    assert verdicts(rows) == [UNDECIDED] * 9


def test_classes_are_waited_for_where_nothing_is_trained(claims):
    arms = dict.fromkeys(("baseline", "vggish", "proposed"), nobody())
    for source in ("bbc", "synthetic"):
        rows = claim_4(given(arms, source=source), claims)
        assert verdicts(rows) == [UNDECIDED] * 3 and rows[0]["reason"] == "no seed has trained it"
    rows = claim_4(given(three(0.8) | {"vggish": nobody()}, source="bbc"), claims)
    assert (rows[1]["verdict"], rows[1]["reason"]) == (UNDECIDED, "no seed has trained it")


@pytest.mark.parametrize("source", ["synthetic", "esc50"])
def test_claims_about_classes_of_the_bbc_are_not_testable_on_other_recordings(claims, source):
    rows = claim_4(given(three([0.85, 0.8, 0.8], [1, 1.1, 1]), source=source), claims)
    for row in rows:
        named = "largest p" not in row["statistic"]
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


def test_networks_that_find_nothing_do_not_support_the_claim_about_classes(claims):
    """All classes are alike at 0, but none stands out."""
    arms = three(-1.0, curves=[curve(top=0.0)] * 5)
    assert SUPPORTED not in verdicts(claim_4(given(arms, source="bbc"), claims)[3:])


# ---- C5: the mask ----------------------------------------------------------------------------------------------------

MEASURES = ("f1", "data_loss", "area")


def area_curves(shift, seeds=5):
    """Histories whose area is larger by `shift`, with negligible deviations."""
    return [curve(0.8 + shift + own) for own in STUDENT[:seeds]]


def test_mask_that_changes_nothing_in_any_cell_is_shown(claims):
    labels = ["lr 0.001, mask head", "lr 0.0001, mask middle"]
    rows = claim_5(given(cells=[cell(labels[0], by_seed=-STUDENT, loss=1 + STUDENT), cell(labels[1])]), claims)
    assert verdicts(rows) == [SUPPORTED] * 6
    for place, words in enumerate(("F1", "data loss", "area")):
        mean, weakest = rows[2 * place : 2 * place + 2]
        assert mean["statistic"].startswith(words) and mean["statistic"].endswith("mean of all cells")
        assert weakest["statistic"].startswith(words) and weakest["statistic"].endswith(
            "cells the one with the largest p"
        )
        assert "equal effects in all cells: p = " in weakest["reason"]
    assert [row["test"] for row in rows[:6:2]] == [f"equal within {margin}" for margin in (0.01, 0.05, 0.02)]
    assert [row["n_recordings"] for row in rows[:6:2]] == [24, 24, 0]
    assert all(row["smallest_margin"] > 0 for row in rows[:2])


def test_cells_are_shown_one_by_one(claims):
    cells = [cell("a", f1=0.81), cell("b", f1=0.78), cell("c", f1=0.8)]
    shown = [row for row in claim_5(given(cells=cells), claims) if row["verdict"] == SHOWN]
    assert len(shown) == 9 and [row["statistic"] for row in shown[:3]] == [f"F1, {name} less none" for name in "abc"]
    for row, own in zip(shown, cells):
        assert row["estimate"] == mean_effect("f1", [own[1:]], claims).seeds.value


def test_effect_of_the_mask_is_pooled_over_cells(claims):
    """Each cell is too noisy; their mean is not."""
    cells = [cell(f"cell {place}", by_seed=8 * np.roll(STUDENT, place), draw=0) for place in range(5)]
    mean, weakest = claim_5(given(cells=cells), claims)[:2]
    assert mean["verdict"] == SUPPORTED and abs(mean["estimate"]) < 0.001
    assert weakest["verdict"] == UNDECIDED and weakest["smallest_margin"] > 2 * mean["smallest_margin"]


@pytest.mark.parametrize(
    "changed, place",
    [({"f1": 0.7}, 0), ({"loss": 1.3 + STUDENT}, 1), ({"curves": area_curves(-0.1)}, 2)],
)
def test_mask_that_changes_one_measure_in_one_cell_is_found(claims, changed, place):
    """The mean over the cells and the cell with the largest p-value show it, and that the cells differ."""
    cells = [cell(), cell("lr 0.0001", by_seed=-STUDENT, **changed), cell("step")]
    rows = claim_5(given(cells=cells), claims)
    expected = [SUPPORTED] * 6
    expected[2 * place : 2 * place + 2] = [CONTRADICTED] * 2
    assert verdicts(rows) == expected
    weakest = rows[2 * place + 1]
    assert "lr 0.0001" in weakest["statistic"]
    assert float(weakest["reason"].rpartition(" p = ")[2]) < 0.05


def test_opposite_effects_cancel_in_the_mean_and_not_in_the_cells(claims):
    cells = [cell("up", f1=0.84), cell("down", f1=0.76, by_seed=-STUDENT)]
    mean, weakest = claim_5(given(cells=cells), claims)[:2]
    assert (mean["verdict"], weakest["verdict"]) == (SUPPORTED, CONTRADICTED)
    assert float(weakest["reason"].rpartition(" p = ")[2]) < 0.05


def test_equal_effects_of_two_cells_are_tested_by_their_difference(claims):
    """The p-value is Student's, of the paired differences of the cells."""
    rng, claims = np.random.default_rng(0), claims | {"replicates": 20_000}
    curves = [[curve(0.8 + shift) for shift in rng.normal(0, 0.02, 5)] for _ in range(4)]
    cells = [cell(str(place), *(make_arm(curves=own) for own in curves[place::2])) for place in (0, 1)]
    of_cells = effects_by_seed("area", [pair for _, *pair in cells])
    expected = p_difference(over_seeds(of_cells[:, 0] - of_cells[:, 1]))
    row = claim_5(given(cells=cells), claims)[5]
    assert float(row["reason"].rpartition(" p = ")[2]) == pytest.approx(expected, rel=0.1)


def test_one_cell_has_no_second_statement(claims):
    rows = claim_5(given(cells=[cell()]), claims)
    assert verdicts(rows) == [SUPPORTED] * 3 and len(rows) == 6


def test_relative_loss_is_a_share_of_the_second(claims):
    row = claim_5(given(cells=[cell("", make_arm(loss=1.2), make_arm(loss=1.6))]), claims)[1]
    assert row["estimate"] == pytest.approx(-0.25)
    assert row["high_seeds"] - row["low_seeds"] < 1e-8 and row["high"] - row["low"] < 1e-8  # alike for all


def test_cell_with_untrained_networks_leaves_the_claim_undecided(claims):
    late = make_arm("late mask", curves=LATE)
    rows = claim_5(given(cells=[cell(), cell("lr 0.0001", late)]), claims)
    assert verdicts(rows) == [UNDECIDED] * 6
    assert all(row["reason"].startswith("not trained: late mask") for row in rows[:6])
    own, other = rows[6:8]
    assert own["reason"] == "" and other["reason"] == "not trained: late mask"


def test_equivalence_needs_no_correction_as_all_cells_must_show_it(claims):
    """Intersection-union test: in each cell a p-value between 0.05 / 3 and 0.05 is enough."""
    noisy = [curve(0.8 + shift) for shift in (0.012, -0.008, 0.025, 0.0, 0.006)]
    cells = [cell(name, make_arm("mask", curves=noisy)) for name in "abc"]
    p = mean_effect("area", [cells[0][1:]], claims).p(p_equivalent, 0.02)
    assert 0.05 / 3 < p < 0.05
    rows = claim_5(given(cells=cells), claims)
    assert verdicts(rows) == [SUPPORTED] * 6
    assert [row["p"] for row in rows[4:6]] == pytest.approx([p] * 2)


def test_refutations_are_adjusted_for_all_measures(claims):
    """A difference that is significant by itself is not significant among three measures."""
    noisy = [curve(0.9 + shift) for shift in (0.05, 0.0, 0.09, -0.03, 0.03)]
    one = cell("a", make_arm("mask", curves=noisy))
    p = p_apart(mean_effect("area", [one[1:]], claims), 0.05)
    claims["C5"]["margin"]["area"] = 0.05
    assert 0.05 / 3 < p < 0.05
    row = claim_5(given(cells=[one]), claims)[2]
    assert row["p_refutation"] == pytest.approx(3 * p) and row["verdict"] == UNDECIDED


def test_cells_that_share_no_seed_are_waited_for(claims):
    cells = [cell(), cell("b", make_arm("mask")._replace(seeds=[7, 8, 9, 10, 11])), cell("c", nobody())]
    rows = claim_5(given(cells=cells), claims)
    assert verdicts(rows) == [UNDECIDED] * 3 and rows[0]["reason"] == "no seed has trained all"
    assert len(rows) == 12 and rows[3]["n_seeds"] == 5


def test_one_seed_of_the_mask_study_decides_nothing(claims):
    one = [arm.of_seeds([0]) for arm in cell(f1=0.5)[1:]]
    rows = claim_5(given(cells=[("a", *one), ("b", *one)]), claims)
    assert verdicts(rows) == [UNDECIDED] * 6 and not any("nan" in row["reason"] for row in rows)


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
    """In F1 and in data loss, which falls as F1 rises."""

    def loss(f1):
        return (1 - 4 * (f1 - 0.8)) * (1 + STUDENT)

    noise = [0.01, -0.01, 0.005, -0.005, 0]
    arms = {
        "baseline": make_arm("YOHO", 0.8, noise, loss=1 + np.array(noise)),
        "unmasked": make_arm("EfficientNet", plain, STUDENT, loss=loss(plain)),
        "proposed": make_arm("EfficientNet + mask", masked, np.zeros(5), loss=loss(masked)),
    }
    rows = claim_6(given(arms), claims)
    assert verdicts(rows[::2]) == expected and verdicts(rows[1::2]) == expected
    backbone, mask = "EfficientNet less YOHO", "EfficientNet + mask less EfficientNet"
    assert [row["statistic"] for row in rows] == [
        f"F1, {backbone}",
        f"data loss per window, {backbone}",
        f"F1, {mask}",
        f"data loss as a share, {mask}",
    ]
    assert [row["test"] for row in rows] == ["more than 0", "less than 0", "equal within 0.01", "equal within 0.05"]


def test_improvement_of_untrained_networks_is_ascribed_to_nothing(claims):
    untrained = make_arm("EfficientNet", 0.9, STUDENT, curves=LATE)
    arms = {"baseline": make_arm(by_seed=-STUDENT), "unmasked": untrained, "proposed": untrained}
    rows = claim_6(given(arms), claims)
    assert verdicts(rows) == [UNDECIDED] * 4 and all("not trained: EfficientNet" in row["reason"] for row in rows)


# ---- C7: fewer parameters, and no worse ------------------------------------------------------------------------------


def four(proposed=0.8, **others):
    """The networks that claim C7 compares."""
    arms = three(0.8) | {"vggish_released": make_arm("vggish as released")}
    return arms | {"proposed": make_arm("proposed", proposed, 2 * STUDENT, **others)}


def test_sizes_are_counted_and_nothing_is_tested(claims):
    rows = claim_7(given(four()), claims)[:6]
    assert verdicts(rows) == [CONTRADICTED] + [SUPPORTED] * 5
    assert [row["estimate"] for row in rows[:3]] == [1_050_240, -9_015_470, -10_287_040]
    assert [row["estimate"] for row in rows[3:]] == [-3_286_272, -780_000_000, -790_000_000]
    assert rows[0]["reason"] == "4,984,530 against 3,934,290" and "multiply-acc" in rows[3]["statistic"]
    for row in rows:
        assert row["test"] == "arithmetic" and np.isnan(row["p"]) and row["n_seeds"] == 0


def test_sizes_are_of_the_networks_that_the_claims_name(claims):
    networks = NETWORKS | {
        "proposed": ["efficientnet", "none", "multiply"],
        "baseline": ["mobilenet", "backbone", "multiply"],
    }
    rows = claim_7(given(four(), networks=networks), claims)
    assert [row["estimate"] for row in rows[:3]] == [0, 1 - 14_000_000, 1 - 15_271_570]
    assert rows[0]["verdict"] == CONTRADICTED  # as many are not fewer


@pytest.mark.parametrize(
    "proposed, curves, expected",
    [
        (0.8, None, SUPPORTED),
        (0.79, None, SUPPORTED),  # worse, by less than the margin of 0.02
        (0.9, None, SUPPORTED),
        (0.75, None, CONTRADICTED),
        (0.75, LATE, UNDECIDED),
        (0.9, LATE, UNDECIDED),
    ],
)
def test_results_are_comparable_or_better(claims, proposed, curves, expected):
    rows = claim_7(given(four(proposed, **({"curves": curves} if curves else {}))), claims)[6:]
    assert verdicts(rows) == [expected] * 3
    assert [row["test"] for row in rows] == ["more than -0.02"] * 3
    others = ("baseline", "vggish", "vggish as released")
    assert [row["statistic"] for row in rows] == [f"F1, proposed less {other}" for other in others]


def test_smaller_network_that_is_no_worse_supports_the_claim(claims):
    few = SIZES.assign(parameters=SIZES["parameters"].where(SIZES["parameters"] != 4_984_530, 3_000_000))
    assert verdicts(claim_7(given(four(), sizes=few), claims)) == [SUPPORTED] * 9


# ---- C8: the rival ---------------------------------------------------------------------------------------------------


def raced(faster=(6, 6), f1=(0.75, 0.75), rivals=None):
    """YOHO and its rivals: `faster`, the mean multiple of the speed of network and decoding; f1: of each.

    Reading and features take so long that on the whole path YOHO is only twice as fast.
    """
    labels = ("CRNN", "CRNN on 10 s")
    arms = {"baseline": make_arm("YOHO", 0.8)}
    rivals = rivals or [make_arm(label, score, 2 * STUDENT) for label, score in zip(labels, f1)]
    speeds = [
        {
            "network": label,
            "round": turn,
            "times_real_time": 100 * (1 + 0.02 * turn) * (2 if label == "YOHO" else 1),
            "network_s": 0.75 * multiple * (1 + 0.5 * turn),
            "decoding_s": 0.25 * multiple * (1 + 0.5 * turn),
        }
        for turn in range(4)
        for label, multiple in zip(("YOHO", *labels), (1, *(mean * 1.01 ** (turn - 1.5) for mean in faster)))
    ]
    return given(arms | dict(zip(("rival", "rival_long"), rivals)), speeds=pd.DataFrame(speeds))


@pytest.mark.parametrize(
    "found, expected",
    [
        (raced(), [SUPPORTED] * 4),
        (raced(f1=(0.75, 0.85)), [SUPPORTED, CONTRADICTED, SUPPORTED, SUPPORTED]),
        (raced(f1=(0.8 / 1.01, 0.75)), [UNDECIDED, SUPPORTED, SUPPORTED, SUPPORTED]),  # better by the margin
        (raced(faster=(0.8, 6)), [SUPPORTED, SUPPORTED, CONTRADICTED, SUPPORTED]),
        (raced(faster=(6, 3)), [SUPPORTED, SUPPORTED, SUPPORTED, UNDECIDED]),
        (raced(rivals=[nobody("CRNN"), nobody("CRNN on 10 s")]), [UNDECIDED, UNDECIDED, SUPPORTED, SUPPORTED]),
    ],
)
def test_yoho_is_better_and_faster_than_classifiers_of_frames(claims, found, expected):
    claims["C8"] |= {"margin": 0.01, "faster": 3}
    rows = claim_8(found, claims)
    assert [row["verdict"] for row in rows] == [*expected, SHOWN, SHOWN]
    assert [row["test"] for row in rows] == ["more than 0.01"] * 2 + ["more than 3"] * 2 + ["none"] * 2
    assert rows[0]["statistic"] == "F1, YOHO less CRNN, as a share of the latter"
    assert rows[3]["statistic"] == "speed of network and decoding, YOHO as a multiple of CRNN on 10 s"
    assert rows[5]["statistic"] == "speed with reading and features, YOHO as a multiple of CRNN on 10 s"
    assert [row["estimate"] for row in rows[4:]] == pytest.approx([2, 2])


def test_gain_in_f1_is_a_share_of_that_of_the_rival(claims):
    found = raced()
    row = claim_8(found, claims)[0]
    arms = [found.arms[role] for role in ("baseline", "rival")]
    yoho, rival = (overall_score("f1", arm.kinds)(arm.tallies.sum(axis=1)) for arm in arms)
    assert row["estimate"] == pytest.approx(np.mean(yoho / rival - 1)) == pytest.approx(0.8 / 0.75 - 1, abs=0.01)


def test_speeds_are_compared_round_by_round_by_their_logarithms(claims):
    row = claim_8(raced(faster=(6, 6)), claims)[2]
    half = stats.t.isf(0.05, 3) * np.log(1.01) * np.std([0, 1, 2, 3], ddof=1) / 2
    assert row["estimate"] == pytest.approx(6) and row["n_seeds"] == row["n_recordings"] == 0
    assert [row["low"], row["high"]] == pytest.approx([6 * np.exp(-half), 6 * np.exp(half)])
    assert row["reason"] == "4 rounds on one machine, with random weights"


def test_config_without_rivals_leaves_its_claim_undecided(claims):
    (row,) = claims_table(claims, "archive", evidence()).query("claim == 'C8'").to_dict("records")
    assert (row["verdict"], row["reason"]) == (UNDECIDED, "the config has no networks for it")


# ---- all of them -----------------------------------------------------------------------------------------------------


def test_every_claim_is_decided_and_names_its_dataset(claims):
    table = claims_table(claims, "archive", evidence())
    expected = dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], SUPPORTED) | {"C7": CONTRADICTED, "C8": UNDECIDED}
    assert verdict_of_each(table) == expected
    assert list(CLAIMS) == list(expected)
    assert (table["dataset"] == "archive").all()
    tested = table[~table["test"].isin(["none", "arithmetic"])]
    assert tested.drop(columns="smallest_margin").notna().all(axis=None)
    assert (tested["smallest_margin"].notna() == tested["test"].str.startswith("equal")).all()
    assert (tested["training_windows_seen"] == 60_000).all() and (tested["training_mixes"] == 680).all()


def test_one_seed_decides_no_claim_but_arithmetic(claims):
    table = claims_table(claims, "archive", evidence(1))
    undecided = dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], UNDECIDED)
    assert verdict_of_each(table) == undecided | {"C7": CONTRADICTED, "C8": UNDECIDED}
    tested = table[~table["test"].isin(["none", "arithmetic"])]
    assert tested["p"].isna().all() and (tested["verdict"] == UNDECIDED).all()
    assert tested.loc[tested["n_recordings"] > 0, ["low", "high"]].notna().all(axis=None)


def test_claims_without_any_network_are_undecided_and_nothing_fails(claims):
    networks = {role: nobody(role) for role in NETWORKS}
    table = claims_table(
        claims, "archive", given(networks, [cell("a", nobody("a"), nobody("b")), cell("c", nobody("c"))])
    )
    undecided = dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], UNDECIDED)
    assert verdict_of_each(table) == undecided | {"C7": CONTRADICTED, "C8": UNDECIDED}
    tested = table[~table["test"].isin(["none", "arithmetic"])]
    assert set(tested["reason"]) == {f"no seed has trained {words}" for words in ("it", "both", "all")}
    assert (tested["n_seeds"] == 0).all() and tested["estimate"].isna().all()


def test_config_without_a_mask_study_leaves_its_claim_undecided(claims):
    table = claims_table(claims, "archive", replace(evidence(), cells=[]))
    assert verdict_of_each(table)["C5"] == UNDECIDED


def test_seeds_that_come_later_join_the_evidence(claims):
    """With three seeds of two networks and five of the others, each statistic uses the seeds that its networks have."""
    found = evidence()
    few = {role: found.arms[role].of_seeds([0, 1, 2]) for role in ("vggish", "vggish_released")}
    table = claims_table(claims, "archive", replace(found, arms=found.arms | few))
    seeds = table[~table["test"].isin(["none", "arithmetic"])].groupby("claim")["n_seeds"].unique()
    assert {claim: sorted(numbers) for claim, numbers in seeds.items()} == {
        "C1": [5], "C2": [5], "C3": [3], "C4": [3, 5], "C5": [5], "C6": [5], "C7": [3, 5],
    }  # fmt: skip


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
        ([SHOWN, SUPPORTED, SHOWN], SUPPORTED),
    ],
)
def test_claim_holds_where_all_its_parts_do(claims, monkeypatch, parts, expected):
    monkeypatch.setattr(module, "CLAIMS", {"C1": lambda *_: [{"verdict": part} for part in parts]})
    table = claims_table(claims, "builtin", evidence())
    assert table["claim_verdict"].tolist() == [expected] * len(parts)
    assert table["verdict"].tolist() == parts
