"""Arms, scores and measurements of made-up networks with known answers."""

import numpy as np
import pandas as pd
import pytest
from arms import BINS, CLASSES, STRATA, STUDENT, curve, make_arm

from yoho.claims.measures import (
    Arm,
    Measurement,
    class_scores,
    convergence_difference,
    convergence_times,
    measure,
    overall_score,
    score_difference,
    untrained_labels,
    with_penalty,
)
from yoho.claims.statistics import Estimate, over_seeds, p_above, p_difference, p_equivalent
from yoho.scoring.tallies import KINDS, OVERALL

# ---- arms ------------------------------------------------------------------------------------------------------------


def tables_of(arm, rng):
    """The tables of an arm's tallies, with their rows in random order."""
    names = [f"{label}-{number}" for number, label in enumerate(arm.strata)]
    for counts in arm.tallies:
        index = pd.MultiIndex.from_product([names, [OVERALL, *CLASSES]], names=["recording", "event_label"])
        table = pd.DataFrame(counts.reshape(-1, len(KINDS)), index, KINDS).reset_index()
        table.insert(1, "recording_label", table["recording"].str.partition("-")[0])
        yield table.iloc[rng.permutation(len(table))].reset_index(drop=True)


def test_arm_is_gathered_with_its_recordings_and_classes_in_one_order():
    made, rng = make_arm(f1=[0.5, 0.7, 0.9]), np.random.default_rng(0)
    arm = Arm.from_tables("YOHO", list(tables_of(made, rng)), made.histories)
    assert arm.label == "YOHO" and arm.histories is made.histories and sorted(arm.event_labels) == sorted(CLASSES)
    assert arm.tallies.shape == made.tallies.shape
    order = np.argsort([f"{label}-{number}" for number, label in enumerate(STRATA)])
    assert arm.strata.tolist() == STRATA[order].tolist()
    places = [0, *(1 + CLASSES.index(label) for label in arm.event_labels)]
    np.testing.assert_array_equal(arm.tallies, made.tallies[:, order][:, :, places])


def test_arms_gathered_from_tables_in_other_orders_are_aligned(claims):
    first, second = make_arm(f1=0.8), make_arm(f1=0.7)
    gathered = [
        Arm.from_tables("", list(tables_of(arm, np.random.default_rng(n))), []) for n, arm in enumerate((first, second))
    ]
    np.testing.assert_array_equal(gathered[0].strata, gathered[1].strata)
    found, direct = score_difference("f1", *gathered, claims), score_difference("f1", first, second, claims)
    assert found.seeds == pytest.approx(direct.seeds)
    assert found.crossed.error < 1e-6  # a difference that is the same for all recordings


def test_seeds_with_other_recordings_are_refused():
    first, second = list(tables_of(make_arm(by_seed=[0, 0]), np.random.default_rng(0)))
    with pytest.raises(KeyError):
        Arm.from_tables("", [first, second[second["recording"] != "car-8"]], [])


# ---- scores and findings ---------------------------------------------------------------------------------------------


def test_scores_by_hand():
    sums = np.zeros((2, 3, 6))  # (sums, all and two classes, KINDS)
    sums[0] = [[6, 10, 8, 4, 30, 100], [4, 5, 6, 2, 20, 100], [2, 5, 2, 3, 10, 100]]
    assert overall_score("f1")(sums).tolist() == pytest.approx([12 / 18, 0])
    assert overall_score("error_rate")(sums).tolist() == pytest.approx([0.4, 0])
    assert overall_score("data_loss")(sums).tolist() == pytest.approx([0.3, 0])
    assert overall_score("data_loss", 9)(sums).tolist() == pytest.approx([2.7, 0])
    np.testing.assert_allclose(class_scores("f1")(sums), [[8 / 11, 4 / 7], [0, 0]])
    np.testing.assert_allclose(class_scores("precision")(sums)[0], [4 / 6, 1])


