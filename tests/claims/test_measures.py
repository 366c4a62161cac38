"""Arms, scores and measurements of made-up networks with known answers."""

import numpy as np
import pytest
from arms import (
    BINS,
    CLASSES,
    EXPOSURE,
    KINDS,
    STRATA,
    STUDENT,
    about,
    curve,
    make_arm,
    nobody,
    records_of,
    tables_of,
)

from yoho.claims.measures import (
    NOTHING,
    Arm,
    Joint,
    Measurement,
    aligned,
    areas,
    class_scores,
    effects_by_seed,
    effects_jointly,
    mean_effect,
    measure,
    measure_jointly,
    overall_score,
    read_records,
    score_difference,
    training_row,
    untrained,
)
from yoho.claims.statistics import (
    Estimate,
    interval,
    over_seeds,
    p_above,
    p_difference,
    p_equivalent,
    p_largest_apart,
    smallest_margin,
)
from yoho.scoring.records import write_record

F1 = overall_score("f1", KINDS)

# ---- arms ------------------------------------------------------------------------------------------------------------


def test_arm_is_gathered_with_its_recordings_and_classes_in_one_order():
    made, rng = make_arm(f1=[0.5, 0.7, 0.9]), np.random.default_rng(0)
    arm = Arm.from_tables("YOHO", list(tables_of(made, rng)), made.histories)
    assert arm.label == "YOHO" and arm.histories is made.histories and sorted(arm.event_labels) == sorted(CLASSES)
    assert arm.kinds == KINDS and arm.tallies.shape == made.tallies.shape
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
    first, second = list(tables_of(make_arm(by_seed=[0, 0])))
    with pytest.raises(KeyError):
        Arm.from_tables("", [first, second[second["recording"] != "car-8"]], [])


def test_arm_of_records_has_their_seeds_and_the_least_exposure():
    made = make_arm(by_seed=[0, 0, 0])
    records = {10 + seed: record for seed, record in records_of(made).items()}
    records[11].about["exposure"]["windows_seen"] = 59_000
    arm = Arm.from_records("YOHO", records)
    assert arm.seeds == [10, 11, 12] and arm.exposure == EXPOSURE | {"windows_seen": 59_000}
    assert [history["f1"].iloc[-1] for history in arm.histories] == [0.8] * 3
    assert arm.tallies.sum() == pytest.approx(made.tallies.sum())


def test_arm_has_the_seeds_of_which_there_is_a_record():
    first, _, third = records_of(make_arm(by_seed=[0, 0, 0])).values()
    arm = Arm.of_runs({"a": first, "c": third}, "YOHO", {7: "a", 8: "b", 9: "c"})
    assert arm.seeds == [7, 9] and arm.label == "YOHO" and arm.planned == [7, 8, 9]
    assert arm.of_seeds([9]).planned == [7, 8, 9]
    assert Arm.of_runs({}, "YOHO", {7: "a", 8: "b"}).planned == [7, 8]


@pytest.fixture
def written(tmp_path):
    """Paths of two records of one test set and one of another."""
    records = records_of(make_arm(by_seed=[0, 0, 0]))
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a.zip", tmp_path / "b" / "record.zip", tmp_path / "c.zip"]
    for path, test, (seed, record) in zip(paths, ("one", "one", "other"), records.items()):
        write_record(path, about(run=f"{test}-{seed}", test=test, place=seed), record.history, record.tallies)
    return paths


@pytest.mark.parametrize(
    "test, counting, left_out",
    [
        ("one", ["one-0", "one-1"], ["other-2"]),
        ("other", ["other-2"], ["one-0", "one-1"]),
        (None, ["one-0", "one-1", "other-2"], []),
    ],
)
def test_records_count_if_they_were_tested_on_the_same_data_whatever_their_files_names(
    written, test, counting, left_out
):
    found, others = read_records(written, test)
    assert list(found) == counting and others == left_out
    arm = Arm.of_runs(found, "", dict(enumerate(counting)))
    places = [record.about["place"] for record in found.values()]
    expected = F1(make_arm(by_seed=[0, 0, 0]).tallies.sum(axis=1))[places]
    assert F1(arm.tallies.sum(axis=1)) == pytest.approx(expected, rel=1e-4)  # records keep four digits of parts


def test_no_record_is_no_evidence():
    assert read_records([]) == ({}, [])


