"""Plans of mixes: which clips are drawn, in which order, with which background; and the audio that follows a plan."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from drawn import LONGEST, RATE, clips_of, plan, plan_as_released, plan_split, random_clips

from yoho import InputError
from yoho.mixes.planning import PLAN_COLUMNS, Background, draw_clips, plan_mix, render_mix

# ---- plans -----------------------------------------------------------------------------------------------------------


def test_plan_is_what_is_drawn_in_that_order():
    """The drawn clips follow one another, each rounded to whole samples."""
    clips = clips_of({"car": [1.0, 2.26], "clocks": [0.5, 3.0]}).to_dict("records")
    rows = plan_mix([clips[index] for index in (3, 1, 0, 3)], "mix.flac", 10)
    assert rows["recording"].to_list() == ["clocks-1", "car-1", "car-0", "clocks-1"]
    assert rows["event_label"].to_list() == ["clocks", "car", "car", "clocks"]
    assert rows["onset"].to_list() == [0, 3.0, 5.3, 6.3] and rows["offset"].to_list() == [3.0, 5.3, 6.3, 9.3]
    assert rows["source_offset"].to_list() == [3.0, 2.26, 1.0, 3.0]
    assert list(rows.columns) == PLAN_COLUMNS and (rows["filename"] == "mix.flac").all()


def test_same_seed_same_plan_other_seed_other_plan():
    clips = random_clips(0)
    pd.testing.assert_frame_equal(plan(clips, 3), plan(clips, 3))
    assert not plan(clips, 3)["recording"].equals(plan(clips, 4)["recording"])


def test_mixes_last_between_55_and_127_seconds_and_use_that_range():
    clips = random_clips(1)
    lengths = np.array([plan(clips, seed)["offset"].max() for seed in range(300)])
    assert lengths.min() >= 55 and lengths.max() <= 127
    assert lengths.min() < 65 and lengths.max() > 115
    assert lengths.std() > 15


@pytest.mark.parametrize("duration", [(20, 30), (5, 20), (100, 127)])
def test_mixes_last_as_long_as_they_are_asked_to(duration):
    """This holds for every range that has room for one clip of the longest length."""
    clips = random_clips(2)
    lengths = [plan(clips, seed, duration=duration)["offset"].max() for seed in range(50)]
    assert duration[0] <= min(lengths) and max(lengths) <= duration[1]


def test_clips_follow_one_another_without_overlap_or_gap():
    for seed in range(30):
        rows = plan(random_clips(seed), seed)
        assert rows["onset"].iloc[0] == 0
        np.testing.assert_array_equal(rows["onset"].iloc[1:], rows["offset"].iloc[:-1])
        lengths = rows["offset"] - rows["onset"]
        assert (lengths > 0).all() and (lengths <= LONGEST + 1e-9).all()
        np.testing.assert_allclose(lengths, rows["source_offset"] - rows["source_onset"], atol=0.51 / RATE)
        np.testing.assert_allclose(rows["onset"] * RATE, (rows["onset"] * RATE).round(), atol=1e-6)
        assert list(rows.columns) == PLAN_COLUMNS and (rows["filename"] == "mix-0.flac").all()


def test_no_clip_repeats_before_its_class_is_used_up():
    for seed in range(30):
        rows = plan(random_clips(seed, classes=2, count=5), seed)
        for _, own in rows.groupby("event_label"):
            names = own["recording"].to_list()
            rounds = [names[start : start + 5] for start in range(0, len(names), 5)]
            assert all(len(set(dealt)) == len(dealt) for dealt in rounds)
            assert all(len(dealt) == 5 for dealt in rounds[:-1])


def test_order_of_a_class_is_shuffled_anew_each_round():
    clips = clips_of({"car": [1.0] * 5})
    names = plan(clips, 0)["recording"].to_list()
    rounds = {tuple(names[start : start + 5]) for start in range(0, 50, 5)}
    assert len(rounds) > 5


def test_classes_are_drawn_alike_however_many_recordings_they_have():
    clips = clips_of({"common": [2.0] * 60, "rare": [2.0] * 3, "seldom": [2.0] * 12})
    drawn = pd.concat([plan(clips, seed)["event_label"] for seed in range(60)])
    shares = drawn.value_counts(normalize=True)
    assert len(drawn) > 2000 and np.abs(shares - 1 / 3).max() < 0.04


def test_order_of_the_recordings_of_other_classes_does_not_matter():
    """The draws depend on each class's own clips, not on how classes are interleaved in the table."""
    clips = random_clips(5)
    by_class = clips.sort_values("event_label", kind="stable")
    interleaved = clips.iloc[np.argsort(clips.groupby("event_label").cumcount(), kind="stable")]
    pd.testing.assert_frame_equal(plan(by_class, 1), plan(interleaved, 1))


