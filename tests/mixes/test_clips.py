"""Clips: from which recordings they are cut, where, and how many a dataset holds."""

import numpy as np
import pandas as pd
import pytest

from yoho import InputError
from yoho.mixes.clips import cut_clips, describe_dataset, last_slice, pool_recordings
from yoho.recordings.splits import SPLITS

# ---- pools -----------------------------------------------------------------------------------------------------------


def split_recordings(counts, seed=0):
    """Made-up recordings in random order: {class: how many in each split}."""
    names = [
        (f"{label}-{split}-{number}", label, split)
        for label, own in counts.items()
        for split, count in zip(SPLITS, own, strict=True)
        for number in range(count)
    ]
    table = pd.DataFrame(names, columns=["recording", "event_label", "split"])
    return table.sample(frac=1, random_state=seed, ignore_index=True)


UNEVEN = {"car": (12, 3, 4), "clocks": (8, 2, 2), "crowds": (5, 4, 1)}


@pytest.mark.parametrize("one_size", [False, True])
@pytest.mark.parametrize("split", SPLITS)
def test_pool_of_a_split_is_its_own_recordings(split, one_size):
    recordings = split_recordings(UNEVEN)
    pd.testing.assert_frame_equal(
        pool_recordings(recordings, split, "split", one_size), recordings[recordings["recording"].str.contains(split)]
    )


@pytest.mark.parametrize("split", SPLITS)
def test_shared_pool_of_a_dataset_is_all_recordings(split):
    recordings = split_recordings(UNEVEN)
    pd.testing.assert_frame_equal(pool_recordings(recordings, split, "shared", False), recordings)


def test_shared_pool_of_one_size_is_the_same_for_every_split():
    recordings = split_recordings(UNEVEN)
    train, valid, test = (pool_recordings(recordings, split, "shared", True) for split in SPLITS)
    pd.testing.assert_frame_equal(train, valid)
    pd.testing.assert_frame_equal(train, test)


@pytest.mark.parametrize("seed", range(5))
def test_shared_pool_is_as_large_as_the_training_split_and_holds_what_is_held_out(seed):
    pool = pool_recordings(split_recordings(UNEVEN, seed), "train", "shared", True)
    assert pool["recording"].is_unique
    counts = pool.value_counts(["event_label", "split"])
    for label, (train, valid, test) in UNEVEN.items():
        assert [counts.get((label, split), 0) for split in SPLITS] == [train - valid - test, valid, test]


def test_shared_pool_that_is_too_small_for_all_that_is_held_out_holds_the_test_recordings():
    pool = pool_recordings(split_recordings({"car": (4, 3, 2)}), "test", "shared", True)
    assert sorted(pool["split"]) == ["test", "test", "valid", "valid"]


def test_pool_of_one_size_without_a_seed_takes_the_first_recordings_that_are_held_out():
    """Its order counts too, because mixes are dealt by it."""
    table = split_recordings({"car": (4, 1, 2), "clocks": (1, 1, 0)})
    pool = pool_recordings(table, "train", "shared", True, None)
    own = {split: table.loc[table["split"] == split, "recording"].to_list() for split in SPLITS}
    cars = [name for name in own["train"] if name.startswith("car")]
    assert pool["recording"].to_list() == [*own["test"], *own["valid"], cars[0]]


@pytest.mark.parametrize("split", SPLITS)
def test_seed_alone_decides_which_recordings_a_pool_of_one_size_holds(split):
    recordings = split_recordings(UNEVEN)
    first, again, other = (
        pool_recordings(recordings, split, "shared", True, seed) for seed in ([3, 0], [3, 0], [3, 1])
    )
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_frame_equal(first, pool_recordings(recordings, "train", "shared", True, [3, 0]))
    assert set(first["recording"]) != set(other["recording"])


def test_pools_of_one_size_drawn_with_seeds_are_as_large_as_the_training_split_and_share_alike():
    """Few recordings train and many test. Each of a class has the same chance, whatever its split."""
    table = split_recordings({"car": (4, 2, 10), "clocks": (6, 0, 2)})
    pools = [pool_recordings(table, "train", "shared", True, [seed]) for seed in range(400)]
    for pool in pools:
        assert pool["recording"].is_unique and pool["event_label"].value_counts().to_dict() == {"car": 4, "clocks": 6}
    shares = pd.concat(pools)["recording"].value_counts()[table["recording"]] / len(pools)
    expected = table["event_label"].map({"car": 4 / 16, "clocks": 6 / 8})
    np.testing.assert_allclose(shares, expected, atol=0.1)  # 4 standard errors or more


def test_seed_of_a_pool_changes_no_other_pool():
    recordings = split_recordings(UNEVEN)
    for pool, one_size in (("split", True), ("split", False), ("shared", False)):
        drawn, plain = (pool_recordings(recordings, "test", pool, one_size, seed) for seed in ([0], None))
        pd.testing.assert_frame_equal(drawn, plain)


# ---- clips -----------------------------------------------------------------------------------------------------------


def cut(onset, offset, longest=10, shortest=1, slices="all", silences=""):
    """Times of the clips of one recording."""
    recordings = pd.DataFrame([{"event_label": "car", "recording": "r", "path": "r.wav"}])
    recordings = recordings.assign(onset=onset, offset=offset, silences=silences)
    clips = cut_clips(recordings, longest, shortest, slices)
    return list(zip(clips["source_onset"], clips["source_offset"], strict=True))


def test_recording_is_cut_into_clips_of_the_longest_length():
    assert cut(0, 25) == [(0, 10), (10, 20), (20, 25)]
    assert cut(2.5, 17.5) == [(2.5, 12.5), (12.5, 17.5)]
    assert cut(0, 20) == [(0, 10), (10, 20)]


