"""Gather the tables of all shards: one table of all events, and what is known of classes, hours and failures.

Memory depends on the number of classes, of hours of recording, and of events in one shard, and not on the number of
files and shards.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd

from yoho.archives.tables import EVENTS, FILES, read_tables, readable, shown, written

HOUR = np.timedelta64(1, "h")
MANY = 1_000_000  # rows that wait before they are added up
ANY = ""  # in place of a class: the audio itself


class Sums:
    """Sums of a table's columns for each key, of any number of parts of the table.

    keys: columns that identify a row; values: columns that are added up.
    """

    def __init__(self, keys, values):
        self.keys, self.values = keys, values
        self.waiting, self.rows = [], 0

    def add(self, part):
        """Add a part of the table."""
        self.waiting.append(part[self.keys + self.values])
        self.rows += len(part)
        if self.rows > MANY + 2 * len(self.waiting[0]):
            self.table()

    def table(self):
        """The sums, a table that is sorted by the keys."""
        whole = pd.concat(self.waiting) if self.waiting else pd.DataFrame(columns=self.keys + self.values)
        total = whole.groupby(self.keys, as_index=False)[self.values].sum()
        self.waiting, self.rows = [total], len(total)
        return total


def gather(shards, folder, faults, certain):
    """Write the tables of an archive; see `results/README.md` for what they hold.

    shards: for each shard, the paths of its tables EVENTS and FILES; faults: {name: line} of what could not be read;
    certain: number of events of each class that are listed with the highest scores.
    """
    classes, recorded = Sums(["event_label"], ["events", "minutes", "files"]), Sums(["hour"], ["recorded"])
    calendar, highest = Sums(["event_label", "hour"], ["minutes"]), pd.DataFrame()
    events_files, files_files = zip(*shards)
    with written(folder / "events.parquet", EVENTS) as writer:
        for shard, table in zip(events_files, read_tables(events_files)):
            writer.write_table(table)
            events = table.to_pandas()
            classes.add(counted(events))
            calendar.add(hours_of(events))
            highest = most_certain(pd.concat([highest, events.assign(shard=Path(shard).stem)]), certain)
    totals = dict.fromkeys(("hours", "files", "failed", "events", "without_time"), 0) | {"first": None, "last": None}
    with (
        written(folder / "files.parquet", FILES) as writer,
        open(folder / "failed.csv", "w", newline="", encoding="utf-8") as failed,
    ):
        failures = csv.writer(failed, lineterminator="\n")
        failures.writerow(["filename", "error"])
        for table in read_tables(files_files):
            writer.write_table(table)
            files = table.to_pandas()
            whole = hours_of(files.assign(onset=0.0, offset=files["duration"], event_label=ANY))
            recorded.add(whole.rename(columns={"minutes": "recorded"}))
            failures.writerows(files.loc[files["error"] != "", ["filename", "error"]].to_numpy())
            add_totals(totals, files)
        failures.writerows((shown(name), readable(line)) for name, line in sorted(faults.items()))
    write_csv(classes.table().sort_values(["minutes", "event_label"], ascending=[False, True]), folder / "classes.csv")
    write_csv(dated(calendar.table(), recorded.table()), folder / "calendar.csv")
    columns = ["event_label", "rank", "filename", "onset", "offset", "score", "time", "shard"]
    write_csv(highest.reindex(columns=columns), folder / "certain.csv")
    totals["failed"] += len(faults)
    (folder / "totals.json").write_text(json.dumps(totals, indent=2) + "\n")
    return totals


def counted(events):
    """Events, minutes and files of each class in a table of events; each file lies in one shard."""
    minutes = (events["offset"] - events["onset"]) / 60
    grouped = events.assign(minutes=minutes).groupby("event_label")
    sums = grouped.agg(events=("onset", "size"), minutes=("minutes", "sum"), files=("filename", "nunique"))
    return sums.reset_index()


def hours_of(spans):
    """Minutes of spans of time in each hour of the calendar: a table of event_label, hour, minutes.

    spans: onset, offset (s), event_label, and time, that of the onset; those without a time are left out.
    """
    spans = spans[spans["time"].notna() & spans["offset"].notna()]
    start = spans["time"].astype("datetime64[us]").to_numpy()
    length = ((spans["offset"] - spans["onset"]) * 1e6).round().to_numpy().astype("timedelta64[us]")
    first = start.astype("datetime64[h]")
    count = ((start + length - first) / HOUR).astype(float)
    count = np.maximum(np.ceil(count), 1).astype(int)  # hours that a span touches
    span = np.repeat(np.arange(len(spans)), count)
    hour = first[span] + (np.arange(len(span)) - np.repeat(count.cumsum() - count, count)).astype("timedelta64[h]")
    begin, end = np.maximum(start[span], hour), np.minimum((start + length)[span], hour + HOUR)
    minutes = (end - begin) / np.timedelta64(60_000_000, "us")
    label = spans["event_label"].to_numpy(object)[span]
    return pd.DataFrame({"event_label": label, "hour": hour, "minutes": minutes})


def most_certain(events, count):
    """The `count` events of each class with the highest scores, with their rank from 1 on."""
    order = ["event_label", "score", "filename", "onset"]
    events = events.sort_values(order, ascending=[True, False, True, True], ignore_index=True)
    events["rank"] = events.groupby("event_label").cumcount() + 1
    return events[events["rank"] <= count]


def add_totals(totals, files):
    """Add the files of a shard to the totals of the archive; `first` and `last` are times in ISO format."""
    done = files[files["error"] == ""]
    totals["hours"] += float(done["duration"].sum()) / 3600
    totals["files"] += len(done)
    totals["failed"] += len(files) - len(done)
    totals["events"] += int(done["events"].sum())
    totals["without_time"] += int(done["time"].isna().sum())
    timed = done[done["time"].notna()]
    if len(timed):
        ends = timed["time"] + pd.to_timedelta(timed["duration"], unit="s")
        totals["first"] = min(filter(None, [totals["first"], timed["time"].min().isoformat()]))
        totals["last"] = max(filter(None, [totals["last"], ends.max().isoformat()]))


def dated(calendar, recorded):
    """The calendar with its dates and hours: event_label, date, hour, minutes, recorded (minutes of audio)."""
    calendar = pd.concat([recorded.assign(event_label=ANY, minutes=0.0).drop(columns="recorded"), calendar])
    calendar = calendar.merge(recorded, on="hour", how="left")
    hours = calendar["hour"].astype("datetime64[us]").dt
    calendar = calendar.assign(date=hours.strftime("%Y-%m-%d"), hour=hours.hour)
    return calendar[["event_label", "date", "hour", "minutes", "recorded"]]


def write_csv(table, path):
    """Write a table with commas, and with at most six decimal places."""
    table.to_csv(path, index=False, lineterminator="\n", float_format=lambda number: repr(round(float(number), 6)))