def test_arms_are_aligned_by_their_shared_seeds(claims):
    """The difference of a seed is that of its own two networks."""
    first, second = make_arm(f1=0.8, by_seed=[0, 0.1, 0.05]), make_arm(f1=0.75, by_seed=[0.05, 0, 0.1])
    first, second = first._replace(seeds=[3, 1, 2]), second._replace(seeds=[2, 3, 5])
    assert [arm.seeds for arm in aligned([first, second])] == [[3, 2], [3, 2]]
    by_seed = F1(first.tallies[[0, 2]].sum(axis=1)) - F1(second.tallies[[1, 0]].sum(axis=1))
    found = score_difference("f1", first, second, claims)
    assert found.seeds == pytest.approx(over_seeds(by_seed)) and found.crossed.seeds == 2
    np.testing.assert_allclose(effects_by_seed("f1", [(first, second)])[:, 0], by_seed)


def test_arms_without_a_shared_seed_measure_nothing(claims):
    here, elsewhere = make_arm(), make_arm()._replace(seeds=[5, 6, 7, 8, 9])
    for other in (elsewhere, nobody()):
        for pair in ((here, other), (other, here)):
            for found in (
                score_difference("f1", *pair, claims),
                *(mean_effect(name, [pair], claims) for name in ("f1", "data_loss", "area")),
            ):
                assert found.seeds.seeds == 0 and np.isnan(found.seeds.value) and found.crossed is None
                assert np.isnan([found.p(p_above, 0), found.smallest_margin(0.05), *found.interval(0.9)]).all()
            assert effects_by_seed("data_loss", [pair, pair]).shape == (0, 2)


# ---- scores ----------------------------------------------------------------------------------------------------------


def test_scores_by_hand():
    sums = np.zeros((2, 3, len(KINDS)))  # (sums, all and two classes, KINDS)
    sums[0, :, :4] = [[6, 10, 8, 4], [4, 5, 6, 2], [2, 5, 2, 3]]
    sums[0, 0, 4:] = [20, 10, 100, 12, 8, 5, 0.4, 0.9, 1, 2, 3, 4]
    for name, expected in {
        "f1": 12 / 18,
        "error_rate": 0.4,
        "data_loss": 0.3,
        "presence_loss": 0.2,
        "regression_loss": 0.1,
        "onset_error": 80,
        "offset_error": 180,
        "matches": 5 / 12,
        "hits_0.1": 0.1,
        "hits_1": 0.4,
    }.items():
        assert overall_score(name, KINDS)(sums)[0] == pytest.approx(expected)
    assert overall_score("data_loss", KINDS, 9)(sums)[0] == pytest.approx(2.7)
    np.testing.assert_allclose(class_scores("f1", KINDS)(sums), [[8 / 11, 4 / 7], [0, 0]])
    np.testing.assert_allclose(class_scores("precision", KINDS)(sums)[0], [4 / 6, 1])


@pytest.mark.parametrize("name", ["onset_error", "offset_error"])
def test_error_without_any_matched_event_is_unknown_and_not_0(claims, name):
    none_found = make_arm(matched=[0.9, 0.9, 0.0, 0.9, 0.9])
    found = score_difference(name, none_found, make_arm(), claims)
    assert np.isnan(found.seeds.value) and np.isnan(found.p(p_above, 0))


# ---- measurements ----------------------------------------------------------------------------------------------------


def test_difference_is_the_mean_over_seeds_of_first_less_second(claims):
    first, second = make_arm(f1=0.8), make_arm(f1=0.75, by_seed=[0.01, 0, 0.02, 0, 0])
    found = score_difference("f1", first, second, claims)
    own = [[F1(sums) for sums in arm.tallies.sum(axis=1)] for arm in (first, second)]
    assert found.seeds == pytest.approx(over_seeds(np.subtract(*own)))
    assert found.crossed.value == pytest.approx(found.seeds.value) and found.seeds.value > 0.03


def test_effects_of_seeds_and_recordings_that_arms_share_cancel(claims):
    """Differences are paired by seed: with the seeds of one arm shuffled, they are not."""
    first, second = make_arm(by_seed=STUDENT), make_arm(by_seed=-STUDENT)
    found = score_difference("f1", first, second, claims)
    assert max(estimate.error for estimate in found) < 0.003
    shuffled = second._replace(seeds=[1, 2, 3, 4, 0])
    assert score_difference("f1", first, shuffled, claims).seeds.error > 3 * found.seeds.error
    alone = measure(F1, [first], claims)
    assert alone.crossed.error > 3 * found.crossed.error


def test_recordings_are_a_unit_too(claims):
    """Only the second interval shows differences between recordings that are the same for every seed."""
    uneven = np.random.default_rng(1).normal(0, 0.1, len(STRATA))
    settings = {"f1": 0.5, "by_seed": [0, 0, 0]}
    found = score_difference("f1", make_arm(**settings), make_arm(**settings, by_recording=uneven), claims)
    assert found.seeds.error < 1e-9 and found.crossed.error > 0.01


SURE, UNSURE = Estimate(0.1, 0.01, 4, 5, 0), Estimate(0.1, 0.1, 20, 5, 24)


