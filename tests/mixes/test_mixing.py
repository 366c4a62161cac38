"""Mixes: what is drawn, that the plan holds all of it, and that the audio is what the plan says."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from make_mixes import make_mixes

from yoho import InputError
from yoho.events import merge_events, read_table, write_table
from yoho.mixes.clips import cut_segments, describe_dataset, last_slice, pool_recordings
from yoho.mixes.planning import PLAN, Background, deal_segments, draw_segments, plan_mix
from yoho.mixes.rendering import render_mix
from yoho.recordings.splits import COLUMNS, SPLITS

RATE = 44100
DURATION = (55, 127)
LONGEST = 10


def segments_of(lengths):
    """Made-up segments: {class: lengths in seconds}."""
    rows = [
        (label, f"{label}-{number}", f"{label}-{number}.wav", 0.0, length)
        for label, own in lengths.items()
        for number, length in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])


def random_segments(seed, classes=6, count=9):
    rng = np.random.default_rng(seed)
    return segments_of({f"class-{number}": rng.uniform(0.3, LONGEST, count) for number in range(classes)})


def plan(segments, seed, duration=DURATION, rate=RATE):
    draw = partial(deal_segments, rng=np.random.default_rng(seed), duration=duration, longest=LONGEST)
    return plan_mix(segments, "mix.flac", rate, draw)


def plan_as_released(segments, seed, count=12):
    return plan_mix(segments, "mix.flac", RATE, partial(draw_segments, rng=np.random.default_rng(seed), count=count))


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


# ---- segments --------------------------------------------------------------------------------------------------------


def cut(onset, offset, longest=10, shortest=1, slices="all", silences=""):
    """Times of the segments of one recording."""
    recordings = pd.DataFrame([{"event_label": "car", "recording": "r", "path": "r.wav"}])
    recordings = recordings.assign(onset=onset, offset=offset, silences=silences)
    segments = cut_segments(recordings, longest, shortest, slices)
    return list(zip(segments["source_onset"], segments["source_offset"], strict=True))


def test_recording_is_cut_into_segments_of_the_longest_length():
    assert cut(0, 25) == [(0, 10), (10, 20), (20, 25)]
    assert cut(2.5, 17.5) == [(2.5, 12.5), (12.5, 17.5)]
    assert cut(0, 20) == [(0, 10), (10, 20)]


def test_short_rest_is_dropped_unless_it_is_all_there_is():
    assert cut(0, 20.9) == [(0, 10), (10, 20)]
    assert cut(0, 21) == [(0, 10), (10, 20), (20, 21)]
    assert cut(3, 3.4) == [(3, 3.4)]


@pytest.mark.parametrize("shortest", [0, 1])
def test_segments_cover_what_sounds_once_and_none_is_empty_or_too_long(shortest):
    rng = np.random.default_rng(0)
    for _ in range(500):
        onset = round(rng.uniform(0, 5), 1)
        offset = round(onset + rng.integers(1, 5) * 10 + rng.integers(0, 3) * rng.uniform(0, 9), 1)
        segments = cut(onset, offset, 10, shortest)
        assert segments[0][0] == onset
        assert offset - segments[-1][1] <= shortest
        assert all(0 < end - start <= 10 + 1e-9 for start, end in segments), (onset, offset)
        assert all(end == start for (_, end), (start, _) in zip(segments[:-1], segments[1:], strict=True))


@pytest.mark.parametrize(
    "onset, offset, segments",
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
def test_last_slice_alone_is_kept_as_released(onset, offset, segments, shortest):
    assert cut(onset, offset, 10, shortest, "last") == [pytest.approx(segment) for segment in segments]


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
    segments = cut_segments(recordings, 10, 1, "all")
    assert segments["recording"].to_list() == ["a", "a", "b"]
    assert segments["path"].to_list() == ["a.wav", "a.wav", "b.wav"]
    assert segments["event_label"].to_list() == ["car", "car", "clocks"]
    last = cut_segments(recordings, 10, 1, "last")
    assert last.to_numpy().tolist() == [["car", "a", "a.wav", 10, 12], ["clocks", "b", "b.wav", 1, 4]]


def test_silent_segments_are_dropped_and_counted(capsys):
    assert cut(0, 45, silences="9.000-31.500 36.000-38.000") == [(0, 10), (30, 40), (40, 45)]
    assert "2 of 5 segments are silent" in capsys.readouterr().out
    assert cut(0, 30, silences="10.000-19.900") == [(0, 10), (10, 20), (20, 30)]
    assert cut(0.5, 25.5, silences="10.500-20.500") == [(0.5, 10.5), (20.5, 25.5)]


def test_released_keeps_silent_segments():
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
    counts = ["recordings", "groups", "segments", "silent"]
    assert table.loc[("car", "train"), counts].to_list() == [2, 1, 4, 1]
    assert table.loc[("car", "all"), counts].to_list() == [3, 2, 8, 1]
    assert table.loc[("clocks", "valid"), counts].to_list() == [0, 0, 0, 0]
    assert table.loc[("overall", "test"), counts].to_list() == [2, 1, 5, 0]  # one group holds both classes
    assert table.loc[("overall", "all"), counts].to_list() == [4, 2, 9, 1]
    assert table.loc[("overall", "all"), "hours"] * 3600 == pytest.approx(88)
    assert table.loc[("overall", "all"), "segment_hours"] * 3600 == pytest.approx(78)
    last = describe_dataset(recordings, 10, 1, "last", ["car", "clocks"]).set_index(["event_label", "split"])
    assert last.loc[("overall", "all"), counts].to_list() == [4, 2, 4, 0]


# ---- plans -----------------------------------------------------------------------------------------------------------


def test_plan_is_what_is_drawn_in_that_order():
    """What is drawn lies end to end, each segment as many whole samples long as it lasts."""
    segments = segments_of({"car": [1.0, 2.26], "clocks": [0.5, 3.0]})

    def draw(pools):
        assert list(pools) == ["car", "clocks"]
        return [pools["clocks"][1], pools["car"][1], pools["car"][0], pools["clocks"][1]]

    rows = plan_mix(segments, "mix.flac", 10, draw)
    assert rows["recording"].to_list() == ["clocks-1", "car-1", "car-0", "clocks-1"]
    assert rows["event_label"].to_list() == ["clocks", "car", "car", "clocks"]
    assert rows["onset"].to_list() == [0, 3.0, 5.3, 6.3] and rows["offset"].to_list() == [3.0, 5.3, 6.3, 9.3]
    assert rows["source_offset"].to_list() == [3.0, 2.26, 1.0, 3.0]
    assert list(rows.columns) == PLAN and (rows["filename"] == "mix.flac").all()


def test_same_seed_same_plan_other_seed_other_plan():
    segments = random_segments(0)
    pd.testing.assert_frame_equal(plan(segments, 3), plan(segments, 3))
    assert not plan(segments, 3)["recording"].equals(plan(segments, 4)["recording"])


def test_mixes_last_between_55_and_127_seconds_and_use_that_range():
    segments = random_segments(1)
    lengths = np.array([plan(segments, seed)["offset"].max() for seed in range(300)])
    assert lengths.min() >= 55 and lengths.max() <= 127
    assert lengths.min() < 65 and lengths.max() > 115
    assert lengths.std() > 15


@pytest.mark.parametrize("duration", [(20, 30), (5, 20), (100, 127)])
def test_mixes_last_as_long_as_they_are_asked_to(duration):
    """Whatever the range, as long as it leaves room for one segment of the longest length."""
    segments = random_segments(2)
    lengths = [plan(segments, seed, duration)["offset"].max() for seed in range(50)]
    assert duration[0] <= min(lengths) and max(lengths) <= duration[1]


def test_segments_follow_one_another_without_overlap_or_gap():
    for seed in range(30):
        rows = plan(random_segments(seed), seed)
        assert rows["onset"].iloc[0] == 0
        np.testing.assert_array_equal(rows["onset"].iloc[1:], rows["offset"].iloc[:-1])
        lengths = rows["offset"] - rows["onset"]
        assert (lengths > 0).all() and (lengths <= LONGEST + 1e-9).all()
        np.testing.assert_allclose(lengths, rows["source_offset"] - rows["source_onset"], atol=0.51 / RATE)
        np.testing.assert_allclose(rows["onset"] * RATE, (rows["onset"] * RATE).round(), atol=1e-6)
        assert list(rows.columns) == PLAN and (rows["filename"] == "mix.flac").all()


def test_no_segment_repeats_before_its_class_is_used_up():
    for seed in range(30):
        rows = plan(random_segments(seed, classes=2, count=5), seed)
        for _, own in rows.groupby("event_label"):
            names = own["recording"].to_list()
            rounds = [names[start : start + 5] for start in range(0, len(names), 5)]
            assert all(len(set(dealt)) == len(dealt) for dealt in rounds)
            assert all(len(dealt) == 5 for dealt in rounds[:-1])


def test_order_of_a_class_is_shuffled_anew_each_round():
    segments = segments_of({"car": [1.0] * 5})
    names = plan(segments, 0)["recording"].to_list()
    rounds = {tuple(names[start : start + 5]) for start in range(0, 50, 5)}
    assert len(rounds) > 5


def test_classes_are_drawn_alike_however_many_recordings_they_have():
    segments = segments_of({"common": [2.0] * 60, "rare": [2.0] * 3, "seldom": [2.0] * 12})
    drawn = pd.concat([plan(segments, seed)["event_label"] for seed in range(60)])
    shares = drawn.value_counts(normalize=True)
    assert len(drawn) > 2000 and np.abs(shares - 1 / 3).max() < 0.04


def test_order_of_the_recordings_of_other_classes_does_not_matter():
    """The draws depend on each class's own segments, not on how classes are interleaved in the table."""
    segments = random_segments(5)
    by_class = segments.sort_values("event_label", kind="stable")
    interleaved = segments.iloc[np.argsort(segments.groupby("event_label").cumcount(), kind="stable")]
    pd.testing.assert_frame_equal(plan(by_class, 1), plan(interleaved, 1))


