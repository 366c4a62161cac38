"""The pages of Ogg files, and their faults."""

import struct
import zlib
from typing import NamedTuple

import numpy as np

from yoho.files import mapped

MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # every byte with its bits in reverse order


def ogg_starts(content):
    """Yield the position of each page that begins a stream and does not follow another such page."""
    begun = False
    for page in ogg_pages(content):
        if page.begins and not begun:
            yield page.position
        begun = page.begins


class Page(NamedTuple):
    """A page of Ogg: position, flags, granule position, serial and sequence number, and lengths of its pieces."""

    position: int
    flags: int
    granule: int
    serial: int
    sequence: int
    pieces: bytes

    @property
    def length(self):
        """Its length in bytes, which may reach past the end of a cut file."""
        return 27 + len(self.pieces) + sum(self.pieces)

    @property
    def begins(self):
        """Whether a stream begins here."""
        return bool(self.flags & 2)


def ogg_pages(content):
    """Yield each `Page`, skipping bytes between pages."""
    position = content.find(b"OggS")
    while position >= 0 and position + 27 <= len(content):
        *numbers, count = struct.unpack_from("<5xBqII4xB", content, position)
        page = Page(position, *numbers, content[position + 27 : position + 27 + count])
        yield page
        position = content.find(b"OggS", position + page.length)


def fault_of_ogg(path):
    """The fault of an Ogg file in words, or "". soundfile would skip faulty pages and give later sound too early.

    A page is damaged if its checksum is wrong. Pages are missing if a sequence number is missing, or if a page ends
    later than the duration of its packets allows.
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
                last, samples, samples_of = None, 0, duration_of_packets(whole[27 + len(page.pieces) :])
            elif page.sequence != sequences.get(page.serial, -1) + 1:
                return "lacks parts"
            sequences[page.serial], before = page.sequence, page
            samples += samples_of(whole, page.pieces)
            if last and page.granule - last > samples + 2048:
                return "lacks parts"
            if page.granule >= 0:  # -1: no packet ends in this page
                last, samples = page.granule, 0
    return "" if page.flags & 4 else "has no mark of its end, and may go on"


def duration_of_packets(header):
    """A function of (page, pieces) that returns the maximum number of samples of the packets that end in a page.

    header: a stream's first packet. The number is infinite for codings other than Opus and Vorbis.
    """
    if header.startswith(b"OpusHead"):
        return opus_samples
    longest = 2 ** (header[28] >> 4) // 2 if header.startswith(b"\x01vorbis") else np.inf
    return lambda page, pieces: longest * sum(piece < 255 for piece in pieces)


def opus_samples(page, pieces):
    """Samples at 48 kHz of the Opus packets that begin in a page (RFC 6716, section 3.1)."""
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
    """The checksum of an Ogg page: zlib's CRC-32 with the bits of all bytes, and of itself, in reverse order."""
    total = zlib.crc32(page.translate(MIRRORED), 2**32 - 1) ^ (2**32 - 1)
    return total.to_bytes(4, "big").translate(MIRRORED)
