"""What the bytes of an audio file say: its format, where its sound lies, how much of it a header announces."""

import mmap
import re
import struct
import zlib
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's, of a file that does not tell

MP3 = ("MP3", "MPEG")  # libsndfile's names

# Bytes that a file announces which was written as it came, its length not known beforehand: all ones, and SoX's.
UNKNOWN_BYTES = (2**32 - 1, 0x7FFFF000, 0x7F000008)

# Beginnings of files by which one knows that bytes are no raw PCM: where, what, and the format's name.
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
START = 3 * 2881  # bytes by which a format is known: three of the longest frames of MP3

MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # bytes with their bits in the other order

TAGS = (b"ID3", b"TAG", b"APETAGEX")  # what may follow the sound of any file


@contextmanager
def mapped(path):
    """The bytes of a file that is not empty, without reading them."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def format_of(start):
    """The name of the audio file format that some bytes begin, or None where they may be raw PCM.

    start: START bytes, or all there are. One frame's header could be a sample: three frames of MP3 or of AAC (ADTS)
    must follow each other.
    """
    for place, mark, name in MAGIC:
        if start[place : place + len(mark)] == mark:
            return name
    return next((name for name, frame in FRAMES.items() if follow_each_other(start, 0, frame)), None)


def follow_each_other(content, position, frame):
    """Whether three frames lie from a position on, one after another; frame: `mp3_frame` or `adts_frame`."""
    for _ in range(3):
        length = frame(content[position : position + 7]).length
        position += length
        if not length or position > len(content):
            return False
    return True


class Frame(NamedTuple):
    """A frame of coded sound: its bytes (0: it is none), its duration (s), and what stays the same within a stream."""

    length: int = 0
    duration: float = 0.0
    constant: tuple = ()


def mp3_frame(header):
    """The frame of MP3 that four bytes begin."""
    return mp3_frame_of(header[:4])


@lru_cache(4096)  # in a file they are few
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
    """The ADTS frame (AAC) that seven bytes begin."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return Frame()
    rates = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return Frame(length, 1024 / rates[header[2] >> 2 & 15], (header[2] & 0xFD, header[3] >> 6))


FRAMES = {"MP3": mp3_frame, "MPEG": mp3_frame, "AAC": adts_frame}


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


def announces(content, position):
    """Whether the MP3 frame at a position is the header of a file: it holds no sound, but the number of frames."""
    header = content[position + 4 : position + 44]
    return any(mark in header for mark in (b"Xing", b"Info", b"VBRI"))


def next_frames(content, position, frame):
    """Where, from a position on, three frames follow each other; None where they do not."""
    while (position := content.find(b"\xff", position)) >= 0:
        if follow_each_other(content, position, frame):
            return position
        position += 1
    return None


def ogg_starts(content):
    """Where an Ogg file has a page that begins a stream, after one that does not."""
    begun = False
    for page in ogg_pages(content):
        if page.begins and not begun:
            yield page.position
        begun = page.begins


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


class Page(NamedTuple):
    """A page of Ogg: where it lies, its flags and numbers, and the lengths of the pieces that it holds, (pieces,)."""

    position: int
    flags: int
    granule: int
    serial: int
    sequence: int
    pieces: bytes

    @property
    def length(self):
        """Bytes, of which the file's end may lack some."""
        return 27 + len(self.pieces) + sum(self.pieces)

    @property
    def begins(self):
        """Whether a stream begins here."""
        return bool(self.flags & 2)


def ogg_pages(content):
    """Yield each `Page`. Bytes between pages are skipped."""
    position = content.find(b"OggS")
    while position >= 0 and position + 27 <= len(content):
        *numbers, count = struct.unpack_from("<5xBqII4xB", content, position)
        page = Page(position, *numbers, content[position + 27 : position + 27 + count])
        yield page
        position = content.find(b"OggS", position + page.length)


