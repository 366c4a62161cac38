"""Claims on made-up networks with known answers: shown, refuted, not to be told, not trained, not testable."""

import copy
import gc
import html
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from places import ROOT
from yoho.claims import verdicts as module
from yoho.claims.measures import (
    Arm,
    Finding,
    convergence,
    converging,
    difference,
    gather,
    measure,
    overall,
    per_class,
    relative_loss,
    untrained,
    with_penalty,
)
from yoho.claims.page import claims_page
from yoho.claims.statistics import (
    Estimate,
    equivalence_power,
    over_seeds,
    p_above,
    p_difference,
    p_equivalent,
    seeds_needed,
)
from yoho.claims.verdicts import (
    CLAIMS,
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    UNTESTABLE,
    above,
    apart,
    balanced,
    claim_1,
    claim_2,
    claim_3,
    claim_4,
    claim_5,
    claim_6,
    claim_7,
    decide_claims,
    equivalent,
    power_table,
    row,
    settle,
)
from yoho.figures.tables import markdown_page
from yoho.scoring.tallies import KINDS, OVERALL

CLASSES = ["rainforest", "car", "clocks"]
PER_CLASS = 8
STRATA = np.repeat(CLASSES, PER_CLASS)
BINS = 9
STUDENT = np.array([0.002, -0.001, 0.001, -0.003, 0.001])  # deviations of five seeds, as small as no matter


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """statsmodels' Holm collects garbage at every call: half a second, unless what is there now is left out."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def settled():
    """The config's claims, with margins and levels that stay as they are."""
    section = copy.deepcopy(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["claims"])
    section |= {"level": 0.05, "power": 0.8, "converged": 0.95, "replicates": 200, "seed": 0}
    section |= {"trained": {"floor": 0.5, "rise": 0.02}}
    section["expected_deviation"] = {"f1": 0.02, "data_loss": 0.05, "epochs": 0.08}
    for claim, margins in {"C1": 0.01, "C3": 0.05, "C4": 0.2, "C6": 0.01}.items():
        section[claim]["margin"] = margins
    section["C4"] |= {"slight": 0.1, "source": "bbc"}
    section["C5"]["margin"] = {"f1": 0.01, "data_loss": 0.05, "epochs": 0.1}
    return section


@pytest.fixture
def claims(settled):
    """Claims to change."""
    return copy.deepcopy(settled)