# ---- plans of a split whose clips are dealt together -----------------------------------------------------------------


def clips_of_recordings(counts):
    """Made-up clips of 10 s: {class: number of clips of each recording}."""
    rows = [
        (label, f"{label}-{number}", f"{label}-{number}.wav", 10.0 * clip, 10.0 * clip + 10)
        for label, own in counts.items()
        for number, count in enumerate(own)
        for clip in range(count)
    ]
    return pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])


def rounds_of(plans, label, size):
    """The clips (recording, onset) of a class in the order in which they sound, cut into rounds of `size` clips."""
    rows = pd.concat(plans)
    own = rows[rows["event_label"] == label]
    clips = list(zip(own["recording"], own["source_onset"], strict=True))
    return [clips[start : start + size] for start in range(0, len(clips), size)]


@pytest.mark.parametrize("share", [None, 0.4])
def test_no_clip_repeats_before_all_of_its_class_have_sounded_in_the_split(share):
    """A clip that waits behind background at the end of a mix sounds in the next one."""
    counts = {"car": [1, 2, 3, 1, 1] * 6, "clocks": [2, 1] * 15}
    clips = clips_of_recordings(counts)
    background = Background(background_of({"white": [8]}), clips, share, STRETCH) if share else None
    plans = plan_split(clips, 0, 60, dealt="split", background=background)
    for label, own in counts.items():
        rounds = rounds_of(plans, label, sum(own))
        assert len(rounds) > 3 and rounds[0] != rounds[1]
        assert all(len(set(dealt)) == sum(own) for dealt in rounds[:-1])
        assert len(set(rounds[-1])) == len(rounds[-1])


def test_every_recording_of_a_split_sounds_before_any_sounds_twice():
    counts = [1, 2, 3, 1, 4, 2] * 5
    plans = plan_split(clips_of_recordings({"car": counts}), 0, 60, dealt="split")
    rounds = rounds_of(plans, "car", sum(counts))[:-1]
    assert len(rounds) > 3
    for dealt in rounds:
        names = pd.Series([name for name, _ in dealt])
        assert names.groupby(names).cumcount().is_monotonic_increasing
    firsts = [[onset for _, onset in dealt[: len(counts)]] for dealt in rounds]
    assert all(any(onsets) for onsets in firsts)  # which clip of a recording sounds first is drawn too
    assert len({tuple(name for name, _ in dealt[: len(counts)]) for dealt in rounds}) == len(rounds)


def test_as_many_mixes_as_hold_a_class_let_all_recordings_sound():
    """12 mixes of 55 to 127 s hold about 100 clips of 10 s; each mix dealt by itself leaves some of 60 out."""
    clips = clips_of_recordings({"car": [2] * 30, "clocks": [2] * 30})
    sounding = {dealt: pd.concat(plan_split(clips, 0, 12, dealt=dealt))["recording"] for dealt in ("mix", "split")}
    assert sounding["split"].nunique() == 60 > sounding["mix"].nunique()


@pytest.mark.parametrize("dealt", ["mix", "split"])
def test_plan_of_a_mix_does_not_depend_on_the_mixes_after_it(dealt):
    clips = random_clips(0)
    few, many = (plan_split(clips, 3, mixes, dealt=dealt) for mixes in (4, 9))
    pd.testing.assert_frame_equal(pd.concat(few), pd.concat(many[:4]))
    other = plan_split(clips, 4, 4, dealt=dealt)
    assert not {tuple(rows["recording"]) for rows in few} & {tuple(rows["recording"]) for rows in other}
    assert len({tuple(rows["recording"]) for rows in many}) == 9