def test_finding_passes_where_both_estimates_do():
    for test, margin in ((p_above, [0.05]), (p_difference, []), (p_equivalent, [0.2])):
        assert test(SURE, *margin) < test(UNSURE, *margin)
        for found in (Measurement(SURE, UNSURE), Measurement(UNSURE, SURE)):
            assert found.p(test, *margin) == test(UNSURE, *margin)
        assert Measurement(SURE, None).p(test, *margin) == test(SURE, *margin)
        for unknown in (
            Measurement(SURE._replace(error=np.nan), UNSURE),
            Measurement(SURE, UNSURE._replace(error=np.nan)),
        ):
            assert np.isnan(unknown.p(test, *margin))


def test_interval_holds_those_of_both_estimates():
    low = Estimate(0.1, 0.05, 2, 3, 0)  # wider than that of UNSURE below, and narrower above
    high = Estimate(0.1, 0.06, 20, 3, 24)._replace(value=0.2)
    ends = [interval(estimate, 0.9) for estimate in (low, high)]
    assert Measurement(low, high).interval(0.9) == (min(ends)[0], max(end for _, end in ends))
    assert Measurement(low, high).interval(0.9) == (ends[0][0], ends[1][1])
    assert Measurement(SURE, None).interval(0.9) == interval(SURE, 0.9)
    assert np.isnan(Measurement(SURE, UNSURE._replace(error=np.nan)).interval(0.9)).all()
    one_seed = Measurement(over_seeds([0.1]), UNSURE._replace(seeds=1))
    assert one_seed.interval(0.9) == interval(UNSURE, 0.9)


def test_interval_and_smallest_margin_are_those_of_the_tests():
    """At each end of the interval, and at the smallest margin, the p-value of the test is the level."""
    found = Measurement(SURE._replace(value=-0.02, error=0.03), UNSURE._replace(value=-0.02, error=0.02))
    low, high = found.interval(0.9)
    assert found.p(p_above, low) == pytest.approx(0.05)
    assert found.negated().p(p_above, -high) == pytest.approx(0.05)
    margin = found.smallest_margin(0.05)
    assert margin == pytest.approx(-low) and found.p(p_equivalent, margin) == pytest.approx(0.05, rel=0.01)
    assert margin == max(smallest_margin(estimate, 0.05) for estimate in found)


def test_quantities_are_measured_jointly_as_alone(claims):
    uneven = np.random.default_rng(2).normal(0, 0.05, len(STRATA))
    arms = [make_arm(by_seed=5 * STUDENT, by_recording=uneven), make_arm(f1=0.79)]

    def difference(first, second):
        return F1(first) - F1(second)

    joint = measure_jointly(lambda *sums: np.stack([difference(*sums), -difference(*sums)], axis=-1), arms, claims)
    alone = measure(difference, arms, claims)
    for found, direct in zip(joint.measured, (alone, alone.negated())):
        assert found.seeds == pytest.approx(direct.seeds) and found.crossed == pytest.approx(direct.crossed)
    p = [p_largest_apart(*part, 0.005) for part in joint.deviates]
    assert 0.001 < p[0] < p[1] < 1 and joint.p(0.005) == p[1]


def joint_of(*columns):
    """A `Joint` of quantities that are not computed from recordings."""
    return Joint([Measurement(over_seeds(values), None) for values in columns], [])


def test_weakest_quantity_has_the_largest_p_and_need_not_be_the_farthest():
    far, noisy, far_and_noisy = [0.011, 0.012, 0.013], [0.01, -0.012, 0.005], [0.025, 0.005, 0.015]
    assert joint_of(far, noisy).weakest(0.03) == 1 and joint_of(noisy, far).weakest(0.03) == 0
    assert joint_of(far, noisy, far_and_noisy).weakest(0.03) == 2
    apart = [[0.5, 0.5, 0.5], [0.6, 0.6, 0.6], [0.55, 0.55, 0.55]]  # all p-values are 1
    assert joint_of(*apart).weakest(0.03) == 1


@pytest.mark.parametrize("columns", [([0.0], [-0.2], [0.1]), ([0.1, 0.2], [np.nan, 0.1], [0.3, 0.3])])
def test_unknown_quantity_is_the_weakest(columns):
    assert joint_of(*columns).weakest(0.03) == 1


# ---- effects ---------------------------------------------------------------------------------------------------------


