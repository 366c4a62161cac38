"""When a recording began: files written byte by byte, with the headers of recorders, and names."""

import struct
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from places import ROOT
from yoho.archives.recorded import MOST_BYTES, Recorded, recorded

START = datetime(2021, 5, 23, 19, 30)
UNNAMED = "birds.wav"  # a name without a time
IO = Path("/proc/self/io")


# ---- WAV files, byte by byte -----------------------------------------------------------------------------------------


def chunk(name, content, size=None):
    """A chunk, padded to an even length; size: the one that its header announces, if that is wrong."""
    announced = len(content) if size is None else size
    return name + struct.pack("<I", announced) + content + b"\0" * (len(content) % 2)


def sound(size=None, kind=1, bits=16):
    """The chunks of a format (kind: 1 for PCM, 3 for float) and of 100 samples."""
    block = bits // 8
    layout = struct.pack("<HHIIHH", kind, 1, 8000, 8000 * block, block, bits)
    return chunk(b"fmt ", layout) + chunk(b"data", b"\x20" * 100 * block, size)


def wav(*chunks, mark=b"RIFF", size=None):
    content = b"WAVE" + b"".join(chunks)
    return mark + struct.pack("<I", len(content) if size is None else size) + content


def guano(timestamp, before=b"GUANO|Version: 1.0\n", after=b"\nMake: Song Meter"):
    return chunk(b"guan", before + b"Timestamp: " + timestamp.encode() + after)


def comment(text):
    """The chunk of AudioMoth: fields of fixed length, filled with zero bytes."""
    return chunk(b"LIST", b"INFO" + chunk(b"ICMT", text.encode().ljust(384, b"\0")) + chunk(b"IART", bytes(32)))


def audiomoth(zone="UTC", time="19:30:00 23/05/2021"):
    return comment(f"Recorded at {time} ({zone}) by AudioMoth 243B1F075C7CA1F3 at medium gain while battery was 4.2V.")


def bext(date="2021-05-23", time="19:30:00", description=b"dawn"):
    texts = description.ljust(256, b"\0") + b"ZOOM F3".ljust(32, b"\0") + bytes(32)
    midday = 12 * 3600 * 8000  # a TimeReference that disagrees with the time
    return chunk(b"bext", texts + date.encode() + time.encode() + struct.pack("<QH", midday, 1) + bytes(254))


@pytest.fixture
def of(tmp_path):
    """When the recording with some bytes and a name began."""

    def began(content, name=UNNAMED):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return recorded(path)

    return began


# ---- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "microsecond", "offset"),
    [
        ("2021-05-23T19:30:00", 0, None),
        ("2021-05-23 19:30:00", 0, None),
        ("2021-05-23T19:30:00Z", 0, 0),
        ("2021-05-23T19:30:00+01:00", 0, 60),
        ("2021-05-23T19:30:00.123-03:30", 123000, -210),
        ("2021-05-23T19:30:00.5-0700", 500000, -420),
        ("2021-05-23 19:30:00.1234567 +12", 123456, 720),
        ("2021-05-23T19:30:00\r", 0, None),
    ],
)
def test_guano(of, written, microsecond, offset):
    time = START.replace(microsecond=microsecond)
    assert of(wav(sound(), guano(written))) == Recorded(time, offset, "guano")


@pytest.mark.parametrize(
    "written", ["", "2021-05-23", "2021-13-23T19:30:00", "23/05/2021 19:30:00", "0000-00-00T00:00:00"]
)
def test_a_timestamp_without_a_time_is_none(of, written):
    assert of(wav(sound(), guano(written))) is None


def test_only_the_field_timestamp_counts(of):
    other = b"GUANO|Version: 1.0\nX|Timestamp: 2020-01-01T00:00:00\nNote: Timestamp: 2020-01-01T00:00:00\n"
    assert of(wav(guano("2021-05-23T19:30:00", before=other), sound())).time == START