# ---- plans as released -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 12])
def test_mix_holds_as_many_segments_as_asked_for_as_released(count):
    """However long they are, and however few there are."""
    for seed in range(20):
        assert len(plan_as_released(random_segments(seed), seed, count)) == count
    assert len(plan_as_released(segments_of({"car": [10.0]}), 0, count)) == count


def test_same_seed_same_plan_other_seed_other_plan_as_released():
    segments = random_segments(0)
    pd.testing.assert_frame_equal(plan_as_released(segments, 3), plan_as_released(segments, 3))
    assert not plan_as_released(segments, 3)["recording"].equals(plan_as_released(segments, 4)["recording"])


def test_segment_repeats_before_its_class_is_used_up_as_released():
    """Of two draws from 5 segments a fifth are the same one twice; dealt, none would be."""
    rng = np.random.default_rng(0)
    repeats = [first == second for first, second in (draw_segments({"car": [*range(5)]}, rng, 2) for _ in range(2000))]
    assert np.mean(repeats) == pytest.approx(1 / 5, abs=0.04)


def test_class_is_drawn_uniformly_then_a_segment_of_it_as_released():
    counts = {"common": 10, "rare": 1, "seldom": 4}
    pools = {label: [f"{label}-{number}" for number in range(count)] for label, count in counts.items()}
    shares = pd.Series(draw_segments(pools, np.random.default_rng(0), 30000)).value_counts(normalize=True)
    assert len(shares) == 15
    for label, count in counts.items():
        np.testing.assert_allclose(shares[pools[label]], 1 / 3 / count, rtol=0.15)


