"""Segment a shard of an archive file by file, and write what was found as tables."""

import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from errno import EEXIST, EISDIR, ENAMETOOLONG, ENOTDIR
from pathlib import Path

from yoho import InputError, job
from yoho.archives.journal import Finished, Journal
from yoho.archives.plan import path_in, present
from yoho.archives.recorded import recorded
from yoho.segmenting.outcomes import Options, Outcome, tried, write_events
from yoho.segmenting.writing import FORMS, named_after

WORK = "work"  # the folder of journals, and of how far each shard is
FILES = "files"  # the folder of the chosen form of each file
# Errors of a file's name, for example if its events need the name of a folder; others are those of the surroundings.
OF_NAMES = {EEXIST, EISDIR, ENOTDIR, ENAMETOOLONG}
EVERY = 5  # s between two reports of how far a shard is


@dataclass(frozen=True)
class Shard:
    """A shard of an archive, and how it is segmented.

    folder: of the archive's results; number: of the shard; audio: the archive, a folder or a file; settings: a digest
    of the network and all that shapes events; code: a digest of the code that writes them and reads times of
    recording; options: `Options`.
    """

    folder: Path
    number: str
    audio: str
    settings: str
    code: str
    options: Options

    @property
    def written(self):
        """What is written of every file, see `Finished`."""
        return {"form": self.options.form, "page": self.options.page, "code": self.code}

    @property
    def scratch(self):
        """The folder of unfinished files, which are moved to their places in FILES."""
        return self.folder / FILES / f".{self.number}"

    def work(self, suffix):
        """A path in the shard's part of WORK."""
        return self.folder / WORK / f"{self.number}{suffix}"


def segment_shard(shard, entries):
    """Segment those files of a shard that its journal lacks; returns a `Finished` for each file that is there.

    entries: the shard's `Entry`s. Files that changed or failed are segmented again. Events of an earlier form are
    written again in the form that is now chosen. What was written of files that are gone or changed is removed.
    Raises InputError or OSError if the archive is not there or the results cannot be written: then nothing is noted
    of the file, and the next call goes on with it.
    """
    with alone(shard):
        suspects = begun(shard)
        shutil.rmtree(shard.scratch, ignore_errors=True)
        shard.scratch.mkdir(parents=True, exist_ok=True)
        journal = Journal(shard.work(".jsonl"))
        known = {entry.name for entry in entries if is_valid(journal.finished.get(entry.name), entry, shard)}
        entries = present(entries)
        names = known & {entry.name for entry in entries}
        for name, finished in journal.finished.items():
            if name not in names or finished.written != shard.written:
                remove_written(shard, finished)
        journal.keep(known)  # also of files that are gone, because a disk that was missing may come back
        todo = [entry for entry in entries if not is_written(journal.finished.get(entry.name), shard)]
        again = sum(entry.name in names for entry in todo)
        what = f"{len(todo) - again} of {len(entries)} files are segmented, {again} written again"
        job.say(f"{shard.folder.name} {shard.number}: {what}")
        progress = Progress(shard, entries, todo)
        todo.sort(key=lambda entry: entry.name not in suspects)
        for entry, finished in zip(todo, finished_files(shard, todo, journal.finished, suspects)):
            for line in [*finished.warnings, *filter(None, [finished.error])]:
                print(line)
            journal.add(finished)
            progress.add(entry, finished)
        progress.report()
        shutil.rmtree(shard.scratch, ignore_errors=True)
    return [journal.finished[entry.name] for entry in entries]


@contextmanager
def alone(shard):
    """Wait until no other process works on the shard, for example the job of a Snakemake that was killed."""
    shard.work("").parent.mkdir(parents=True, exist_ok=True)
    with open(shard.work(".lock"), "w") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def begun(shard):
    """The names of files that were begun and not finished when the shard's last job was ended."""
    return {json.loads(path.read_text()) for path in shard.scratch.glob("*.begun") if path.stat().st_size}


def is_valid(finished, entry, shard):
    """Whether the events of a `Finished`, or None, are those of a file as it is or was, found with the settings."""
    return (
        finished is not None
        and finished.error is None
        and (entry.size is None or finished.state == entry.state)
        and finished.settings == shard.settings
    )


def is_written(finished, shard):
    """Whether what was written of a `Finished`, or None, is as chosen, and still there."""
    return finished is not None and finished.written == shard.written and all(map(Path.exists, paths(shard, finished)))


