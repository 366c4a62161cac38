"""The bytes of audio files: formats, joined files, announced lengths and missing ends."""

import io
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from signals import headless_mp3, tone
from yoho import InputError
from yoho.audio import read_blocks
from yoho.containers.frames import START, announced_frames, format_of, is_estimated, mp3_frame
from yoho.containers.parts import is_cut, parts, sound_bytes
from yoho.segmenting.samples import pcm_blocks

RATE = 44100
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


@pytest.mark.parametrize(
    ("kind", "mark", "order", "announced", "cut"),
    [
        ("WAV", b"data", "<u4", 0xFFFFFFFF, False),  # ffmpeg writing to a pipe
        ("WAV", b"data", "<u4", 0x7FFFF000, False),  # SoX
        ("WAV", b"data", "<u4", 0x7FFFEFFF, False),  # SoX, three channels of three bytes
        ("AIFF", b"SSND", ">u4", 0x7F000008, False),  # SoX
        ("WAV", b"data", "<u4", 0x7000, True),
        ("WAV", b"data", "<u4", 3_000_000_000, True),
        ("WAV", b"data", "<u4", 0x7FFFF001, True),
        ("AIFF", b"SSND", ">u4", 0x7000, True),
    ],
)
def test_a_file_that_was_written_as_it_came_is_not_cut_off(tmp_path, kind, mark, order, announced, cut):
    path = tmp_path / "a.audio"
    soundfile.write(path, tone(0.1), RATE, format=kind)
    content = path.read_bytes()
    size = content.index(mark) + 4
    path.write_bytes(content[:size] + np.array(announced, order).tobytes() + content[size + 4 :])
    with soundfile.SoundFile(path) as file:
        assert is_cut(file, len(file.read())) == cut


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "SVX", "OGG", "MP3"])
@pytest.mark.parametrize("lost", [0.002, 0.4])
def test_what_says_that_its_end_is_missing(tmp_path, kind, lost):
    path = tmp_path / "a.audio"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(20 * RATE), RATE, format=kind)
    content = path.read_bytes()
    for share, cut in ((0, False), (lost, True)):
        path.write_bytes(content[: len(content) - round(share * len(content))])
        with soundfile.SoundFile(path) as file:
            told = parts(path, kind)[-1].cut or is_cut(file, sum(map(len, read_blocks(file))))
        assert told == cut


@pytest.mark.parametrize("size", [0, 1000, 300_000])
def test_an_mp3_whose_length_is_a_guess_is_not_called_cut(tmp_path, size):
    path = tmp_path / "a.mp3"
    sizes = bytes(size >> 7 * place & 127 for place in (3, 2, 1, 0))
    headless_mp3(path, b"ID3\x03\0\0" + sizes + bytes(size) if size else b"")
    with soundfile.SoundFile(path) as file:
        assert is_estimated(file.name, file.format) and not is_cut(file, len(file.read()))
    soundfile.write(path, tone(1), RATE)
    with soundfile.SoundFile(path) as file:
        assert not is_estimated(file.name, file.format)


@pytest.mark.parametrize(("more", "cut"), [(0, False), (1, False), (2, False), (3, True)])
def test_an_mp3_whose_header_counts_itself_is_not_called_cut(tmp_path, more, cut):
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(5), RATE, format="MP3", bitrate_mode="VARIABLE")
    content = path.read_bytes()
    count = content.index(b"Xing") + 8
    frames = int.from_bytes(content[count : count + 4]) + more
    path.write_bytes(content[:count] + frames.to_bytes(4) + content[count + 4 :])
    with soundfile.SoundFile(path) as file:
        assert file.frames == 5 * RATE + 1152 * more
        assert is_cut(file, len(file.read())) == cut


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_frames_of_mp3_follow_each_other(tmp_path, rate, channels):
    path = tmp_path / "a.mp3"
    soundfile.write(path, np.tile(tone(3, rate), (channels, 1)).T, rate)
    content, place, count = path.read_bytes(), 0, 0
    while place < len(content):
        size, duration, _ = mp3_frame(content[place : place + 4])
        assert size and duration == pytest.approx((1152 if rate > 32000 else 576) / rate)
        place, count = place + size, count + 1
    assert place == len(content)
    assert count * (1152 if rate > 32000 else 576) >= 3 * rate


