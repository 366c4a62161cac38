"""Sounds over one another in mixes: the draws of the plan, and the levels and the fades that are heard."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import soundfile
from drawn import DURATION, RATE, clips_of, plan_split, random_clips
from scipy.stats import kstest

from yoho.events import read_table, write_table
from yoho.mixes.overlap import OVERLAP_COLUMNS, SILENCE, Overlap, active_rms, class_levels, mix_layers
from yoho.mixes.planning import PLAN_COLUMNS, Background, render_mix

# The sha256 of three plans as they were before there was any overlap.
BEFORE = "f320e00601ae7572abe6543df3ea37b618a1f872131a2f3ec8376ffb1cfa762e"
OVERLAP = Overlap(sounds=3, level=[-12, 12], gap=[0.5, 4], crossfade=[0, 0.5], gain=20)


@pytest.fixture(scope="module")
def plans():
    return plan_split(random_clips(0), 0, 40, overlap=OVERLAP)


def first_layer(rows):
    return rows[rows["layer"] == 1]


# ---- plans -----------------------------------------------------------------------------------------------------------


def test_without_overlap_plans_have_the_bytes_that_they_had_before(tmp_path):
    write_table(pd.concat(plan_split(random_clips(0), 0, 3)), tmp_path / "plan.tsv")
    assert hashlib.sha256((tmp_path / "plan.tsv").read_bytes()).hexdigest() == BEFORE


def test_first_layer_has_the_clips_of_a_mix_without_overlap_in_their_order(plans):
    plain = plan_split(random_clips(0), 0, 40)
    for rows, without in zip(plans, plain, strict=True):
        names = first_layer(rows)["recording"].to_list()
        assert names[: len(without)] == without["recording"].to_list()
        assert len(names) < 1.3 * len(without)  # further clips make up for the time that the joints take


def test_joints_overlap_by_the_drawn_time(plans):
    rows = first_layer(plans[0])
    before, fades = rows["offset"].to_numpy()[:-1], rows["fade"].to_numpy()
    np.testing.assert_allclose(before - rows["onset"].to_numpy()[1:], fades[1:], atol=1 / RATE)
    assert fades[0] == 0 and (fades[1:] > 0).all()
    drawn = np.concatenate([first_layer(own)["fade"].to_numpy()[1:] for own in plans])
    assert drawn.max() <= 0.5 and drawn.max() > 0.48 and len(set(drawn)) > 100


def test_mixes_last_as_long_as_they_are_asked_to(plans):
    lengths = [rows["offset"].max() for rows in plans]
    assert DURATION[0] <= min(lengths) and max(lengths) <= DURATION[1]
    assert all(first_layer(rows)["offset"].max() == rows["offset"].max() for rows in plans)


def test_no_second_of_a_class_belongs_to_two_recordings_but_at_joints(plans):
    """And no more classes sound at once than are asked for, joints apart."""
    for rows in plans:
        for _, own in rows.groupby("event_label"):
            upper = own[own["layer"] > 1]
            for clip in upper.itertuples():
                others = own.drop(clip.Index)
                assert not ((others["onset"] < clip.offset) & (clip.onset < others["offset"])).any()
        for _, own in rows[rows["layer"] > 1].groupby("layer"):
            gaps = own["onset"].to_numpy()[1:] - own["offset"].to_numpy()[:-1]
            assert (gaps >= 0.5 - 1 / RATE).all()


def test_clip_that_waited_begins_a_drawn_gap_after_its_class_has_ended(plans):
    """It would begin at the very sample otherwise, and a network could learn that."""
    waits = []
    for rows in plans:
        for clip in rows[rows["layer"] > 1].itertuples():
            own = rows[(rows["event_label"] == clip.event_label) & (rows["layer"] < clip.layer)]
            waits += list(clip.onset - own.loc[own["offset"] <= clip.onset, "offset"])
    waits = np.array(waits)
    assert len(waits) > 200 and waits.min() > 0 and np.mean(waits < 0.5) < 0.1


def test_smallest_gap_holds_for_clips_that_waited_too():
    """A car follows a car: the one in the second layer waits for the end of the mix's first, and then a gap of 2 s."""
    overlap = Overlap(sounds=2, level=[0, 0], gap=[2, 2], crossfade=[0, 0], gain=20)
    plan = pd.DataFrame({"filename": "a", "onset": [0.0, 3.0], "offset": [3.0, 20.0], "event_label": ["car", "rain"]})
    clips = [{"event_label": "car", "source_onset": 0.0, "source_offset": 4.0}] * 9
    rows = list(overlap.lay(plan.assign(fade=0.0), iter(clips), np.random.default_rng(0), RATE))
    assert [row["onset"] for row in rows] == [5.0, 11.0]


