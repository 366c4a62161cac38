"""Pictures of when each class of an archive sounds: a row for each hour of the day, a column for each day."""

import io
from itertools import chain
from typing import NamedTuple

import numpy as np
from PIL import Image

from yoho.segmenting.page import MAGMA

HOURS = 24
COLUMNS = 400  # maximum width of a picture: in a longer time, a column is several days
WIDTH = 400  # pixels of the screen that a picture may take
COLUMN = 24  # pixels of the screen that a column may take
TICK = 48  # pixels of the screen that the name of a date takes
GAP = np.timedelta64(2 * 366, "D")  # without any recording for this long, a clock was probably wrong

# Colours of shares, at even steps of their logarithm from LEAST to 1. A smaller share has the first of them too.
LEAST = 0.001
SHARES = MAGMA.split()[2:]
SILENT = MAGMA.split()[0]  # colour of the hours that were recorded and in which a class does not sound
UNRECORDED, RECORDED = 0, 1  # places in the palette of a picture, before those of SHARES; the first is transparent

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Days(NamedTuple):
    """The time that the calendars span, from its first to its last day with a recording.

    per_column: the days of a column; recorded: minutes of audio (24, columns); left_out: {first day: minutes of audio}
    of stretches of time that lie more than GAP away from this one.
    """

    first: np.datetime64
    last: np.datetime64
    per_column: int
    recorded: np.ndarray
    left_out: dict


def days_of(calendar):
    """The `Days` of the table calendar.csv, or None if it has no recorded hour."""
    recorded = calendar[calendar["event_label"] == ""]
    if recorded.empty:
        return None
    dates = recorded["date"].to_numpy("datetime64[D]")
    known = np.unique(dates)
    stretches = np.split(known, np.flatnonzero(np.diff(known) > GAP) + 1)
    audio = recorded["recorded"].to_numpy(float)
    minutes = [audio[(dates >= known[0]) & (dates <= known[-1])].sum() for known in stretches]
    longest = int(np.argmax(minutes))
    left_out = {str(known[0]): minutes[place] for place, known in enumerate(stretches) if place != longest}
    first, last = stretches[longest][[0, -1]]
    count = int((last - first).astype(int)) + 1
    per_column = -(-count // COLUMNS)
    days = Days(first, last, per_column, np.zeros((HOURS, -(-count // per_column))), left_out)
    return days._replace(recorded=gridded(days, recorded, "recorded"))


def gridded(days, rows, column):
    """The sums of a column of some rows of calendar.csv, (24, columns). Rows before and after the days are left out."""
    grid = np.zeros_like(days.recorded)
    columns = (rows["date"].to_numpy("datetime64[D]") - days.first).astype(int) // days.per_column
    inside = (columns >= 0) & (columns < grid.shape[1])
    np.add.at(grid, (rows["hour"].to_numpy(int)[inside], columns[inside]), rows[column].to_numpy(float)[inside])
    return grid


def shares(minutes, recorded):
    """The share of the recorded time in which a class sounds; nan where nothing was recorded."""
    return np.divide(minutes, recorded, out=np.full(recorded.shape, np.nan), where=recorded > 0)


def picture(shown):
    """The PNG of shares (24, columns), a pixel for each; hour 0 is at the top, and nan is transparent."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.floor((1 - np.log(shown) / np.log(LEAST)) * len(SHARES))
    places = 2 + np.clip(steps, 0, len(SHARES) - 1)
    places[shown == 0], places[np.isnan(shown)] = RECORDED, UNRECORDED
    image = Image.fromarray(places.astype(np.uint8), "P")
    image.putpalette(bytes.fromhex("".join([SILENT, SILENT, *SHARES])))
    file = io.BytesIO()
    image.save(file, "png", bits=4, transparency=UNRECORDED, optimize=True)
    return file.getvalue()


def width(days):
    """Pixels of the screen that a picture takes: a whole number for each column."""
    columns = days.recorded.shape[1]
    return columns * min(COLUMN, max(1, WIDTH // columns))


def ticks(days):
    """[(percent of the width, text)] of the time axis: days, first days of months, or first days of years.

    A name that would reach beyond the picture is left out, except that of its first day.
    """
    dates = days.first + np.arange(days.recorded.shape[1] * days.per_column)
    most = max(1, width(days) // TICK)
    for named in chain((dates[::step] for step in (1, 2, 7, 14)), turns(dates)):
        if len(named) <= most:
            break
    places = [(int((date - days.first).astype(int)) / len(dates), day_name(date)) for date in named]
    return [(100 * place, name) for place, name in places if not place or (1 - place) * width(days) >= TICK]


def turns(dates):
    """Yield the first days of months, then of years, among some days, each time fewer."""
    months, starts = dates.astype("datetime64[M]"), dates == dates.astype("datetime64[M]")
    for step in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600):
        yield dates[starts & ((months.astype(int) + 1970 * 12) % step == 0)]


def day_name(date):
    """A day in words, for example 8 May; the first of a month is May, and the first of a year is 2024."""
    year, month, day = (int(part) for part in str(date).split("-"))
    return f"{day} {MONTHS[month - 1]}" if day > 1 else MONTHS[month - 1] if month > 1 else str(year)


def peak(minutes, recorded):
    """(hour, share) of the hour of the day in which a class sounds most, over all days; the earliest of several."""
    by_hour = shares(minutes.sum(axis=1), recorded.sum(axis=1))
    hour = int(np.nanargmax(by_hour))
    return hour, by_hour[hour]