def curve(top=0.8, reached=4, epochs=20, rise=0.0, loss=10.0):
    """A history that jumps to F1 `top` at epoch `reached` and rises by `rise` over its last quarter.

    Its best epoch, the first of the highest, has the penalty `loss`; the others have another.
    """
    f1 = np.where(np.arange(1, epochs + 1) < reached, 0.1 * top, top)
    f1[-epochs // 4 :] += np.linspace(0, rise, epochs // 4)
    penalty = np.full(epochs, 99.0)
    penalty[f1.argmax()] = loss
    return pd.DataFrame({"f1": f1, "valid_data_loss": 1.0, "valid_penalty": penalty})


TRAINED = curve()


def make_arm(label="YOHO", f1=0.8, by_seed=STUDENT, by_recording=0.0, draw=0, guessed=1.0, loss=1.0, curves=None):
    """Networks whose scores are known.

    f1: share of each class's seconds that is found, (classes,) or one for all; by_seed (seeds,) and by_recording
    (recordings,) are added to it, and so are effects of seeds and recordings that all arms of one `draw` share;
    guessed: seconds that a class is found in as a share of those it sounds in, (classes,): where it is 1, F1,
    precision and recall are one; loss: per bin, a number or (seeds,); curves: a history per seed.
    """
    rng, seeds, recordings = np.random.default_rng(draw), len(by_seed), len(STRATA)
    place = np.array([CLASSES.index(name) for name in STRATA])
    wanted = rng.integers(20, 60, recordings).astype(float)
    share = np.broadcast_to(f1, 3)[place] + rng.normal(0, 0.03, recordings) + by_recording
    share = share + rng.normal(0, 0.02, (seeds, 1)) + np.asarray(by_seed)[:, None]
    hits, found = wanted * share.clip(0, 1), wanted * np.broadcast_to(guessed, 3)[place]
    counts = np.zeros((seeds, recordings, 4, len(KINDS)))
    rows = {"hits": hits, "wanted": wanted, "found": found, "errors": np.maximum(wanted, found) - hits}
    for kind, values in rows.items():
        for at in (0, 1 + place):
            counts[:, np.arange(recordings), at, KINDS.index(kind)] = values
    counts[..., KINDS.index("bins")] = 10 * wanted[:, None]
    noise = rng.uniform(0.8, 1.2, recordings)
    counts[..., 0, KINDS.index("data_loss")] = np.broadcast_to(loss, seeds)[:, None] * 10 * wanted * noise
    return Arm(label, counts, STRATA, CLASSES, [TRAINED] * seeds if curves is None else curves)


def verdicts(rows):
    return [found["verdict"] for found in rows]


def pair(proposed, baseline=None):
    return {"proposed": proposed, "baseline": make_arm() if baseline is None else baseline}


# ---- arms ------------------------------------------------------------------------------------------------------------


def tables_of(arm, rng):
    """The tables that an arm's tallies come from, their rows in any order."""
    names = [f"{label}-{number}" for number, label in enumerate(arm.strata)]
    for counts in arm.tallies:
        index = pd.MultiIndex.from_product([names, [OVERALL, *CLASSES]], names=["recording", "event_label"])
        table = pd.DataFrame(counts.reshape(-1, len(KINDS)), index, KINDS).reset_index()
        table.insert(1, "recording_label", table["recording"].str.partition("-")[0])
        yield table.iloc[rng.permutation(len(table))].reset_index(drop=True)


def test_arm_is_gathered_with_its_recordings_and_classes_in_one_order():
    made, rng = make_arm(f1=[0.5, 0.7, 0.9]), np.random.default_rng(0)
    arm = gather("YOHO", list(tables_of(made, rng)), made.histories)
    assert arm.label == "YOHO" and arm.histories is made.histories and sorted(arm.event_labels) == sorted(CLASSES)
    assert arm.tallies.shape == made.tallies.shape
    order = np.argsort([f"{label}-{number}" for number, label in enumerate(STRATA)])
    assert arm.strata.tolist() == STRATA[order].tolist()
    places = [0, *(1 + CLASSES.index(label) for label in arm.event_labels)]
    np.testing.assert_array_equal(arm.tallies, made.tallies[:, order][:, :, places])


def test_arms_gathered_from_tables_in_other_orders_are_aligned(claims):
    first, second = make_arm(f1=0.8), make_arm(f1=0.7)
    gathered = [gather("", list(tables_of(arm, np.random.default_rng(n))), []) for n, arm in enumerate((first, second))]
    np.testing.assert_array_equal(gathered[0].strata, gathered[1].strata)
    found, direct = difference("f1", *gathered, claims), difference("f1", first, second, claims)
    assert found.seeds == pytest.approx(direct.seeds)
    assert found.crossed.error < 1e-6  # a difference that is the same for all recordings


def test_seeds_with_other_recordings_are_refused():
    first, second = list(tables_of(make_arm(by_seed=[0, 0]), np.random.default_rng(0)))
    with pytest.raises(KeyError):
        gather("", [first, second[second["recording"] != "car-8"]], [])


# ---- scores and findings ---------------------------------------------------------------------------------------------


def test_scores_by_hand():
    sums = np.zeros((2, 3, 6))  # (…, all and two classes, hits, wanted, found, errors, data_loss, bins)
    sums[0] = [[6, 10, 8, 4, 30, 100], [4, 5, 6, 2, 20, 100], [2, 5, 2, 3, 10, 100]]
    assert overall("f1")(sums).tolist() == pytest.approx([12 / 18, 0])
    assert overall("error_rate")(sums).tolist() == pytest.approx([0.4, 0])
    assert overall("data_loss")(sums).tolist() == pytest.approx([0.3, 0])
    assert overall("data_loss", 9)(sums).tolist() == pytest.approx([2.7, 0])
    np.testing.assert_allclose(per_class("f1")(sums), [[8 / 11, 4 / 7], [0, 0]])
    np.testing.assert_allclose(per_class("precision")(sums)[0], [4 / 6, 1])


def test_difference_is_the_mean_over_seeds_of_first_less_second(claims):
    first, second = make_arm(f1=0.8), make_arm(f1=0.75, by_seed=[0.01, 0, 0.02, 0, 0])
    found = difference("f1", first, second, claims)
    own = [[overall("f1")(sums) for sums in arm.tallies.sum(axis=1)] for arm in (first, second)]
    assert found.seeds == pytest.approx(over_seeds(np.subtract(*own)))
    assert found.crossed.value == pytest.approx(found.seeds.value) and found.seeds.value > 0.03
    assert (found.crossed.seeds, found.crossed.recordings) == (5, 24)


def test_what_seeds_and_recordings_share_cancels(claims):
    """Both arms vary with the seed and from recording to recording by far more than they differ."""
    first, second = make_arm(by_seed=STUDENT), make_arm(by_seed=-STUDENT)
    found = difference("f1", first, second, claims)
    assert max(estimate.error for estimate in found) < 0.003
    shuffled = second._replace(tallies=second.tallies[[1, 2, 3, 4, 0]])
    assert difference("f1", first, shuffled, claims).seeds.error > 3 * found.seeds.error
    alone = measure(lambda sums: overall("f1")(sums), [first], claims)
    assert alone.crossed.error > 3 * found.crossed.error


def test_recordings_are_a_unit_too(claims):
    """What differs from recording to recording and is the same for every seed is seen by the second interval alone."""
    uneven = np.random.default_rng(1).normal(0, 0.1, len(STRATA))
    settings = {"f1": 0.5, "by_seed": [0, 0, 0]}
    found = difference("f1", make_arm(**settings), make_arm(**settings, by_recording=uneven), claims)
    assert found.seeds.error < 1e-9 and found.crossed.error > 0.01


def test_relative_loss_is_a_share_of_the_second(claims):
    found = relative_loss(make_arm(loss=1.2), make_arm(loss=1.6), claims)
    assert found.seeds.value == pytest.approx(-0.25)
    assert found.seeds.error < 1e-9 and found.crossed.error < 1e-9  # of each seed and recording alike


def test_finding_passes_where_both_intervals_do():
    sure, unsure = Estimate(0.1, 0.01, 4, 5, 0), Estimate(0.1, 0.1, 20, 5, 24)
    for test, margin in ((p_above, [0.05]), (p_difference, []), (p_equivalent, [0.2])):
        assert test(sure, *margin) < test(unsure, *margin)
        for found in (Finding(sure, unsure), Finding(unsure, sure)):
            assert found.p(test, *margin) == test(unsure, *margin)
        assert Finding(sure, None).p(test, *margin) == test(sure, *margin)
        for unknown in (Finding(sure._replace(error=np.nan), unsure), Finding(sure, unsure._replace(error=np.nan))):
            assert np.isnan(unknown.p(test, *margin))


def penalties(arm):
    """What `with_penalty` adds to the loss per window, (seeds,)."""
    loss = overall("data_loss", BINS)
    return loss(with_penalty(arm, BINS).tallies.sum(axis=1)) - loss(arm.tallies.sum(axis=1))


def test_penalty_of_the_best_epoch_is_added_to_the_loss_of_a_window():
    histories = [curve(reached=3, loss=7.5), curve(rise=0.02, loss=8.5)]
    assert penalties(make_arm(by_seed=[0, 0], curves=histories)) == pytest.approx([7.5, 8.5])


def test_penalty_of_two_epochs_with_one_f1_is_of_the_one_whose_weights_are_kept():
    """`fit` keeps the one with the lower loss."""
    history = pd.DataFrame({"f1": [0.5, 0.8, 0.8], "valid_data_loss": [9, 8, 7], "valid_penalty": [3, 2, 1]})
    assert penalties(make_arm(by_seed=[0], curves=[history])) == pytest.approx([1])


def test_convergence_is_a_share_of_the_epochs():
    arm = make_arm(curves=[curve(reached=4, epochs=20), curve(reached=6, epochs=60)])
    assert convergence(arm, 0.95).tolist() == [0.2, 0.1]
    later = arm._replace(histories=[curve(reached=6, epochs=20), curve(reached=12, epochs=60)])
    assert converging(later, arm, 0.95).seeds.value == pytest.approx(0.1)


def test_untrained_arms_are_told_by_the_mean_curve_of_their_seeds(claims):
    low, rising, fine = curve(top=0.1), curve(rise=0.1), curve()
    arms = [make_arm(str(n), curves=c) for n, c in enumerate([[fine, low], [fine, fine], [rising, fine]])]
    assert untrained(arms, claims) == ["0", "2"]


# ---- C1: comparable --------------------------------------------------------------------------------------------------


def test_equal_networks_are_comparable(claims):
    (found,) = claim_1(pair(make_arm("EfficientNet")), claims)
    assert found["verdict"] == SUPPORTED and found["reason"] == ""
    assert found["p"] < 0.05 and found["n_seeds"] == 5 and found["n_recordings"] == 24
    assert found["statistic"] == "F1, EfficientNet less YOHO" and found["test"] == "equal within 0.01"


@pytest.mark.parametrize("shift", [0.004, -0.004])
def test_small_difference_is_comparable_though_it_is_shown(claims, shift):
    """Of every seed and recording alike: significant, and within the margin."""
    arms = pair(make_arm(f1=0.8 + shift))
    (found,) = claim_1(arms, claims)
    assert difference("f1", *arms.values(), claims).p(p_difference) < 0.05
    assert found["verdict"] == SUPPORTED and found["estimate"] == pytest.approx(shift, rel=0.1)


@pytest.mark.parametrize("shift", [0.05, -0.05])
def test_different_networks_are_not_comparable(claims, shift):
    (found,) = claim_1(pair(make_arm(f1=0.8 + shift, by_seed=-STUDENT)), claims)
    assert found["verdict"] == CONTRADICTED
    assert found["estimate"] == pytest.approx(shift, rel=0.1)
    assert found["low"] < found["estimate"] < found["high"] and found["low"] * found["high"] > 0


def test_noise_decides_nothing_and_the_power_is_told(claims):
    (found,) = claim_1(pair(make_arm(by_seed=20 * STUDENT)), claims)
    assert found["verdict"] == UNDECIDED
    assert found["reason"].endswith(f"5 seeds had a power of {equivalence_power(0.01, 0.02, 5, 0.05):.2f} at most")


def test_seeds_that_agree_do_not_speak_for_other_recordings(claims):
    uneven = np.random.default_rng(2).normal(0, 0.08, len(STRATA))
    uneven -= np.average(uneven, weights=make_arm().tallies[0, :, 0, KINDS.index("wanted")])
    arms = pair(make_arm(by_recording=uneven))
    (found,) = claim_1(arms, claims)
    assert p_equivalent(difference("f1", *arms.values(), claims).seeds, 0.01) < 0.05
    assert found["verdict"] == UNDECIDED and found["p"] > 0.05
    assert found["low"] < found["low_seeds"] < found["high_seeds"] < found["high"]


@pytest.mark.parametrize("label, raw", [("EfficientNet", curve(top=0.4)), ("YOHO", curve(rise=0.1))])
def test_equal_networks_are_not_comparable_where_one_is_not_trained(claims, label, raw):
    arms = {"proposed": make_arm("EfficientNet"), "baseline": make_arm("YOHO")}
    arms = {role: arm._replace(histories=[raw] * 5) if arm.label == label else arm for role, arm in arms.items()}
    (found,) = claim_1(arms, claims)
    assert found["p"] < 0.05
    assert found["verdict"] == UNDECIDED and found["reason"] == f"not trained to the end: {label}"


def test_untrained_networks_are_not_called_different_either(claims):
    raw = [curve(top=0.4)] * 5
    assert verdicts(claim_1(pair(make_arm(f1=0.7, curves=raw)), claims)) == [UNDECIDED]


@pytest.mark.parametrize("f1", [0.8, 0.3])
def test_one_seed_decides_nothing(claims, f1):
    (found,) = claim_1(pair(make_arm(f1=f1, by_seed=[0]), make_arm(by_seed=[0])), claims)
    assert found["verdict"] == UNDECIDED and "one seed" in found["reason"] and found["n_seeds"] == 1
    assert np.isnan(found["p"]) and np.isfinite([found["low"], found["high"]]).all()


def test_one_recording_of_each_class_decides_nothing(claims):
    first = np.arange(0, len(STRATA), PER_CLASS)
    few = [arm._replace(tallies=arm.tallies[:, first], strata=STRATA[first]) for arm in (make_arm(f1=0.3), make_arm())]
    assert verdicts(claim_1(pair(*few), claims)) == [UNDECIDED]


def decided(claims, shift, runs=120):
    """Verdicts on networks that truly differ by `shift`, as five seeds and 24 recordings show them."""
    rng, claims = np.random.default_rng(int(1e4 * abs(shift))), claims | {"replicates": 100}
    for draw in range(runs):
        by_recording = rng.normal(0, 0.01, len(STRATA))
        first = make_arm(f1=0.8 + shift, by_seed=rng.normal(0, 0.003, 5), by_recording=by_recording, draw=draw)
        arms = [first, make_arm(draw=draw, by_seed=np.zeros(5))]
        statement = equivalent("", difference("f1", *arms, claims), 0.01, arms, claims)
        yield row(statement, statement.refutation, claims)["verdict"]


def at_most(found, verdict, rate):
    """Whether a verdict is no more frequent than its rate allows: 99.8 %."""
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


def losses(*values):
    return [curve(loss=value) for value in values]


def loss_arms(data=(1.0, 0.8), reported=((75, 76, 74.5), (22, 21, 22.5))):
    """Arms of a baseline and a proposed network: data loss per bin, and reported loss of each seed."""
    arms = {}
    for role, label, own, told in zip(("baseline", "proposed"), ("YOHO", "EfficientNet"), data, reported):
        arms[role] = make_arm(label, by_seed=[0, 0, 0], loss=np.asarray(own) * [1.0, 1.001, 0.999])
        arms[f"penalised_{role}"] = make_arm(label, by_seed=[0, 0, 0], curves=losses(*told))
    return arms


def test_lower_loss_is_found_in_the_data_loss_and_in_the_reported_one(claims):
    data, reported = claim_2(loss_arms(), claims, BINS)
    assert data["verdict"] == reported["verdict"] == SUPPORTED
    assert data["estimate"] == pytest.approx(0.2 * BINS, rel=0.1) and data["n_recordings"] == 24
    assert reported["estimate"] == pytest.approx(np.mean([53, 55, 52])) and reported["n_recordings"] == 24
    assert reported["p"] == pytest.approx(stats.ttest_1samp([53, 55, 52], 0, alternative="greater").pvalue)
    assert (reported["low"], reported["high"]) == pytest.approx((reported["low_seeds"], reported["high_seeds"]))


def test_lower_loss_by_its_penalty_alone_is_told_apart(claims):
    data, reported = claim_2(loss_arms(data=(0.8, 1.0)), claims, BINS)
    assert (data["verdict"], reported["verdict"]) == (CONTRADICTED, SUPPORTED)


def test_lower_loss_of_untrained_networks_is_told_with_that_reserve(claims):
    arms = loss_arms()
    arms["baseline"] = arms["baseline"]._replace(histories=[curve(rise=0.1)] * 3)
    data, reported = claim_2(arms, claims, BINS)
    assert (data["verdict"], data["reason"]) == (SUPPORTED, "not trained to the end: YOHO")
    assert (reported["verdict"], reported["reason"]) == (SUPPORTED, "")


def test_equal_losses_decide_nothing(claims):
    rows = claim_2(loss_arms(data=([1, 1.1, 1], [1.1, 1, 1]), reported=((22, 21, 23), (21, 23, 22))), claims, BINS)
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
    rows = claim_3(arms | {"vggish": make_arm("VGGish", vggish, -STUDENT)}, claims)
    assert verdicts(rows) == expected
    assert [found["statistic"] for found in rows] == ["F1, YOHO less VGGish", "F1, EfficientNet less VGGish"]


# ---- C4: classes -----------------------------------------------------------------------------------------------------


def three(f1, guessed=1.0, **others):
    return {role: make_arm(role, f1, guessed=guessed, **others) for role in ("baseline", "vggish", "proposed")}


def of_baseline(rows):
    """Balance, rainforest and car of one network."""
    return [found for found in rows if found["statistic"].endswith("baseline")]


def test_balance_and_the_classes_that_stand_out_are_found(claims):
    rows = claim_4(three([0.85, 0.8, 0.8], [1, 1.1, 1]), claims, "bbc")
    assert verdicts(rows) == [SUPPORTED] * 9
    balance, rainforest, car = of_baseline(rows)
    assert (
        "farthest apart" in balance["statistic"]
        and "rainforest" in rainforest["statistic"]
        and "car" in car["statistic"]
    )
    assert car["estimate"] == pytest.approx(0.825 - 0.8 / 1.1, abs=0.03)
    assert abs(balance["estimate"]) < 0.2 and 0 < rainforest["estimate"] < 0.1
    assert {found["n_recordings"] for found in rows} == {24}


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
    assert verdicts(of_baseline(claim_4(three(f1, guessed), claims, "bbc"))) == expected


def test_balance_is_of_every_two_classes(claims):
    """Shown are the two farthest apart; the p-value is the largest of the pairs, the refutation Holm's smallest."""
    arm = make_arm("baseline", [0.8, 0.7, 0.5], by_recording=np.random.default_rng(0).normal(0, 0.1, len(STRATA)))
    told = balanced(arm, claims)
    pairs = {
        (first, second): measure(
            lambda sums, a=first, b=second: per_class("f1")(sums)[..., a] - per_class("f1")(sums)[..., b], [arm], claims
        )
        for first, second in ((0, 1), (0, 2), (1, 2))
    }
    assert told.part.startswith("F1 of rainforest less clocks") and told.finding == pairs[0, 2]
    assert told.p == max(found.p(p_equivalent, 0.2) for found in pairs.values())
    assert told.refutation == pytest.approx(3 * apart(pairs[0, 2], 0.2)) and told.refutation < 1


def test_largest_of_many_differences_is_not_taken_for_a_true_one(claims):
    """Classes apart by 0.18: noise makes the range of them larger, which refutes no balance within 0.2."""
    rng, found = np.random.default_rng(0), []
    for draw in range(60):
        noise = rng.normal(0, 0.15, len(STRATA))
        arm = make_arm("", [0.52, 0.7, 0.52], by_seed=rng.normal(0, 0.02, 3), by_recording=noise, draw=draw)
        refuted = balanced(arm, claims | {"replicates": 100}).refutation < 0.05
        found.append(CONTRADICTED if refuted else UNDECIDED)
    assert at_most(found, CONTRADICTED, 0.05)


@pytest.mark.parametrize("source", ["synthetic", "esc50"])
def test_claims_about_classes_of_the_bbc_are_not_testable_on_other_recordings(claims, source):
    rows = claim_4(three([0.85, 0.8, 0.8], [1, 1.1, 1]), claims, source)
    for found in rows:
        named = "farthest apart" not in found["statistic"]
        assert found["verdict"] == (UNTESTABLE if named else SUPPORTED)
        assert ("bbc" in found["reason"]) == named
    assert sum(found["verdict"] == UNTESTABLE for found in rows) == 6


def test_what_cannot_be_tested_is_not_searched_for_contraries(claims):
    f1, by_recording = [0.5, 0.7, 0.8], np.random.default_rng(0).normal(0, 0.1, len(STRATA))
    arms = three(f1, by_seed=[0, 0, 0], by_recording=by_recording)
    refutation = settle([balanced(arms["baseline"], claims)], claims)[0]["p_refutation"]
    here, there = (of_baseline(claim_4(arms, claims, source))[0]["p_refutation"] for source in ("synthetic", "bbc"))
    assert 0.01 < refutation < 0.1
    assert here == pytest.approx(3 * refutation) and there > 1.5 * here


def test_claims_about_classes_that_a_dataset_lacks_are_not_testable(claims):
    arms = {role: arm._replace(event_labels=["dog", "rain", "clocks"]) for role, arm in three(0.8).items()}
    rows = claim_4(arms, claims, "esc50")
    assert verdicts(rows) == [SUPPORTED] * 3 + [UNTESTABLE] and "bbc" in rows[-1]["reason"]


def test_one_class_alone_is_not_testable(claims):
    arms = {role: arm._replace(event_labels=["dog"]) for role, arm in three(0.8).items()}
    assert verdicts(claim_4(arms, claims, "esc50")) == [UNTESTABLE]


def test_networks_that_find_nothing_are_not_balanced(claims):
    arms = three(-1.0, curves=[curve(top=0.0)] * 5)
    assert SUPPORTED not in verdicts(claim_4(arms, claims, "synthetic"))


# ---- C5: the mask ----------------------------------------------------------------------------------------------------


def cell(label="lr 0.001", masked=None, plain=None, **settings):
    return label, make_arm("mask", **settings) if masked is None else masked, plain or make_arm("none")


def epochs_cell(differences, label="lr 0.001", epochs=100, reached=40):
    """A cell whose networks differ in the epochs to converge alone."""
    seeds = np.zeros(len(differences))
    masked = [curve(reached=reached + late, epochs=epochs) for late in differences]
    plain = [curve(reached=reached, epochs=epochs) for _ in differences]
    return label, make_arm("mask", by_seed=seeds, curves=masked), make_arm("none", by_seed=seeds, curves=plain)


def test_mask_that_changes_nothing_in_any_cell_is_shown(claims):
    labels = ["lr 0.001, mask head", "lr 0.0001, mask middle"]
    rows = claim_5({}, claims, [cell(labels[0], loss=1 + STUDENT), cell(labels[1])])
    assert verdicts(rows) == [SUPPORTED] * 6
    for number, found in enumerate(rows):
        assert ("F1", "loss", "epochs")[number % 3] in found["statistic"] and labels[number // 3] in found["statistic"]
    assert [found["test"] for found in rows[:3]] == [f"equal within {margin}" for margin in (0.01, 0.05, 0.1)]
    assert [found["n_recordings"] for found in rows[:3]] == [24, 24, 0]


@pytest.mark.parametrize(
    "changed, place",
    [({"f1": 0.7}, 0), ({"loss": 1.2 + STUDENT}, 1), ({"curves": [curve(reached=9 + n % 2) for n in range(5)]}, 2)],
)
def test_mask_that_changes_one_measure_in_one_cell_is_found(claims, changed, place):
    cells = [cell(), cell("lr 0.0001", by_seed=-STUDENT, **changed), cell("step")]
    expected = [SUPPORTED] * 9
    expected[3 + place] = CONTRADICTED
    assert verdicts(claim_5({}, claims, cells)) == expected


def test_cell_with_untrained_networks_is_refused_and_the_others_stand(claims):
    late = make_arm("none", curves=[curve(rise=0.1)] * 5)
    rows = claim_5({}, claims, [cell(), cell("lr 0.0001", make_arm("mask", curves=[curve(rise=0.1)] * 5), late)])
    assert verdicts(rows) == [SUPPORTED] * 3 + [UNDECIDED] * 3
    assert {found["reason"] for found in rows[3:]} == {"not trained to the end: mask, none"}


def test_equivalence_needs_no_correction_as_all_cells_must_show_it(claims):
    """Intersection-union: a p-value between 0.05 / 9 and 0.05 is enough, in each cell."""
    late = [2, 6, -2]
    p = p_equivalent(converging(*epochs_cell(late)[1:], 0.95).seeds, 0.1)
    assert 0.05 / 3 < p < 0.05
    rows = claim_5({}, claims, [epochs_cell(late), epochs_cell(late, "b"), epochs_cell(late, "c")])
    assert verdicts(rows) == [SUPPORTED] * 9
    assert [rows[place]["p"] for place in (2, 5, 8)] == pytest.approx([p] * 3)


def test_differences_are_holm_s_of_all_cells_and_measures(claims):
    """A difference that would be found by itself is not where three measures are searched."""
    late = [18, 40, 33, 24]
    p = apart(converging(*epochs_cell(late)[1:], 0.95), 0.1)
    assert 0.05 / 3 < p < 0.05
    found = claim_5({}, claims, [epochs_cell(late)])[2]
    assert found["p_refutation"] == pytest.approx(3 * p)
    assert found["verdict"] == UNDECIDED
    surer = claim_5({}, claims, [epochs_cell([30, 31, 30, 31])])[2]
    assert surer["p_refutation"] < 0.05 and surer["verdict"] == CONTRADICTED


def test_power_in_the_reason_is_that_of_the_measure(claims):
    loud = cell(by_seed=20 * STUDENT, loss=1 + 100 * STUDENT, curves=[curve(reached=3 + 2 * n) for n in range(5)])
    rows = claim_5({}, claims, [loud])
    assert verdicts(rows) == [UNDECIDED] * 3
    for found, name in zip(rows, ("f1", "data_loss", "epochs"), strict=True):
        power = equivalence_power(claims["C5"]["margin"][name], claims["expected_deviation"][name], 5, 0.05)
        assert f"power of {power:.2f}" in found["reason"]


def test_true_difference_at_the_margin_is_not_rounded_to_an_equivalence(claims):
    """Twelve epochs, a margin of 1.2: rounded, a difference of 1.2 epochs is 1 for most seeds."""
    rng, plain, shown = np.random.default_rng(0), make_arm(by_seed=[0] * 3, curves=[curve(epochs=12)] * 3), []
    for _ in range(100):
        late = np.round(rng.normal(1.2, 0.3, 3))
        masked = plain._replace(histories=[curve(reached=4 + epochs, epochs=12) for epochs in late])
        shown.append(SUPPORTED if converging(masked, plain, 0.95).p(p_equivalent, 0.1) < 0.05 else UNDECIDED)
    assert at_most(shown, SUPPORTED, 0.05)


def test_rounding_to_whole_epochs_leaves_some_doubt(claims):
    """Three seeds that all converge in one epoch, of eight: no difference is seen, but one below an epoch may be."""
    found = converging(*epochs_cell([0, 0, 0], epochs=8, reached=4)[1:], 0.95).seeds
    assert found.value == 0 and found.error == pytest.approx(1 / 8 / np.sqrt(18))


def test_one_seed_of_the_mask_study_decides_nothing(claims):
    (label, masked, plain) = epochs_cell([40])
    assert verdicts(claim_5({}, claims, [(label, masked, plain)])) == [UNDECIDED] * 3


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
def test_improvement_is_told_apart(claims, plain, masked, expected):
    arms = {
        "baseline": make_arm("YOHO", 0.8, by_seed=[0.01, -0.01, 0.005, -0.005, 0]),
        "unmasked": make_arm("EfficientNet", plain, STUDENT),
        "proposed": make_arm("EfficientNet + mask", masked, np.zeros(5)),
    }
    rows = claim_6(arms, claims)
    assert verdicts(rows) == expected
    parts = ["F1, EfficientNet less YOHO", "F1, EfficientNet + mask less EfficientNet"]
    assert [found["statistic"] for found in rows] == parts


def test_mask_without_effect_is_not_shown_by_untrained_networks(claims):
    raw = make_arm("EfficientNet", 0.9, STUDENT, curves=[curve(rise=0.1)] * 5)
    rows = claim_6({"baseline": make_arm(by_seed=-STUDENT), "unmasked": raw, "proposed": raw}, claims)
    assert verdicts(rows) == [SUPPORTED, UNDECIDED] and "EfficientNet" in rows[1]["reason"]


# ---- C7: arithmetic --------------------------------------------------------------------------------------------------

SIZES = pd.DataFrame(
    [
        ("mobilenet", "none", "multiply", 3_934_290),
        ("mobilenet", "backbone", "multiply", 1),
        ("vggish", "none", "multiply", 14_000_000),
        ("vggish_linear", "none", "multiply", 15_271_570),
        ("efficientnet", "none", "multiply", 1),
        ("efficientnet", "backbone", "multiply", 4_984_530),
        ("efficientnet", "backbone", "multiply_and_divide", 1),
    ],
    columns=["backbone", "mask", "masking", "parameters"],
)


NETWORKS = {
    "baseline": ["mobilenet", "none", "multiply"],
    "vggish": ["vggish", "none", "multiply"],
    "proposed": ["efficientnet", "backbone", "multiply"],
}


def test_parameters_are_counted_and_nothing_is_tested(claims):
    rows = claim_7(three(0.8), claims, SIZES, NETWORKS)
    assert verdicts(rows) == [CONTRADICTED, SUPPORTED, SUPPORTED]
    assert [found["estimate"] for found in rows] == [1_050_240, -9_015_470, -10_287_040]
    assert rows[0]["reason"] == "4,984,530 against 3,934,290"
    for found in rows:
        assert found["test"] == "arithmetic" and np.isnan(found["p"]) and found["n_seeds"] == 0


def test_parameters_are_of_the_networks_that_the_claims_name(claims):
    networks = NETWORKS | {
        "proposed": ["efficientnet", "none", "multiply"],
        "baseline": ["mobilenet", "backbone", "multiply"],
    }
    rows = claim_7(three(0.8), claims, SIZES, networks)
    assert [found["estimate"] for found in rows] == [0, 1 - 14_000_000, 1 - 15_271_570]
    assert rows[0]["verdict"] == CONTRADICTED  # as many are not fewer


def test_fewest_parameters_are_fewer_than_all(claims):
    few = SIZES.assign(parameters=SIZES["parameters"].where(SIZES["parameters"] != 4_984_530, 3_000_000))
    assert verdicts(claim_7(three(0.8), claims, few, NETWORKS)) == [SUPPORTED] * 3


# ---- all of them -----------------------------------------------------------------------------------------------------


def evidence(seeds=5):
    """Networks as the paper has them: all but C7 holds."""
    settings = {"by_seed": np.zeros(seeds) if seeds == 1 else STUDENT[:seeds]}
    classes = {"f1": [0.85, 0.8, 0.8], "guessed": [1, 1.1, 1]}
    better = {"f1": [0.852, 0.803, 0.803], "guessed": [1, 1.1, 1]}
    loss = np.full(seeds, 0.8) + STUDENT[:seeds]
    arms = {
        "baseline": make_arm("YOHO", **classes, **settings),
        "vggish": make_arm("VGGish", f1=[0.65, 0.6, 0.6], guessed=[1, 1.1, 1], **settings),
        "proposed": make_arm("EfficientNet + mask", **better, **settings, loss=loss),
        "unmasked": make_arm("EfficientNet", **better, **settings, loss=loss),
        "penalised_baseline": make_arm("YOHO with L2", **settings, curves=losses(*np.linspace(70, 72, seeds))),
        "penalised_proposed": make_arm("EfficientNet with L2", **settings, curves=losses(*np.linspace(21, 22, seeds))),
    }
    cells = [cell("mask head", make_arm("head", **settings), make_arm("none", **settings))]
    return {"arms": arms, "cells": cells, "sizes": SIZES, "networks": NETWORKS, "source": "bbc", "bins": BINS}


def whole(table):
    return table.groupby("claim", sort=False)["claim_verdict"].first().to_dict()


def test_every_claim_is_decided_and_names_its_dataset(claims):
    table = decide_claims(claims, "archive", **evidence())
    expected = dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], SUPPORTED) | {"C7": CONTRADICTED}
    assert whole(table) == expected
    assert list(CLAIMS) == list(expected)
    assert (table["dataset"] == "archive").all()
    assert table.loc[table["claim"] != "C7"].notna().all(axis=None)


