"""Read events from the files of other programs: lines of start,end,class, Audacity's label tracks, and tables.

The first line of a table names its columns. They may stand in any order, and `NAMES` lists the names that are known.
Columns are separated by tabs, semicolons or commas, and decimals by a point or a comma. What `writing` writes as text,
dcase, audacity or raven is read again, also if `segment_audio.py` printed the events of several files.
"""

import codecs
import csv
import io
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from yoho import InputError
from yoho.events import COLUMNS
from yoho.segmenting.finding import SUFFIXES
from yoho.segmenting.streams import one_line

TIMES = COLUMNS[1:]  # the columns of an event of a known file
RAVEN_FILES = ["beginpath", "beginfile"]

# Names of columns, as `plain` writes them. If a table has several of one kind, the first in this order is read.
NAMES = {
    "filename": ["filename", "file", "filepath", "path", "audiofile", "audiofilename", *RAVEN_FILES],
    "onset": ["onset", "onsettime", "start", "starttime", "begin", "begintime"],
    "offset": ["offset", "offsettime", "end", "endtime", "stop", "stoptime"],
    "event_label": ["eventlabel", "label", "class", "event", "annotation", "species", "commonname", "tag"],
    "file_offset": ["fileoffset"],
    "view": ["view"],
}
SHOWN = 40  # characters of a line that a message shows
TAB = "\t"
SEPARATORS = {TAB: "tab", ";": "semicolon", ",": "comma"}
EXPECTED = (
    "expected lines of start,end,class, Audacity labels, or a table whose first line names the columns onset, offset, "
    "event_label and, for several audio files, filename"
)


def read_events(path, audio):
    """All rows of a file of events: filename, onset, offset (s), event_label; the index holds the numbers of the lines.

    audio: names of audio files, by which comments that name them are known, see `is_title`.
    filename is None if the file names no audio. A row that names a file without an event has no times.
    Raises InputError if the file cannot be read, or if an event is impossible.
    """
    known = {form for name in audio for form in forms(one_line(name))}
    try:
        text = decoded(Path(path).read_bytes())
        first = next((line for line in lines(text) if line.strip() and not line.startswith("#")), None)
        layout = None if first is None else Layout.of(first)
        rows = [] if layout is None else list(layout.rows(text, known))
        table = pd.DataFrame(rows, columns=["line", *COLUMNS]).set_index("line")
        unnamed = table["filename"].fillna("") == ""
        if unnamed.any() and not table["filename"].isna().all():
            what = f"line {unnamed.idxmax()}: names no audio file, but other lines do"
            raise ValueError(f"{what}; write '# ' and the audio's name on the line above")
        if rows and layout.cumulative and table["filename"].nunique() > 1:
            raise ValueError(
                "its times count from the start of the first of several files; add the column File Offset (s) or, if "
                "they count from the start of each file, call the column of files filename"
            )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: {error}") from error
    # Raven lists a selection once for each view.
    return table[~table.duplicated(COLUMNS)] if rows and "view" in layout.places else table


