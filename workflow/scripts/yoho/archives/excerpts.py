"""The page of a class of an archive: excerpts of its most certain events, one after another, to listen to."""

import hashlib
import re
import warnings
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.audio import AudioWarning, checked_blocks, read_audio, resampled, write_audio
from yoho.containers.parts import misread, unread
from yoho.segmenting.page import clock, write_page
from yoho.segmenting.reading import known_to_soundfile, open_audio
from yoho.segmenting.writing import HASH_DIGITS

CONTEXT = 1.0  # s of sound before and after an event
MOST = 10.0  # s that are heard of a longer event
PAUSE = 0.5  # s of silence between two excerpts
FADE = 0.01  # s: an excerpt that begins or ends abruptly would click
HIGHEST_RATE = 48_000  # Hz: every browser plays it, and it holds all that can be heard

NAME = 40  # characters of a label in the name of its page


class Excerpt(NamedTuple):
    """An event and the sound around it: mono samples (samples,) float32, their rate (Hz), and the event's place (s).

    name: what the table of the page shows; short: what its lane has room for.
    """

    name: str
    short: str
    samples: np.ndarray
    rate: int
    onset: float
    offset: float
    score: float


def page_name(label):
    """The name of the page of a class: small letters, digits and `_`, with a hash of any label that differs.

    Different labels have different names, even where a file system takes small and capital letters for the same.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:NAME]
    if plain and plain == label:
        return f"{plain}.html"
    return f"{plain}~{hashlib.sha256(label.encode('utf-8', 'surrogatepass')).hexdigest()[:HASH_DIGITS]}.html"


def write_class_page(path, label, rows):
    """Write the page of a class, and return a line for each event that it leaves out because its file cannot be read.

    rows: the class's rows of certain.csv, at least one. Each excerpt has a lane of its own, named after the rank
    of the event and the file. The table also has the event's time if known, the file's folder, and the place in the
    file. If no file can be read, there is no page, and an older one is removed.
    Raises InputError if the page cannot be written.
    """
    path, excerpts, faults = Path(path), [], []
    for row in rows.sort_values("rank").itertuples():
        try:
            excerpts.append(read_excerpt(row))
        except (InputError, OSError, RuntimeError) as error:
            faults.append(f"{label}, event {row.rank}: {error}")
    path.unlink(missing_ok=True)
    if excerpts:
        samples, rate, events = joined(excerpts)
        title = f"{label}: " + (f"the {len(rows)} most certain events" if len(rows) > 1 else "the most certain event")
        with TemporaryDirectory(dir=path.parent, prefix=".excerpts-") as folder:
            audio = Path(folder, "excerpts.flac")
            write_audio(audio, samples, rate)
            short = {excerpt.name: excerpt.short for excerpt in excerpts}
            write_page(path, audio, {label: events}, [], title=title, short=short)
    return faults


def joined(excerpts):
    """Excerpts one after another: samples (samples,), their rate (Hz), and a table of the events for `write_page`.

    The rate is the highest of the excerpts' rates, at most HIGHEST_RATE.
    """
    rate = min(max(excerpt.rate for excerpt in excerpts), HIGHEST_RATE)
    pieces, events, start = [], [], 0
    for excerpt in excerpts:
        samples = np.concatenate([*resampled([excerpt.samples], excerpt.rate, rate)])
        first = start / rate
        events.append((first + excerpt.onset, first + excerpt.offset, excerpt.name, excerpt.score))
        pieces += [faded(samples, rate), np.zeros(round(PAUSE * rate), np.float32)]
        start += len(samples) + len(pieces[-1])
    table = pd.DataFrame(events, columns=["onset", "offset", "event_label", "score"])
    return np.concatenate(pieces[:-1]), rate, table


def faded(samples, rate):
    """Samples (samples,) that begin and end at zero, and whose peak is at most 1."""
    ramp = np.minimum(np.arange(len(samples)) / (FADE * rate), 1).astype(np.float32)
    return samples * ramp * ramp[::-1] / max(1, np.abs(samples).max())


def read_excerpt(row):
    """The `Excerpt` of a row of certain.csv. Raises InputError or OSError if its file no longer has it."""
    path, length = Path(row.path), min(row.offset - row.onset, MOST)
    start = max(0.0, row.onset - CONTEXT)
    samples, rate = read_span(path, start, row.onset + length + CONTEXT)
    onset, end = row.onset - start, len(samples) / rate
    if end <= onset:
        raise InputError(f"{path}: holds no audio at {row.onset:.3f} s; it has changed since it was segmented")
    time = f"{str(row.time)[:19].replace('T', ' ')} · " if pd.notna(row.time) else ""
    cut = f", its first {MOST:g} s" if length < row.offset - row.onset else ""
    name = f"{row.rank} · {time}{row.filename} at {clock(row.onset, 1)}{cut}"
    short = f"{row.rank} · {PurePosixPath(row.filename).name}"
    return Excerpt(name, short, samples, rate, onset, min(onset + length, end), row.score)


def read_span(path, onset, offset):
    """Mono samples (samples,) of a file between two times (s), and their rate, as `open_audio` reads the whole file.

    A file that soundfile reads correctly is not read from its beginning. Raises InputError if nothing is there.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)  # it was issued when the file was segmented
        if is_read_by_soundfile(path):
            return read_audio(path, onset, offset)
        audio = open_audio(path)
        first, last = round(onset * audio.rate), round(offset * audio.rate)
        pieces, position = [np.zeros(0, np.float32)], 0
        for block in checked_blocks(audio.blocks, path):
            pieces.append(block[max(0, first - position) : max(0, last - position)])
            position += len(block)
            if position >= last:
                break
    return np.concatenate(pieces), audio.rate


def is_read_by_soundfile(path):
    """Whether soundfile reads all of a file, each sound at its time."""
    file = known_to_soundfile(path)
    return file is not None and not unread(path, file.format) and not misread(path, file, ())