def test_one_seed_decides_no_claim_but_arithmetic(claims):
    table = decide_claims(claims, "archive", **evidence(1))
    assert whole(table) == dict.fromkeys(["C1", "C2", "C3", "C4", "C5", "C6"], UNDECIDED) | {"C7": CONTRADICTED}
    assert table.loc[table["claim"] != "C7", "p"].isna().all()
    assert (table.loc[table["claim"] != "C7", "verdict"] == UNDECIDED).all()


def test_other_recordings_leave_the_claim_about_classes_untestable(claims):
    table = decide_claims(claims, "builtin", **evidence() | {"source": "synthetic"})
    assert whole(table)["C4"] == UNTESTABLE and whole(table)["C3"] == SUPPORTED


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
    monkeypatch.setattr(module, "CLAIMS", {"C1": lambda **_: [{"verdict": part} for part in parts]})
    table = decide_claims(claims, "builtin")
    assert table["claim_verdict"].tolist() == [expected] * len(parts)
    assert table["verdict"].tolist() == parts


# ---- statements ------------------------------------------------------------------------------------------------------


def test_equivalence_is_decided_at_the_config_s_level_and_margin(claims):
    arms = [make_arm(), make_arm()]
    found = Finding(over_seeds([0.004, 0.008, -0.003, 0.001]), None)
    assert 0.01 < p_equivalent(found.seeds, 0.01) < 0.05

    def verdict(margin, claims):
        return settle([equivalent("", found, margin, arms, claims)], claims)[0]["verdict"]

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
    (found,) = settle([above("", Finding(over_seeds(values), None), margin, [], claims)], claims)
    assert found["verdict"] == expected
    assert found["test"] == f"more than {margin}" and found["estimate"] == pytest.approx(np.mean(values))