def paths(shard, finished):
    """The paths of what was written of a file: its events and its page, but not the audio of a long page."""
    target = shard.folder / FILES / finished.name
    if not target.parent.is_dir():
        return [target]  # where nothing is
    endings = [f".{FORMS[finished.written['form']].suffix}", *([".html"] if finished.written["page"] else [])]
    return [named_after(target, ending) for ending in endings]


def remove_written(shard, finished):
    """Remove what was written of a file, unless a link leads to it out of the folder of the results."""
    root = os.path.realpath(shard.folder / FILES)
    for path in paths(shard, finished):
        if not Path(os.path.realpath(path.parent)).is_relative_to(root):
            continue
        path.unlink(missing_ok=True)
        if path.suffix == ".html":
            named_after(path.with_suffix(""), ".page.flac").unlink(missing_ok=True)


def finished_files(shard, entries, known, suspects):
    """Yield a `Finished` for each entry.

    known: {name: Finished} of those that only need to be written; suspects: names of the first entries, which are
    segmented in processes of their own, because one of them may have ended the last job.
    """
    jobs = shard.options.jobs_for(len(entries)) if entries else 1
    own = {"jobs": jobs, "output": str(shard.folder / FILES), "scratch": str(shard.scratch)}
    shard = replace(shard, options=replace(shard.options, **own))
    if any(entry.name not in known for entry in entries):
        shard.options.segmenter()  # raises InputError before any file is read
    calls = [(shard, entry, known.get(entry.name)) for entry in entries]
    first = sum(entry.name in suspects for entry in entries)
    for call in calls[:first]:
        try:
            yield job.apart(finish, *call)
        except ChildProcessError:
            error = f"{path_in(shard.audio, call[1].name)}: ends the process that reads it"
            yield finished_of(shard, call[1], Outcome(None, error, []))
    calls = calls[first:]
    yield from job.spread(finish, calls, jobs, "segmenting") if jobs > 1 else (finish(*call) for call in calls)


def finish(shard, entry, known):
    """The `Finished` of one file, which is segmented unless its events are known."""
    mark = shard.scratch / f"{os.getpid()}.begun"  # It stays if the process ends.
    mark.write_text(json.dumps(entry.name))
    try:
        return finished_of(shard, entry, segmented_and_written(shard, entry, known))
    finally:
        mark.unlink()


def segmented_and_written(shard, entry, known):
    """The `Outcome` of a file, with its `Segmented`. Raises the errors of the surroundings, see `segment_shard`."""
    file, name = path_in(shard.audio, entry.name), Path(entry.name)
    outcome = Outcome(known.segmented, None, known.warnings) if known else tried(file, shard.options.segmenter().file)
    if outcome.error is not None:
        if not file.exists():
            raise InputError(f"{file}: is no longer there; call again, and the archive is listed anew")
        return outcome
    try:
        write_events(file, name, outcome.result, shard.options)
    except OSError as error:
        if error.errno not in OF_NAMES:
            raise
        return outcome._replace(error=f"{error.filename or file}: {error.strerror}")
    return outcome


def finished_of(shard, entry, outcome):
    """The `Finished` of an entry; outcome: `Outcome` with its `Segmented`."""
    duration, events = outcome.result or (None, [])
    if outcome.error is not None:
        found = (None, None, [])
    else:
        found = (began(path_in(shard.audio, entry.name)), duration, events.to_numpy(object).tolist())
    return Finished(entry.name, entry.state, shard.settings, shard.written, outcome.error, outcome.warnings, *found)


def began(file):
    """When the first sample of a file was recorded: [ISO format, offset from UTC in minutes or None], or None."""
    found = recorded(file)
    return found and [found.time.isoformat(), found.utc_offset]


class Progress:
    """Reports how many of a shard's hours are segmented, and how many of its files failed, in a file that others read.

    entries: those of the shard; todo: those that are not finished yet.
    """

    def __init__(self, shard, entries, todo):
        self.path, self.failed, self.reported = shard.work(".json"), 0, 0.0
        self.hours = sum(entry.hours for entry in entries) - sum(entry.hours for entry in todo)
        self.report()

    def add(self, entry, finished):
        """Count a file, and report if the last report is EVERY seconds old."""
        self.hours += entry.hours
        self.failed += finished.error is not None
        if time.monotonic() >= self.reported + EVERY:
            self.report()

    def report(self):
        """Write the report as a whole."""
        part = self.path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"hours": self.hours, "failed": self.failed}))
        part.replace(self.path)
        self.reported = time.monotonic()
