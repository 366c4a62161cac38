"""The mixes of a split: the plan holds every draw, and no recording of another split sounds."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from make_mixes import make_mixes
from measure_levels import measure_levels

from yoho import InputError
from yoho.events import merge_events, read_table, write_table
from yoho.mixes.clips import describe_dataset
from yoho.mixes.planning import render_mix
from yoho.recordings.splits import RECORDING_COLUMNS, SPLITS

RATE = 44100


# ---- a split's mixes -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Table of a few recordings of two classes in every split, at several sample rates."""
    folder = tmp_path_factory.mktemp("recordings")
    rng, rows = np.random.default_rng(0), []
    for number, split in enumerate([*SPLITS] * 2):
        for label in ("car", "clocks"):
            name, rate = f"{label}-{number}", (8000, 11025, 44100)[number % 3]
            samples = 0.3 * rng.standard_normal(round(rng.uniform(1, 4) * rate)).clip(-3, 3)
            soundfile.write(folder / f"{name}.wav", samples, rate)
            length = len(samples) / rate
            rows.append((name, str(folder / f"{name}.wav"), label, name, split, length, 0.1, length, ""))
    write_table(pd.DataFrame(rows, columns=RECORDING_COLUMNS), folder / "recordings.tsv")
    return folder / "recordings.tsv"


MIXING = {"duration": [5, 9], "longest_clip": 2, "shortest_clip": 0.5, "drawn_clips": 5, "dealt": "mix"}
SETTINGS = {"mixes": 4, "seed": 0, "sample_rate": RATE, "mixing": MIXING}
SETTINGS |= {"pool": "split", "one_size": True, "pool_seed": None, "slices": "all", "draw": "deal"}
SETTINGS |= {"background": None, "overlap": None}


@pytest.fixture(scope="module")
def make(recordings, tmp_path_factory):
    """A function that makes mixes of a split and returns the paths of its files."""

    def made(split="train", threads=1, **changes):
        folder = tmp_path_factory.mktemp(split)
        files = SimpleNamespace(plan=folder / "plan.tsv", events=folder / "events.tsv", audio=folder / "audio")
        make_mixes(SimpleNamespace(recordings=recordings), files, split, threads, **SETTINGS | changes)
        return files

    return made


@pytest.fixture(scope="module")
def four(make):
    return make()


def contents(files):
    return {path.name: path.read_bytes() for path in sorted(files.audio.iterdir())}


def test_mixes_deal_the_recordings_of_the_split_if_they_are_dealt_together(make, recordings):
    """Every clip of the split sounds equally often, but for the round that the last mix leaves unfinished."""
    table = read_table(recordings)
    plan = read_table(make(mixes=8, sample_rate=8000, mixing=MIXING | {"dealt": "split"}).plan)
    assert set(plan["recording"]) == set(table.loc[table["split"] == "train", "recording"])
    for _, own in plan.groupby("event_label"):
        times = own.value_counts(["recording", "source_onset"])
        assert times.max() - times.min() <= 1 < times.max()


def test_mixes_of_a_table_with_training_recordings_alone(make, recordings, four, tmp_path):
    """Such a table gives the same training mixes, and no others."""
    table = read_table(recordings)
    write_table(table[table["split"] == "train"], tmp_path / "recordings.tsv")
    files = SimpleNamespace(plan=tmp_path / "plan.tsv", events=tmp_path / "events.tsv", audio=tmp_path / "audio")
    alone = SimpleNamespace(recordings=tmp_path / "recordings.tsv")
    make_mixes(alone, files, "train", 1, **SETTINGS)
    pd.testing.assert_frame_equal(read_table(files.plan), read_table(four.plan))
    with pytest.raises(InputError, match="no recording in split test"):
        make_mixes(alone, files, "test", 1, **SETTINGS)


def test_mix_does_not_depend_on_how_many_there_are(make, four):
    ten = make(mixes=10)
    assert len(contents(four)) == 4 and len(contents(ten)) == 10
    assert contents(four).items() <= contents(ten).items()
    few, many = read_table(four.plan), read_table(ten.plan)
    pd.testing.assert_frame_equal(few, many[many["filename"].isin(few["filename"])])


def test_mixes_of_a_split_all_differ(four):
    assert len(set(contents(four).values())) == 4


def test_mixes_are_the_same_whatever_the_threads_and_others_with_another_seed(make, four):
    assert contents(make(threads=2)) == contents(four)
    assert not set(contents(make(seed=1)).values()) & set(contents(four).values())


def test_audio_can_be_rebuilt_from_the_written_plan(four, tmp_path):
    for filename, rows in read_table(four.plan).groupby("filename"):
        render_mix(rows, tmp_path / filename, RATE)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents(four)