def test_effects_of_pairs_and_their_mean(claims):
    """F1 and area are subtracted; the loss is a share of the second's."""
    none = make_arm("none", loss=2.0, curves=[curve(0.7)] * 5)
    lower = make_arm("a", f1=0.75, loss=1.5, curves=[curve(0.8)] * 5)
    higher = make_arm("b", f1=0.85, loss=2.2, curves=[curve(0.65)] * 5)
    pairs = [(lower, none), (higher, none)]
    for name, expected in {"f1": (-0.05, 0.05), "data_loss": (-0.25, 0.1), "area": (0.1, -0.05)}.items():
        by_seed = effects_by_seed(name, pairs)
        assert by_seed.shape == (5, 2)
        np.testing.assert_allclose(by_seed, [expected] * 5, atol=0.002)
        assert mean_effect(name, pairs, claims).seeds.value == pytest.approx(by_seed.mean())
        joint = effects_jointly(name, pairs, claims)
        assert [found.seeds.value for found in joint.measured] == pytest.approx(by_seed.mean(axis=0))
        (between,) = effects_jointly(name, pairs, claims, centred=True).measured
        assert between.seeds == pytest.approx(over_seeds(by_seed[:, 0] - by_seed[:, 1]), abs=1e-12)
        centred = effects_jointly(name, [*pairs, pairs[0]], claims, centred=True)
        third = (by_seed[:, 0] - by_seed[:, 1]).mean() / 3
        assert [found.seeds.value for found in centred.measured] == pytest.approx([third, -2 * third, third])
        assert (mean_effect(name, pairs, claims).crossed is None) == (name == "area")


def test_effects_of_cells_are_of_the_seeds_that_all_cells_have():
    first, second = make_arm(by_seed=[0, 0.1, 0]), make_arm(by_seed=[0, 0, 0.1, 0.2])
    plain = make_arm(by_seed=[0, 0, 0, 0])
    by_seed = effects_by_seed("f1", [(first, plain), (second, plain)])
    assert by_seed.shape == (3, 2)
    np.testing.assert_allclose(by_seed[2], [0, 0.1], atol=0.02)


def test_area_is_the_mean_f1_over_the_windows_seen():
    arm = make_arm(by_seed=[0, 0], curves=[curve(0.6), curve(0.8, gain=0.1)])
    assert areas(arm)[0] == pytest.approx(0.6) and 0.6 < areas(arm)[1] < 0.75


# ---- training --------------------------------------------------------------------------------------------------------


def test_training_is_judged_by_the_interval_of_the_mean_gain(claims):
    gains = [0.012, 0.008, 0.01]
    curves = [curve(top, gain=gain) for top, gain in zip((0.5, 0.7, 0.6), gains)]
    row = training_row(make_arm("YOHO", by_seed=[0, 0, 0], curves=curves), claims)
    assert row["label"] == "YOHO" and row["n_seeds"] == 3 and row["trained"] == "yes"
    assert row["last_f1"] == pytest.approx(0.6) and row["gain"] == pytest.approx(0.01)
    assert (row["low"], row["high"]) == pytest.approx(interval(over_seeds(gains), 0.9))


@pytest.mark.parametrize(
    "curves, state, words",
    [
        ([curve(0.31)] * 3, "yes", []),
        ([curve(0.29)] * 3, "no", ["not trained: YOHO"]),
        ([curve(gain=0.03)] * 3, "no", ["not trained: YOHO"]),
        ([curve(gain=-0.03)] * 3, "no", ["not trained: YOHO"]),
        ([curve(gain=gain) for gain in (0, 0.03, 0.01)], "unclear", ["unclear whether trained: YOHO"]),
        ([curve(epochs=6)] * 3, "unclear", ["unclear whether trained: YOHO"]),
        ([curve()], "unclear", ["unclear whether trained: YOHO"]),
    ],
)
def test_network_that_may_still_change_is_named(claims, curves, state, words):
    arm = make_arm("YOHO", by_seed=np.zeros(len(curves)), curves=curves)
    assert training_row(arm, claims)["trained"] == state
    assert untrained([arm, arm, make_arm("other")], claims) == words


def test_networks_of_each_state_are_listed_together(claims):
    late, unknown = [curve(gain=0.05)] * 5, [curve(epochs=2)] * 5
    arms = [make_arm("a", curves=late), make_arm("b", curves=unknown), make_arm("c"), make_arm("d", curves=late)]
    assert untrained(arms, claims) == ["not trained: a, d", "unclear whether trained: b"]


def test_network_without_a_seed_is_not_trained_but_not_blamed(claims):
    row = training_row(nobody(), claims)
    assert row["n_seeds"] == 0 and row["trained"] == "unclear"
    assert np.isnan([row["last_f1"], row["gain"], row["low"]]).all()
    assert untrained([nobody(), make_arm()], claims) == []


def test_nothing_is_measured_of_no_seed():
    assert NOTHING.seeds.seeds == 0 and np.isnan(NOTHING.seeds.value)


def test_loss_of_a_window_is_that_of_all_its_bins(claims):
    found = score_difference("data_loss", make_arm(loss=1.2), make_arm(loss=1.0), claims, BINS)
    assert found.seeds.value == pytest.approx(0.2 * BINS, rel=0.1)