def sound_bytes(path, kind):
    """Byte range (start, end) of the sound of a WAV, AIFF or AU file that holds more than it announces; None otherwise.

    That is a WAV whose sizes wrapped at 4 GB, or one whose recorder lost its power before it wrote them: what follows
    the announced sound is neither a chunk nor a tag. kind: libsndfile's name of the format.
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
        if content[end : end + 8].startswith(TAGS) or kind != "AU" and follow(content, end, order):
            return None
        return start, len(content)


def chunks(content, position, order):
    """Yield (name, start, size) of each chunk from a position on, as far as they lie within the file."""
    while position + 8 <= len(content):
        name, size = struct.unpack_from(f"{order}4sI", content, position)
        yield name, position + 8, size
        position += 8 + size + size % 2


def follow(content, position, order):
    """Whether what follows a position is chunks: names of printable letters, and sizes that end where the file does."""
    end = position
    for name, start, size in chunks(content, position, order):
        if not re.fullmatch(rb"[ -~]{4}", name):
            return False
        end = start + size
    return end - 1 <= len(content) < end + 8


def announced_frames(content):
    """How many frames of sound the header of an MP3 announces; None where it does not say."""
    start = 0
    if content[:3] == b"ID3":  # a tag; its size has seven bits a byte
        start = 10 + sum(byte << 7 * place for place, byte in enumerate(content[9:5:-1]))
    found = re.search(rb"Xing|Info|VBRI", content[start : start + 256])
    if not found:
        return None
    fields = content[start + found.end() : start + found.end() + 14].ljust(14, b"\0")
    if found.group() == b"VBRI":
        return struct.unpack_from(">I", fields, 10)[0]
    flags, frames = struct.unpack_from(">II", fields)
    return frames if flags & 1 else None


def is_estimated(path, kind):
    """Whether a file is an MP3 without a header that tells its length: libsndfile reads as far as it guesses."""
    if kind not in MP3:
        return False
    with mapped(path) as content:
        return announced_frames(content) is None


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


def fault_of_ogg(path):
    """What is wrong with an Ogg file, in words, or nothing; soundfile passes over it, and later sound is early.

    Pages are damaged where their checksum is wrong. Some are missing where their numbers leave one out, or where one
    ends later than its packets last.
    """
    sequences, before, page = {}, None, None
    with mapped(path) as content:
        for page in ogg_pages(content):
            whole = content[page.position : page.position + page.length]
            if len(whole) == page.length and checksum(whole[:22] + bytes(4) + whole[26:]) != whole[22:26]:
                return "is damaged"
            if page.begins:
                if before is not None and before.begins:
                    return "holds several tracks"
                last, samples, lasting = None, 0, duration_of_packets(whole[27 + len(page.pieces) :])
            elif page.sequence != sequences.get(page.serial, -1) + 1:
                return "lacks parts"
            sequences[page.serial], before = page.sequence, page
            samples += lasting(whole, page.pieces)
            if last and page.granule - last > samples + 2048:
                return "lacks parts"
            if page.granule >= 0:  # otherwise no packet ends here
                last, samples = page.granule, 0
    return "" if page.flags & 4 else "does not say where it ends, and may go on"


def duration_of_packets(header):
    """A function of a page's bytes and pieces that gives the samples of the packets that end there, at most.

    header: a stream's first packet. Of codings but Opus and Vorbis nothing is known.
    """
    if header.startswith(b"OpusHead"):
        return opus_samples
    longest = 2 ** (header[28] >> 4) // 2 if header.startswith(b"\x01vorbis") else np.inf
    return lambda page, pieces: longest * sum(piece < 255 for piece in pieces)


def opus_samples(page, pieces):
    """Samples, at 48 kHz, of the packets of Opus that begin in a page (RFC 6716, section 3.1)."""
    total, position, begins = 0, 27 + len(pieces), not page[5] & 1
    for piece in pieces:
        if begins and position + 1 < len(page):
            kind, count = page[position] >> 3, page[position] & 3
            count = page[position + 1] & 63 if count == 3 else min(count, 1) + 1
            if kind < 12:
                total += count * (480, 960, 1920, 2880)[kind & 3]
            else:
                total += count * ((480, 960)[kind & 1] if kind < 16 else (120, 240, 480, 960)[kind & 3])
        position, begins = position + piece, piece < 255
    return total


def checksum(page):
    """The checksum of a page of Ogg: zlib's, but with the bits of every byte, and of itself, in the other order."""
    total = zlib.crc32(page.translate(MIRRORED), 2**32 - 1) ^ (2**32 - 1)
    return total.to_bytes(4, "big").translate(MIRRORED)
