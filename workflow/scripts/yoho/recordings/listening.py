"""Listening to recordings: their times, their silences, and whether they can be used."""

import hashlib
import warnings
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import pandas as pd

from yoho import InputError
from yoho.audio import mono_blocks, opened, read_blocks
from yoho.containers.headers import is_estimated
from yoho.containers.parts import is_cut, parts, unread

LONG = 3600  # s, from which a recording's length is remarked upon
SHOWN = 20  # bad recordings that an error lists; the log has all
CONTAINERS = {".wav": ("WAV", "WAVEX", "RF64"), ".aif": ("AIFF",), ".aiff": ("AIFF",)}
CONTAINERS |= {".flac": ("FLAC",), ".ogg": ("OGG",), ".mp3": ("MP3",)}


class Heard(NamedTuple):
    """What is found in a recording, times in seconds; `error` says why it cannot be used, `remark` what is unusual."""

    duration: float = np.nan
    onset: float = np.nan
    offset: float = np.nan
    silences: str = ""
    sha256: str = ""
    remark: str = ""
    error: str = ""


def listen(recordings, spread, *, bad, trim_db, shortest, sample_rate):
    """Hear every recording; returns the table with what was `Heard`, and prints a line for each that is unusual.

    bad: "stop", or "leave_out" recordings that cannot be used; the others are those of `hear`.
    Raises InputError, where it stops, with a line for each of them.
    """
    calls = [(path, trim_db, shortest, sample_rate) for path in recordings["path"]]
    heard = pd.DataFrame(list(spread(hear, calls)), columns=Heard._fields, index=recordings.index)
    for line in heard.loc[heard["remark"] != "", "remark"]:
        print(line)
    lines = heard.loc[heard["error"] != "", "error"].unique().tolist()
    if lines and bad == "stop":
        raise InputError(listed(lines))
    for line in lines:
        print(f"left out: {line}")
    return recordings.join(heard.drop(columns=["remark", "error"]))[heard["error"] == ""]


def listed(lines):
    """A message of one line, or of many with how many they are; all are printed, few are shown."""
    if len(lines) == 1:
        return lines[0]
    print(*lines, sep="\n")
    more = [f"and {len(lines) - SHOWN} more, in the log"] if len(lines) > SHOWN else []
    return "\n".join([f"{len(lines)} recordings cannot be used:", *lines[:SHOWN], *more])


def hear(path, trim_db, shortest, sample_rate):
    """What is `Heard` in one recording. It is read in blocks, so that its length does not matter.

    trim_db: parts more than this below the loudest frame (46 ms) are near-silent; shortest: of the silences that are
    noted, s; sample_rate: of the mixes, Hz.
    """
    try:
        with opened(path) as file:
            rate = file.samplerate
            frame = max(1, round(0.046 * rate))
            hop = max(1, frame // 4)
            with warnings.catch_warnings(record=True, action="always") as said:
                levels, length = frame_levels(file, frame, hop)
            rest = unread(path, file.format)
            faults = {
                rest: rest,
                "holds no audio": not length,
                "is cut off": is_cut(file, length) or parts(path, file.format)[-1].cut,
            }
            faults |= {"is in a coding in which one cannot seek": not file.seekable()}
            faults |= {"holds samples that are not numbers": not np.isfinite(levels).all()}
            faults |= {"is silent throughout": not levels.any()}
            if fault := next((fault for fault, found in faults.items() if found), None):
                raise InputError(f"{path}: {fault}; replace or remove it")
            remark = remarks(file, length / rate, sample_rate, [str(each.message) for each in said])
        with open(path, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except InputError as error:
        return Heard(error=str(error))
    loud = np.flatnonzero(librosa.amplitude_to_db(levels, ref=np.max, top_db=None) > -trim_db)
    ends = np.minimum((loud + 1) * hop, length) / rate
    silences = " ".join(
        f"{first:.3f}-{last:.3f}"
        for first, last in zip(ends[:-1], loud[1:] * hop / rate)
        if last - first >= max(shortest, hop / rate)
    )
    return Heard(length / rate, loud[0] * hop / rate, ends[-1], silences, digest, remark)


def frame_levels(file, frame, hop):
    """Root mean square of each frame, of one channel by `mono_blocks`, and how many samples were read.

    Frame k is centred on sample k * hop, as librosa's are, with zeros before the first sample and after the last.
    """
    edge = np.zeros(frame // 2, np.float32)
    levels, rest, length = [], edge, 0
    for block in chain(mono_blocks(read_blocks(file), file.name), [edge]):
        length += len(block)
        rest = np.concatenate([rest, block])
        if count := max(0, (len(rest) - frame) // hop + 1):
            levels.append(librosa.feature.rms(y=rest, frame_length=frame, hop_length=hop, center=False)[0])
            rest = rest[count * hop :]
    return np.concatenate([*levels, np.zeros(0, np.float32)]), length - len(edge)


def remarks(file, duration, sample_rate, said):
    """A line on what is unusual about a recording and how it is used all the same; empty where nothing is.

    said: what was said while it was read, each beginning with the file's name.
    """
    found = {
        f"{file.samplerate} Hz, resampled to {sample_rate}": file.samplerate < sample_rate,
        f"{file.channels} channels, averaged": file.channels > 2,
        "an MP3 without a header that tells its length, read as far as that is guessed": is_estimated(
            file.name, file.format
        ),
        f"{duration / 3600:.1f} hours long, read in parts": duration > LONG,
        f"{file.format} in spite of its name, read as such": file.format
        not in CONTAINERS.get(Path(file.name).suffix.lower(), [file.format]),
    }
    found = [remark for remark, holds in found.items() if holds]
    found += [line.removeprefix(f"{file.name}: ") for line in said]
    return f"{file.name}: used, though {'; '.join(found)}" if found else ""
