"""The parts of a file of which each is decoded by itself, and whether something is missing."""

import re
import struct
from itertools import pairwise
from typing import NamedTuple

from yoho.containers.frames import FRAMES, MP3, mp3_frame, next_frames
from yoho.containers.headers import (
    TAGS,
    UNKNOWN_BYTES,
    UNKNOWN_FRAMES,
    announced_frames,
    announces,
    is_estimated,
    sound_bytes,
)
from yoho.containers.ogg import fault_of_ogg, ogg_pages, ogg_starts
from yoho.files import mapped

# ---- what is joined, and what a header does not announce -------------------------------------------------------------


class Part(NamedTuple):
    """Bytes of a file from start to end that can be decoded by themselves.

    lost: s of sound that is missing before them; cut: whether their end is missing.
    """

    start: int
    end: int
    lost: float = 0.0
    cut: bool = False


def parts(path, kind):
    """The parts of a file of which each is decoded by itself, one after another; one `Part` of any whole file.

    Those are files that were put one after another into one, each of which may have a sample rate of its own, and what
    damage leaves of MP3 and AAC, which have no times. kind: the format's name, libsndfile's or that of `format_of`.
    """
    with mapped(path) as content:
        if kind in FRAMES:
            return whole_frames(content, kind) or [Part(0, len(content))]
        starts = list(STARTS[kind](content)) if kind in STARTS else []
        *others, (start, end) = pairwise([0, *starts[1:], len(content)])
        cut = kind == "OGG" and any(page.position + page.length > end for page in ogg_pages(content))
        return [*(Part(*each) for each in others), Part(start, end, cut=cut)]


def whole_frames(content, kind):
    """The runs of frames that follow each other in one stream, and how much is lost between them.

    A stream ends where the next one announces itself, or has another sample rate or number of channels. An MP3 may
    announce its frames: then another file begins after so many, and so many are lost as it lacks. Otherwise what is
    between runs was sound, as many frames as its bytes hold on average; a tag was none.
    """
    frame, runs = FRAMES[kind], []
    announced = announced_frames(content) if frame is mp3_frame else None
    most = announced + 1 if announced else None  # with the frame that announces them
    position = next_frames(content, 0, frame)
    while position is not None:
        start, count, first = position, 0, frame(content[position : position + 7])
        while (found := frame(content[position : position + 7])).length and found.constant == first.constant:
            if count and frame is mp3_frame and announces(content, position) or count == most and not runs:
                break
            position, count = position + found.length, count + 1
        runs.append((start, position, count, first.duration))
        position = next_frames(content, position, frame)
    between = [
        0 if content[end : end + 8].startswith(TAGS) else following - end
        for (_, end, *_), (following, *_) in pairwise(runs)
    ]
    count, size = sum(run[2] for run in runs), sum(run[1] - run[0] for run in runs)
    lost = [gap * count / size for gap in between]
    if most and sum(lost):
        lost = [max(0, most - count) * each / sum(lost) for each in lost]
    return [
        Part(start, min(end, len(content)), round(frames) * duration, end > len(content))
        for (start, end, _, duration), frames in zip(runs, [0, *lost])
    ]


def flac_starts(content):
    """Where the mark of FLAC and its first block begin."""
    return (match.start() for match in re.finditer(rb"fLaC[\x00\x80]\x00\x00\x22", content))


def matroska_starts(content):
    """Where the header of a Matroska or WebM file begins."""
    return (match.start() for match in re.finditer(rb"(?s)\x1a\x45\xdf\xa3.{1,40}?(?:matroska|webm)", content))


def mp4_starts(content):
    """Where the first box of an MP4 file begins."""
    position = 0
    while position + 16 <= len(content):
        size, kind, large = struct.unpack_from(">I4sQ", content, position)
        if kind == b"ftyp":
            yield position
        position += {0: len(content), 1: large}.get(size, size) or len(content)


def riff_starts(content):
    """Where a WAV file begins: behind another one, where that ends by its own size."""
    position = 0
    while content[position : position + 4] == b"RIFF" and content[position + 8 : position + 12] == b"WAVE":
        yield position
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + size + size % 2


STARTS = {
    "OGG": ogg_starts,
    "FLAC": flac_starts,
    "MATROSKA": matroska_starts,
    "MP4": mp4_starts,
    "WAV": riff_starts,
    "WAVEX": riff_starts,
}


def unread(path, kind):
    """What soundfile does not read of a file, in words; empty where it reads all that there is."""
    if len(parts(path, kind)) > 1:
        return "is damaged, or joins several files"
    return "holds more sound than its header announces" if sound_bytes(path, kind) else ""


def misread(path, file, found):
    """Why soundfile reads a file in part, or at wrong times, in words; empty where it reads it right.

    file: what soundfile says of it; found: its `parts`, which of Ogg and FLAC soundfile reads one by one.
    """
    if file.format == "OGG":
        return fault_of_ogg(path)
    if file.format == "FLAC" and begins_within(path):
        return "begins in the middle of another file"
    if file.frames == UNKNOWN_FRAMES or is_estimated(path, file.format):
        return "does not say how long it is, and may go on"
    return "is damaged, or joins several files" if file.format in MP3 and len(found) > 1 else ""


def begins_within(path):
    """Whether the first frame of a FLAC file has another number than 0, as where it was cut from another file."""
    with mapped(path) as content:
        position, last = content.find(b"fLaC") + 4, False
        while not last and position + 4 <= len(content):
            last = bool(content[position] & 0x80)
            position += 4 + int.from_bytes(content[position + 1 : position + 4], "big")
        return len(content) > position + 4 and content[position] == 0xFF and content[position + 4] != 0


# ---- what is missing -------------------------------------------------------------------------------------------------


def is_cut(file, length):
    """Whether a file of which `length` samples could be read says that it has more, or lacks its end.

    file: open in soundfile. WAV in all its forms, AIFF, AU, SVX and MP3 with a header say so. The end of Ogg and of MP3
    frames is judged by `parts`; a cut FLAC or CAF file is an error of soundfile.
    """
    if file.format in ("FLAC", "OGG"):
        return False
    if file.format in MP3:
        counted_too = 2 * 1152  # frames of the header and of the tag, by some encoders
        return not is_estimated(file.name, file.format) and length < file.frames - counted_too
    sizes = re.search(
        r"^ *(?:data|SSND|BODY|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE
    )
    announced, there = map(int, sizes.groups()) if sizes else (0, 0)
    frame = 8 * file.channels  # bytes, at most: what is no whole frame is not announced
    unknown = any(0 <= mark - announced < frame for mark in UNKNOWN_BYTES)
    estimated = file.subtype.startswith("MPEG")  # in a WAV file
    return length < file.frames and not estimated or there < announced and not unknown
