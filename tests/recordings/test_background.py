"""Background: each kind is the sound that its name says; the table of recordings; false alarms in background."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from collect_recordings import collect_recordings
from tabulate_false_alarms import tabulate_false_alarms

from untrained import save_untrained
from yoho import InputError, job
from yoho.events import read_table, write_table
from yoho.recordings.background import KINDS, TESTED, background_recordings, make_background
from yoho.recordings.splits import RECORDING_COLUMNS, SPLITS, background_kind
from yoho.scoring.false_alarms import false_alarms
from yoho.segmenting.segmenter import Segmenter

RATE = 44100


def made(kind, seed=0, duration=8.0, level=(-40, -40)):
    return make_background(kind, seed, duration, level, RATE)


# ---- kinds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_sound_and_of_the_length_that_is_asked_for(kind):
    samples = made(kind, (0, 1, 2, 3))
    assert samples.shape == (8 * RATE,) and samples.dtype == np.float32 and np.isfinite(samples).all()
    np.testing.assert_array_equal(samples, made(kind, (0, 1, 2, 3)))
    assert kind == "silence" or not np.array_equal(samples, made(kind, (0, 1, 2, 4)))


def test_silence_is_silent_and_dither_a_step_of_16_bits():
    assert not made("silence").any()
    steps, counts = np.unique(made("dither") * 32768, return_counts=True)
    assert steps.tolist() == [-1, 0, 1]
    np.testing.assert_allclose(counts / counts.sum(), [1 / 8, 3 / 4, 1 / 8], atol=0.005)


@pytest.mark.parametrize("level", [-60, -40, -14])
@pytest.mark.parametrize("kind", ["white", "pink", "brown"])
def test_noise_is_at_its_level(kind, level):
    samples = made(kind, level=(level, level))
    assert 20 * np.log10(samples.std()) == pytest.approx(level, abs=0.2) and np.abs(samples).max() <= 1


@pytest.mark.parametrize(("kind", "slope"), [("white", 0), ("pink", -3.01), ("brown", -6.02)])
def test_noise_falls_by_its_slope_per_octave(kind, slope):
    power = np.abs(np.fft.rfft(made(kind, duration=20))) ** 2
    frequency = np.fft.rfftfreq(20 * RATE, 1 / RATE)
    octaves = [power[(frequency >= low) & (frequency < 2 * low)].mean() for low in 100 * 2.0 ** np.arange(7)]
    np.testing.assert_allclose(np.diff(10 * np.log10(octaves)), slope, atol=0.5)


def test_room_tone_falls_towards_high_frequencies_and_often_hums_at_the_mains():
    """The hum is at 50 or 60 Hz, and in some rooms too faint to stand out."""
    hums = []
    for seed in range(20):
        samples = made("room", seed, duration=10)
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        assert power[2000:20000].mean() > 10 * power[100_000:200_000].mean()  # 0.2-2 kHz, 10-20 kHz
        assert -43 < 20 * np.log10(samples.std()) < -33
        lines = {
            mains: [
                power[line] / np.median(power[line - 30 : line + 30]) for line in range(10 * mains, 2500, 10 * mains)
            ]
            for mains in (50, 60)
        }
        hums += [mains for mains, heights in lines.items() if max(heights) > 30]
    assert len(hums) >= 10 and set(hums) == {50, 60}


def test_level_is_drawn_from_its_range():
    levels = [20 * np.log10(made("white", seed, 1, (-60, -25)).std()) for seed in range(60)]
    assert -60.5 < min(levels) < -52 and -33 < max(levels) < -24.5


# ---- recordings ------------------------------------------------------------------------------------------------------

SETTINGS = {"per_kind": 5, "duration": 1.0, "level": [-60, -25], "sample_rate": RATE, "path": None, "seed": 0}
SETTINGS |= {"listening": {"bad": "stop", "shortest": 1.0, "sample_rate": RATE}}
SETTINGS |= {"splits": {"train": 0.6, "valid": 0.2, "test": 0.2}}


def write_own(folder, names, level=0.01):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).normal(0, level, 2 * RATE)
        noise[RATE:] /= 1000  # 60 dB less
        soundfile.write(folder / name, noise, RATE, subtype="FLOAT")
    return str(folder)


def test_every_kind_is_in_every_split_and_no_recording_in_two(tmp_path, spread):
    table = background_recordings(tmp_path, spread, **SETTINGS)
    assert (table["event_label"] == "").all() and table["recording"].is_unique
    counts = pd.crosstab(background_kind(table), table["split"])[list(SPLITS)]
    assert counts.loc[list(KINDS)].to_numpy().tolist() == [[3, 1, 1]] * len(KINDS)
    assert (table.groupby("group")["split"].nunique() == 1).all()
    for row in table.itertuples():
        samples, rate = soundfile.read(row.path)
        assert (rate, len(samples) / rate) == (RATE, row.duration) and (row.onset, row.offset) == (0, row.duration)
        assert samples.any() != ("/silence/" in row.recording)
    again = background_recordings(tmp_path / "again", spread, **SETTINGS)
    for first, second in zip(table["path"], again["path"], strict=True):
        assert Path(first).read_bytes() == Path(second).read_bytes()


def test_background_of_the_users_is_used_whole_and_grouped_as_recordings_are(tmp_path, spread):
    path = write_own(tmp_path / "own", ["a.wav", "b.wav", "kitchen/c.wav", "kitchen/d.wav", "hall/e.wav"])
    table = background_recordings(tmp_path, spread, **SETTINGS | {"path": path})
    own = table[background_kind(table) == "own"].set_index("recording")
    assert own.index.tolist() == [
        f"background/own/{name}" for name in ("a.wav", "b.wav", "hall/e.wav", "kitchen/c.wav", "kitchen/d.wav")
    ]
    assert own["group"].str.removeprefix("background/own/").tolist() == ["a.wav", "b.wav", "hall", "kitchen", "kitchen"]
    assert set(own["split"]) == set(SPLITS)
    assert (own["onset"] == 0).all() and (own["offset"] == 2).all() and (own["silences"] == "").all()


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "holds no recordings of background"), (["a.wav", "b/c.wav", "b/d.wav"], "background/own: 2 group.s. of")],
)
def test_too_little_background_of_the_users_is_named(tmp_path, spread, names, message):
    (tmp_path / "own").mkdir()
    path = write_own(tmp_path / "own", names)
    with pytest.raises(InputError, match=message):
        background_recordings(tmp_path, spread, **SETTINGS | {"path": path})


def test_bad_recording_of_background_is_named(tmp_path, spread):
    path = write_own(tmp_path / "own", ["a.wav", "b.wav", "c.wav"])
    (tmp_path / "own" / "d.wav").write_text("no audio")
    with pytest.raises(InputError, match=r"d\.wav"):
        background_recordings(tmp_path, spread, **SETTINGS | {"path": path})


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """A function that collects recordings of two classes, with or without background: the table."""
    monkeypatch.setattr(job, "spread", lambda function, calls, **_: [function(*call) for call in calls])
    write_own(tmp_path / "own", [f"{label}/{number}.wav" for label in ("dog", "rain") for number in range(3)], 0.1)

    def collected(background):
        made = SimpleNamespace(audio=tmp_path / "made", table=tmp_path / "recordings.tsv")
        collect_recordings(
            made,
            1,
            source="folder",
            settings={"path": str(tmp_path / "own"), "event_labels": ["dog", "rain"]},
            listening=SETTINGS["listening"] | {"trim_db": 40},
            splitting={"splits": SETTINGS["splits"], "seed": 0},
            event_labels=["dog", "rain"],
            background=background,
        )
        return read_table(made.table)

    return collected


def test_background_is_added_to_the_recordings_and_changes_none(collect, tmp_path):
    plain = collect(None)
    assert not (tmp_path / "made" / "background").exists()
    table = collect(SETTINGS)
    assert table.columns.tolist() == RECORDING_COLUMNS
    pd.testing.assert_frame_equal(table.iloc[: len(plain)], plain)
    assert len(table) == len(plain) + 5 * len(KINDS) and (table["event_label"].iloc[len(plain) :] == "").all()


def test_background_that_is_a_recording_of_a_class_too_is_named(collect, tmp_path):
    path = write_own(tmp_path / "quiet", ["a.wav", "b.wav", "c.wav"])
    (tmp_path / "quiet" / "b.wav").write_bytes((tmp_path / "own" / "dog" / "1.wav").read_bytes())
    with pytest.raises(InputError, match=r"also belongs to a class: .*quiet/b\.wav"):
        collect(SETTINGS | {"path": path})


# ---- false alarms ----------------------------------------------------------------------------------------------------


def events(*rows):
    return pd.DataFrame(rows, columns=["onset", "offset", "event_label"]).astype({"event_label": str})


def test_false_alarms_are_counted_per_hour_and_their_time_once():
    found = [
        (60.0, events((0, 10, "rain"), (5, 20, "car"))),  # 20 s labelled, of which 5 s twice
        (60.0, events()),
        (60.0, events((50, 57, "car"))),  # the same times in another file are other times
    ]
    assert false_alarms(found) == pytest.approx(
        {"hours": 0.05, "false_alarms_per_hour": 60, "labelled_share": 27 / 180, "most_named": "car"}
    )


def test_nothing_found_is_no_false_alarm():
    expected = {"hours": 1.0, "false_alarms_per_hour": 0, "labelled_share": 0, "most_named": ""}
    assert false_alarms([(1800.0, events()), (1800.0, events())]) == expected


def test_table_holds_what_each_network_finds_in_each_kind(tmp_path):
    """An untrained network finds something; what it finds is counted in the very sound that the seed makes."""
    run = save_untrained(tmp_path / "run")
    names = ["a.wav", "b.wav"]
    write_own(tmp_path / "own", names)
    rows = [
        (f"background/own/{name}", str(tmp_path / "own" / name), "", name, "test", 2.0, 0.0, 2.0, "") for name in names
    ]
    rows += [
        ("x", str(tmp_path / "own" / "a.wav"), "car", "x", "test", 1.0, 0.0, 1.0, ""),
        ("background/own/c", "no", "", "c", "train", 1.0, 0.0, 1.0, ""),
    ]
    write_table(pd.DataFrame(rows, columns=RECORDING_COLUMNS), tmp_path / "recordings.tsv")
    files = SimpleNamespace(runs=[run / "model.json"], recordings=[tmp_path / "recordings.tsv"], ear=[], classes=[])
    settings = {"sample_rate": RATE, "recordings": 2, "duration": 5, "level": [-60, -25], "seed": 3}
    tabulate_false_alarms(files, tmp_path / "table.csv", 1, labels=["untrained"], names=None, **settings)
    table = pd.read_csv(tmp_path / "table.csv", keep_default_na=False).set_index("kind")
    assert table.index.tolist() == [*KINDS, "other classes", "own"] and (table["network"] == "untrained").all()
    np.testing.assert_allclose(table["hours"] * 3600, [10] * len(KINDS) + [2, 4], rtol=1e-4)
    segmenter = Segmenter.load(run, device="cpu", threads=1)
    position = list(KINDS).index("pink")
    heard = [
        segmenter(make_background("pink", (3, position, index, TESTED), 5, [-60, -25], RATE), RATE)
        for index in range(2)
    ]
    assert table.loc["pink", "false_alarms_per_hour"] == pytest.approx(sum(map(len, heard)) * 360, rel=1e-4)