def decoded(content):
    """The text of a file. Bytes that are not UTF-8 become surrogates, because a name of an audio file may have them.

    Raises ValueError if the content is not text.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    else:
        text = content.decode("utf-8-sig", "surrogateescape")
    if "\0" in text:
        raise ValueError(f"is not text in UTF-8 or UTF-16; {EXPECTED}")
    return text


def lines(text):
    """A text as a file; a line ends with a line feed, a carriage return, or both."""
    return io.StringIO(text, newline="")


class Layout(NamedTuple):
    """How the lines of a file are read.

    first: the first line that is no comment; separator: of the columns; places: {kind of column: its number}; width:
    number of columns; header: whether the first line names them; cumulative: whether times count from the start of the
    first of several files.
    """

    first: str
    separator: str
    places: dict
    width: int
    header: bool = False
    cumulative: bool = False

    @classmethod
    def of(cls, line):
        """The layout of a file with this first line. Raises ValueError if the line is neither an event nor a header."""
        lacking = TIMES
        for separator in SEPARATORS:
            cells = next(csv.reader([line], delimiter=separator))
            for columns in (TIMES, COLUMNS):
                times = cells[len(columns) - 3 : len(columns) - 1]
                if len(times) == 2 and all(map(is_number, times)):
                    places = {name: place for place, name in enumerate(columns)}
                    return cls(line, separator, places, len(columns))
            found = [plain(cell) for cell in cells]
            places = {kind: found.index(name) for kind in NAMES for name in reversed(NAMES[kind]) if name in found}
            missing = [kind for kind in TIMES if kind not in places]
            if not missing:
                raven = "filename" in places and found[places["filename"]] in RAVEN_FILES
                return cls(line, separator, places, len(cells), True, raven and "file_offset" not in places)
            lacking = min(lacking, missing, key=len)
        fault = "is no event" if lacking == TIMES else f"names no column {' and no column '.join(lacking)}"
        raise ValueError(f"the first line ('{line.strip()[:SHOWN]}') {fault}; {EXPECTED}")

    def rows(self, text, known):
        """Yield (line, filename, onset, offset, event_label) for the lines below the header.

        A title names the audio of the rows up to the next comment. Rows below another comment, if there was a title
        before, have an empty filename. Raises ValueError, which names the line, for an impossible event.
        """
        title, header = None, self.header
        for line, cells in self.cells(text):
            if cells[0].startswith("#") and (header or not self.header):
                comment = self.separator.join(cells)[1:].strip()
                title = comment if is_title(comment, known) else title and ""
            elif header:
                header = False
            elif self.header or cells[0].strip() != "\\":  # else the line holds the frequencies of an Audacity label
                try:
                    name, *event = self.row(cells)
                except ValueError as error:
                    raise ValueError(f"line {line}: {error}") from error
                yield line, name or title, *event

    def cells(self, text):
        """[(number of the line, its cells)] of the lines that are not blank.

        A label track has no quotation. A table with tabs has one if its quotation marks are in pairs. Raises ValueError
        for other files if they are not. They are not if they join a line to the times of a later event.
        """
        source = list(lines(text))
        quotings = [csv.QUOTE_MINIMAL] if self.header or self.separator != TAB else []
        quotings += [csv.QUOTE_NONE] if self.separator == TAB else []
        for quoting in quotings:
            reader = csv.reader(source, delimiter=self.separator, quoting=quoting, strict=True)
            found, begin = [], 0
            try:
                for cells in reader:
                    start, end = source[begin], source[reader.line_num - 1]
                    several = reader.line_num > begin + 1
                    if several and self.is_timed(end) and (start == self.first or self.is_timed(start)):
                        raise csv.Error(f"quotation marks join it with line {begin + 1}")
                    if any(cell.strip() for cell in cells):
                        found.append((reader.line_num, cells))
                    begin = reader.line_num
                return found
            except csv.Error as error:
                problem = f"line {reader.line_num}: {error}; a quotation mark within quotation marks must be doubled"
        raise ValueError(problem)

    def is_timed(self, line):
        """Whether a line holds the times of an event by itself, with or without quotation."""
        times = [self.places[kind] for kind in TIMES[:2]]
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            cells = next(csv.reader([line], delimiter=self.separator, quoting=quoting))
            if len(cells) > max(times) and all(is_number(cells[place]) for place in times):
                return True
        return False

    def row(self, cells):
        """(filename, onset, offset, event_label); the times are not a number if the row has no event.

        Raises ValueError if the event is impossible.
        """
        # Below no header, scores may follow the label.
        further = any(self.header or not is_number(cell) for cell in cells[self.width :] if cell.strip())
        if further or (not self.header and self.has_decimal_commas(cells)):
            mark = f"; text and decimals with a {SEPARATORS[self.separator]} must be between quotation marks"
            raise ValueError(f"{len(cells)} columns instead of {self.width}{mark if self.separator != TAB else ''}")
        cell = {kind: cells[place] if place < len(cells) else "" for kind, place in self.places.items()}
        name, label = cell.get("filename"), cell["event_label"].strip(" ")
        if not (cell["onset"] + cell["offset"] + label).strip():
            return name, math.nan, math.nan, label
        onset, offset = number(cell["onset"]), number(cell["offset"])
        if not 0 <= onset <= offset < math.inf:
            raise ValueError(
                f"an event from {onset} to {offset} s; an event must begin at 0 or later, and not end before"
            )
        if not label.strip():
            raise ValueError(f"the event from {onset} to {offset} s has no label; write one, or remove the line")
        if re.search("[\ud800-\udfff]", label):
            raise ValueError("the label is not in UTF-8; save the file in that encoding")
        if "file_offset" in cell:
            begin = number(cell["file_offset"])
            if name is None and abs(begin - onset) > 0.001:
                raise ValueError("the event is of another file than the first; add the column Begin File")
            onset, offset = begin, begin + offset - onset
        return name, onset, offset, label

    def has_decimal_commas(self, cells):
        """Whether commas between columns may be those of decimals: times, label and score are whole numbers."""
        event = cells[self.places["onset"] :][:4]
        return self.separator == "," and len(event) == 4 and all(cell.strip().isdecimal() for cell in event)


def is_title(comment, known):
    """Whether a comment is the name of an audio file, as `segment_audio.py` writes it above the events of each.

    known: `forms` of the names of the audio files, which may have any suffix. A comment with one of them is a title. So
    is a comment with a suffix of audio, except for a sentence that ends with the name of one of the audio files.
    """
    if known & forms(comment):
        return True
    return Path(comment).suffix.lower() in SUFFIXES and not known & forms(comment.split()[-1])


def forms(name):
    """The file's name in a listed path, with and without a suffix of audio."""
    return {last(name), stem(last(name))}


def parts(name):
    """The parts of a listed path, which may be one of Windows; the last is the file's name."""
    return [part for part in re.split(r"[/\\]", name.strip()) if part] or [""]


def last(name):
    """The file's name in a listed path."""
    return parts(name)[-1]


def stem(name):
    """A file's name without a suffix of audio."""
    return Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name


def plain(name):
    """The name of a column in lower case, without a unit of seconds, spaces and signs: begintime for Begin Time (s)."""
    return re.sub(r"[\W_]", "", re.sub(r"[\W_]+(s|sec|secs|seconds?)\W*$", "", name.strip().lower()))


def number(cell):
    """A number, whose decimals may follow a comma. Raises ValueError, with the text, if it is none."""
    with suppress(ValueError):
        if "_" not in cell:  # Python reads 1_0 as 10
            return float(cell.replace(",", "."))
    raise ValueError(f"'{cell}' is not a number of seconds")


def is_number(cell):
    """Whether a cell holds a number."""
    with suppress(ValueError):
        number(cell)
        return True
    return False
