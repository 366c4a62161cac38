"""Groups and splits: no group is in two splits, every class is in each, and bad tables are named."""

import numpy as np
import pandas as pd
import pytest

from yoho import InputError
from yoho.recordings.splits import RECORDING_COLUMNS, SPLITS, assign_splits, check_recordings, join_groups

LABELS = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]


def made_up(groups_per_class, rng):
    """A table of recordings of some classes, 1 to 3 recordings a group."""
    rows = [
        {"recording": f"{label}-{group}-{take}", "event_label": label, "group": f"{label}-{group}"}
        for label, groups in groups_per_class.items()
        for group in range(groups)
        for take in range(rng.integers(1, 4))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=int(rng.integers(1000)), ignore_index=True)


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_in_two_splits_and_every_class_is_in_each(seed):
    rng = np.random.default_rng(seed)
    recordings = made_up({label: int(rng.integers(3, 30)) for label in LABELS}, rng)
    fractions = dict(zip(SPLITS, rng.dirichlet([1, 1, 1]) + 0.01, strict=True))
    dealt = assign_splits(recordings, fractions, rng)
    assert (dealt.groupby("group")["split"].nunique() == 1).all()
    assert len(dealt.groupby(["event_label", "split"])) == len(LABELS) * len(SPLITS)
    assert dealt["recording"].to_list() == recordings["recording"].to_list()
    check_recordings(dealt, LABELS)


@pytest.mark.parametrize(
    "groups, fractions, expected",
    [
        (40, (0.7, 0.15, 0.15), (28, 6, 6)),
        (10, (0.7, 0.2, 0.1), (7, 2, 1)),
        (4, (0.5, 0.25, 0.25), (2, 1, 1)),
        (3, (0.98, 0.01, 0.01), (1, 1, 1)),
        (100, (70, 20, 10), (70, 20, 10)),  # shares need not add up to 1
        (50, (0.98, 0.01, 0.01), (48, 1, 1)),
        (1, (1, 0, 0), (1, 0, 0)),  # a split whose share is 0 gets none
        (9, (2, 0, 1), (6, 0, 3)),
    ],
)
def test_splits_get_their_share_of_the_groups(groups, fractions, expected):
    recordings = pd.DataFrame({"event_label": "car", "group": [f"g{number}" for number in range(groups)]})
    dealt = assign_splits(recordings, dict(zip(SPLITS, fractions, strict=True)), np.random.default_rng(0))
    assert tuple((dealt["split"] == split).sum() for split in SPLITS) == expected


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ([16, 4, 1], (16, 4, 1)),
        ([600] + [50] * 8, (600, 200, 200)),
        ([1] * 60 + [40], (60, 20, 20)),
        ([30, 30, 30, 5, 5], (40, 30, 30)),
    ],
)
def test_shares_are_of_recordings_and_large_groups_are_dealt_first(sizes, expected):
    """Tapes of the BBC hold one to six hundred recordings of a class."""
    groups = np.repeat([f"g{number}" for number in range(len(sizes))], sizes)
    recordings = pd.DataFrame({"event_label": "car", "group": groups})
    for seed in range(5):
        dealt = assign_splits(recordings, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(seed))
        assert tuple((dealt["split"] == split).sum() for split in SPLITS) == expected
        assert (dealt.groupby("group")["split"].nunique() == 1).all()


def test_splits_are_drawn_not_dealt_in_order():
    recordings = pd.DataFrame({"event_label": "car", "group": [f"g{number}" for number in range(30)]})
    fractions = {"train": 0.6, "valid": 0.2, "test": 0.2}
    draws = [tuple(assign_splits(recordings, fractions, np.random.default_rng(seed))["split"]) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] != tuple(np.repeat(SPLITS, (18, 6, 6)))


def test_group_of_several_classes_is_in_one_split_and_every_class_in_each():
    rng = np.random.default_rng(0)
    for seed in range(20):
        rows = [
            (label, f"tape-{tape}")
            for label, tapes in (("car", 25), ("clocks", 5), ("crowds", 12))
            for tape in rng.permutation(25)[:tapes]
        ]
        recordings = pd.DataFrame(rows, columns=["event_label", "group"]).assign(recording=range(len(rows)))
        dealt = assign_splits(recordings, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(seed))
        check_recordings(dealt.assign(recording=dealt["recording"].astype(str)), ["car", "clocks", "crowds"])


def test_class_whose_groups_another_class_has_taken_is_named():
    rows = [("car", f"g{number}") for number in range(3)] + [("clocks", f"g{number}") for number in (0, 0, 1, 2, 3)]
    rows += [("crowds", name) for name in ("g0", "c1", "c2", "c3", "c4")]
    table = pd.DataFrame(rows, columns=["event_label", "group"])
    check = assign_splits(table, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(0))
    assert (check.groupby("group")["split"].nunique() == 1).all()
    table.loc[table["event_label"] == "car", "group"] = ["g0", "g0", "g0"]
    with pytest.raises(InputError, match=r"class car: 1 group\(s\)"):
        assign_splits(table, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(0))


