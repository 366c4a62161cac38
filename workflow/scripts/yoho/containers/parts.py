"""Parts of a file that must be decoded separately, and whether sound is missing."""

import re
import struct
from itertools import pairwise
from typing import NamedTuple

from yoho.containers.frames import FRAMES, MP3, MP3_HEADER, announced_frames, find_frames, is_estimated, mp3_frame
from yoho.containers.ogg import fault_of_ogg, ogg_pages, ogg_starts
from yoho.files import mapped

UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number of frames for a file without a length

# Sizes in the headers of files whose length was unknown when writing began: all ones, and those of SoX.
UNKNOWN_BYTES = (2**32 - 1, 0x7FFFF000, 0x7F000008)

TAGS = (b"ID3", b"TAG", b"APETAGEX")  # tags that may follow the sound of any file

# ---- joined and damaged files ----------------------------------------------------------------------------------------


class Part(NamedTuple):
    """A range of bytes, from start to end, that can be decoded separately.

    lost: duration of the sound that is missing before it (s); cut: whether its own end is missing.
    """

    start: int
    end: int
    lost: float = 0.0
    cut: bool = False


def parts(path, kind):
    """The parts of a file that must be decoded separately, in order; an intact file is a single `Part`.

    Parts are files that were joined into one, each possibly with its own sample rate, and the runs of intact frames of
    a damaged MP3 or AAC, formats without timestamps. kind: the format's name, from libsndfile or `format_of`.
    """
    with mapped(path) as content:
        if kind in FRAMES:
            return frame_runs(content, kind) or [Part(0, len(content))]
        if kind in PATTERNS:
            starts = [match.start() for match in re.finditer(PATTERNS[kind], content)]
        else:
            starts = list(STARTS[kind](content)) if kind in STARTS else []
        *others, (start, end) = pairwise([0, *starts[1:], len(content)])
        cut = kind == "OGG" and any(page.position + page.length > end for page in ogg_pages(content))
        return [*(Part(*each) for each in others), Part(start, end, cut=cut)]


def frame_runs(content, kind):
    """A `Part` for each run of consecutive frames of one stream, with the sound that is lost before it.

    A run ends before the header of another file, and at a change of the sample rate or the number of channels. If the
    header of an MP3 announces a number of frames, another file begins after that number, and missing ones are lost.
    Otherwise the bytes between runs count as lost frames of average length, unless they are a tag.
    """
    frame, runs = FRAMES[kind], []
    announced = announced_frames(content) if frame is mp3_frame else None
    most = announced + 1 if announced else None  # including the header frame itself
    position = find_frames(content, 0, frame)
    while position is not None:
        start, count, first = position, 0, frame(content[position : position + 7])
        while (found := frame(content[position : position + 7])).length and found.constant == first.constant:
            header = frame is mp3_frame and re.search(MP3_HEADER, content[position + 4 : position + 44])
            if count and header or count == most and not runs:
                break
            position, count = position + found.length, count + 1
        runs.append((start, position, count, first.duration))
        position = find_frames(content, position, frame)
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


def mp4_starts(content):
    """Yield the positions of first boxes of MP4 files."""
    position = 0
    while position + 16 <= len(content):
        size, kind, large = struct.unpack_from(">I4sQ", content, position)
        if kind == b"ftyp":
            yield position
        position += {0: len(content), 1: large}.get(size, size) or len(content)


def riff_starts(content):
    """Yield the positions of WAV files: the next one begins where the size of the previous one ends."""
    position = 0
    while content[position : position + 4] == b"RIFF" and content[position + 8 : position + 12] == b"WAVE":
        yield position
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + size + size % 2


STARTS = {"OGG": ogg_starts, "MP4": mp4_starts, "WAV": riff_starts, "WAVEX": riff_starts}

# The beginnings of files of further formats: FLAC's mark with its first block, and the header of Matroska and WebM.
PATTERNS = {
    "FLAC": rb"fLaC[\x00\x80]\x00\x00\x22",
    "MATROSKA": rb"(?s)\x1a\x45\xdf\xa3.{1,40}?(?:matroska|webm)",
}