def test_statements_keep_their_level_and_contraries_are_holm_s(claims):
    """Three statements, each shown with p of about 0.03: all hold. Three contraries of 0.03: none is told."""
    finding = Finding(over_seeds([0.01, 0.02, 0.035]), None)
    shown, refuted = (
        above("", finding, 0, [], claims),
        above("", Finding(finding.seeds._replace(value=-finding.seeds.value), None), 0, [], claims),
    )
    assert 0.05 / 3 < shown.p < 0.05 and refuted.refutation == pytest.approx(shown.p)
    assert verdicts(settle([shown] * 3, claims)) == [SUPPORTED] * 3
    assert verdicts(settle([refuted], claims)) == [CONTRADICTED]
    rows = settle([refuted] * 3, claims)
    assert verdicts(rows) == [UNDECIDED] * 3
    assert [found["p_refutation"] for found in rows] == pytest.approx([3 * refuted.refutation] * 3)


@pytest.mark.parametrize("values", [[0.08, 0.09, 0.07], [-0.08, -0.09, -0.07]])
def test_apart_is_two_sided(values):
    one_sided = stats.ttest_1samp(np.abs(values), 0.05, alternative="greater").pvalue
    assert apart(Finding(over_seeds(values), None), 0.05) == pytest.approx(2 * one_sided)
    assert apart(Finding(over_seeds(values), None), 0.1) == 1