def test_groups_that_share_a_recording_become_one():
    table = pd.DataFrame(
        {
            "group": ["e", "d", "c", "b", "a", "f", "e"],
            "sha256": ["1", "1", "2", "3", "", "", "9"],
            "description": ["x", "y", "y", "", "", "x", "z"],
            "duration": [1.0, 2.0, 2.0, 5.0, 5.0, 1.5, 7.0],
        },
        index=[3, 1, 4, 15, 9, 2, 6],
    )
    joined = join_groups(table, ["sha256"], ["description", "duration"])
    # e and d are the same audio, d and c the same words and length; empty values are the same as nothing.
    assert joined["group"].to_list() == ["c", "c", "c", "b", "a", "f", "c"]
    assert join_groups(table, ["sha256"])["group"].to_list() == ["d", "d", "c", "b", "a", "f", "d"]
    assert join_groups(table)["group"].to_list() == table["group"].to_list()


def test_missing_duration_makes_no_duplicate():
    table = pd.DataFrame({"group": ["a", "b"], "description": ["x", "x"], "duration": [np.nan, np.nan]})
    assert join_groups(table, ["description", "duration"])["group"].to_list() == ["a", "b"]


def test_class_with_fewer_groups_than_splits_is_named():
    recordings = made_up({"car": 5, "clocks": 2}, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"class clocks: 2 group\(s\).* 3 splits"):
        assign_splits(recordings, {"train": 0.5, "valid": 0.25, "test": 0.25}, np.random.default_rng(0))


def checked(**changes):
    """Check a sound table of two classes after some changes: {(row, column): value}."""
    rows = [
        {"recording": f"{label}-{split}", "event_label": label, "group": f"{label}-{split}", "split": split}
        for label in ("car", "clocks")
        for split in SPLITS
    ]
    table = pd.DataFrame(rows)
    for column, values in changes.items():
        for row, value in values.items():
            table.loc[row, column] = value
    return check_recordings(table, ["car", "clocks"])


def test_sound_table_is_given_back():
    assert len(checked()) == 6


def test_no_recordings_at_all_are_an_error():
    with pytest.raises(InputError, match="no recordings"):
        check_recordings(pd.DataFrame(columns=RECORDING_COLUMNS), ["car"])


def test_shared_group_across_splits_is_named():
    with pytest.raises(InputError, match="more than one split: field-7"):
        checked(group={0: "field-7", 2: "field-7"})


def test_group_shared_by_two_classes_across_splits_is_named():
    with pytest.raises(InputError, match="more than one split: field-7"):
        checked(group={0: "field-7", 4: "field-7"})


def test_group_within_one_split_may_be_shared():
    checked(group={0: "field-7", 3: "field-7"})


def test_empty_group_is_named():
    with pytest.raises(InputError, match="without a group.*: clocks-train"):
        checked(group={3: ""})


def test_two_recordings_of_one_name_are_named():
    with pytest.raises(InputError, match="two recordings with the same name: twin"):
        checked(recording={1: "twin", 4: "twin"})


@pytest.mark.parametrize("row, split", [(3, "train"), (4, "valid"), (5, "test")])
def test_class_that_a_split_lacks_is_named(row, split):
    with pytest.raises(InputError, match=f"class clocks: no recording in split {split}"):
        checked(event_label={row: "car"})


def test_classes_in_the_training_split_alone_need_no_other_split():
    table = checked()
    alone = table[table["split"] == "train"]
    pd.testing.assert_frame_equal(check_recordings(alone, ["car", "clocks"]), alone)
    with pytest.raises(InputError, match="class aircraft: no recording in split train"):
        check_recordings(alone, ["car", "clocks", "aircraft"])
    quiet = alone.assign(event_label="", recording=["quiet-0", "quiet-1"], group=["q0", "q1"])
    check_recordings(pd.concat([alone, quiet], ignore_index=True), ["car", "clocks", ""])
    with pytest.raises(InputError, match="background: no recording in split valid"):
        check_recordings(pd.concat([table, quiet], ignore_index=True), ["car", "clocks", ""])


@pytest.mark.parametrize("split", ["valid", "test"])
def test_classes_in_another_split_alone_are_refused(split):
    table = checked()
    with pytest.raises(InputError, match="class car: no recording in split train"):
        check_recordings(table[table["split"] == split], ["car", "clocks"])


def test_class_without_any_recording_is_named():
    table = checked()
    with pytest.raises(InputError, match="class aircraft: no recording"):
        check_recordings(table, ["car", "clocks", "aircraft"])
