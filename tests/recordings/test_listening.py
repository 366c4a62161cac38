"""Listening to recordings: near-silent parts, and recordings that are bad or unusual."""

import tracemalloc

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from recorded import LISTENING, sound

from yoho import InputError, audio
from yoho.audio import read_audio
from yoho.recordings.listening import examine, examine_recordings


def test_what_is_near_silent_depends_on_trim_db(tmp_path):
    rate, rng = 16000, np.random.default_rng(0)
    levels = np.repeat([0.003, 0.3, 0.003], rate)  # ends 40 dB below
    soundfile.write(tmp_path / "a.wav", levels * rng.uniform(-1, 1, 3 * rate), rate)
    assert examine(tmp_path / "a.wav", 30, 1, rate)[1:3] == pytest.approx((1.0, 2.0), abs=0.05)
    assert examine(tmp_path / "a.wav", 50, 1, rate)[1:3] == (0.0, 3.0)


def test_recording_shorter_than_a_trimming_frame_is_kept_whole(tmp_path):
    soundfile.write(tmp_path / "click.wav", 0.5 * np.ones(40), 8000)
    assert examine(tmp_path / "click.wav", 40, 1, 8000)[:3] == pytest.approx((0.005, 0.0, 0.005))


@pytest.mark.parametrize("seed", range(5))
def test_ends_are_trimmed_as_librosa_does_though_read_in_blocks(tmp_path, monkeypatch, seed):
    rng = np.random.default_rng(seed)
    rate, length = int(rng.choice([8000, 11025, 44100])), int(rng.integers(1000, 60000))
    envelope = np.exp(-(((np.arange(length) / length - rng.uniform()) / 0.1) ** 2))
    soundfile.write(tmp_path / "a.wav", 0.1 * envelope * rng.standard_normal(length), rate, subtype="FLOAT")
    frame = round(0.046 * rate)
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    _, edges = librosa.effects.trim(samples, top_db=40, frame_length=frame, hop_length=frame // 4)
    monkeypatch.setattr(audio, "BLOCK", 5000)
    heard = examine(tmp_path / "a.wav", 40, 1, rate)
    assert heard[:3] == (length / rate, edges[0] / rate, edges[1] / rate)


def test_silences_between_sounds_are_noted_from_the_shortest_on(tmp_path):
    rate, rng = 8000, np.random.default_rng(0)
    levels = np.repeat([0, 0.3, 0.001, 0.3, 0.001, 0.3, 0], rate // 2 * np.array([2, 4, 6, 2, 1, 2, 4]))
    soundfile.write(tmp_path / "a.wav", levels * rng.uniform(-1, 1, len(levels)), rate)
    (silence,) = examine(tmp_path / "a.wav", 40, 1, rate).silences.split()
    assert [float(time) for time in silence.split("-")] == pytest.approx([3, 6], abs=0.05)
    assert len(examine(tmp_path / "a.wav", 40, 0.2, rate).silences.split()) == 2
    assert examine(tmp_path / "a.wav", 60, 0.2, rate).silences == ""


def write_mp3(path):
    """Ten seconds of noise at a constant 160 kbit/s; returns how many bytes its first frame has."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(441000)
    soundfile.write(path, noise, 44100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    assert b"Info" in path.read_bytes()[:60]
    return 522


@pytest.mark.parametrize("tail", [b"", b"TAG" + bytes(125)], ids=["plain", "ID3v1"])
def test_mp3_without_a_frame_that_tells_its_length_is_whole(tmp_path, tail):
    """Its length is then an estimate, which may be too long by a frame."""
    path = tmp_path / "a.mp3"
    first = write_mp3(path)
    path.write_bytes(path.read_bytes()[first:] + tail)
    with soundfile.SoundFile(path) as file:
        assert len(file.read()) < file.frames  # the case there was trouble with
    found = examine(path, 40, 1.0, 44100)
    assert found.fault == "" and found.duration == pytest.approx(10, abs=0.1)
    assert "up to an estimate" in found.remark


def test_recording_in_which_one_cannot_seek_is_named(tmp_path):
    soundfile.write(tmp_path / "a.au", sound(8000, 1)[:, 0], 8000, subtype="G721_32")
    assert "a coding that does not allow seeking" in examine(tmp_path / "a.au", 40, 1.0, 44100).fault


def test_mp3_with_such_a_frame_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "a.mp3"
    write_mp3(path)
    path.write_bytes(path.read_bytes()[:150_000])
    assert "is cut off" in examine(path, 40, 1.0, 44100).fault


def test_many_bad_recordings_are_all_in_the_log(spread, capsys):
    table = pd.DataFrame({"path": [f"gone-{number}.wav" for number in range(30)]})
    with pytest.raises(InputError, match="30 recordings cannot be used:(?s:.*)and 10 more, in the log") as caught:
        examine_recordings(table, spread, **LISTENING)
    assert "gone-19" in str(caught.value) and "gone-20" not in str(caught.value)
    assert "gone-29" in capsys.readouterr().out


def test_bad_recordings_are_left_out_where_the_config_says_so(tmp_path, spread, capsys):
    soundfile.write(tmp_path / "good.wav", sound(8000, 1), 8000)
    (tmp_path / "bad.wav").write_text("no audio")
    table = pd.DataFrame({"path": [str(tmp_path / "bad.wav"), str(tmp_path / "good.wav")]}, index=[7, 3])
    heard = examine_recordings(table, spread, **LISTENING | {"bad": "leave_out"})
    assert heard["path"].to_list() == [str(tmp_path / "good.wav")] and heard["duration"].to_list() == [1.0]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out: ")]
    assert len(lines) == 1 and "bad.wav: cannot be read as audio" in lines[0]


@pytest.mark.parametrize(
    "name, rate, channels, seconds, kind, words",
    [
        ("low.wav", 8000, 1, 1, "WAV", "8000 Hz, resampled to 44100"),
        ("round.wav", 44100, 7, 1, "WAV", "7 channels, averaged"),
        ("long.flac", 1000, 1, 7200, "FLAC", "2.0 hours long, read in parts"),
        ("other.wav", 44100, 1, 1, "FLAC", "FLAC in spite of its name, read as such"),
        ("other.flac", 44100, 1, 1, "MP3", "MP3 in spite of its name, read as such"),
    ],
)
def test_unusual_recording_is_used_and_named(tmp_path, spread, capsys, name, rate, channels, seconds, kind, words):
    path = tmp_path / name
    with soundfile.SoundFile(path, "w", rate, channels, format=kind) as file:
        for _ in range(seconds):
            file.write(np.tile(0.2 * np.sin(np.arange(rate))[:, None], channels))
    heard = examine_recordings(pd.DataFrame({"path": [str(path)]}), spread, **LISTENING)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: used, though ") and words in line
    assert heard["duration"].iloc[0] == pytest.approx(seconds, abs=0.1)
    samples, _ = read_audio(str(path), seconds - 0.5, seconds - 0.25)
    assert len(samples) == rate // 4 and np.abs(samples).max() == pytest.approx(0.2, abs=0.02)


def test_two_hours_of_seven_channels_are_read_in_little_memory(tmp_path):
    """Read at once, they would take 9 GB at 44.1 kHz."""
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 7) as file:
        for _ in range(600):
            file.write(np.full((8000, 7), 0.1))
    tracemalloc.start()
    heard = examine(str(path), 40, 1, 8000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard.duration == 600 and peak < 100e6 < 600 * 8000 * 7 * 4


def test_recording_named_raw_is_no_traceback(tmp_path):
    """soundfile raises TypeError for it, because it expects a sample rate."""
    (tmp_path / "a.raw").write_bytes(bytes(100))
    assert "a.raw: cannot be read as audio" in examine(tmp_path / "a.raw", 40, 1, 44100).fault
