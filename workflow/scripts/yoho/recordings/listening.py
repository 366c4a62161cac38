"""Listening to recordings: their lengths, their silences, and whether they can be used."""

import hashlib
import os
import warnings
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import pandas as pd

from yoho import InputError
from yoho.audio import mono_blocks, opened, read_blocks
from yoho.containers.frames import is_estimated
from yoho.containers.parts import is_cut, parts, unread
from yoho.recordings.bad import stop_or_leave_out

LONG = 3600  # s; a longer recording gets a remark
CONTAINERS = {".wav": ("WAV", "WAVEX", "RF64"), ".aif": ("AIFF",), ".aiff": ("AIFF",)}
CONTAINERS |= {".flac": ("FLAC",), ".ogg": ("OGG",), ".mp3": ("MP3",)}


class Examination(NamedTuple):
    """The result for one recording, times in s; `fault`: why it cannot be used; `remark`: what is unusual about it."""

    duration: float = np.nan
    onset: float = np.nan
    offset: float = np.nan
    silences: str = ""
    sha256: str = ""
    remark: str = ""
    fault: str = ""


def examine_recordings(recordings, spread, *, bad, trim_db, shortest, sample_rate):
    """Examine every recording and print a line for each that is unusual.

    bad: "stop", or "leave_out" recordings that cannot be used; the other settings are those of `examine`.
    Returns the table of those that can be used, with duration, onset, offset, silences and sha256.
    Raises InputError if bad recordings stop the run.
    """
    calls = [(path, trim_db, shortest, sample_rate) for path in recordings["path"]]
    found = pd.DataFrame(list(spread(examine, calls)), columns=Examination._fields, index=recordings.index)
    for line in found.loc[found["remark"] != "", "remark"]:
        print(line)
    stop_or_leave_out(found.loc[found["fault"] != "", "fault"].unique().tolist(), bad)
    return recordings.join(found.drop(columns=["remark", "fault"]))[found["fault"] == ""]


def examine(path, trim_db, shortest, sample_rate):
    """The `Examination` of one recording. It is read in blocks, so that it may be of any length.

    trim_db: frames (46 ms) more than this below the loudest one are near-silent; shortest: length of the shortest
    silence that is noted, s; sample_rate: of the mixes, Hz.
    """
    try:
        with opened(path) as file:
            rate = file.samplerate
            frame = max(1, round(0.046 * rate))
            hop = max(1, frame // 4)
            with warnings.catch_warnings(record=True, action="always") as caught:
                levels, length = frame_levels(file, frame, hop)
            if fault := first_fault(path, file, levels, length):
                raise InputError(f"{path}: {fault}; replace or remove it")
            remark = remark_on(file, length / rate, sample_rate, [str(each.message) for each in caught])
        with open(path, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except InputError as error:
        return Examination(fault=str(error))
    loud = np.flatnonzero(librosa.amplitude_to_db(levels, ref=np.max, top_db=None) > -trim_db)
    ends = np.minimum((loud + 1) * hop, length) / rate
    silences = " ".join(
        f"{first:.3f}-{last:.3f}"
        for first, last in zip(ends[:-1], loud[1:] * hop / rate)
        if last - first >= max(shortest, hop / rate)
    )
    return Examination(length / rate, loud[0] * hop / rate, ends[-1], silences, digest, remark)


def first_fault(path, file, levels, length):
    """Why an opened recording cannot be used, or None; levels, length: from `frame_levels`."""
    rest = unread(path, file.format)
    faults = {
        rest: rest,
        "holds no audio": not length,
        "is cut off": is_cut(file, length) or parts(path, file.format)[-1].cut,
        "is in a coding that does not allow seeking": not file.seekable(),
        "holds samples that are not numbers": not np.isfinite(levels).all(),
        "is silent throughout": not levels.any(),
    }
    return next((fault for fault, found in faults.items() if found), None)


def frame_levels(file, frame, hop):
    """Root mean square of each frame of the mono signal (`mono_blocks`), (frames,), and the number of samples read.

    Frame k is centred on sample k * hop, as in librosa, with zeros before the first sample and after the last.
    """
    edge = np.zeros(frame // 2, np.float32)
    levels, rest, length = [], edge, 0
    for block in chain(mono_blocks(read_blocks(file), os.fsdecode(file.name)), [edge]):
        length += len(block)
        rest = np.concatenate([rest, block])
        if count := max(0, (len(rest) - frame) // hop + 1):
            levels.append(librosa.feature.rms(y=rest, frame_length=frame, hop_length=hop, center=False)[0])
            rest = rest[count * hop :]
    return np.concatenate([*levels, np.zeros(0, np.float32)]), length - len(edge)


def remark_on(file, duration, sample_rate, warned):
    """A line that says what is unusual about a recording and how it is used all the same; "" if nothing is.

    warned: warnings from reading it, each of which begins with the file's name.
    """
    name = os.fsdecode(file.name)
    conditions = {
        f"{file.samplerate} Hz, resampled to {sample_rate}": file.samplerate < sample_rate,
        f"{file.channels} channels, averaged": file.channels > 2,
        "an MP3 that does not announce its length, read up to an estimate": is_estimated(name, file.format),
        f"{duration / 3600:.1f} hours long, read in parts": duration > LONG,
        f"{file.format} in spite of its name, read as such": file.format
        not in CONTAINERS.get(Path(name).suffix.lower(), [file.format]),
    }
    found = [remark for remark, holds in conditions.items() if holds]
    found += [line.removeprefix(f"{name}: ") for line in warned]
    return f"{name}: used, though {'; '.join(found)}" if found else ""