# ---- background ------------------------------------------------------------------------------------------------------

STRETCH = [1, 8]


def background_of(durations):
    """Made-up recordings of background: {kind: durations in seconds}."""
    names = [(kind, number, length) for kind, own in durations.items() for number, length in enumerate(own)]
    table = pd.DataFrame(names, columns=["kind", "number", "duration"])
    table = table.assign(recording="background/" + table["kind"] + "/" + table["number"].astype(str), event_label="")
    return table.assign(path=table["recording"] + ".flac")


def plan_with_background(background, segments, seed, draw=deal_segments, **settings):
    settings = settings or {"duration": DURATION, "longest": LONGEST}
    among = partial(background.among, rng=np.random.default_rng([seed, 1]))
    drawn = partial(draw, rng=np.random.default_rng(seed), with_background=among, **settings)
    return plan_mix(segments, "mix.flac", RATE, drawn)


@pytest.mark.parametrize(
    "draw, settings", [(deal_segments, {"duration": DURATION, "longest": LONGEST}), (draw_segments, {"count": 12})]
)
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_background_takes_its_share_of_the_time_on_average(share, draw, settings):
    """Whatever the lengths of segments and of recordings of background, of which some are shorter than a stretch."""
    segments = random_segments(0)
    background = Background(background_of({"white": [8] * 3, "own": [2, 600]}), segments, share, STRETCH)
    pools = {label: own.to_dict("records") for label, own in segments.groupby("event_label")}
    among = partial(background.among, rng=np.random.default_rng(0))
    rng, lengths = np.random.default_rng(1), {True: 0.0, False: 0.0}
    for _ in range(1500):
        for piece in draw(pools, rng, **settings, with_background=among):
            lengths[piece["event_label"] == ""] += piece["source_offset"] - piece["source_onset"]
    assert lengths[True] / sum(lengths.values()) == pytest.approx(share, abs=0.01)


