"""Segment a shard of an archive file by file, and write what was found as tables."""

import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from yoho import job
from yoho.archives.journal import Finished, Journal
from yoho.archives.plan import path_in, present
from yoho.archives.recorded import recorded
from yoho.segmenting.outcomes import Options, try_file
from yoho.segmenting.writing import FORMS, named_after

WORK = "work"  # the folder of journals, and of how far each shard is
FILES = "files"  # the folder of the chosen form of each file
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

    def work(self, suffix):
        """A path in the shard's part of WORK."""
        return self.folder / WORK / f"{self.number}{suffix}"


def segment_shard(shard, entries):
    """Segment those files of a shard that its journal lacks; returns a `Finished` for each file that is there.

    entries: the shard's `Entry`s. Files that changed or failed are segmented again. Events of an earlier form are
    written again in the form that is now chosen. What was written of files that are gone or changed is removed.
    """
    scratch = shard.work("")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    journal, entries = Journal(shard.work(".jsonl")), present(entries)
    valid = {entry.name for entry in entries if is_valid(journal.finished.get(entry.name), entry, shard)}
    for name, finished in journal.finished.items():
        if name not in valid or finished.written != shard.written:
            remove_written(shard, finished)
    journal.keep(valid)
    todo = [entry for entry in entries if not is_written(journal.finished.get(entry.name), shard)]
    again = sum(entry.name in valid for entry in todo)
    what = f"{len(todo) - again} of {len(entries)} files are segmented, {again} written again"
    job.say(f"{shard.folder.name} {shard.number}: {what}")
    progress = Progress(shard, entries, todo)
    for entry, finished in zip(todo, finished_files(shard, todo, journal.finished, str(scratch))):
        for line in [*finished.warnings, *filter(None, [finished.error])]:
            print(line)
        journal.add(finished)
        progress.add(entry, finished)
    progress.report()
    shutil.rmtree(scratch)
    return [journal.finished[entry.name] for entry in entries]


def is_valid(finished, entry, shard):
    """Whether the events of a `Finished`, or None, are those of a file as it is, found with the shard's settings."""
    return (
        finished is not None
        and finished.error is None
        and finished.state == entry.state
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
    """Remove what was written of a file."""
    for path in paths(shard, finished):
        path.unlink(missing_ok=True)
        if path.suffix == ".html":
            named_after(path.with_suffix(""), ".page.flac").unlink(missing_ok=True)


def finished_files(shard, entries, known, scratch):
    """Yield a `Finished` for each entry; known: {name: Finished} of those that only need to be written."""
    jobs = shard.options.jobs_for(len(entries)) if entries else 1
    output = str(shard.folder / FILES)
    shard = replace(shard, options=replace(shard.options, jobs=jobs, output=output, scratch=scratch))
    if any(entry.name not in known for entry in entries):
        shard.options.segmenter()  # raises InputError before any file is read
    calls = [(shard, entry, known.get(entry.name)) for entry in entries]
    return job.spread(finish, calls, jobs, "segmenting") if jobs > 1 else (finish(*call) for call in calls)


def finish(shard, entry, known):
    """The `Finished` of one file, which is segmented unless its events are known."""
    file, name = path_in(shard.audio, entry.name), Path(entry.name)
    outcome = try_file(file, name, None, shard.options, known and known.segmented)
    if outcome.error is not None:
        found = (None, None, [])
    else:
        duration, events = outcome.segmented
        found = (began(file), duration, events.to_numpy(object).tolist())
    warnings = outcome.warnings if known is None else known.warnings
    return Finished(entry.name, entry.state, shard.settings, shard.written, outcome.error, warnings, *found)


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