# ---- plans as released -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 12])
def test_mix_holds_as_many_clips_as_asked_for_as_released(count):
    """However long they are, and however few there are."""
    for seed in range(20):
        assert len(plan_as_released(random_clips(seed), seed, count=count)) == count
    assert len(plan_as_released(clips_of({"car": [10.0]}), 0, count=count)) == count


def test_same_seed_same_plan_other_seed_other_plan_as_released():
    clips = random_clips(0)
    pd.testing.assert_frame_equal(plan_as_released(clips, 3), plan_as_released(clips, 3))
    assert not plan_as_released(clips, 3)["recording"].equals(plan_as_released(clips, 4)["recording"])


def test_clip_repeats_before_its_class_is_used_up_as_released():
    """A fifth of all pairs drawn from 5 clips hold one clip twice; dealt, none would."""
    rng = np.random.default_rng(0)
    repeats = [first == second for first, second in (draw_clips({"car": [*range(5)]}, rng, 2) for _ in range(2000))]
    assert np.mean(repeats) == pytest.approx(1 / 5, abs=0.04)


def test_class_is_drawn_uniformly_then_a_clip_of_it_as_released():
    counts = {"common": 10, "rare": 1, "seldom": 4}
    pools = {label: [f"{label}-{number}" for number in range(count)] for label, count in counts.items()}
    shares = pd.Series(draw_clips(pools, np.random.default_rng(0), 30000)).value_counts(normalize=True)
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


@pytest.mark.parametrize("drawing", [{}, {"dealt": "split"}, {"draw": "replace"}])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_background_takes_its_share_of_the_time_on_average(share, drawing):
    """This holds for all lengths of clips and of background, some of which is shorter than a stretch."""
    clips = random_clips(0, count=90)
    background = Background(background_of({"white": [8] * 3, "own": [2, 600]}), clips, share, STRETCH)
    long = {"duration": (1000, 1100), "count": 200}
    rows = pd.concat(plan_split(clips, 1, 100, background=background, **long, **drawing))
    lengths = (rows["offset"] - rows["onset"]).groupby(rows["event_label"] == "").sum()
    assert lengths[True] / lengths.sum() == pytest.approx(share, abs=0.01)


def test_without_background_every_draw_is_as_before_there_was_any():
    """The first clips of a mix as they were drawn then."""
    rows = plan(random_clips(0), 3)
    assert rows["recording"].to_list()[:6] == [f"class-{name}" for name in ("1-5", "1-6", "0-2", "2-1", "3-8", "1-4")]
    released = plan_as_released(random_clips(0), 3)
    assert released["recording"].to_list()[:6] == [
        f"class-{name}" for name in ("4-0", "1-2", "1-7", "5-5", "0-0", "1-3")
    ]


@pytest.mark.parametrize("drawing", [{}, {"dealt": "split"}, {"draw": "replace"}])
def test_clips_come_in_the_same_order_as_without_background(drawing):
    clips = random_clips(0)
    background = Background(background_of({"white": [8]}), clips, 0.3, STRETCH)
    for seed in range(20):
        mixes = plan_split(clips, seed, 3, background=background, **drawing)
        without = plan_split(clips, seed, 3, **drawing)
        if drawing.get("dealt") == "split":
            mixes, without = [pd.concat(mixes)], [pd.concat(without)]
        for rows, plain in zip(mixes, without, strict=True):
            own = rows.loc[rows["event_label"] != "", "recording"].to_list()
            assert own and own == plain["recording"].to_list()[: len(own)]


def test_mixes_with_background_end_within_their_duration_and_have_no_gap():
    clips = random_clips(1)
    background = Background(background_of({"white": [8], "room": [8, 30]}), clips, 0.4, STRETCH)
    for seed in range(200):
        rows = plan(clips, seed, background=background)
        assert 55 <= rows["offset"].max() <= 127
        np.testing.assert_array_equal(rows["onset"].iloc[1:], rows["offset"].iloc[:-1])
        assert list(rows.columns) == PLAN_COLUMNS


