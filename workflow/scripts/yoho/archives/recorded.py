"""When a recording began: the time that its recorder wrote into the header, or into the name of the file.

The headers are chunks of a WAV file: RIFF, or RF64 and BW64 above 4 GB. The sound is skipped, whatever its length.
"""

import re
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

BEGINNING = re.compile(rb"(?:RIFF|RF64|BW64)....WAVE", re.DOTALL)
UNKNOWN = 2**32 - 1  # the size of the sound in RF64, whose true size is in the chunk ds64
MOST_CHUNKS = 1000  # that are looked at, because a damaged file may seem to hold millions
MOST_BYTES = 2**16  # that are read of all chunks with one name, because a damaged size may be anything

# Clocks that were never set begin in 1970 or 1980, or on the first day of 2000, as the chips DS1307 and DS3231 do.
EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)
UNSET = date(2000, 1, 1)
MOST_OFFSET = 14 * 60  # minutes from UTC

# ---- how the sources write a time ------------------------------------------------------------------------------------

PARTS = ("year", "month", "day", "hour", "minute", "second")
FRACTION = r"(?:\.(?P<fraction>\d+))?"


def dated(mark):
    """The pattern of a date: year, month and day with the same mark, also a pattern, between them."""
    return rf"(?P<year>\d{{4}})(?P<dash>{mark})(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"


def timed(mark):
    """The pattern of a time of day: hour, minute and second with the same mark, also a pattern, between them."""
    return rf"(?P<hour>\d\d)(?P<colon>{mark})(?P<minute>\d\d)(?P=colon)(?P<second>\d\d)"


# GUANO: ISO 8601, with or without an offset. https://guano-md.org
GUANO = rf"(?m)^[ \t]*Timestamp[ \t]*:[ \t]*{dated('-')}[T ]{timed(':')}{FRACTION} ?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"

# The first words of AudioMoth's comment are the same in all versions of its firmware and in AudioMoth Live, unlike the
# rest. Version 1.0 does not name the zone, which is UTC. https://github.com/OpenAcousticDevices
AUDIOMOTH = (
    rf"Recorded at {timed(':')}{FRACTION} (?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{{4}})"
    r"(?P<zone>(?: \(UTC[^)]*\))?) (?:by AudioMoth|during deployment)"
)

# Broadcast Wave: OriginationDate and OriginationTime follow three texts of 320 bytes in all. TimeReference is not read:
# it has no date, and editors and many devices count from the start of a timeline instead of from midnight.
# https://tech.ebu.ch/docs/tech/tech3285.pdf
BWF = rf"(?s)\A.{{320}}{dated('[-_:. ]')}{timed('[-_:. ]')}"

# A name: 20240501_053000 or 2024-05-01T05-30-00Z, for example. After a T, an offset such as +1000 may follow.
NAME = (
    rf"(?<!\d){dated('[-_.]?')}(?:(?P<iso>T)|[^0-9A-Za-z])?{timed('[-_.:]?')}(?!\d){FRACTION}"
    r"(?P<zone>Z(?![A-Za-z])|(?(iso)[+-]\d\d:?\d\d(?!\d)|(?!)))?"
)

STEM = "the file's name"
# {source: (chunk that holds it, its pattern)}, the most trusted first.
SOURCES = {
    source: (place, re.compile(pattern, re.ASCII))
    for source, place, pattern in (
        ("guano", "guan", GUANO),
        ("audiomoth", "LIST", AUDIOMOTH),
        ("bwf", "bext", BWF),
        ("name", STEM, NAME),
    )
}

# ---- reading them ----------------------------------------------------------------------------------------------------


class Recorded(NamedTuple):
    """When a recording began.

    time: wall-clock time at the recorder, a datetime without zone; utc_offset: minutes that it is ahead of UTC, None if
    unknown; source: a key of SOURCES.
    """

    time: datetime
    utc_offset: int | None
    source: str


def recorded(path):
    """When the recording in a file began, as `Recorded`, or None if neither its header nor its name says so.

    Only the name counts if the file is not a `.wav`. A source is passed over if its time is impossible, before 1990,
    after 2099, or on the first day of 2000, where clocks begin that were never set. Raises OSError if the file cannot
    be opened.
    """
    path = Path(path)
    texts = time_chunks(path) if path.suffix.lower() == ".wav" else {}
    texts[STEM] = path.stem
    for source, (place, pattern) in SOURCES.items():
        for found in pattern.finditer(texts.get(place, "")):
            if began := moment(found.groupdict()):
                return Recorded(*began, source)
    return None


def time_chunks(path):
    """{name: content} of the chunks of a WAV file that may hold a time; those before the damage if it is damaged."""
    texts, sound = {}, UNKNOWN
    # ValueError: the end of a chunk with a damaged size is further than any file can reach.
    with open(path, "rb") as file, suppress(OSError, ValueError):
        if not BEGINNING.match(file.read(12)):
            return texts
        for _ in range(MOST_CHUNKS):
            name, size = file.read(4).decode("latin-1"), int.from_bytes(file.read(4), "little")
            end = file.tell() + size + size % 2
            if len(name) < 4 or not (name.isascii() and name.isprintable()):
                break
            if name == "ds64":
                sound = int.from_bytes(file.read(16)[8:], "little")
            elif name == "data" and size == UNKNOWN:
                end = file.tell() + sound + sound % 2
            elif any(name == place for place, _ in SOURCES.values()):
                known = texts.get(name, "")  # there may be several chunks LIST
                texts[name] = known + file.read(min(size, MOST_BYTES - len(known))).decode("latin-1")
            file.seek(end)
    return texts


def moment(parts):
    """The time and the offset from UTC (minutes or None) that the groups of a pattern hold; None if they are absurd."""
    fraction = (parts.get("fraction") or "").ljust(6, "0")[:6]
    try:
        time = datetime(*(int(parts[part]) for part in PARTS), int(fraction))
    except ValueError:
        return None
    offset = None if parts.get("zone") is None else offset_of(parts["zone"])
    if not EARLIEST <= time < LATEST or time.date() == UNSET or abs(offset or 0) > MOST_OFFSET:
        return None
    return time, offset


def offset_of(zone):
    """Minutes ahead of UTC of a zone such as "+01:00", "(UTC-3:30)", "+1000", "Z" or "", which is UTC."""
    found = re.search(r"([+-])(\d\d?):?(\d\d)?", zone)
    if not found:
        return 0
    return int(f"{found[1]}1") * (60 * int(found[2]) + int(found[3] or 0))
