"""The amount of sound that a file's header announces, and the place of that sound."""

import re
import struct

from yoho.containers.frames import MP3
from yoho.files import mapped

UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number of frames for a file without a length

# Sizes in the headers of files whose length was unknown when writing began: all ones, and those of SoX.
UNKNOWN_BYTES = (2**32 - 1, 0x7FFFF000, 0x7F000008)

TAGS = (b"ID3", b"TAG", b"APETAGEX")  # tags that may follow the sound of any file


def is_header_frame(content, position):
    """Whether the MP3 frame at a position is a file's header, which holds the number of frames instead of sound."""
    header = content[position + 4 : position + 44]
    return any(mark in header for mark in (b"Xing", b"Info", b"VBRI"))


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


def announced_frames(content):
    """The number of frames that the header of an MP3 announces, or None."""
    start = 0
    if content[:3] == b"ID3":  # a tag; each byte of its size holds seven bits
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
    """Whether a file is an MP3 without a length in its header, for which libsndfile estimates the length."""
    if kind not in MP3:
        return False
    with mapped(path) as content:
        return announced_frames(content) is None
