"""How much sound the header of a file announces, and where that sound lies."""

import re
import struct

from yoho.containers.frames import MP3
from yoho.files import mapped

UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's, of a file that does not tell

# Bytes that a file announces which was written as it came, its length not known beforehand: all ones, and SoX's.
UNKNOWN_BYTES = (2**32 - 1, 0x7FFFF000, 0x7F000008)

TAGS = (b"ID3", b"TAG", b"APETAGEX")  # what may follow the sound of any file


def announces(content, position):
    """Whether the MP3 frame at a position is the header of a file: it holds no sound, but the number of frames."""
    header = content[position + 4 : position + 44]
    return any(mark in header for mark in (b"Xing", b"Info", b"VBRI"))


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