def test_apart_needs_both_intervals():
    sure, unsure = Estimate(0.1, 0.01, 4, 5, 0), Estimate(0.1, 0.1, 20, 5, 24)
    assert apart(Finding(sure, unsure), 0.05) == apart(Finding(unsure, None), 0.05) > apart(Finding(sure, None), 0.05)


# ---- power -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def power(settled):
    """The table of power of five seeds."""
    return power_table(settled, dict.fromkeys(["C1", "C5", "C6"], 5))


def test_power_is_told_of_every_equivalence_from_the_config_alone(power):
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


# ---- page ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(settled, power):
    """{seeds: (table of claims, page)}."""
    tables = {seeds: decide_claims(settled, "archive", **evidence(seeds)) for seeds in (1, 5)}
    return {seeds: (table, claims_page(table, power, settled)) for seeds, table in tables.items()}


@pytest.mark.parametrize("seeds", [1, 5])
def test_page_holds_every_claim_its_statistic_its_verdict_and_its_numbers(claims, pages, seeds):
    table, page = pages[seeds]
    assert "dataset `archive`" in page.splitlines()[0]
    for claim, verdict in whole(table).items():
        assert f"| {claim} | {claims[claim]['claim']} | **{verdict}** |" in page
        assert f"## {claim}: {verdict}" in page
        assert claims[claim]["statistic"] in page
    for found in table.itertuples():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {found.statistic} |")]
        assert f"| {found.estimate:+.3g} |" in line and f"| {found.verdict}" in line and found.reason in line
        assert np.isnan(found.low) or f"| {found.low:+.3g} to {found.high:+.3g} |" in line
        assert line.count("|") == 9
    assert "95%" in page and page.endswith("|\n")
    assert not re.search(r"\bnan\b", page)


