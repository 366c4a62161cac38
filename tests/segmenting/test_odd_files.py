"""Unusual files: cut, damaged, joined, late, or of several tracks or channels. Their sounds keep their times."""

import shutil
import struct
import subprocess
import warnings

import numpy as np
import pytest
import soundfile

from yoho import InputError
from yoho import audio as module
from yoho.audio import AudioWarning, mono_blocks, read_audio
from yoho.segmenting.reading import open_audio, resampled_audio

RATE = 44100
SECONDS = 18
PITCHES = 500 + 250 * np.arange(SECONDS // 2)  # Hz: one for each tone
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
no_ffmpeg = pytest.mark.usefixtures("without_ffmpeg")


@pytest.fixture
def without_ffmpeg(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)


def bursts(rate=RATE):
    """Faint noise, with a tone from 0.5 to 1.5 s of every two seconds."""
    time = np.arange(SECONDS * rate) / rate
    sounding = (time % 2 >= 0.5) & (time % 2 < 1.5)
    noise = 0.003 * np.random.default_rng(0).standard_normal(len(time))
    return (noise + 0.4 * sounding * np.sin(2 * np.pi * PITCHES[time.astype(int) // 2] * time)).astype(np.float32)


def onsets(samples, rate=RATE):
    """The onset of each tone (s), NaN if the tone is missing."""
    size = rate // 100
    frames = samples[: len(samples) // size * size].reshape(-1, size) / np.percentile(np.abs(samples), 99)
    waves = np.exp(-2j * np.pi * PITCHES[:, None] * np.arange(size) / rate)
    loud = np.abs(frames @ waves.T) / size > 0.15
    # For at least 50 ms, because damage may click.
    loud = np.lib.stride_tricks.sliding_window_view(loud, 5, axis=0).all(axis=-1)
    return np.where(loud.any(axis=0), loud.argmax(axis=0) / 100, np.nan)


WANTED = 0.5 + 2 * np.arange(SECONDS // 2)  # s


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *map(str, arguments)], check=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function that writes the bursts to a file by an encoder of ffmpeg, once for each name."""
    folder = tmp_path_factory.mktemp("bursts")
    soundfile.write(folder / "a.wav", bursts(), RATE)

    def make(name, *options, source="a.wav"):
        if not (folder / name).exists():
            ffmpeg("-i", folder / source, *options, folder / name)
        return folder / name

    make.folder = folder
    return make


def heard(path, warned=None):
    """Onsets of a file's tones; warned: part of the only warning, or None if there must be no warning."""
    with warnings.catch_warnings(record=True, action="always") as said:
        samples = np.concatenate(list(resampled_audio(path, RATE).blocks))
    texts = [str(each.message) for each in said if each.category is AudioWarning]
    assert len(texts) == (warned is not None), texts
    assert all(text.startswith(f"{path}: ") and warned in text for text in texts)
    return onsets(samples)


def lacks(first, last):
    """The true onsets except those between two times."""
    return np.where((first < WANTED) & (last > WANTED), np.nan, WANTED)


def check(found, wanted=WANTED, within=0.03):
    np.testing.assert_allclose(found, wanted, atol=within)


# ---- times -----------------------------------------------------------------------------------------------------------


@needs_ffmpeg
@pytest.mark.parametrize(
    ("codec", "suffix"), [("libopus", "webm"), ("aac", "mkv"), ("aac", "ts"), ("aac", "mp4"), ("pcm_s16le", "mkv")]
)
def test_a_hole_in_a_stream_is_silence(made, codec, suffix):
    whole = made(f"{codec}.{suffix}", "-c:a", codec)
    hole = made(f"hole-{codec}.{suffix}", "-c", "copy", "-bsf:a", "noise=drop=between(pts*tb\\,4\\,8)", source=whole)
    check(heard(whole))
    check(heard(hole, "has no sound for 4.0 s"), lacks(4, 8))


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["mp4", "m4a", "mkv", "mov"])
@pytest.mark.parametrize("video", [True, False])
def test_sound_that_begins_late_is_heard_late(made, suffix, video):
    picture = ["-f", "lavfi", "-i", f"color=s=64x64:r=5:d={SECONDS + 3}"] if video and suffix != "m4a" else []
    path = made.folder / f"late-{video}.{suffix}"
    codecs = ["-c:a", "aac", *(["-map", "0:v", "-map", "1:a", "-c:v", "mpeg4"] if picture else [])]
    ffmpeg(*picture, "-itsoffset", "3", "-i", made.folder / "a.wav", *codecs, path)
    check(heard(path, "has no sound for 3.0 s"), WANTED + 3)


@needs_ffmpeg
@pytest.mark.parametrize(("codec", "suffix"), [("libopus", "opus"), ("libvorbis", "ogg")])
def test_a_hole_in_ogg_of_which_the_pages_have_no_gap(made, monkeypatch, codec, suffix):
    whole = made(f"a.{suffix}", "-c:a", codec)
    path = made(f"hole.{suffix}", "-c", "copy", "-bsf:a", "noise=drop=between(pts*tb\\,4\\,8)", source=whole)
    found = heard(path, "has no sound for")
    far = np.abs(WANTED - 6) > 3.6
    np.testing.assert_allclose(found[far], WANTED[far], atol=0.05)
    assert np.isnan(found[~far]).any()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    heard(path, "lacks parts")


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_sound_that_begins_after_the_picture_of_a_broadcast(made, suffix):
    path = made.folder / f"late.{suffix}"
    picture = ["-f", "lavfi", "-i", f"color=s=64x64:r=25:d={SECONDS + 3}"]
    codecs = ["-map", "0:v", "-map", "1:a", "-c:v", "mpeg2video", "-c:a", "mp2"]
    ffmpeg(*picture, "-itsoffset", "3", "-i", made.folder / "a.wav", *codecs, path)
    check(heard(path, "has no sound for 3.0 s"), WANTED + 3, within=0.06)


@needs_ffmpeg
def test_flac_that_was_cut_from_another(made):
    path = made("cut.flac", "-ss", "3", "-c", "copy", source=made("a.flac"))
    found = heard(path)
    np.testing.assert_allclose(found[2:], WANTED[2:] - 3, atol=0.1)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"), [("a.aac", []), ("bare.mp3", ["-write_xing", "0"]), ("flac.ogg", ["-c:a", "flac"])]
)
def test_the_cut_of_what_has_no_length_is_told(made, tmp_path, name, options):
    content = made(name, *options).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: len(content) // 2 + 5])
    with pytest.warns(AudioWarning, match="is cut off|is damaged"):
        samples = np.concatenate(list(resampled_audio(path, RATE).blocks))
    assert SECONDS / 3 < len(samples) / RATE < SECONDS / 1.5


@needs_ffmpeg
def test_a_broadcast_begins_when_its_sound_does(made):
    check(heard(made("broadcast.ts", "-c:a", "aac", "-output_ts_offset", "3000")))


def pages(content):
    """The pages of an Ogg file."""
    found, start = [], 0
    while start < len(content):
        end = start + 27 + content[start + 26] + sum(content[start + 27 : start + 27 + content[start + 26]])
        found.append(content[start:end])
        start = end
    return found


def with_checksum(page):
    """An Ogg page with its checksum corrected."""
    page, total = page[:22] + bytes(4) + page[26:], 0
    for byte in page:
        total ^= byte << 24
        for _ in range(8):
            total = (total << 1 ^ (0x04C11DB7 if total >> 31 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", total) + page[26:]


@needs_ffmpeg
@pytest.mark.parametrize(("codec", "suffix"), [("libopus", "opus"), ("libvorbis", "ogg")])
def test_lost_pages_of_ogg(made, tmp_path, monkeypatch, codec, suffix):
    whole = pages(made(f"a.{suffix}", "-c:a", codec).read_bytes())
    third, path = len(whole) // 3, tmp_path / f"lost.{suffix}"
    path.write_bytes(b"".join(whole[:third] + whole[third + 4 :]))
    found = heard(path, "has no sound for")
    assert 1 <= np.isnan(found).sum() <= 3
    # The sound of the first page after the lost ones takes their place, and so may be early.
    assert (np.abs(found - WANTED) > 0.05).sum() <= 1
    monkeypatch.setattr(shutil, "which", lambda name: None)
    heard(path, "lacks parts")


# ---- all of the sound ------------------------------------------------------------------------------------------------


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "codec", "other"),
    [
        ("mp3", "libmp3lame", RATE),
        ("mp3", "libmp3lame", 22050),
        ("ogg", "libvorbis", RATE),
        ("ogg", "libvorbis", 22050),
        ("opus", "libopus", 48000),
        ("flac", "flac", RATE),
        ("flac", "flac", 16000),
        ("aac", "aac", RATE),
        ("aac", "aac", 22050),
        ("ts", "aac", RATE),
        ("wav", "pcm_s16le", RATE),
        ("wav", "pcm_s24le", 16000),
        ("mkv", "aac", RATE),
        ("webm", "libopus", 48000),
        ("m4a", "aac", 22050),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_files_put_one_after_another_are_heard_as_one(made, tmp_path, suffix, codec, other, channels):
    tags = ["-id3v2_version", "0"] if suffix == "mp3" else []  # a tag would mark the end of the first file
    coded = ["-c:a", codec, *tags]
    ffmpeg("-i", made.folder / "a.wav", *coded, "-t", 6, tmp_path / f"1.{suffix}")
    ffmpeg("-ss", 6, "-i", made.folder / "a.wav", *coded, "-ar", other, "-ac", channels, tmp_path / f"2.{suffix}")
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"".join((tmp_path / f"{number}.{suffix}").read_bytes() for number in (1, 2)))
    with warnings.catch_warnings(action="ignore"):
        samples = np.concatenate(list(resampled_audio(path, RATE).blocks))
    # Only AAC does not give the padding that its encoder added before and after the sound.
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.15 if suffix == "aac" else 0.1)
    check(onsets(samples), within=0.1 if suffix == "aac" else 0.08)


@needs_ffmpeg
@pytest.mark.parametrize(("suffix", "codec"), [("ogg", "libvorbis"), ("flac", "flac")])
@no_ffmpeg
def test_files_put_one_after_another_are_heard_as_one_without_ffmpeg(made, tmp_path, suffix, codec):
    test_files_put_one_after_another_are_heard_as_one(made, tmp_path, suffix, codec, 22050, 2)


@needs_ffmpeg
def test_an_mp3_that_goes_on_after_what_its_header_announces(made, tmp_path):
    """The second file has neither a tag nor a header of its own."""
    one = made("plain.mp3", "-c:a", "libmp3lame", "-id3v2_version", "0").read_bytes()
    two = made("bare.mp3", "-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0").read_bytes()
    (tmp_path / "a.mp3").write_bytes(one + two)
    with warnings.catch_warnings(action="ignore"):
        samples = np.concatenate(list(resampled_audio(tmp_path / "a.mp3", RATE).blocks))
    assert len(samples) / RATE == pytest.approx(2 * SECONDS, abs=0.1)
    check(onsets(samples[SECONDS * RATE :]), within=0.08)


@needs_ffmpeg
@no_ffmpeg
def test_joined_mp3_are_said_to_be_read_in_part_without_ffmpeg(made, tmp_path):
    one = made("a.mp3", "-c:a", "libmp3lame").read_bytes()
    (tmp_path / "a.mp3").write_bytes(one + one)
    check(heard(tmp_path / "a.mp3", "is damaged, or joins several files"))


def resized(path, kind, size, riff=None):
    """Write the bursts as WAV or AIFF with a header that announces `size` bytes of sound and a matching file size."""
    soundfile.write(path, bursts(), RATE, format=kind, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    mark, order = {"AIFF": (b"SSND", ">I"), "AU": (b".snd", ">I")}.get(kind, (b"data", "<I"))
    place = content.index(mark) + (8 if kind == "AU" else 4)
    content[place : place + 4] = struct.pack(order, size)
    if kind != "AU":
        content[4:8] = struct.pack(order, size + 36 if riff is None else riff)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "AU"])
@pytest.mark.parametrize("share", [0, 0.25])
@pytest.mark.parametrize("tail", [b"", b"LIST\x0a\0\0\0INFOabcdef"])
def test_a_size_that_wrapped_or_was_never_written_is_passed_over(tmp_path, kind, share, tail):
    path = tmp_path / "a.audio"
    resized(path, kind, round(share * SECONDS) * RATE * 2)
    path.write_bytes(path.read_bytes() + tail)
    # libsndfile counts the samples of an AIFF file itself if the file announces 0 bytes.
    check(heard(path, None if (kind, share) == ("AIFF", 0) else "all of it is used"))


@pytest.mark.parametrize(
    "tail", [b"LIST\x0a\0\0\0INFOabcdef", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10), b"TAG" + bytes(125)]
)
def test_what_follows_the_sound_of_a_wav_is_no_sound(tmp_path, tail):
    soundfile.write(tmp_path / "a.wav", bursts(), RATE)
    with (tmp_path / "a.wav").open("ab") as file:
        file.write(tail)
    check(heard(tmp_path / "a.wav"))


def test_a_recording_of_no_samples_is_not_made_of_its_text(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    with (tmp_path / "a.wav").open("ab") as file:
        file.write(b"LIST\x0a\0\0\0INFOabcdef")
    with pytest.raises(InputError, match="holds no audio"):
        heard(tmp_path / "a.wav")


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_of_several_tracks_the_default_one_is_taken_and_the_others_are_named(made, suffix):
    path = made.folder / f"two.{suffix}"
    silence = ["-f", "lavfi", "-i", f"anullsrc=r=44100:cl=stereo:d={SECONDS}"]
    choice = ["-disposition:a:0", "0", "-disposition:a:1", "default"]
    ffmpeg(*silence, "-i", made.folder / "a.wav", "-map", "0", "-map", "1", "-c:a", "aac", *choice, path)
    check(heard(path, "holds 2 audio tracks; only number 2 is used"))


@needs_ffmpeg
def test_tracks_of_ogg_are_named_too(made):
    path = made.folder / "two.ogg"
    ffmpeg(
        "-i", made.folder / "a.wav", "-i", made.folder / "a.wav", "-map", "0", "-map", "1", "-c:a", "libvorbis", path
    )
    check(heard(path, "holds 2 audio tracks; only number 1 is used"))


# ---- damage ----------------------------------------------------------------------------------------------------------


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.flac", "a.mp3", "a.ogg", "a.opus"])
@pytest.mark.parametrize("place", [0.3, 0.7])
def test_fifty_bytes_overwritten_lose_no_more_than_where_they_are(made, tmp_path, name, place):
    path, content = tmp_path / name, bytearray(made(name, "-b:a", "64k").read_bytes())
    start = round(place * len(content))
    content[start : start + 50] = np.random.default_rng(0).bytes(50)
    path.write_bytes(content)
    with warnings.catch_warnings(record=True, action="always") as said:
        samples = np.concatenate(list(resampled_audio(path, RATE).blocks))
    assert len(said) <= 1  # an MP3 decoder may conceal the damage
    found = onsets(samples)
    hit = np.abs(WANTED - place * SECONDS) < 1.5
    np.testing.assert_allclose(found[~hit], WANTED[~hit], atol=0.1)


JUNK = {"zeros": bytes(4000), "junk": np.random.default_rng(0).bytes(4000)}


@needs_ffmpeg
@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("name", ["a.mp3", "a.aac", "variable.mp3"])
def test_what_is_overwritten_is_silence(made, tmp_path, name, junk):
    """MP3 and AAC frames have no timestamps, so that the sound after the damage would be early."""
    options = ["-q:a", 4] if name == "variable.mp3" else ["-b:a", "64k"]
    path, content = tmp_path / name, bytearray(made(name, *options).read_bytes())
    place = len(content) // 2
    content[place : place + 4000] = JUNK[junk]
    path.write_bytes(content)
    found = heard(path, "is damaged")
    np.testing.assert_allclose(found[:4], WANTED[:4], atol=0.05)
    np.testing.assert_allclose(found[5:], WANTED[5:], atol=0.1)


@needs_ffmpeg
@pytest.mark.parametrize("junk", JUNK)
def test_what_is_put_into_an_mp3_is_passed_over(made, tmp_path, junk):
    content = made("a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(content[: len(content) // 2] + JUNK[junk] + content[len(content) // 2 :])
    check(heard(tmp_path / "a.mp3"), within=0.05)


@needs_ffmpeg
def test_an_opus_file_without_a_last_page_that_says_so_is_whole(made, tmp_path):
    *whole, last = pages(made("a.opus").read_bytes())
    (tmp_path / "a.opus").write_bytes(b"".join(whole) + with_checksum(last[:5] + bytes([last[5] & ~4]) + last[6:]))
    check(heard(tmp_path / "a.opus"))


@needs_ffmpeg
def test_an_mp3_in_a_wav_is_not_called_cut(made):
    check(heard(made("mp3.wav", "-c:a", "libmp3lame", "-f", "wav")), within=0.05)


@needs_ffmpeg
def test_flac_is_read_beyond_its_damage_from_the_very_sample(made, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 50_000)
    content = bytearray(made("a.flac").read_bytes())
    content[len(content) // 2 :][:9] = b"not sound"
    content[len(content) // 2 : len(content) // 2 + 9] = b"not sound"
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.warns(AudioWarning, match="is damaged"):
        samples = np.concatenate(list(resampled_audio(tmp_path / "a.flac", RATE).blocks))
    whole, _ = soundfile.read(made("a.flac"), dtype="float32")
    assert len(samples) == len(whole)
    assert np.mean(samples != whole) < 0.02  # one or two FLAC frames


@needs_ffmpeg
@no_ffmpeg
def test_damaged_flac_without_ffmpeg_is_used_as_far_as_it_goes(made, tmp_path):
    content = bytearray(made("a.flac").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(50)
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.warns(AudioWarning, match="is damaged .*s are used"):
        assert sum(map(len, resampled_audio(tmp_path / "a.flac", RATE).blocks)) > 0


@needs_ffmpeg
def test_what_holds_no_sound_at_all_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(1000))
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:r=5:d=1", "-c:v", "mpeg4", tmp_path / "picture.mp4")
    for name in ("a.mp4", "picture.mp4"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as audio"):
            heard(tmp_path / name)


# ---- channels --------------------------------------------------------------------------------------------------------


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "ogg", "opus"])
@pytest.mark.parametrize("second", [-1, -0.9])
def test_of_channels_that_cancel_the_louder_is_heard(made, suffix, second):
    path = made.folder / f"cancel{second}.wav"
    soundfile.write(path, np.stack([bursts(), second * bursts()], axis=1), RATE)
    if suffix != "wav":
        path = made(f"cancel{second}.{suffix}", source=path)
    check(heard(path, "cancel each other"))


@needs_ffmpeg
@pytest.mark.parametrize(
    "name", ["six.wav", "six.x", "six.flac", "six.aiff", "six.m4a", "six.mkv", "six.ogg", "six.opus"]
)
@pytest.mark.parametrize("tool", ["ffmpeg", "soundfile"])
def test_low_frequency_effects_are_left_out_of_every_container(made, monkeypatch, name, tool):
    channels = np.zeros((len(bursts()), 6), np.float32)
    channels[:, 2], channels[:, 3] = bursts(), 0.9 * np.sin(2 * np.pi * 60 * np.arange(len(bursts())) / RATE)
    soundfile.write(made.folder / "six.wav", channels, RATE)
    soundfile.write(made.folder / "six.x", channels, RATE, format="WAVEX")
    path = made.folder / name
    if not path.exists():
        made(name, source="six.x")
    if tool == "soundfile":
        if path.suffix in (".m4a", ".mkv"):
            pytest.skip("soundfile reads no such file")
        monkeypatch.setattr(shutil, "which", lambda name: None)
    check(heard(path))


def test_of_training_recordings_the_same_channels_are_heard(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([bursts(), -bursts()], axis=1), RATE)
    with pytest.warns(AudioWarning, match="cancel"):
        samples, _ = read_audio(tmp_path / "a.wav")
    check(onsets(samples))


def test_channels_are_judged_without_their_offset_and_not_by_one_block():
    noise = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    cancelling = np.stack([noise[0] + 5, 5 - 0.95 * noise[0]], axis=1)
    with pytest.warns(AudioWarning, match="cancel"):
        (found,) = mono_blocks([cancelling], "a")
    np.testing.assert_allclose(found, noise[0] + 5)
    # A few samples that happen to cancel in a stream of short blocks have no effect.
    apart = noise.T.copy()
    apart[500:510, 1] = -apart[500:510, 0]
    with warnings.catch_warnings(action="error"):
        found = np.concatenate(list(mono_blocks(np.split(apart, 100), "a")))
    np.testing.assert_allclose(found, apart.mean(axis=1), atol=1e-6)


def test_of_channels_that_cancel_one_is_kept():
    """The channels are opposite in sign, so that a change between them would click."""
    wave = np.sin(np.arange(3000) / 10).astype(np.float32)
    louder = np.repeat([1, 1.01, 1], 1000).astype(np.float32)
    with pytest.warns(AudioWarning, match="cancel"):
        found = np.concatenate(list(mono_blocks(np.split(np.stack([wave, -wave * louder], axis=1), 3), "a")))
    np.testing.assert_allclose(found, wave)


@pytest.mark.parametrize(
    ("kind", "coding", "floats"),
    [
        ("WAV", "FLOAT", True),
        ("WAV", "DOUBLE", True),
        ("AIFF", "FLOAT", True),
        ("WAV", "PCM_16", False),
        ("WAV", "PCM_24", False),
        ("FLAC", "PCM_16", False),
        ("OGG", "VORBIS", False),
    ],
)
def test_audio_knows_whether_it_holds_floats(tmp_path, kind, coding, floats):
    soundfile.write(tmp_path / "a", bursts(), RATE, format=kind, subtype=coding)
    assert open_audio(tmp_path / "a").floats == floats


# ---- training recordings ---------------------------------------------------------------------------------------------


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.ogg", "a.flac", "a.mp3"])
def test_a_training_recording_of_several_is_named(made, tmp_path, name):
    from yoho.recordings.listening import examine

    path, one = tmp_path / name, made(name).read_bytes()
    path.write_bytes(one)
    assert examine(str(path), 40, 1, RATE).fault == ""
    path.write_bytes(one + one)
    assert "joins several files" in examine(str(path), 40, 1, RATE).fault


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_training_recording_with_more_than_it_announces_is_named(tmp_path, size):
    from yoho.recordings.listening import examine

    resized(tmp_path / "a.wav", "WAV", size)
    assert "holds more sound than its header announces" in examine(str(tmp_path / "a.wav"), 40, 1, RATE).fault


def test_a_training_recording_whose_channels_cancel_is_used_with_a_remark(tmp_path):
    from yoho.recordings.listening import examine

    soundfile.write(tmp_path / "a.wav", np.stack([bursts(), -bursts()], axis=1), RATE)
    found = examine(str(tmp_path / "a.wav"), 30, 1, RATE)
    assert found.fault == "" and "cancel" in found.remark
    assert found.onset == pytest.approx(0.5, abs=0.05)
