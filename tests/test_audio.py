"""Reading audio of any format, rate and number of channels, as a whole or block by block."""

import io
import os
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import soundfile

from signals import headless_mp3, tone
from yoho import InputError
from yoho import audio as module
from yoho.audio import AudioWarning, checked_blocks, read_audio, read_blocks, resampled, write_audio
from yoho.segmenting.reading import open_audio, resampled_audio
from yoho.segmenting.samples import array_blocks, pcm_blocks

RATE = 44100
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def read(path, rate=RATE):
    return np.concatenate(list(resampled_audio(path, rate).blocks))


@pytest.mark.parametrize(
    ("suffix", "atol"), [("wav", 1e-4), ("flac", 1e-4), ("aiff", 1e-4), ("ogg", 0.05), ("mp3", 0.05), ("caf", 1e-4)]
)
def test_formats_of_soundfile(tmp_path, suffix, atol):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(), RATE)
    samples = read(path)
    assert len(samples) == RATE
    np.testing.assert_allclose(samples[2000:-2000], tone()[2000:-2000], atol=atol)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone(), np.zeros(RATE), -tone() / 2], axis=1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(read(path), tone() / 6, atol=1e-6)


def test_a_coding_in_which_soundfile_cannot_seek(tmp_path):
    soundfile.write(tmp_path / "a.au", tone(8), RATE, subtype="G721_32")
    with soundfile.SoundFile(tmp_path / "a.au") as file:
        assert not file.seekable()
    with warnings.catch_warnings(action="error", category=AudioWarning):
        samples = read(tmp_path / "a.au")
    assert len(samples) == pytest.approx(8 * RATE, abs=200)
    np.testing.assert_allclose(samples[2000 : 7 * RATE], tone(8)[2000 : 7 * RATE], atol=0.05)