def test_difference_is_the_mean_over_seeds_of_first_less_second(claims):
    first, second = make_arm(f1=0.8), make_arm(f1=0.75, by_seed=[0.01, 0, 0.02, 0, 0])
    found = score_difference("f1", first, second, claims)
    own = [[overall_score("f1")(sums) for sums in arm.tallies.sum(axis=1)] for arm in (first, second)]
    assert found.seeds == pytest.approx(over_seeds(np.subtract(*own)))
    assert found.crossed.value == pytest.approx(found.seeds.value) and found.seeds.value > 0.03
    assert (found.crossed.seeds, found.crossed.recordings) == (5, 24)


def test_what_seeds_and_recordings_share_cancels(claims):
    """Both arms vary from seed to seed and from recording to recording by far more than they differ."""
    first, second = make_arm(by_seed=STUDENT), make_arm(by_seed=-STUDENT)
    found = score_difference("f1", first, second, claims)
    assert max(estimate.error for estimate in found) < 0.003
    shuffled = second._replace(tallies=second.tallies[[1, 2, 3, 4, 0]])
    assert score_difference("f1", first, shuffled, claims).seeds.error > 3 * found.seeds.error
    alone = measure(lambda sums: overall_score("f1")(sums), [first], claims)
    assert alone.crossed.error > 3 * found.crossed.error


def test_recordings_are_a_unit_too(claims):
    """Only the second interval shows differences between recordings that are the same for every seed."""
    uneven = np.random.default_rng(1).normal(0, 0.1, len(STRATA))
    settings = {"f1": 0.5, "by_seed": [0, 0, 0]}
    found = score_difference("f1", make_arm(**settings), make_arm(**settings, by_recording=uneven), claims)
    assert found.seeds.error < 1e-9 and found.crossed.error > 0.01


def test_finding_passes_where_both_intervals_do():
    sure, unsure = Estimate(0.1, 0.01, 4, 5, 0), Estimate(0.1, 0.1, 20, 5, 24)
    for test, margin in ((p_above, [0.05]), (p_difference, []), (p_equivalent, [0.2])):
        assert test(sure, *margin) < test(unsure, *margin)
        for found in (Measurement(sure, unsure), Measurement(unsure, sure)):
            assert found.p(test, *margin) == test(unsure, *margin)
        assert Measurement(sure, None).p(test, *margin) == test(sure, *margin)
        for unknown in (
            Measurement(sure._replace(error=np.nan), unsure),
            Measurement(sure, unsure._replace(error=np.nan)),
        ):
            assert np.isnan(unknown.p(test, *margin))


def penalties(arm):
    """The penalty that `with_penalty` adds to the loss of a window, (seeds,)."""
    loss = overall_score("data_loss", BINS)
    return loss(with_penalty(arm, BINS).tallies.sum(axis=1)) - loss(arm.tallies.sum(axis=1))


def test_penalty_of_the_best_epoch_is_added_to_the_loss_of_a_window():
    histories = [curve(reached=3, penalty=7.5), curve(rise=0.02, penalty=8.5)]
    assert penalties(make_arm(by_seed=[0, 0], curves=histories)) == pytest.approx([7.5, 8.5])


def test_penalty_of_two_epochs_with_one_f1_is_of_the_one_whose_weights_are_kept():
    """Training keeps the weights of the epoch with the lower loss."""
    history = pd.DataFrame({"f1": [0.5, 0.8, 0.8], "valid_data_loss": [9, 8, 7], "valid_penalty": [3, 2, 1]})
    assert penalties(make_arm(by_seed=[0], curves=[history])) == pytest.approx([1])


def test_convergence_is_a_share_of_the_epochs():
    arm = make_arm(curves=[curve(reached=4, epochs=20), curve(reached=6, epochs=60)])
    assert convergence_times(arm, 0.95).tolist() == [0.2, 0.1]
    later = arm._replace(histories=[curve(reached=6, epochs=20), curve(reached=12, epochs=60)])
    assert convergence_difference(later, arm, 0.95).seeds.value == pytest.approx(0.1)


def test_untrained_arms_are_judged_by_the_mean_curve_of_their_seeds(claims):
    low, rising, fine = curve(top=0.1), curve(rise=0.1), curve()
    arms = [make_arm(str(n), curves=c) for n, c in enumerate([[fine, low], [fine, fine], [rising, fine]])]
    assert untrained_labels(arms, claims) == ["0", "2"]
