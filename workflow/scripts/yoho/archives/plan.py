"""The plan of an archive: which shard segments each of its files.

The plan is kept in PLAN, a list of files for each shard. It only grows: a file never moves to another shard, so that
new files leave the results of all earlier ones as they are.
"""

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import soundfile

from yoho import InputError, job
from yoho.files import write_whole
from yoho.segmenting.finding import find_audio

PLAN = "plan"  # a folder in that of the archive's results
RATE = 16_000  # bytes/s that are assumed of a file whose header does not give its duration, as of MP3 at 128 kbit/s
BATCH = 1000  # files whose headers a process reads at once
SLOW = 2e-3  # s for a header: a file system that takes longer, as that of a cluster may, is read by READERS threads
READERS = 16


class Entry(NamedTuple):
    """A file in the plan.

    name: its path below the archive's folder; size: bytes, None if the file is no longer there; modified: time of its
    last change (ns); hours: its duration, which may be estimated.
    """

    name: str
    size: int | None
    modified: int
    hours: float

    @property
    def state(self):
        """What changes when the file is written again."""
        return [self.size, self.modified]


class Listing(NamedTuple):
    """What an archive contains.

    states: {name of a file: (size, time of its last change)}; faults: {name: line} of what cannot be read; notes: lines
    about what is passed over.
    """

    states: dict
    faults: dict
    notes: list


def list_archive(audio):
    """The `Listing` of a file or a folder; see `find_audio` for what is passed over."""
    found, root = find_audio([audio]), os.path.realpath(audio)
    faults = {os.path.relpath(place, root): fault for place, fault in found.faults.items()}
    states = {}
    for path in found.files.values():
        try:
            status = path.stat()
        except OSError as error:
            faults[name_in(audio, path)] = f"{path}: {error.strerror}"
        else:
            states[name_in(audio, path)] = (status.st_size, status.st_mtime_ns)
    return Listing(states, faults, found.notes)


def name_in(audio, path):
    """The name of a file in the plan of the archive `audio`, which is a folder or that file itself."""
    return path.name if path == Path(audio) else os.fsdecode(path.relative_to(audio))


def path_in(audio, name):
    """The path of a file of the archive `audio` by its name in the plan."""
    return Path(audio) if Path(audio).name == name and not os.path.isdir(audio) else Path(audio, name)


def read_plan(folder):
    """The plan of an archive, {shard: [Entry]}; folder: that of its results."""
    lists = sorted(Path(folder, PLAN).glob("[0-9]*.jsonl"), key=lambda path: int(path.stem))
    return {path.stem: read_list(path) for path in lists}


def read_list(path):
    """The entries of a shard's list. Raises InputError if it is damaged."""
    try:
        return [Entry(*json.loads(line)) for line in path.read_text().splitlines()]
    except (ValueError, TypeError) as error:
        todo = f"remove {path.parent} and {path.parent}.json, and the archive begins anew"
        raise InputError(f"{path}: is damaged ({error}); {todo}") from error


def difference(before, after):
    """What has happened to an archive between two plans, in words."""
    before, after = (
        {entry.name: entry.state for entries in plan.values() for entry in present(entries)} for plan in (before, after)
    )
    new, gone = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    changed = sum(before.get(name, state) != state for name, state in after.items())
    return f"{new:,} new, {changed:,} changed, {gone:,} gone"


def present(entries):
    """The entries whose files are still there."""
    return [entry for entry in entries if entry.size is not None]


def write_plan(folder, plan):
    """Write the lists that have changed; a list that has not keeps its time, so that its shard is not segmented."""
    Path(folder, PLAN).mkdir(parents=True, exist_ok=True)
    for shard, entries in plan.items():
        path = Path(folder, PLAN, f"{shard}.jsonl")
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        if not path.exists() or path.read_text() != text:
            write_whole(path, text.encode())


def planned(plan, audio, listing, most):
    """The plan that holds the files of a `Listing`.

    plan: the earlier plan. Its files keep their shards. Those that are gone have no size, but files in a folder that
    cannot be read now stay as they are. New files fill the last shard up to `most` hours, and further shards in the
    order of their names.
    """
    states, faults = listing.states, listing.faults
    known = {entry.name: entry for entries in plan.values() for entry in entries}
    others = sorted(name for name, state in states.items() if name not in known or known[name].state != list(state))
    hours = durations(audio, {name: states[name][0] for name in others})

    def now(entry):
        if entry.name not in states:
            unread = any(name in faults for name in [entry.name, *map(str, Path(entry.name).parents)])
            return entry if unread else entry._replace(size=None)
        return Entry(entry.name, *states[entry.name], hours.get(entry.name, entry.hours))

    plan = {shard: list(map(now, entries)) for shard, entries in plan.items()}
    new = (Entry(name, *states[name], hours[name]) for name in others if name not in known)
    return appended(plan, new, most)


def appended(plan, new: Iterable[Entry], most):
    """The plan with new entries at its end; a shard holds at most `most` hours, or a single longer file."""
    last = max(plan, key=int, default=f"{0:05}")
    filled = sum(entry.hours for entry in plan.get(last, []))
    for entry in new:
        if plan.get(last) and filled + entry.hours > most:
            last, filled = f"{int(last) + 1:05}", 0.0
        plan.setdefault(last, []).append(entry)
        filled += entry.hours
    return plan


def durations(audio, sizes):
    """Durations of files of an archive in hours, {name: hours}; sizes: {name: bytes}.

    A process of its own reads the headers. If one of them ends it, the durations are estimated.
    """
    names, hours, threads = list(sizes), {}, 1
    for start in range(0, len(names), BATCH):
        batch = {name: sizes[name] for name in names[start : start + BATCH]}
        began = time.monotonic()
        try:
            hours |= job.apart(read_durations, Path(audio).absolute(), batch, threads)
        except ChildProcessError:
            hours |= {name: estimated(size) for name, size in batch.items()}
        # Where headers come from a fast disk, threads would only wait for each other.
        if time.monotonic() - began > SLOW * BATCH:
            threads = READERS
    return hours


def read_durations(audio, sizes, threads):
    """As `durations`, in this process."""
    with ThreadPoolExecutor(threads) as pool:
        spread = pool.map if threads > 1 else map
        return dict(zip(sizes, spread(lambda name: duration(path_in(audio, name), sizes[name]), sizes)))


def duration(path, size):
    """Duration of an audio file in hours, from its header or estimated from its size in bytes."""
    # soundfile would read a whole MP3 file for its duration.
    if path.suffix.lower() != ".mp3":
        try:
            with soundfile.SoundFile(os.fsencode(path)) as file:
                return round(file.frames / file.samplerate / 3600, 6)
        except (OSError, RuntimeError, TypeError):
            pass
    return estimated(size)


def estimated(size):
    """Duration of an audio file in hours, estimated from its size in bytes."""
    return round(size / RATE / 3600, 6)