@pytest.mark.parametrize("split", SPLITS)
def test_recordings_of_other_splits_never_sound(make, recordings, split):
    table = read_table(recordings).set_index("recording")
    drawn = read_table(make(split, mixes=10, mixing=MIXING | {"duration": [9, 12]}).plan)
    assert set(table.loc[drawn["recording"], "split"]) == {split}
    assert set(drawn["recording"]) == set(table.index[table["split"] == split])


def test_shared_pool_sounds_in_the_mixes_of_every_split(make, recordings):
    """Two recordings of each class train, so the pool is the two that test; the splits' mixes differ all the same."""
    table = read_table(recordings).set_index("recording")
    drawn = [read_table(make(split, mixes=10, pool="shared").plan) for split in SPLITS]
    for own in drawn:
        assert set(own["recording"]) == set(table.index[table["split"] == "test"])
    assert len({tuple(own["recording"]) for own in drawn}) == 3


def test_shared_pool_that_is_drawn_with_a_seed_sounds_in_the_mixes_of_every_split(make):
    """Four recordings, two of each class; they are others with another seed."""
    drawn = [
        {*read_table(make(split, mixes=10, pool="shared", pool_seed=[1, seed]).plan)["recording"]}
        for seed in range(2)
        for split in SPLITS
    ]
    first, other = drawn[0], drawn[3]
    assert drawn == [first] * 3 + [other] * 3 and first != other and len(first) == len(other) == 4