def test_without_background_every_draw_is_as_before_there_was_any():
    """The first segments of a mix as they were drawn then."""
    rows = plan(random_segments(0), 3)
    assert rows["recording"].to_list()[:6] == [f"class-{name}" for name in ("1-5", "1-6", "0-2", "2-1", "3-8", "1-4")]
    released = plan_as_released(random_segments(0), 3)
    assert released["recording"].to_list()[:6] == [
        f"class-{name}" for name in ("4-0", "1-2", "1-7", "5-5", "0-0", "1-3")
    ]


@pytest.mark.parametrize("draw, settings", [(deal_segments, {}), (draw_segments, {"count": 12})])
def test_segments_come_in_the_same_order_as_without_background(draw, settings):
    segments = random_segments(0)
    background = Background(background_of({"white": [8]}), segments, 0.3, STRETCH)
    for seed in range(20):
        rows = plan_with_background(background, segments, seed, draw, **settings)
        own = rows.loc[rows["event_label"] != "", "recording"].to_list()
        without = plan(segments, seed) if draw is deal_segments else plan_as_released(segments, seed)
        assert own == without["recording"].to_list()[: len(own)]


def test_mixes_with_background_end_within_their_duration_and_have_no_gap():
    segments = random_segments(1)
    background = Background(background_of({"white": [8], "room": [8, 30]}), segments, 0.4, STRETCH)
    for seed in range(200):
        rows = plan_with_background(background, segments, seed)
        assert 55 <= rows["offset"].max() <= 127
        np.testing.assert_array_equal(rows["onset"].iloc[1:], rows["offset"].iloc[:-1])
        assert list(rows.columns) == PLAN


def test_stretches_lie_within_their_recording_and_last_as_long_as_asked_for():
    segments = random_segments(1)
    recordings = background_of({"white": [8], "room": [8, 30], "own": [0.5, 3000]})
    background = Background(recordings, segments, 0.5, STRETCH)
    rows = pd.concat([plan_with_background(background, segments, seed) for seed in range(200)])
    rows = rows[rows["event_label"] == ""]
    whole = recordings.set_index("recording")["duration"][rows["recording"]].to_numpy()
    lengths = (rows["source_offset"] - rows["source_onset"]).to_numpy()
    assert (rows["source_onset"] >= 0).all() and (rows["source_offset"] <= whole).all()
    assert (lengths <= 8.001).all() and (lengths[whole > 1] >= 0.998).all()
    np.testing.assert_allclose(lengths[whole < 1], 0.5, atol=0.002)
    assert lengths.max() > 7.5 and rows["source_onset"].max() > 2000
    assert (rows["source_onset"] * 1000 % 1).round(6).isin([0, 1]).all()  # whole milliseconds, as the table holds them


def test_kinds_of_background_are_drawn_alike_however_many_recordings_they_have():
    segments = random_segments(1)
    background = Background(background_of({"white": [8] * 20, "room": [8] * 2, "own": [600]}), segments, 0.5, STRETCH)
    rows = pd.concat([plan_with_background(background, segments, seed) for seed in range(200)])
    drawn = rows.loc[rows["event_label"] == "", "recording"].str.split("/").str[1].value_counts(normalize=True)
    assert len(drawn) == 3 and np.abs(drawn - 1 / 3).max() < 0.04


# ---- audio -----------------------------------------------------------------------------------------------------------


def write_tone(path, frequency, rate, channels=1, seconds=3.0, level=0.4):
    time = np.arange(round(seconds * rate)) / rate
    tone = level * np.sin(2 * np.pi * frequency * time)
    # Channels that differ in level, mean 1.
    gains = np.linspace(0.5, 1.5, channels) if channels > 1 else np.ones(1)
    soundfile.write(path, tone[:, None] * gains, rate)