def test_stretches_lie_within_their_recording_and_last_as_long_as_asked_for():
    clips = random_clips(1)
    recordings = background_of({"white": [8], "room": [8, 30], "own": [0.5, 3000]})
    background = Background(recordings, clips, 0.5, STRETCH)
    rows = pd.concat(plan_split(clips, 0, 200, background=background))
    rows = rows[rows["event_label"] == ""]
    whole = recordings.set_index("recording")["duration"][rows["recording"]].to_numpy()
    lengths = (rows["source_offset"] - rows["source_onset"]).to_numpy()
    assert (rows["source_onset"] >= 0).all() and (rows["source_offset"] <= whole).all()
    assert (lengths <= 8.001).all() and (lengths[whole > 1] >= 0.998).all()
    np.testing.assert_allclose(lengths[whole < 1], 0.5, atol=0.002)
    assert lengths.max() > 7.5 and rows["source_onset"].max() > 2000
    assert (rows["source_onset"] * 1000 % 1).round(6).isin([0, 1]).all()  # whole milliseconds, as the table holds them


def test_kinds_of_background_are_drawn_alike_however_many_recordings_they_have():
    clips = random_clips(1)
    background = Background(background_of({"white": [8] * 20, "room": [8] * 2, "own": [600]}), clips, 0.5, STRETCH)
    rows = pd.concat(plan_split(clips, 0, 200, background=background))
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
    clips = clips_of({"car": [0]}).assign(path=str(tmp_path / "tone.wav"), source_onset=0.5, source_offset=2.75)
    rows = plan(clips, 0, duration=(6, 16.5))
    render_mix(rows, tmp_path / "mix.flac", RATE)
    info = soundfile.info(tmp_path / "mix.flac")
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
    assert info.frames == round(rows["offset"].max() * RATE) == len(rows) * round(2.25 * RATE)
    samples, _ = soundfile.read(tmp_path / "mix.flac")
    for part in np.split(samples, len(rows)):
        assert pitch(part, RATE) == pytest.approx(440, abs=0.5)
        assert np.sqrt(2 * np.mean(part**2)) == pytest.approx(0.4, rel=0.02)
        assert np.abs(part[-30:]).max() > 0.1  # the clip fills its place


def test_each_clip_is_heard_in_its_place(tmp_path):
    frequencies = {"car": 300, "clocks": 900, "crowds": 2700}
    rows = []
    for label, frequency in frequencies.items():
        write_tone(tmp_path / f"{label}.wav", frequency, 16000)
        rows.append((label, label, str(tmp_path / f"{label}.wav"), 0.25, 2.0))
    clips = pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])
    drawn = plan(clips, 1, duration=(20, 40))
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
    clips = clips_of({"car": [0]}).assign(
        path=str(tmp_path / "noise.wav"), source_onset=12345 / RATE, source_offset=100000 / RATE
    )
    rows = plan(clips, 0, duration=(0.5, 1))
    render_mix(rows, tmp_path / "mix.flac", RATE)
    np.testing.assert_allclose(soundfile.read(tmp_path / "mix.flac")[0], stored[12345:100000], atol=1 / 32768)


def test_samples_beyond_full_scale_do_not_wrap(tmp_path):
    write_tone(tmp_path / "loud.wav", 440, RATE, level=0.9)
    samples, _ = soundfile.read(tmp_path / "loud.wav")
    soundfile.write(tmp_path / "loud.wav", 2 * samples, RATE, subtype="FLOAT")
    clips = clips_of({"car": [3.0]}).assign(path=str(tmp_path / "loud.wav"))
    render_mix(plan(clips, 0, duration=(1, 13)), tmp_path / "mix.flac", RATE)
    mixed = soundfile.read(tmp_path / "mix.flac")[0][: 3 * RATE]
    np.testing.assert_allclose(mixed, (2 * samples).clip(-1, 1), atol=1e-4)


def test_recording_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"car-0\.wav"):
        render_mix(plan(clips_of({"car": [3.0]}), 0), tmp_path / "mix.flac", RATE)