def test_what_the_header_of_an_mp3_announces(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(5), RATE, format="MP3", bitrate_mode="VARIABLE")
    content = path.read_bytes()
    frames = announced_frames(content)
    assert frames == pytest.approx(5 * RATE / 1152, abs=3)
    assert announced_frames(b"ID3\x04\0\0\0\0\x07\x68" + bytes(1000) + content) == frames
    assert announced_frames(content[content.index(b"\xff\xfb", 4) :]) is None


# ---- a format by its first bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("WAV", "WAV"),
        ("RF64", "WAV"),
        ("W64", "W64"),
        ("AIFF", "AIFF"),
        ("AU", "AU"),
        ("CAF", "CAF"),
        ("FLAC", "FLAC"),
        ("OGG", "OGG"),
        ("MP3", "MP3"),
    ],
)
def test_a_format_is_known_by_its_first_bytes(tmp_path, kind, name):
    soundfile.write(tmp_path / "a", tone(), RATE, format=kind)
    content = (tmp_path / "a").read_bytes()
    assert format_of(content[:START]) == name
    with pytest.raises(InputError, match=rf"is a file \({name}\), not raw PCM"):
        list(pcm_blocks(io.BufferedReader(io.BytesIO(content)), "s16le", 1))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "name"), [("m4a", "MP4"), ("mov", "MP4"), ("webm", "MATROSKA"), ("aac", "AAC"), ("wma", "WMA")]
)
def test_formats_of_ffmpeg(tmp_path, suffix, name):
    soundfile.write(tmp_path / "a.wav", tone(), 48000)
    path = tmp_path / f"a.{suffix}"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", tmp_path / "a.wav", path], check=True)
    assert format_of(path.read_bytes()[:START]) == name


@pytest.mark.parametrize("seed", range(20))
def test_samples_are_no_format(seed):
    rng = np.random.default_rng(seed)
    loud, quiet = rng.integers(-(2**15), 2**15, START // 2), rng.integers(-2, 3, START // 2)
    for samples in (loud, quiet, np.full(START // 2, -1), np.full(START // 2, -1025), np.zeros(START // 2)):
        assert format_of(samples.astype("<i2").tobytes()) is None
    assert format_of(b"") is None


# ---- what is joined, and what is not announced -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["OGG", "FLAC"])
def test_files_put_one_after_another_are_told_apart(tmp_path, kind):
    one, two, both = tmp_path / "1", tmp_path / "2", tmp_path / "both"
    soundfile.write(one, tone(3), RATE, format=kind)
    soundfile.write(two, tone(2, 16000), 16000, format=kind)
    first, second = one.read_bytes(), two.read_bytes()
    both.write_bytes(first + second + first)
    edges = np.cumsum([0, len(first), len(second), len(first)]).tolist()
    assert [part[:2] for part in parts(both, kind)] == list(zip(edges[:-1], edges[1:]))
    assert [part[:2] for part in parts(one, kind)] == [(0, len(first))]


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "AU"])
def test_a_header_that_announces_all_of_the_sound_is_believed(tmp_path, kind):
    soundfile.write(
        tmp_path / "a", tone(0.1)[: 4409 // 2 * 2 - 1], RATE, format=kind, subtype="PCM_S8" if kind == "AU" else None
    )
    assert sound_bytes(tmp_path / "a", kind) is None


@pytest.mark.parametrize("size", [2**32 - 1, 0x7FFFF000])
def test_a_length_that_was_not_known_is_libsndfiles_affair(tmp_path, size):
    soundfile.write(tmp_path / "a.wav", tone(0.1), RATE)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(content)
    assert sound_bytes(tmp_path / "a.wav", "WAV") is None
