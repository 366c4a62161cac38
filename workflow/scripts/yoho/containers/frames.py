"""Recognise the format of an audio file by its first bytes, and find the frames of MP3 and AAC."""

import re
import struct
from functools import lru_cache
from typing import NamedTuple

from yoho.files import mapped

MP3 = ("MP3", "MPEG")  # libsndfile's names

# {name of a format: the beginnings that distinguish its files from raw PCM}. MP4 has "ftyp" after four bytes.
BEGINNINGS = {
    "WAV": (b"RIFF", b"RIFX", b"RF64"),
    "W64": b"riff",
    "AIFF": b"FORM",
    "AU": b".snd",
    "CAF": b"caff",
    "FLAC": b"fLaC",
    "OGG": b"OggS",
    "MP3": b"ID3",
    "MATROSKA": b"\x1a\x45\xdf\xa3",
    "WMA": b"\x30\x26\xb2\x75",
}
START = 3 * 2881  # bytes that suffice to recognise a format: three of the longest frames of MP3

MP3_HEADER = rb"Xing|Info|VBRI"  # marks of an MP3's first frame that holds the number of frames instead of sound


def format_of(start):
    """The name of the format of an audio file that begins with `start`; None if `start` may be raw PCM.

    start: the first START bytes, or all if there are fewer. MP3 and AAC (ADTS) need three consecutive frames, because
    the header of a single one could be a sample of PCM.
    """
    for name, beginnings in BEGINNINGS.items():
        if start.startswith(beginnings):
            return name
    if start[4:8] == b"ftyp":
        return "MP4"
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


def announced_frames(content):
    """The number of frames that the header of an MP3 announces, or None."""
    start = 0
    if content[:3] == b"ID3":  # a tag; each byte of its size holds seven bits
        start = 10 + sum(byte << 7 * place for place, byte in enumerate(content[9:5:-1]))
    found = re.search(MP3_HEADER, content[start : start + 256])
    if not found:
        return None
    fields = content[start + found.end() : start + found.end() + 14].ljust(14, b"\0")
    if found.group() == b"VBRI":
        return struct.unpack_from(">I", fields, 10)[0]
    flags, frames = struct.unpack_from(">II", fields)
    return frames if flags & 1 else None


def is_estimated(path, kind):
    """Whether a file is an MP3 without a length in its header, for which libsndfile estimates the length."""
    if kind not in MP3:
        return False
    with mapped(path) as content:
        return announced_frames(content) is None
