"""Write the events of an audio file in the paper's format and in those of other tools.

Each writer takes the file's name, its duration (s) and its events (onset, offset, event_label, score) and returns whole
lines. `Form.joined` says whether they can be joined with those of other files.
"""

import csv
import hashlib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import NamedTuple

from yoho import InputError
from yoho.events import COLUMNS, write_table

DIGITS = 3  # decimal places of times in seconds
HASH_DIGITS = 8  # length of the hash in a shortened name

DCASE_HEADER = "\t".join(COLUMNS) + "\n"
RAVEN_COLUMNS = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"]
RAVEN_COLUMNS += ["Annotation", "Score", "Begin File", "File Offset (s)"]
RAVEN_HEADER = "\t".join(RAVEN_COLUMNS) + "\n"
RAVEN_BAND = (0.0, 1000.0)  # Hz: Raven refuses a selection above half of the sample rate, which a writer does not know


def text(name, duration, events):
    """Lines `start,end,class`, as printed by the paper's demo."""
    lines = io.StringIO()
    times = events[["onset", "offset"]].round(DIGITS)
    csv.writer(lines, lineterminator="\n").writerows(zip(times["onset"], times["offset"], events["event_label"]))
    return lines.getvalue()


def dcase(name, duration, events):
    """The tab-separated table of the DCASE challenges without its header: filename, onset, offset, event_label."""
    lines = io.StringIO()
    write_table(events.assign(filename=str(name))[COLUMNS], lines)
    return lines.getvalue().removeprefix(DCASE_HEADER)


def audacity(name, duration, events):
    """A label track of Audacity: onset, offset, label."""
    rows = zip(events["onset"], events["offset"], events["event_label"].map(on_a_line))
    return "".join(f"{onset:.6f}\t{offset:.6f}\t{label}\n" for onset, offset, label in rows)


def raven(name, duration, events):
    """Rows of a selection table of Raven, without its header.

    The selections mark times. Their frequencies are those of a strip at the bottom of the spectrogram (`RAVEN_BAND`).
    Raven reads quotation marks as they are, and other programs as quotation, so labels have apostrophes instead.
    """
    rows = []
    for number, event in enumerate(events.itertuples(), 1):
        onset, offset = f"{event.onset:.6f}", f"{min(event.offset, duration):.6f}"
        label = on_a_line(event.event_label).replace('"', "'")
        file = on_a_line(Path(name).name)
        row = (number, "Spectrogram 1", 1, onset, offset, *RAVEN_BAND, label, f"{event.score:.6f}", file, onset)
        rows.append("\t".join(map(str, row)) + "\n")
    return "".join(rows)


def textgrid(name, duration, events):
    """A TextGrid of Praat, with an interval tier for each label.

    Intervals of a tier cannot overlap. An event that overlaps an earlier one of its label is in a further tier, such as
    `dog (2)`. Events without a length are left out. A file without events has one empty tier, which Praat can show.
    """
    from praatio.utilities.textgrid_io import getTextgridAsStr

    end, tiers = float(duration), {}
    for event in events.sort_values(["onset", "offset"]).itertuples():
        label, onset, offset = on_a_line(event.event_label), round(event.onset, 6), round(min(event.offset, end), 6)
        for number in count(1) if offset > onset else ():
            tier = tiers.setdefault(label if number == 1 else f"{label} ({number})", [])
            if not tier or tier[-1][1] <= onset:
                tier.append((onset, offset, label))
                break
    span = {"xmin": 0.0, "xmax": round(end, 6)}
    tiers = [
        {"class": "IntervalTier", "name": label, "entries": entries} | span
        for label, entries in sorted(tiers.items()) or [("events", [])]
    ]
    return getTextgridAsStr({"tiers": tiers} | span, "long_textgrid", includeBlankSpaces=True)


def on_a_line(text):
    """The text with a space in place of tabs, line breaks and other white space."""
    return re.sub(r"[^\S ]+", " ", text)


def as_json(name, duration, events):
    """One line of JSON: file, duration, and events with their scores."""
    rows = events.round({"score": 6}).to_dict("records")
    return json.dumps({"file": str(name), "duration": round(duration, 6), "events": rows}) + "\n"


def as_jams(name, duration, events):
    """One line of JAMS (Humphrey et al. 2014): tags with their times, and scores as their confidence."""
    import jams

    annotation = jams.Annotation(namespace="tag_open", duration=duration)
    for event in events.itertuples():
        annotation.append(
            time=event.onset, duration=event.offset - event.onset, value=event.event_label, confidence=event.score
        )
    metadata = jams.FileMetadata(title=str(name), duration=duration)
    return json.dumps(jams.JAMS(annotations=[annotation], file_metadata=metadata).__json__) + "\n"


def rttm(name, duration, events):
    """Rich Transcription Time Marked: a line for each event, with spaces in names replaced by underscores."""
    from pyannote.core import Annotation, Segment

    annotation = Annotation(uri=re.sub(r"\s+", "_", str(name)))
    for number, event in enumerate(events.itertuples()):
        label = re.sub(r"\s+", "_", event.event_label)
        annotation[Segment(event.onset, event.offset), number] = label
    return annotation.to_rttm()


class Form(NamedTuple):
    """A format of events: its writer, the suffix of its files, and its header.

    named: whether the lines name the audio file; lines: whether each event is a line of its own; joined: whether the
    texts of several files can follow each other; package: the name of a package that the writer needs and that an
    installed `segment-audio` may lack.
    """

    write: Callable
    suffix: str
    header: str = ""
    named: bool = True
    lines: bool = False
    joined: bool = True
    package: str | None = None


FORMS = {
    "text": Form(text, "csv", named=False, lines=True),
    "dcase": Form(dcase, "tsv", header=DCASE_HEADER, lines=True),
    "audacity": Form(audacity, "txt", named=False, lines=True),
    "json": Form(as_json, "json"),
    "jams": Form(as_jams, "jams", package="jams"),
    "rttm": Form(rttm, "rttm"),
    "raven": Form(raven, "selections.txt", header=RAVEN_HEADER, joined=False),
    "textgrid": Form(textgrid, "TextGrid", named=False, joined=False, package="praatio"),
}


def check_writer(form):
    """Raise InputError if the package that a format's writer needs is not installed."""
    package = FORMS[form].package
    if package and find_spec(package) is None:
        todo = f"{shlex.quote(sys.executable)} -m pip install {package}"
        raise InputError(f"format {form}: needs the package {package}; install it: {todo}")


def check_joined(form, files):
    """Raise InputError if the texts of this number of files cannot follow each other on standard output."""
    if files > 1 and not FORMS[form].joined:
        raise InputError(f"format {form}: holds one audio file, not {files}; name a folder with --output")


def named_after(path, ending):
    """The path with `ending` added to its name, which is shortened if the folder's file system requires it.

    A shortened name gets a hash of the whole name, which keeps different names different. The folder must exist.
    """
    name = os.fsencode(path.name)
    if len(name) + len(ending) <= (most := os.pathconf(path.parent, "PC_NAME_MAX")):
        return path.with_name(path.name + ending)
    ending = f"~{hashlib.sha256(name).hexdigest()[:HASH_DIGITS]}{ending}"
    end = most - len(ending)
    while name[end] & 0b11000000 == 0b10000000:  # in the middle of a character
        end -= 1
    return path.with_name(os.fsdecode(name[:end]) + ending)