# The wordings of firmware 1.0, 1.0.1, 1.2.0, 1.2.2, 1.4.0, 1.6.0, 1.8.0 (twice, the second cut), and AudioMoth Live.
@pytest.mark.parametrize(
    ("written", "offset"),
    [
        (" by AudioMoth 0FE081F80FE081F0 at gain setting 2 while battery state was 3.65V", 0),
        (" (UTC) by AudioMoth 0FE081F80FE081F0 at gain setting 2 while battery state was < 3.6V", 0),
        (" (UTC+1) by AudioMoth 243B1F075C7CA1F3 at gain setting 3 while battery state was 3.9V.", 60),
        (
            " (UTC-3:30) by AudioMoth 243B1F075C7CA1F3 at gain setting 2 while battery state was greater than 4.9V. "
            "Recording cancelled before completion due to change of switch position.",
            -210,
        ),
        (
            " (UTC+5:45) by AudioMoth 243B1F075C7CA1F3 at medium gain setting while battery state was 4.2V and "
            "temperature was 20.1C. Band-pass filter applied with cut-off frequencies of 1.0kHz and 8.0kHz.",
            345,
        ),
        (
            " (UTC-11) during deployment 5C7CA1F3243B1F07 using external microphone at low-medium gain while battery "
            "was less than 2.5V and temperature was -3.2C. Amplitude threshold was 0.1% with 5s minimum trigger "
            "duration. Recording stopped due to low voltage.",
            -660,
        ),
        (
            " (UTC+14) by AudioMoth 243B1F075C7CA1F3 at high gain while battery was 4.2V and temperature was 20.1C. "
            "Frequency trigger (8.0kHz and window length of 16 samples) threshold was 10.0% with 1s minimum trigger "
            "duration.",
            840,
        ),
        (" (UTC-0:30) by AudioMoth 243B1F075C7CA1F3 at medium gain while battery was 4.2V.", -30),
        (" (UTC+10) by AudioMoth Live using Built-in Microphone.", 600),
    ],
)
def test_audiomoth(of, written, offset):
    assert of(wav(comment(f"Recorded at 19:30:00 23/05/2021{written}"), sound())) == (START, offset, "audiomoth")


def test_audiomoth_with_milliseconds(of):
    assert of(wav(audiomoth(time="19:30:00.250 23/05/2021"), sound())).time == START + timedelta(seconds=0.25)


def test_the_comment_of_another_program_is_none(of):
    assert of(wav(comment("Recorded at 19:30:00 23/05/2021 in my garden"), sound())) is None


@pytest.mark.parametrize(
    ("date", "time"), [("2021-05-23", "19:30:00"), ("2021:05:23", "19.30.00"), ("2021_05_23", "19_30_00")]
)
def test_broadcast_wave(of, date, time):
    assert of(wav(bext(date, time, description=b"Z\xfcrich"), sound())) == Recorded(START, None, "bwf")


def test_broadcast_wave_without_a_date_is_none(of):
    assert of(wav(bext("\0" * 10, "\0" * 8), sound())) is None


def test_the_order_of_trust(of):
    name = "20200101_000000.wav"
    headers = [bext(time="18:00:00"), sound(), audiomoth(time="17:00:00 23/05/2021"), guano("2021-05-23T16:00:00")]
    sources = []
    for count in (4, 3, 2, 0):  # headers[:2] has only that of Broadcast Wave
        began = of(wav(*headers[:count]), name)
        sources.append((began.source, began.time.hour))
    assert sources == [("guano", 16), ("audiomoth", 17), ("bwf", 18), ("name", 0)]


@pytest.mark.parametrize(
    "absurd",
    ["0000-01-01T00:00:00", "1970-01-01T00:00:00", "1980-01-06T12:00:00", "2000-01-01T05:00:00", "2106-02-07T06:28:15"],
)
def test_the_time_of_a_clock_that_was_not_set_is_passed_over(of, absurd):
    assert of(wav(sound(), guano(f"{absurd}T05:00:00"), bext())) == Recorded(START, None, "bwf")
    assert of(wav(sound(), guano(f"{absurd}T05:00:00"))) is None