def test_last_slices_alone_sound_as_released(make, recordings):
    """Slices of 2 s from 0.1 s on, in whole seconds; the described ones begin with the first."""
    table = read_table(recordings).set_index("recording")
    described, released = (read_table(make(slices=slices, mixes=10).plan) for slices in ("all", "last"))
    seconds = (table["offset"] - table["onset"]).astype(int)[released["recording"]].to_numpy()
    assert (seconds > 2).any()
    np.testing.assert_allclose(released["source_onset"], 0.1 + (seconds - 1) // 2 * 2)
    np.testing.assert_allclose(released["source_offset"], 0.1 + seconds)
    assert (described["source_onset"] == 0.1).any() and (described["source_onset"] > 2).any()


def test_mixes_hold_the_drawn_clips_as_released(make):
    files = make(draw="replace", mixes=10)
    plans = read_table(files.plan)
    assert plans.groupby("filename").size().to_list() == [5] * 10
    assert len({tuple(rows["recording"]) for _, rows in plans.groupby("filename")}) == 10
    for filename, rows in plans.groupby("filename"):
        assert rows["offset"].max() == pytest.approx(soundfile.info(files.audio / filename).duration, abs=1e-6)


def test_events_are_the_merged_plan_and_end_with_the_audio(four):
    plans, events = read_table(four.plan), read_table(four.events)
    pd.testing.assert_frame_equal(events, merge_events(plans))
    for filename, rows in events.groupby("filename"):
        assert rows["offset"].max() == pytest.approx(soundfile.info(four.audio / filename).duration, abs=1e-6)


def test_overlapping_sounds_are_in_the_events_and_can_be_rebuilt(make, tmp_path):
    overlap = {"sounds": 2, "level": [-6, 6], "gap": [0.1, 1], "crossfade": [0, 0.3], "gain": 20}
    files = make(sample_rate=8000, mixes=3, overlap=overlap, mixing=MIXING | {"longest_clip": 1})
    plans, events = read_table(files.plan), read_table(files.events)
    pd.testing.assert_frame_equal(events, merge_events(plans))
    upper = plans[plans["layer"] == 2]
    assert len(upper) and upper["level"].between(-6, 6).all() and plans["fade"].between(0, 0.3).all()
    for filename, rows in plans.groupby("filename"):
        render_mix(rows, tmp_path / filename, 8000, overlap["gain"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents(files)


def test_measured_levels_are_those_of_the_written_audio(make, tmp_path):
    """In segments in which one class sounds alone, the audio has its level."""
    overlap = {"sounds": 2, "level": [6, 12], "gap": [1, 4], "crossfade": [0, 0.3], "gain": 20}
    files = make(sample_rate=8000, mixes=3, overlap=overlap, mixing=MIXING | {"longest_clip": 1})
    settings = {"sample_rate": 8000, "gain": overlap["gain"], "resolution": 0.5}
    measure_levels(files.plan, tmp_path / "levels.tsv", 1, **settings)
    levels = read_table(tmp_path / "levels.tsv").pivot(
        index=["filename", "segment"], columns="event_label", values="level"
    )
    alone = levels[(levels > -100).sum(axis=1) == 1].max(axis=1)
    assert 5 < len(alone) < len(levels)
    for (filename, segment), level in alone.items():
        samples, _ = soundfile.read(files.audio / filename, start=4000 * segment, stop=4000 * (segment + 1))
        power = np.sum(samples**2) / 4000  # of the whole segment, also of one that the mix ends in
        assert level == pytest.approx(10 * np.log10(power), abs=0.05)


def test_recordings_that_leak_are_refused_at_run_time(recordings, tmp_path):
    table = read_table(recordings)
    table.loc[[0, 2], "group"] = "field-7"
    write_table(table, tmp_path / "recordings.tsv")
    with pytest.raises(InputError, match="more than one split: field-7"):
        make_mixes(SimpleNamespace(recordings=tmp_path / "recordings.tsv"), None, "train", 1, **SETTINGS)


# ---- a split's mixes with background ---------------------------------------------------------------------------------

SPLIT_KINDS = {"silence": 0.0, "room": 0.1}


@pytest.fixture(scope="module")
def with_background(recordings, tmp_path_factory):
    """The table of recordings with background: silence and a constant level in every split."""
    folder, rows = tmp_path_factory.mktemp("background"), []
    for kind, level in SPLIT_KINDS.items():
        for split in SPLITS:
            path = folder / f"{kind}-{split}.wav"
            soundfile.write(path, np.full(3 * RATE, level), RATE)
            name = f"background/{kind}/{split}"
            rows.append((name, str(path), "", name, split, 3.0, 0.0, 3.0, ""))
    table = pd.concat([read_table(recordings), pd.DataFrame(rows, columns=RECORDING_COLUMNS)])
    write_table(table, folder / "recordings.tsv")
    return folder / "recordings.tsv"


@pytest.fixture(scope="module")
def make_with_background(with_background, tmp_path_factory):
    def made(split="train", **changes):
        folder = tmp_path_factory.mktemp(split)
        files = SimpleNamespace(plan=folder / "plan.tsv", events=folder / "events.tsv", audio=folder / "audio")
        settings = SETTINGS | {"background": {"share": 0.4, "duration": [0.5, 2]}, "mixes": 6} | changes
        make_mixes(SimpleNamespace(recordings=with_background), files, split, 1, **settings)
        return files

    return made


@pytest.mark.parametrize("changes", [{}, {"pool": "shared", "slices": "last", "draw": "replace"}])
@pytest.mark.parametrize("split", SPLITS)
def test_background_is_heard_where_the_plan_has_it_and_is_no_event(make_with_background, split, changes):
    files = make_with_background(split, **changes)
    plans, events = read_table(files.plan), read_table(files.events)
    background = plans[plans["event_label"] == ""]
    assert set(background["recording"]) == {f"background/{kind}/{split}" for kind in SPLIT_KINDS}  # of no other split
    pd.testing.assert_frame_equal(events, merge_events(plans[plans["event_label"] != ""]))
    assert (events["event_label"] != "").all()
    for row in background.itertuples():
        samples, _ = soundfile.read(files.audio / row.filename)
        part = samples[round(row.onset * RATE) : round(row.offset * RATE)]
        np.testing.assert_allclose(part, SPLIT_KINDS[row.recording.split("/")[1]], atol=1e-4)


def test_mixes_with_background_can_be_rebuilt_from_the_written_plan(make_with_background, tmp_path):
    files = make_with_background()
    for filename, rows in read_table(files.plan).groupby("filename"):
        render_mix(rows, tmp_path / filename, RATE)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents(files)


def test_background_that_a_split_lacks_is_named(with_background, tmp_path):
    table = read_table(with_background)
    write_table(table[(table["event_label"] != "") | (table["split"] != "test")], tmp_path / "recordings.tsv")
    with pytest.raises(InputError, match="^background: no recording in split test"):
        make_mixes(SimpleNamespace(recordings=tmp_path / "recordings.tsv"), None, "train", 1, **SETTINGS)


def test_background_is_described_beside_the_classes_and_not_among_them(with_background, recordings):
    plain, table = (
        describe_dataset(read_table(path), 2, 0.5, "all", ["car", "clocks"]) for path in (recordings, with_background)
    )
    pd.testing.assert_frame_equal(table.iloc[: len(plain)], plain)
    rows = table.iloc[len(plain) :].set_index(["event_label", "split"])
    assert rows.index.get_level_values(0).unique().to_list() == ["background"]
    assert rows["recordings"].to_list() == [2, 2, 2, 6] and rows["groups"].to_list() == [2, 2, 2, 6]
    assert rows.loc[("background", "all"), "hours"] * 3600 == pytest.approx(18)