def test_page_says_what_the_seeds_could_decide(pages, power):
    page = pages[5][1]
    rows = [line for line in page.partition("## What these seeds could decide")[2].splitlines() if line[:3] == "| C"]
    assert len(rows) == len(power) == 5
    chance, needed = power.loc[2, ["power", "seeds_needed"]]
    assert f"| C5 | data_loss | 0.05 | 0.05 | 5 | {chance:.2f} | {needed:.0f} for 80% |" in rows


def test_page_from_tables_on_disk_is_the_same(claims, pages, power, tmp_path):
    """The power is read from its table."""
    table, page = pages[5]
    power.to_csv(tmp_path / "power.csv", index=False, float_format="%.4g")
    assert claims_page(table, pd.read_csv(tmp_path / "power.csv"), claims) == page


def test_network_that_never_converges_leaves_no_nan_on_the_page(claims, power):
    never = cell("mask head", make_arm("head", f1=0.0, curves=[curve(top=0.0)] * 5))
    table = decide_claims(claims, "archive", **evidence() | {"cells": [never]})
    assert not re.search(r"\bnan\b", claims_page(table, power, claims))


def test_margin_that_no_number_of_seeds_reaches_leaves_no_nan_on_the_page(claims, pages, power):
    assert np.isnan(seeds_needed(0.0005, 0.02, claims["level"], claims["power"]))
    none_suffice = power.assign(seeds_needed=np.nan)  # what `power_table` holds then
    assert not re.search(r"\bnan\b", claims_page(pages[5][0], none_suffice, claims))


def test_label_with_signs_of_markdown_is_shown_as_it_is(claims, pages, power):
    label = "a|b `c` *d* <b>e</b> _f_ \\g"
    table = pages[5][0].assign(statistic=label, reason=label)
    shown = markdown_page(claims_page(table, power, claims))
    cells = [html.unescape(cell) for cell in re.findall("<td>(.*)</td>", shown)]
    assert cells.count(label) == len(table)
    assert sum(cell.endswith(f": {label}") for cell in cells) == len(table)