def test_the_bounds(of):
    assert of(wav(sound(), guano("1989-12-31T23:59:59"))) is None
    assert of(wav(sound(), guano("1990-01-01T00:00:00"))).time == datetime(1990, 1, 1)
    assert of(wav(sound(), guano("2000-01-02T00:00:00"))).time == datetime(2000, 1, 2)
    assert of(wav(sound(), guano("2099-12-31T23:59:59"))).time.year == 2099
    assert of(wav(sound(), guano("2021-05-23T19:30:00+15:00"))) is None


# ---- odd and damaged files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "bits"), [(1, 8), (1, 24), (3, 32), (3, 64), (0xFFFE, 24)])
def test_all_kinds_of_samples(of, kind, bits):
    assert of(wav(sound(kind=kind, bits=bits), guano("2021-05-23T19:30:00"))).time == START


@pytest.mark.parametrize("mark", [b"RF64", b"BW64"])
@pytest.mark.parametrize("before", [True, False])
def test_more_than_4_gb_may_lie_before_the_time(tmp_path, mark, before):
    path, bytes_of_sound = tmp_path / UNNAMED, 5 * 2**30 + 1  # an odd number, after which a byte is left free
    ds64 = chunk(b"ds64", struct.pack("<QQQI", bytes_of_sound + 500, bytes_of_sound, bytes_of_sound // 2, 0))
    header = wav(ds64, bext() if before else b"", sound(2**32 - 1)[:-200], mark=mark, size=2**32 - 1)
    with open(path, "wb") as file:
        file.write(header)
        file.seek(bytes_of_sound + 1, 1)  # the file system stores nothing for this
        file.write(b"" if before else guano("2021-05-23T19:30:00"))
    assert recorded(path) == Recorded(START, None, "bwf" if before else "guano")


@pytest.mark.parametrize(
    "content",
    [
        wav(audiomoth(), sound(), size=10**6),  # the file was to become longer
        wav(audiomoth(), sound(), size=0),  # the recorder lost its power before it wrote the sizes
        wav(audiomoth(), sound(0), size=0),
        wav(audiomoth(), sound())[:-150],
        wav(audiomoth())[:-32],
        wav(chunk(b"junk", b"odd"), audiomoth(), sound()),
        wav(audiomoth(), sound(2**32 - 1), size=2**32 - 1),  # written to a pipe
        wav(sound(), audiomoth(), chunk(b"LIST", b"adtl")),
        wav(sound(), chunk(b"LIST", b"adtl"), audiomoth()),
        wav(chunk(b"guan", b"\xff\xfe\0\0 damaged"), sound(), bext("          "), audiomoth()),
        wav(chunk(b"bext", b"short"), audiomoth()),
        wav(audiomoth(), chunk(b"LIST", b"", 2**32 - 8)),
        wav(audiomoth(), chunk(b"ds64", b"\xff" * 28), sound(2**32 - 1), mark=b"RF64"),  # a size that no file has
        wav(audiomoth(), chunk(b"ds64", b""), mark=b"RF64"),
    ],
)
def test_damage_elsewhere_does_no_harm(of, content):
    assert of(content) == Recorded(START, 0, "audiomoth")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVEguan",
        bytes(1000),
        wav(bytes(2**20)),
        wav(chunk(b"junk", b"") * 2**17, guano("1999-09-09T09:09:09")),
        wav(sound(), audiomoth()[:60]),
        wav(bext()[:340]),
        b"riff" + audiomoth(),
        b"RIFX" + wav(audiomoth())[4:],
    ],
)
def test_a_file_whose_header_is_destroyed_goes_by_its_name(of, content):
    assert of(content) is None
    assert of(content, "20210523_193000.WAV") == Recorded(START, None, "name")


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    """A server may be away for a moment. A time that was in the header must not be lost."""
    (tmp_path / "20210523_193000.wav").mkdir()
    for name in ("20210523_193000.wav", "missing/20210523_193000.wav"):
        with pytest.raises(OSError, match="20210523_193000.wav"):
            recorded(tmp_path / name)


