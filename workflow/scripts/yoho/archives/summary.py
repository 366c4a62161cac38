"""The summary page of an archive, which is made from its tables alone."""

import io
import json
import os
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pandas as pd
from jinja2 import FileSystemLoader

from yoho.archives import calendars
from yoho.archives.excerpts import page_name
from yoho.events import read_table
from yoho.files import data_uri, write_whole
from yoho.segmenting.page import TEMPLATES
from yoho.segmenting.writing import named_after

CALENDARS = 24  # classes that have a calendar
LISTED = 100  # files that are listed: all of an archive's, or the first of those that failed

NO_BREAK = "\N{NO-BREAK SPACE}"

# What lies beside the page, and how to read it.
OUTPUTS = {
    "events.parquet": ("all events, with the time of each if it is known", 'pandas.read_parquet("events.parquet")'),
    "files.parquet": ("all files: duration, time, events, warnings", 'pandas.read_parquet("files.parquet")'),
    "classes.csv": ("the table of classes", 'pandas.read_csv("classes.csv", keep_default_na=False)'),
    "calendar.csv": (
        "the minutes of each class in each hour; rows without a class have the minutes recorded",
        'pandas.read_csv("calendar.csv", keep_default_na=False)',
    ),
    "certain.csv": (
        "the events of each class with the highest scores",
        'pandas.read_csv("certain.csv", keep_default_na=False, dtype={"shard": str})',
    ),
    "failed.csv": ("the files that failed, and why", 'pandas.read_csv("failed.csv", keep_default_na=False)'),
    "files": ("the events of each file, and its page if pages were asked for", ""),
}


class Archive(NamedTuple):
    """What the page shows.

    name: of the archive; network: in words; totals: of `totals.json`; notes: lines about what was passed over.
    classes, calendar: the tables of these names; failed: up to LISTED rows of failed.csv; files: all rows of
    files.parquet if they are at most LISTED, else none, with the columns `address` and `page`: of the file of events
    and of the page, or "".
    links: {path below the archive's folder of results: its address}, of the other files that exist.
    """

    name: str
    network: str
    totals: dict
    notes: list
    classes: pd.DataFrame
    calendar: pd.DataFrame
    failed: pd.DataFrame
    files: pd.DataFrame
    links: dict


class Calendar(NamedTuple):
    """The calendar of a class: the data URI of its picture, what it shows in words, its share of the recorded time."""

    label: str
    picture: str
    words: str
    share: float


def write_summary(folder, name, network, suffix):
    """Write `index.html` in an archive's folder of results, from the tables there.

    name: of the archive; network: the network in words; suffix: of the files of events, without a dot.
    totals.json there has files (that were segmented), failed (rows of failed.csv), hours, events, without_time (files
    whose time is unknown), and first and last (times, or null). Memory use does not depend on the number of files.
    Raises OSError if a table is missing or the page cannot be written.
    """
    archive = read_archive(Path(folder), name, network, suffix)
    write_whole(Path(folder, "index.html"), summary_page(archive).encode("utf-8", "replace"))


def read_archive(folder, name, network, suffix):
    """The `Archive` of a folder of results; arguments as of `write_summary`."""
    from pyarrow import parquet

    totals = json.loads((folder / "totals.json").read_text(encoding="utf-8"))
    notes = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["notes"]
    classes, calendar = (read_table(folder / f"{table}.csv", sep=",") for table in ("classes", "calendar"))
    with open(folder / "failed.csv", encoding="utf-8") as file:
        failed = read_table(io.StringIO("".join(islice(file, LISTED + 1))), sep=",")
    files = pd.DataFrame()
    if totals["files"] + totals["failed"] <= LISTED:
        files = parquet.read_table(folder / "files.parquet").to_pandas()
        for column, ending in (("address", f".{suffix}"), ("page", ".html")):
            files[column] = [address_of_file(folder, name, ending) for name in files["filename"]]
    beside = [*OUTPUTS, *(f"classes/{page_name(label)}" for label in classes["event_label"])]
    links = {place: address(place) for place in beside if (folder / place).exists()}
    return Archive(name, network, totals, notes, classes, calendar, failed, files, links)


def address_of_file(folder, name, ending):
    """The address of what belongs to an audio file and lies in `files/`; "" if it is not there."""
    path = folder / "files" / name
    path = named_after(path, ending) if path.parent.is_dir() else path
    return address(path.relative_to(folder)) if path.is_file() else ""


def address(place):
    """The address of a path below the page's folder."""
    return quote(os.fsencode(place))


def summary_page(archive):
    """The HTML of the summary page of an `Archive`. It is the same whenever its tables are the same."""
    classes, days, drawn = archive.classes[archive.classes["events"] > 0], calendars.days_of(archive.calendar), []
    if days:
        timed = set(archive.calendar["event_label"])
        labels = [label for label in classes["event_label"] if label in timed][:CALENDARS]
        drawn = [calendar_of(label, archive.calendar, days) for label in labels]
    return SUMMARY.render(
        archive._asdict() | {"classes": classes},
        outputs=OUTPUTS,
        paged=any(f"classes/{page_name(label)}" in archive.links for label in classes["event_label"]),
        pages=len(archive.files) and archive.files["page"].any(),
        days=days,
        drawn=drawn,
        ticks=calendars.ticks(days) if days else [],
        width=calendars.width(days) if days else 0,
        silent=calendars.SILENT,
        shares=calendars.SHARES,
    )


def calendar_of(label, calendar, days):
    """The `Calendar` of a class; calendar: the table calendar.csv; days: its `Days`."""
    minutes = calendars.gridded(days, calendar[calendar["event_label"] == label], "minutes")
    share, (hour, most) = minutes.sum() / days.recorded.sum(), calendars.peak(minutes, days.recorded)
    words = f"most from {hour} to {hour + 1}{NO_BREAK}h ({percent(most)})" if most else "not on the days shown"
    picture = calendars.picture(calendars.shares(minutes, days.recorded))
    return Calendar(label, data_uri(picture, "image/png"), words, share)


# ---- words -----------------------------------------------------------------------------------------------------------


def percent(share):
    """A share in percent with two significant digits."""
    if 0 < share < 0.0001:
        return "<0.01%"
    return f"{float(f'{100 * share:.2g}'):g}%"


def lasting(seconds):
    """A duration with its unit: seconds below a minute, minutes below an hour, and hours, with one decimal place.

    Below a second it has two significant digits, and one that is not 0 does not become 0.
    """
    if 0 < seconds < 0.001:
        return f"<0.001{NO_BREAK}s"
    value, unit = seconds, "s"
    for larger in ("min", "h"):
        if round(value, 1) >= 60:
            value, unit = value / 60, larger
    return (f"{seconds:.2g}" if seconds < 1 else f"{value:,.1f}") + f"{NO_BREAK}{unit}"


def counted(count, name, names=None):
    """A number of things in words, for example 1 file or 2,000 files."""
    return f"{count:,} {name if count == 1 else names or name + 's'}"


def moment(time):
    """A time to the minute, for example 2024-05-01 05:30; "" for none."""
    return "" if pd.isna(time) else str(time)[:16].replace("T", " ")


FILTERS = {"percent": percent, "lasting": lasting, "counted": counted, "moment": moment, "page_name": page_name}
TEMPLATES = TEMPLATES.overlay(loader=FileSystemLoader(Path(__file__).parent))
TEMPLATES.filters = TEMPLATES.filters | FILTERS
SUMMARY = TEMPLATES.get_template("summary.html")
