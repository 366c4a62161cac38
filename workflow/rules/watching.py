"""Reports how far archives are segmented, while Snakemake runs, on this machine or on a cluster."""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

EVERY = 30  # s between two reports
UNFINISHED = (OSError, ValueError, TypeError, LookupError)  # A file that is just written anew may be incomplete.


def watch_archives(folders):
    """Report every EVERY seconds on standard error how far these archives are; folders: those of their results."""
    Thread(target=report_for_ever, args=(list(map(Watch, folders)),), daemon=True).start()


def report_for_ever(watches):
    """Report on every archive that has gone on since the last report."""
    while True:
        time.sleep(EVERY)
        for watch in watches:
            with suppress(*UNFINISHED):
                if line := watch.line(time.monotonic()):
                    print(line, file=sys.stderr, flush=True)


class Watch:
    """What was last seen of an archive; folder: that of its results."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.begin = None  # (time in s, hours that were done by then)
        self.last = None
        with suppress(*UNFINISHED):
            self.line(time.monotonic())

    def line(self, now):
        """A line about the archive; None if it has not gone on. now: time in s.

        The time left follows from the hours that were done since the watch began or the archive was begun anew.
        """
        done, hours, failed = progress(self.folder)
        if self.begin is None or done < self.last[0]:
            self.begin = now, done
        elif self.last != (done, hours, failed):
            self.last = done, hours, failed
            return f"{self.folder.name}: {said(done, hours, failed, left(self.begin, now, done, hours))}"
        self.last = done, hours, failed
        return None


def progress(folder):
    """(hours done, hours in all, failed files so far) of an archive; folder: that of its results."""
    plan = json.loads((folder / "plan.json").read_text())
    paths = (folder / "work" / f"{shard}.json" for shard in plan["shards"])
    reports = [json.loads(path.read_text()) for path in paths if path.exists()]
    failed = len(plan["faults"]) + sum(each["failed"] for each in reports)
    return sum(each["hours"] for each in reports), sum(plan["shards"].values()), failed


def left(begin, now, done, hours):
    """Seconds until all hours are done at the speed since `begin`; None if nothing was done since."""
    time_then, done_then = begin
    return (hours - done) * (now - time_then) / (done - done_then) if done > done_then else None


def said(done, hours, failed, seconds):
    """How far an archive is, in words."""
    share = f"{done:,.1f} of {hours:,.1f} h segmented ({100 * done / hours if hours else 100:.0f} %)"
    failures = f"{failed:,} failure{'' if failed == 1 else 's'}"
    if seconds is None:
        return f"{share}, {failures}"
    minutes = round(seconds / 60)
    return f"{share}, {failures}, {f'{minutes // 60} h ' if minutes >= 60 else ''}{minutes % 60} min left"