def test_fade_is_at_most_half_of_either_clip():
    overlap = Overlap(sounds=1, level=[0, 0], gap=[0, 0], crossfade=[9, 9], gain=20)
    lengths = [4.0, 1.0, 6.0, 6.0]
    pieces = [{"source_onset": 1.0, "source_offset": 1.0 + length} for length in lengths]
    found = [piece["fade"] for piece in overlap.joined(pieces, np.random.default_rng(0))]
    assert found == [0, 0.5, 0.5, 3.0]


def test_levels_and_gaps_are_drawn_uniformly(plans):
    rows = pd.concat(plans)
    assert rows.loc[rows["layer"] == 1, "level"].isna().all() and set(rows["layer"]) == {1, 2, 3}
    levels = rows.loc[rows["layer"] > 1, "level"]
    assert len(levels) > 200 and kstest(levels, "uniform", (-12, 24)).pvalue > 0.001


def test_classes_of_further_layers_are_drawn_alike(plans):
    rows = pd.concat(plans)
    shares = rows.loc[rows["layer"] > 1, "event_label"].value_counts(normalize=True)
    assert len(shares) == 6 and np.abs(shares - 1 / 6).max() < 0.06


def test_plan_is_sorted_by_onset_and_depends_on_no_later_mix(plans):
    few = plan_split(random_clips(0), 0, 2, overlap=OVERLAP)
    for rows, own in zip(few, plans):
        pd.testing.assert_frame_equal(rows, own)
        assert rows["onset"].is_monotonic_increasing and list(rows) == PLAN_COLUMNS + OVERLAP_COLUMNS


@pytest.mark.parametrize("drawing", [{"dealt": "split"}, {"draw": "replace"}])
def test_every_way_of_drawing_knows_overlap_and_background(drawing):
    clips = random_clips(0)
    quiet = pd.DataFrame([("background/white/0", "w.flac", 8.0)], columns=["recording", "path", "duration"])
    background = Background(quiet, clips, 0.3, [1, 8])
    rows = pd.concat(plan_split(clips, 0, 3, overlap=OVERLAP, background=background, **drawing))
    assert set(rows["layer"]) == {1, 2, 3} and (rows.loc[rows["event_label"] == "", "layer"] == 1).all()
    assert (rows.loc[rows["layer"] == 1, "fade"] > 0).any()


def test_class_that_always_sounds_beneath_has_no_room_in_further_layers():
    rows = pd.concat(plan_split(clips_of({"car": [3.0, 5.0]}), 0, 2, overlap=OVERLAP))
    assert set(rows["layer"]) == {1}


# ---- audio -----------------------------------------------------------------------------------------------------------

SHORT = 8000  # Hz


def laid(*rows):
    """A plan of clips, each (layer, onset, offset, event_label, level, fade)."""
    return pd.DataFrame(rows, columns=["layer", "onset", "offset", "event_label", "level", "fade"])


def mixed(plan, clips, gain=60):
    """The audio of a mix."""
    return mix_layers(plan, clips, SHORT, gain)[0]


def rms(samples):
    return np.sqrt(np.mean(samples**2))


