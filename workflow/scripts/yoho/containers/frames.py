"""Recognise the format of an audio file by its first bytes, and find the frames of MP3 and AAC."""

from functools import lru_cache
from typing import NamedTuple

MP3 = ("MP3", "MPEG")  # libsndfile's names

# Marks that distinguish files from raw PCM: (position, mark, name of the format).
MAGIC = [
    (0, b"RIFF", "WAV"),
    (0, b"RIFX", "WAV"),
    (0, b"RF64", "WAV"),
    (0, b"riff", "W64"),
    (0, b"FORM", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b"ID3", "MP3"),
    (0, b"\x1a\x45\xdf\xa3", "MATROSKA"),
    (0, b"\x30\x26\xb2\x75", "WMA"),
    (4, b"ftyp", "MP4"),
]
START = 3 * 2881  # bytes that suffice to recognise a format: three of the longest frames of MP3


def format_of(start):
    """The name of the format of an audio file that begins with `start`; None if `start` may be raw PCM.

    start: the first START bytes, or all if there are fewer. MP3 and AAC (ADTS) need three consecutive frames, because
    the header of a single one could be a sample of PCM.
    """
    for place, mark, name in MAGIC:
        if start[place : place + len(mark)] == mark:
            return name
    return next((name for name, frame in FRAMES.items() if three_frames_at(start, 0, frame)), None)


def three_frames_at(content, position, frame):
    """Whether three consecutive frames begin at a position; frame: `mp3_frame` or `adts_frame`."""
    for _ in range(3):
        length = frame(content[position : position + 7]).length
        position += length
        if not length or position > len(content):
            return False
    return True


class Frame(NamedTuple):
    """A frame of coded sound: length (bytes, 0: not a frame), duration (s), and what is constant in a stream."""

    length: int = 0
    duration: float = 0.0
    constant: tuple = ()


def mp3_frame(header):
    """The MP3 frame that begins with these bytes. Only the first four of them matter."""
    return mp3_frame_of(header[:4])


@lru_cache(4096)  # a file has few different headers
def mp3_frame_of(header):
    """See `mp3_frame`."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2 or header[1] & 0x18 == 0x08:
        return Frame()
    version, number, rate = header[1] & 0x18, header[2] >> 4, header[2] >> 2 & 3
    if number in (0, 15) or rate == 3:
        return Frame()
    first = version == 0x18
    kilobits = (
        (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        if first
        else (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    )[number]
    sample_rate = (44100, 48000, 32000)[rate] // {0x18: 1, 0x10: 2, 0x00: 4}[version]
    samples = 1152 if first else 576
    length = samples // 8 * 1000 * kilobits // sample_rate + (header[2] >> 1 & 1)
    return Frame(length, samples / sample_rate, (version, rate, header[3] >> 6 == 3))


def adts_frame(header):
    """The ADTS frame (AAC) that begins with these seven bytes."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return Frame()
    rates = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return Frame(length, 1024 / rates[header[2] >> 2 & 15], (header[2] & 0xFD, header[3] >> 6))


FRAMES = {"MP3": mp3_frame, "MPEG": mp3_frame, "AAC": adts_frame}


def find_frames(content, position, frame):
    """The position of the next three consecutive frames, from a position on; None if there are none."""
    while (position := content.find(b"\xff", position)) >= 0:
        if three_frames_at(content, position, frame):
            return position
        position += 1
    return None
