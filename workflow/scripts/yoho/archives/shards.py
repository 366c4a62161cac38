"""Segment a shard of an archive file by file, and go on where an earlier job was ended."""

import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from errno import EDQUOT, EEXIST, EISDIR, EMFILE, ENAMETOOLONG, ENFILE, ENOMEM, ENOSPC, ENOTDIR, ESTALE
from pathlib import Path

from yoho import InputError, job
from yoho.archives.journal import Finished, Journal
from yoho.archives.plan import path_in, present
from yoho.archives.recorded import recorded
from yoho.segmenting.outcomes import ENDINGS, PAGE, Options, Outcome, tried, write_events
from yoho.segmenting.writing import FORMS, named_after

WORK = "work"  # the folder of journals, and of how far each shard is
FILES = "files"  # the folder of the chosen form of each file
# Errors of reading that come from the surroundings of a file: a full disk or memory, open files, a lost server.
SURROUNDINGS = {ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, ESTALE}
# Errors of writing that come from a file's name, for example if its events need the name of a folder.
OF_NAMES = {EEXIST, EISDIR, ENOTDIR, ENAMETOOLONG}
ENDS = "ends the process that reads it"
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


@contextmanager
def alone(shard):
    """Wait until no other process works on the shard, for example the job of a Snakemake that was killed."""
    shard.work("").parent.mkdir(parents=True, exist_ok=True)
    with open(shard.work(".lock"), "w") as file:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                job.say(f"{shard.folder.name} {shard.number}: waits for another job of this shard")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def segment_shard(shard, entries):
    """Segment those files of a shard that its journal lacks; returns a `Finished` for each file that is there.

    The caller is `alone` with the shard. entries: the shard's `Entry`s. Files that changed or failed are segmented
    again. Events of an earlier form are written again in the form that is now chosen. What was written of files that
    are gone, changed or unfinished is removed. Raises InputError or OSError if the archive is not there or the results
    cannot be written: then nothing is noted of the file, and the next call goes on with it.
    """
    suspects = begun(shard)
    shutil.rmtree(shard.scratch, ignore_errors=True)
    shard.scratch.mkdir(parents=True, exist_ok=True)
    journal = Journal(shard.work(".jsonl"))
    suspects |= {name for name, each in journal.finished.items() if (each.error or "").endswith(ENDS)}
    journal.keep({entry.name for entry in entries if is_valid(journal.finished.get(entry.name), entry, shard)})
    there = present(entries)  # The journal also keeps files that are gone, because a disk may come back.
    todo = {entry.name: entry for entry in there if not is_written(journal.finished.get(entry.name), shard)}
    remove_written(shard, [entry.name for entry in entries if entry.size is None or entry.name in todo])
    again = sum(name in journal.finished for name in todo)
    what = f"{len(todo) - again:,} of {len(there):,} files to segment, {again:,} to write again"
    job.say(f"{shard.folder.name} {shard.number}: {what}")
    progress = Progress(shard, there, todo.values())
    for finished in finished_files(shard, list(todo.values()), journal.finished, suspects):
        for line in [*finished.warnings, *filter(None, [finished.error])]:
            print(line)
        journal.add(finished)
        progress.add(todo[finished.name], finished)
    progress.report()
    shutil.rmtree(shard.scratch, ignore_errors=True)
    return [journal.finished[entry.name] for entry in there]


def begun(shard):
    """The names of files that were begun and not finished when the shard's last job was ended."""
    names = set()
    for path in shard.scratch.glob("*.begun"):
        with suppress(ValueError):  # a mark that was not written to its end
            names.add(json.loads(path.read_text()))
    return names


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
    if finished is None or finished.written != shard.written:
        return False
    target = shard.folder / FILES / finished.name
    endings = [f".{FORMS[shard.options.form].suffix}", *([PAGE] if shard.options.page else [])]
    return target.parent.is_dir() and all(named_after(target, ending).is_file() for ending in endings)


def remove_written(shard, names):
    """Remove what was written of files in any form, unless a link leads to it out of the folder of the results."""
    root = os.path.realpath(shard.folder / FILES)
    for target in (shard.folder / FILES / name for name in names):
        if target.parent.is_dir() and Path(os.path.realpath(target.parent)).is_relative_to(root):
            for path in (named_after(target, ending) for ending in ENDINGS):
                if path.is_file():
                    path.unlink()


def finished_files(shard, entries, known, suspects):
    """Yield a `Finished` for each entry, in any order.

    known: {name: Finished} of those that only need to be written; suspects: names of files that may have ended an
    earlier job, which are segmented in a process of their own.
    """
    jobs = shard.options.jobs_for(len(entries)) if entries else 1
    own = {"jobs": jobs, "output": str(shard.folder / FILES), "scratch": str(shard.scratch)}
    shard = replace(shard, options=replace(shard.options, **own))
    if any(entry.name not in known for entry in entries):
        shard.options.segmenter()  # raises InputError before any file is read
    calls = {entry.name: (shard, entry, known.get(entry.name)) for entry in entries}
    for name in suspects & calls.keys():
        yield finished_apart(*calls.pop(name))
    if jobs > 1:
        yield from job.spread(finish, list(calls.values()), jobs, "segmenting", ordered=False)
    else:
        yield from (finish(*call) for call in calls.values())


def finished_apart(shard, entry, earlier):
    """As `finish`, in a process of its own. A file that ends it has failed."""
    try:
        return job.apart(finish, shard, entry, earlier)
    except ChildProcessError:
        return finished_of(shard, entry, Outcome(None, f"{path_in(shard.audio, entry.name)}: {ENDS}", []))


def finish(shard, entry, earlier):
    """The `Finished` of one file, which is segmented unless an earlier one has its events."""
    mark = shard.scratch / f"{os.getpid()}.begun"  # It stays if the process ends.
    mark.write_text(json.dumps(entry.name))
    try:
        return finished_of(shard, entry, segmented_and_written(shard, entry, earlier))
    finally:
        mark.unlink()


def segmented_and_written(shard, entry, earlier):
    """The `Outcome` of a file, see `found_in`. Raises the errors of the surroundings, see `segment_shard`."""
    file, name = path_in(shard.audio, entry.name), Path(entry.name)
    outcome = tried(file, found_in, shard, earlier, raises=SURROUNDINGS)
    if outcome.error is not None:
        if is_away(file):
            raise InputError(f"{file}: is gone with all that was beside it; connect its disk, or run again")
        return outcome
    try:
        write_events(file, name, outcome.result[0], shard.options)
    except OSError as error:
        if error.errno not in OF_NAMES:
            raise
        return outcome._replace(error=f"{error.filename or file}: {error.strerror}")
    return outcome if earlier is None else outcome._replace(warnings=earlier.warnings)


def found_in(file, shard, earlier):
    """The `Segmented` of a file, and when it began: [ISO format, offset from UTC in minutes or None], or None."""
    segmented = shard.options.segmenter().file(file) if earlier is None else earlier.segmented
    began = recorded(file)
    return segmented, began and [began.time.isoformat(), began.utc_offset]


def is_away(file):
    """Whether a file and all that was beside it are gone, as after a disk was unplugged."""
    return not (file.exists() or (file.parent.is_dir() and any(file.parent.iterdir())))


def finished_of(shard, entry, outcome):
    """The `Finished` of an entry; outcome: see `found_in`."""
    if outcome.error is not None:
        found = (None, None, [])
    else:
        (duration, events), began = outcome.result
        found = (began, duration, events.to_numpy(object).tolist())
    return Finished(entry.name, entry.state, shard.settings, shard.written, outcome.error, outcome.warnings, *found)


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