@pytest.mark.parametrize("level", [-12, 0, 6])
def test_clip_has_its_level_over_what_lies_beneath_it(level):
    """The sound beneath is louder later on; its level while the clip sounds counts."""
    rng = np.random.default_rng(0)
    plan = laid((1, 0, 4, "car", np.nan, 0), (2, 1, 2, "clocks", level, 0))
    beneath, clip = 0.05 * rng.standard_normal(4 * SHORT), 0.01 * rng.standard_normal(SHORT)
    beneath[2 * SHORT :] *= 4
    mix = mixed(plan, [beneath, clip])
    heard = mix[SHORT : 2 * SHORT] - beneath[SHORT : 2 * SHORT]
    assert 20 * np.log10(rms(heard) / rms(beneath[SHORT : 2 * SHORT])) == pytest.approx(level)
    np.testing.assert_array_equal(np.delete(mix, slice(SHORT, 2 * SHORT)), np.delete(beneath, slice(SHORT, 2 * SHORT)))


def test_third_layer_is_set_over_both_beneath_it():
    rng = np.random.default_rng(0)
    clips = [0.05 * rng.standard_normal(SHORT) for _ in range(3)]
    plan = laid(*((layer, 0, 1, name, level, 0) for layer, name, level in [(1, "a", np.nan), (2, "b", 3), (3, "c", 5)]))
    below = mixed(plan.iloc[:2], clips[:2])
    heard = mixed(plan, clips) - below
    assert 20 * np.log10(rms(heard) / rms(below)) == pytest.approx(5)