def test_short_rest_is_dropped_unless_it_is_all_there_is():
    assert cut(0, 20.9) == [(0, 10), (10, 20)]
    assert cut(0, 21) == [(0, 10), (10, 20), (20, 21)]
    assert cut(3, 3.4) == [(3, 3.4)]


@pytest.mark.parametrize("shortest", [0, 1])
def test_clips_cover_what_sounds_once_and_none_is_empty_or_too_long(shortest):
    rng = np.random.default_rng(0)
    for _ in range(500):
        onset = round(rng.uniform(0, 5), 1)
        offset = round(onset + rng.integers(1, 5) * 10 + rng.integers(0, 3) * rng.uniform(0, 9), 1)
        clips = cut(onset, offset, 10, shortest)
        assert clips[0][0] == onset
        assert offset - clips[-1][1] <= shortest
        assert all(0 < end - start <= 10 + 1e-9 for start, end in clips), (onset, offset)
        assert all(end == start for (_, end), (start, _) in zip(clips[:-1], clips[1:], strict=True))


@pytest.mark.parametrize(
    "onset, offset, clips",
    [
        (0, 25, [(20, 25)]),
        (0, 20, [(10, 20)]),
        (0, 9, [(0, 9)]),
        (2.5, 22.5, [(12.5, 22.5)]),
        (0, 25.9, [(20, 25)]),  # the fractional last second is dropped
        (0, 20.9, [(10, 20)]),
        (0, 9.5, [(0, 9)]),
        (2.5, 17.9, [(12.5, 17.5)]),
        (0, 1.5, [(0, 1)]),
        (4.99, 20.99, [(14.99, 20.99)]),  # 16 s, though floating point makes it a little less
    ],
)
@pytest.mark.parametrize("shortest", [0, 1, 6])
def test_last_slice_alone_is_kept_as_released(onset, offset, clips, shortest):
    assert cut(onset, offset, 10, shortest, "last") == [pytest.approx(clip) for clip in clips]


@pytest.mark.parametrize(("onset", "offset"), [(0, 0.99), (3, 3.4)])
def test_under_a_second_there_is_no_last_slice_and_a_class_without_any_is_refused(onset, offset):
    assert last_slice(onset, offset, 10, 1) == []
    with pytest.raises(InputError, match="class car: every recording is too short for `slices: last`"):
        cut(onset, offset, slices="last")


def test_last_slice_is_that_of_the_released_range():
    rng = np.random.default_rng(0)
    for offset in rng.uniform(1, 45, 300):
        starts = range(0, int(offset), 10)
        assert cut(0, offset, slices="last") == [(start, min(start + 10, int(offset))) for start in starts[-1:]]


def test_every_recording_keeps_its_label_and_path():
    recordings = pd.DataFrame(
        {
            "event_label": ["car", "clocks"],
            "recording": ["a", "b"],
            "path": ["a.wav", "b.wav"],
            "onset": [0.0, 1.0],
            "offset": [12.0, 4.0],
            "silences": "",
        }
    )
    clips = cut_clips(recordings, 10, 1, "all")
    assert clips["recording"].to_list() == ["a", "a", "b"]
    assert clips["path"].to_list() == ["a.wav", "a.wav", "b.wav"]
    assert clips["event_label"].to_list() == ["car", "car", "clocks"]
    last = cut_clips(recordings, 10, 1, "last")
    assert last.to_numpy().tolist() == [["car", "a", "a.wav", 10, 12], ["clocks", "b", "b.wav", 1, 4]]


def test_silent_clips_are_dropped_and_counted(capsys):
    assert cut(0, 45, silences="9.000-31.500 36.000-38.000") == [(0, 10), (30, 40), (40, 45)]
    assert "2 of 5 clips are silent" in capsys.readouterr().out
    assert cut(0, 30, silences="10.000-19.900") == [(0, 10), (10, 20), (20, 30)]
    assert cut(0.5, 25.5, silences="10.500-20.500") == [(0.5, 10.5), (20.5, 25.5)]


def test_released_keeps_silent_clips():
    assert cut(0, 25, slices="last", silences="19.000-25.000") == [(20, 25)]


def test_dataset_is_described_per_class_and_split_and_overall():
    recordings = pd.DataFrame(
        [
            ("a", "car", "g1", "train", 30.0, "10.000-20.000"),
            ("b", "car", "g1", "train", 12.0, ""),
            ("c", "car", "g2", "test", 36.0, ""),
            ("d", "clocks", "g2", "test", 10.0, ""),
        ],
        columns=["recording", "event_label", "group", "split", "duration", "silences"],
    ).assign(onset=0.0, offset=lambda table: table["duration"], path="x.wav")
    table = describe_dataset(recordings, 10, 1, "all", ["car", "clocks"]).set_index(["event_label", "split"])
    assert len(table) == 3 * 4
    counts = ["recordings", "groups", "clips", "silent"]
    assert table.loc[("car", "train"), counts].to_list() == [2, 1, 4, 1]
    assert table.loc[("car", "all"), counts].to_list() == [3, 2, 8, 1]
    assert table.loc[("clocks", "valid"), counts].to_list() == [0, 0, 0, 0]
    assert table.loc[("overall", "test"), counts].to_list() == [2, 1, 5, 0]  # one group holds both classes
    assert table.loc[("overall", "all"), counts].to_list() == [4, 2, 9, 1]
    assert table.loc[("overall", "all"), "hours"] * 3600 == pytest.approx(88)
    assert table.loc[("overall", "all"), "clip_hours"] * 3600 == pytest.approx(78)
    last = describe_dataset(recordings, 10, 1, "last", ["car", "clocks"]).set_index(["event_label", "split"])
    assert last.loc[("overall", "all"), counts].to_list() == [4, 2, 4, 0]