def test_of_a_file_that_was_cut_short_nothing_is_heard_twice(tmp_path):
    """The beginning of an MP3 announces its length."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(20), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(AudioWarning, match=r"a\.mp3: is cut off"):
        samples = read(path)
    assert len(samples) == len(read_audio(path)[0]) < 11 * RATE


@pytest.mark.parametrize("most", [0, 1, 99, 100, 101, 199, 200, 201, 300, np.inf])
def test_blocks_of_a_file_are_its_samples(tmp_path, monkeypatch, most):
    monkeypatch.setattr(module, "BLOCK", 100)
    samples = np.random.default_rng(0).random((250, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        blocks = list(read_blocks(file, most))
    assert all(len(block) == 100 for block in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate([samples[:0], *blocks]), samples[: int(min(most, 250))])


@needs_ffmpeg
def test_an_mp3_whose_length_is_a_guess_is_heard_to_its_end(tmp_path):
    """libsndfile would stop at its estimate, well before the end."""
    path = tmp_path / "a.mp3"
    headless_mp3(path)
    assert len(soundfile.read(path)[0]) < 15 * RATE
    assert len(read(path)) == pytest.approx(25 * RATE, abs=3000)


@needs_ffmpeg
def test_a_flac_file_of_unknown_length(tmp_path):
    """ffmpeg writes such a file to a pipe; libsndfile opens it but cannot read it."""
    soundfile.write(tmp_path / "a.wav", tone(2), RATE)
    command = ["ffmpeg", "-loglevel", "error", "-i", tmp_path / "a.wav", "-f", "flac", "-"]
    (tmp_path / "a.flac").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert len(read(tmp_path / "a.flac")) == 2 * RATE


@pytest.mark.parametrize("rate", [8000, 11025, 48000, 96000])
def test_blocks_are_resampled_as_one_piece(rate):
    samples = tone(3, rate)
    blocks = np.split(samples, [1, 1000, 1001, 20000])
    found = np.concatenate(list(resampled(iter(blocks), rate, RATE)))
    assert abs(len(found) - 3 * RATE) <= 1
    middle = slice(2000, 3 * RATE - 2000)
    np.testing.assert_allclose(found[middle], tone(3)[middle], atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 30000, 32000, 48000])
def test_what_a_block_of_a_low_rate_becomes_is_no_longer_than_a_block(rate):
    """Blocks are queued: if those from 8 kHz were longer, they would take five times the memory."""
    lengths = [len(block) for block in resampled([np.zeros(module.BLOCK, np.float32)], rate, RATE)]
    assert sum(lengths) == round(module.BLOCK / rate * RATE)
    assert max(lengths) < 1.1 * module.BLOCK


@needs_ffmpeg
@pytest.mark.parametrize("name", ["tone.m4a", "-tone.m4a", "http:tone, 1.m4a"])
def test_what_soundfile_cannot_read_ffmpeg_does(tmp_path, name):
    soundfile.write(tmp_path / "tone.wav", tone(2), RATE)
    command = ["ffmpeg", "-loglevel", "error", "-i", tmp_path / "tone.wav", "-c:a", "aac", f"file:{tmp_path / name}"]
    subprocess.run(command, check=True)
    for path in (tmp_path / name,):
        samples = read(path)
        assert abs(len(samples) - 2 * RATE) < 0.1 * RATE
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(np.sqrt(1 / 8), rel=0.05)


@needs_ffmpeg
def test_a_playlist_opens_no_address(tmp_path):
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


def test_without_ffmpeg_the_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    path = tmp_path / "a.m4a"
    path.write_bytes(b"not audio")
    with pytest.raises(InputError, match="ffmpeg is not installed"):
        read(path)


@pytest.mark.parametrize(
    ("content", "match"), [(b"", "empty"), (b"hello" * 100, "cannot be read"), (None, "no such file")]
)
def test_what_is_no_audio(tmp_path, content, match):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=match) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_without_samples_and_one_with_nan(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match="holds no audio"):
        read(tmp_path / "none.wav")
    with pytest.raises(InputError, match="not numbers"):
        read(tmp_path / "nan.wav")


class Dribble(io.RawIOBase):
    """A stream that returns a few bytes at a time."""

    def __init__(self, data, size):
        self.rest, self.size = data, size

    def read1(self, most):
        part, self.rest = self.rest[: self.size], self.rest[self.size :]
        return part


@pytest.mark.parametrize(
    ("encoding", "kind", "scale"), [("s16le", "<i2", 2**15), ("s32le", "<i4", 2**31), ("f32le", "<f4", 1)]
)
@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_pcm(encoding, kind, scale, size, channels):
    wanted = np.tile((tone(0.01) * scale).astype(kind), (channels, 1)).T
    found = np.concatenate(list(pcm_blocks(Dribble(wanted.tobytes() + b"\0", size), encoding, channels)))
    np.testing.assert_allclose(found, tone(0.01), atol=1e-4)


def test_arrays_are_scaled_and_averaged():
    whole = (tone() * 2**15).astype(np.int16)
    for waveform in (whole, np.stack([whole, whole], axis=1)):
        np.testing.assert_allclose(np.concatenate(list(array_blocks(waveform))), tone(), atol=1e-4)


@pytest.mark.parametrize(
    "waveform",
    [[0, 1000, -1000], np.arange(9), np.arange(9, dtype=">i8"), np.arange(9, dtype=np.uint16), [True, False]],
)
def test_whole_numbers_of_no_known_scale_are_refused(waveform):
    with pytest.raises(InputError, match="whole numbers of 8, 16 or 32 bits"):
        list(array_blocks(waveform))
    np.testing.assert_array_equal(*array_blocks([0.0, 0.5]), np.float32([0, 0.5]))


def test_arrays_and_rates_that_are_none_are_refused():
    for waveform in ([[1.0, 2.0], [3.0]], np.zeros((100, 0)), [], "a"):
        with pytest.raises(InputError):
            list(checked_blocks(array_blocks(waveform), "waveform"))
    for rate in ("44100", None, 0, np.nan, -1):
        with pytest.raises(InputError, match="not a sample rate"):
            list(resampled([np.zeros(9, np.float32)], rate, 8000))


def test_checked_blocks_name_what_holds_no_audio():
    with pytest.raises(InputError, match="microphone: holds no audio"):
        list(checked_blocks([np.zeros(0)], "microphone"))
    assert [len(block) for block in checked_blocks([np.zeros(0), np.zeros(2)], "microphone")] == [2]


# ---- whole files and parts of them -----------------------------------------------------------------------------------


def test_channels_of_a_whole_file_are_averaged(tmp_path):
    samples = np.stack([np.full(100, 0.5), np.full(100, -0.25), np.full(100, 0.125)], axis=1)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    whole, rate = read_audio(tmp_path / "a.wav")
    assert rate == 8000 and whole.dtype == np.float32 and whole.shape == (100,)
    np.testing.assert_allclose(whole, 0.125)


def test_part_of_a_file_is_read_to_the_sample(tmp_path):
    samples, rate = np.arange(1000, dtype=np.float32) / 1000, 11025
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    for first, last in ((0, 250), (101, 350), (999, 1000)):
        part, _ = read_audio(tmp_path / "a.wav", round(first / rate, 6), round(last / rate, 6))  # rounded as in a table
        np.testing.assert_array_equal(part, samples[first:last])
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav", 901 / rate)[0], samples[901:])
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav", 901 / rate, 5.0)[0], samples[901:])


def test_part_past_the_end_of_a_file_is_an_error_with_the_time(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(100), 1000)
    with pytest.raises(InputError, match=r"a\.wav: holds no audio after 7\.000 s"):
        read_audio(tmp_path / "a.wav", 7.0, 8.0)


def test_audio_that_cannot_be_written_is_one_line_that_names_the_file(tmp_path):
    path = tmp_path / "no such folder" / "a.flac"
    with pytest.raises(InputError, match=r"a\.flac: cannot be written .*is the disk full"):
        write_audio(path, np.zeros(100, np.float32), 44100)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")  # opening it would block until there is a writer
    with pytest.raises(InputError, match="is a pipe"):
        open_audio(tmp_path / "pipe.wav")
    with pytest.raises(InputError, match="no such file"):
        open_audio(tmp_path)


def test_a_file_of_any_name_is_read(tmp_path):
    path = tmp_path / "\udcff.wav"  # a name that is not valid UTF-8
    soundfile.write(os.fsencode(path), np.full(100, 0.5), 8000)
    samples, rate = read_audio(path)
    assert rate == 8000 and len(samples) == 100