def test_background_does_not_count_for_levels():
    """Over background alone a clip keeps its own level; else the time in which a class sounds beneath it counts."""
    rng = np.random.default_rng(0)
    clips = [samples * rng.standard_normal(SHORT) for samples in (0.001, 0.05)] + [0.02 * rng.standard_normal(SHORT)]
    plan = laid((1, 0.0, 1.0, "", np.nan, 0), (1, 1.0, 2.0, "car", np.nan, 0), (2, 0.0, 1.0, "clocks", 3, 0))
    np.testing.assert_allclose(mixed(plan, clips)[:SHORT], clips[0] + clips[2])
    plan.loc[2, ["onset", "offset"]] = 0.5, 1.5
    heard = mix_layers(plan, clips, SHORT, 60)[1][2]
    assert 20 * np.log10(rms(heard) / rms(clips[1][: SHORT // 2])) == pytest.approx(3)


def test_level_is_that_of_the_active_part_of_a_clip():
    """A clip that is silent for nine tenths of its time has the level of the rest."""
    rng = np.random.default_rng(0)
    clip = 0.01 * rng.standard_normal(SHORT) * (np.arange(SHORT) < SHORT // 10)
    beneath = 0.05 * rng.standard_normal(SHORT)
    plan = laid((1, 0, 1, "car", np.nan, 0), (2, 0, 1, "clocks", 6, 0))
    heard = mix_layers(plan, [beneath, clip], SHORT, 60)[1][1]
    assert 20 * np.log10(rms(heard[: SHORT // 10]) / rms(beneath)) == pytest.approx(6)


@pytest.mark.parametrize("faint, active", [(0.011, 2), (0.009, 1)])
def test_frames_40_dB_below_the_loudest_are_no_part_of_a_sound(faint, active):
    samples = np.repeat([1.0, faint, 0.0], 400)
    assert active_rms(samples, 400) == pytest.approx(np.sqrt((1 + (faint**2 if active == 2 else 0)) / active))


def test_sound_shorter_than_a_frame_has_a_level():
    assert active_rms(np.full(10, 0.5), 400) == pytest.approx(0.5)


@pytest.mark.parametrize("level, gain, heard", [(30, 20, 20), (-30, 20, -20), (6, 0, 0), (6, 20, 6)])
def test_gain_has_a_bound(level, gain, heard):
    """Both sounds have one level, so that the gain is that level."""
    noise = 0.01 * np.random.default_rng(0).standard_normal(SHORT)
    plan = laid((1, 0, 1, "car", np.nan, 0), (2, 0, 1, "clocks", level, 0))
    found = mix_layers(plan, [noise, noise], SHORT, gain)[1][1]
    np.testing.assert_allclose(found, noise * 10 ** (heard / 20))


def test_silent_clips_stay_silent():
    plan = laid((1, 0, 1, "car", np.nan, 0), (2, 0, 1, "clocks", 3, 0))
    noise = 0.1 * np.random.default_rng(0).standard_normal(SHORT)
    for clips in ([noise, np.zeros(SHORT)], [np.zeros(SHORT), noise]):
        np.testing.assert_array_equal(mixed(plan, clips), noise)


def test_power_is_constant_over_a_joint():
    """Two noises of one power: the mean of many mixes has this power everywhere."""
    rng, plan = np.random.default_rng(0), laid((1, 0, 0.1, "car", np.nan, 0), (1, 0.05, 0.15, "clocks", np.nan, 0.05))
    clips = 0.1 * rng.standard_normal((2, 1500, 800))
    powers = np.mean([mixed(plan, pair) ** 2 for pair in zip(*clips)], axis=0) / 0.01
    assert len(powers) == 1200 and powers.reshape(-1, 50).mean(axis=1) == pytest.approx(1, abs=0.03)


def test_peak_above_full_scale_lowers_the_whole_mix():
    plan = laid((1, 0, 1, "car", np.nan, 0), (2, 0.5, 1, "clocks", 0, 0))
    tone = 0.8 * np.sin(np.arange(SHORT) / 5)
    mix = mixed(plan, [tone, tone[SHORT // 2 :]])
    assert np.abs(mix).max() == pytest.approx(1)
    np.testing.assert_allclose(mix[: SHORT // 2], tone[: SHORT // 2] * mix[5] / tone[5])


def test_clips_as_they_sound_add_up_to_the_mix():
    rng = np.random.default_rng(0)
    rows = (1, 0, 1, "car", np.nan, 0), (2, 0, 1, "clocks", 3, 0), (1, 0.9, 2, "rain", np.nan, 0.1)
    clips = [0.5 * rng.standard_normal(round((row[2] - row[1]) * SHORT)) for row in rows]
    mix, heard = mix_layers(laid(*rows), clips, SHORT, 20)
    total = np.zeros(len(mix))
    for row, clip in zip(rows, heard):
        total[round(row[1] * SHORT) : round(row[2] * SHORT)] += clip
    assert np.abs(mix).max() == pytest.approx(1)
    np.testing.assert_allclose(total, mix, atol=1e-12)


def test_levels_are_those_of_the_classes_in_each_segment():
    """The car has an RMS of 0.1 for 2.5 s; the clocks one of 0.01 in the latter half of the second second."""
    rows = (1, 0, 2.5, "car", np.nan, 0), (2, 1.5, 2, "clocks", 0, 0), (1, 2.5, 3, "", np.nan, 0)
    heard = [np.full(20000, 0.1), np.full(4000, 0.01), np.full(4000, 0.1)]
    table = class_levels(laid(*rows).assign(filename="a"), heard, SHORT, 1.0)
    assert set(table["filename"]) == {"a"} and table["segment"].tolist() == [0, 1, 2] * 2
    levels = table.groupby("event_label")["level"].apply(list)
    half = 10 * np.log10(0.5)
    assert levels["car"] == pytest.approx([-20, -20, -20 + half])
    assert levels["clocks"] == pytest.approx([SILENCE, -40 + half, SILENCE])
    assert set(levels.index) == {"car", "clocks"}


def test_audio_can_be_rebuilt_from_the_written_plan(tmp_path):
    rng = np.random.default_rng(0)
    clips = random_clips(3, classes=3, count=2)
    for name in clips["path"]:
        soundfile.write(tmp_path / name, 0.3 * rng.uniform(-1, 1, 11 * 8000), 8000)
    clips["path"] = [str(tmp_path / name) for name in clips["path"]]
    [rows] = plan_split(clips, 0, 1, overlap=OVERLAP, duration=(20, 31))
    assert rows["layer"].max() > 1
    write_table(rows, tmp_path / "plan.tsv")
    for table, name in ((rows, "mix.flac"), (read_table(tmp_path / "plan.tsv"), "again.flac")):
        render_mix(table, tmp_path / name, RATE, OVERLAP.gain)
    assert (tmp_path / "mix.flac").read_bytes() == (tmp_path / "again.flac").read_bytes()
    assert soundfile.info(tmp_path / "mix.flac").frames == round(rows["offset"].max() * RATE)