def unread(path, kind):
    """The reason why soundfile reads only a part of a file, in words; "" if it reads all."""
    if len(parts(path, kind)) > 1:
        return "is damaged, or joins several files"
    return "holds more sound than its header announces" if sound_bytes(path, kind) else ""


def misread(path, file, found):
    """The reason why soundfile reads only a part of a file, or at wrong times, in words; "" if it reads it correctly.

    file: its `SoundFile`; found: its `parts`, which soundfile reads separately for Ogg and FLAC.
    """
    if file.format == "OGG":
        return fault_of_ogg(path)
    if file.format == "FLAC" and begins_within(path):
        return "begins in the middle of another file"
    if file.frames == UNKNOWN_FRAMES or is_estimated(path, file.format):
        return "does not announce its length, and may go on"
    return "is damaged, or joins several files" if file.format in MP3 and len(found) > 1 else ""


def begins_within(path):
    """Whether the first frame of a FLAC file has a number other than 0, because the file was cut from another."""
    with mapped(path) as content:
        position, last = content.find(b"fLaC") + 4, False
        while not last and position + 4 <= len(content):
            last = bool(content[position] & 0x80)
            position += 4 + int.from_bytes(content[position + 1 : position + 4], "big")
        return len(content) > position + 4 and content[position] == 0xFF and content[position + 4] != 0


# ---- what the header announces ---------------------------------------------------------------------------------------


def sound_bytes(path, kind):
    """Byte range (start, end) of the sound of a WAV, AIFF or AU file that holds more than it announces, or None.

    Examples are a WAV whose sizes wrapped at 4 GB and one whose recorder lost its power before it wrote them. Such a
    file has neither a chunk nor a tag after the announced sound. kind: libsndfile's name of the format.
    """
    with mapped(path) as content:
        if kind == "AU":
            order = "<" if content[:4] == b"dns." else ">"
            start, size = struct.unpack_from(f"{order}II", content, 4)
        elif kind in ("WAV", "WAVEX", "AIFF"):
            order, mark = (">", b"SSND") if kind == "AIFF" else (">" if content[:4] == b"RIFX" else "<", b"data")
            found = next((chunk for chunk in chunks(content, 12, order) if chunk[0] == mark), None)
            if found is None:
                return None
            _, start, size = found
            if kind == "AIFF":
                start, size = start + 8, max(size - 8, 0)
        else:
            return None
        end = start + size + size % 2
        if end >= len(content) or any(0 <= mark - size < 2**16 for mark in UNKNOWN_BYTES):
            return None
        if content[end : end + 8].startswith(TAGS) or kind != "AU" and are_chunks(content, end, order):
            return None
        return start, len(content)


def chunks(content, position, order):
    """Yield (name, start, size) of each chunk from a position to the end of the file."""
    while position + 8 <= len(content):
        name, size = struct.unpack_from(f"{order}4sI", content, position)
        yield name, position + 8, size
        position += 8 + size + size % 2


def are_chunks(content, position, order):
    """Whether the bytes after a position are chunks: names are printable, and sizes add up to the rest of the file."""
    end = position
    for name, start, size in chunks(content, position, order):
        if not re.fullmatch(rb"[ -~]{4}", name):
            return False
        end = start + size
    return end - 1 <= len(content) < end + 8


def is_cut(file, length):
    """Whether a file announces more samples than the `length` that could be read, because its end is missing.

    file: open in soundfile. All forms of WAV, AIFF, AU, SVX and MP3 with a header announce their length. `parts` finds
    the missing end of Ogg and of MP3 frames; for a cut FLAC or CAF file soundfile raises an error.
    """
    if file.format in ("FLAC", "OGG"):
        return False
    if file.format in MP3:
        counted_too = 2 * 1152  # some encoders also count the frames of the header and of the tag
        return not is_estimated(file.name, file.format) and length < file.frames - counted_too
    sizes = re.search(
        r"^ *(?:data|SSND|BODY|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE
    )
    announced, there = map(int, sizes.groups()) if sizes else (0, 0)
    frame = 8 * file.channels  # bytes, upper bound: only whole frames are announced
    unknown = any(0 <= mark - announced < frame for mark in UNKNOWN_BYTES)
    estimated = file.subtype.startswith("MPEG")  # MP3 in a WAV file
    return length < file.frames and not estimated or there < announced and not unknown