def test_a_large_chunk_is_not_read_whole(of):
    blank = b"\n" * MOST_BYTES
    assert of(wav(guano("2021-05-23T19:30:00", after=blank), sound())).time == START
    assert of(wav(guano("2021-05-23T19:30:00", before=blank), sound())) is None


def test_only_wav_files_are_opened(of):
    assert of(wav(sound(), audiomoth()), "birds.flac") is None
    assert of(wav(sound(), audiomoth()), "birds.WAV") is not None


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "20210523_193000.wav",
        "20210523-193000.flac",
        "20210523193000.mp3",
        "20210523T193000.ogg",
        "20210523 193000",
        "SMU02_20210523_193000.wav",
        "SM4_20210523$193000.wav",
        "site3-20210523_193000_stereo_0001.wav",
        "20210523_193000T.WAV",  # AudioMoth, triggered
        "20210523_193000_000.WAV",  # AudioMoth Live
        "2021-05-23_19-30-00.m4a",
        "2021-05-23 19.30.00.wav",
        "2021-05-23T19:30:00.mp3",
        "2021_05_23_19_30_00.wav",
        "12345678_20210523_193000.wav",
        "20211341_250000_20210523_193000.wav",
        "20210523_193000_20210523_194000.wav",  # start and end
        "20210523_193000-1000.wav",
        "20210523_193000Zoo.wav",
        "\udcff_20210523_193000.wav",
    ],
)
def test_name(of, name):
    assert of(b"", f"20200101_010101/{name}") == Recorded(START, None, "name")


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("20210523_193000Z.wav", 0),
        ("20210523T193000Z_S1.wav", 0),
        ("2021-05-23T19:30:00Z.mp3", 0),
        ("20210523T193000+1000_REC.wav", 600),
        ("20210523T193000-0330.flac", -210),
        ("2021-05-23T19-30-00+05:45.wav", 345),
    ],
)
def test_name_with_a_zone(of, name, offset):
    assert of(b"", name) == Recorded(START, offset, "name")


def test_name_with_a_fraction(of):
    began = of(b"", "S20210523T193000.250000+1000_E1_-27.4+153.0.wav")
    assert began == (START + timedelta(seconds=0.25), 600, "name")


@pytest.mark.parametrize(
    "name",
    [
        "birds.wav",
        "20210523.wav",
        "20210523_1930.wav",
        "20211341_250000.wav",
        "20210229_120000.wav",
        "120210523_193000.wav",
        "20210523_1930001.wav",
        "202105231930001.wav",
        "2021-0523_193000.wav",
        "23052021_193000.wav",
        "19700101_000000.wav",
        "20000101_000000.wav",
        "٢٠٢١٠٥٢٣_١٩٣٠٠٠.wav",
        "20210523_193000/birds.wav",
    ],
)
def test_name_without_a_time(of, name):
    assert of(b"", name) is None


# ---- cost ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not IO.exists(), reason="counts what Linux has read")
def test_the_sound_is_not_read(tmp_path):
    path = tmp_path / UNNAMED
    path.write_bytes(wav(sound(2**31)))
    with open(path, "r+b") as file:
        file.seek(len(wav(sound())) - 200 + 2**31)
        file.write(guano("2021-05-23T19:30:00"))
    before = bytes_read()
    assert recorded(path).time == START
    assert bytes_read() - before < 2**16


def bytes_read():
    """The number of bytes that this process has read so far, in all."""
    return int(IO.read_text().split()[1])


def test_the_import_loads_no_package_of_others():
    code = "import sys, yoho.archives.recorded; print({'numpy', 'pandas', 'soundfile'} & set(sys.modules))"
    scripts = ROOT / "workflow" / "scripts"
    out = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert out.stdout == "set()\n"