def pitch(samples, rate):
    """Frequency of the strongest line of a sound, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * rate / (8 * len(samples))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_rate_and_channel_count_in_44100_Hz_mono_out(tmp_path, rate, channels):
    write_tone(tmp_path / "tone.wav", 440, rate, channels)
    segments = segments_of({"car": [0]}).assign(path=str(tmp_path / "tone.wav"), source_onset=0.5, source_offset=2.75)
    rows = plan(segments, 0, (6, 16.5))
    render_mix(rows, tmp_path / "mix.flac", RATE)
    info = soundfile.info(tmp_path / "mix.flac")
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
    assert info.frames == round(rows["offset"].max() * RATE) == len(rows) * round(2.25 * RATE)
    samples, _ = soundfile.read(tmp_path / "mix.flac")
    for part in np.split(samples, len(rows)):
        assert pitch(part, RATE) == pytest.approx(440, abs=0.5)
        assert np.sqrt(2 * np.mean(part**2)) == pytest.approx(0.4, rel=0.02)
        assert np.abs(part[-30:]).max() > 0.1  # the segment fills its place


def test_each_segment_is_heard_in_its_place(tmp_path):
    frequencies = {"car": 300, "clocks": 900, "crowds": 2700}
    rows = []
    for label, frequency in frequencies.items():
        write_tone(tmp_path / f"{label}.wav", frequency, 16000)
        rows.append((label, label, str(tmp_path / f"{label}.wav"), 0.25, 2.0))
    segments = pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])
    drawn = plan(segments, 1, (20, 40))
    render_mix(drawn, tmp_path / "mix.flac", RATE)
    samples, _ = soundfile.read(tmp_path / "mix.flac")
    assert drawn["event_label"].nunique() == 3
    for row in drawn.itertuples():
        part = samples[round(row.onset * RATE) : round(row.offset * RATE)]
        assert pitch(part, RATE) == pytest.approx(frequencies[row.event_label], abs=1)


def test_part_of_the_recording_that_the_plan_names_is_taken_sample_by_sample(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE)
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="PCM_16")
    stored, _ = soundfile.read(tmp_path / "noise.wav")
    segments = segments_of({"car": [0]}).assign(
        path=str(tmp_path / "noise.wav"), source_onset=12345 / RATE, source_offset=100000 / RATE
    )
    rows = plan(segments, 0, (0.5, 1))
    render_mix(rows, tmp_path / "mix.flac", RATE)
    np.testing.assert_allclose(soundfile.read(tmp_path / "mix.flac")[0], stored[12345:100000], atol=1 / 32768)


def test_samples_beyond_full_scale_do_not_wrap(tmp_path):
    write_tone(tmp_path / "loud.wav", 440, RATE, level=0.9)
    samples, _ = soundfile.read(tmp_path / "loud.wav")
    soundfile.write(tmp_path / "loud.wav", 2 * samples, RATE, subtype="FLOAT")
    segments = segments_of({"car": [3.0]}).assign(path=str(tmp_path / "loud.wav"))
    render_mix(plan(segments, 0, (1, 13)), tmp_path / "mix.flac", RATE)
    mixed = soundfile.read(tmp_path / "mix.flac")[0][: 3 * RATE]
    np.testing.assert_allclose(mixed, (2 * samples).clip(-1, 1), atol=1e-4)


def test_recording_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"car-0\.wav"):
        render_mix(plan(segments_of({"car": [3.0]}), 0), tmp_path / "mix.flac", RATE)


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
    write_table(pd.DataFrame(rows, columns=COLUMNS), folder / "recordings.tsv")
    return folder / "recordings.tsv"


MIXING = {"duration": [5, 9], "longest_segment": 2, "shortest_segment": 0.5, "drawn_segments": 5}
SETTINGS = {"mixes": 4, "seed": 0, "sample_rate": RATE, "mixing": MIXING}
SETTINGS |= {"pool": "split", "one_size": True, "slices": "all", "draw": "deal", "background": None}


@pytest.fixture(scope="module")
def make(recordings, tmp_path_factory):
    """A function that makes mixes of a split: where its files lie."""

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


def test_last_slices_alone_sound_as_released(make, recordings):
    """Slices of 2 s from 0.1 s on, in whole seconds; the described ones begin with the first."""
    table = read_table(recordings).set_index("recording")
    described, released = (read_table(make(slices=slices, mixes=10).plan) for slices in ("all", "last"))
    seconds = (table["offset"] - table["onset"]).astype(int)[released["recording"]].to_numpy()
    assert (seconds > 2).any()
    np.testing.assert_allclose(released["source_onset"], 0.1 + (seconds - 1) // 2 * 2)
    np.testing.assert_allclose(released["source_offset"], 0.1 + seconds)
    assert (described["source_onset"] == 0.1).any() and (described["source_onset"] > 2).any()


def test_mixes_hold_the_drawn_segments_as_released(make):
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
    table = pd.concat([read_table(recordings), pd.DataFrame(rows, columns=COLUMNS)])
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
