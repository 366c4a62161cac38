"""True events of audio files from one file: which of them are of which audio file, and whether they fit it."""

import os
from collections import defaultdict

from yoho import InputError
from yoho.audio import warn
from yoho.segmenting.streams import print_problem
from yoho.segmenting.tables import TIMES, forms, last, parts, read_events

SHOWN = 3  # names that a message shows
TOLERANCE = 0.1  # s: an event that reaches less past the audio's end counts as rounded


def read_references(path, files, names):
    """The true events of every audio file: a list of tables (onset, offset, event_label), see `read_events`.

    files: paths of the audio files; names: their paths relative to their common folder. A file that is named without an
    event has an empty table. A file that is not named while others are has None instead, and a warning says so. Another
    warning says which names could be of an audio file, but are passed over because another name is more alike.
    Raises InputError if the events cannot be read, or if they are of other files.
    """
    table = read_events(path, [file.name for file in files])
    if table.empty:
        print_problem(f"{path}: holds no event", "warning")
    elif table["filename"].isna().all():
        if len(files) > 1:
            raise InputError(f"{path}: true events of several files must be a table with a column filename")
    else:
        tables = dict(list(table.groupby(table["filename"].map(os.path.normpath))))
        named = owners(path, tables, files, names)
        if not named:
            raise InputError(f"{path}: does not name {shown(names)}, but {shown(tables)}; write the audio's names")
        alike = {key for file in files for key in (file.name, file.stem)}
        unused = [other for other in tables if alike & forms(other) and other not in named.values()]
        if unused:
            print_problem(f"{path}: passes over {shown(unused)}: other names in it fit the audio better", "warning")
        missing = [name for name in names if name not in named]
        if missing:
            print_problem(f"{path}: does not name {shown(missing)}: their pages show no true events", "warning")
        return [timed(tables[named[name]]) if name in named else None for name in names]
    return [timed(table)] * len(files)


def timed(table):
    """The rows that hold an event, without the file's name."""
    return table.dropna(subset="onset")[TIMES]


def up_to_end(events, duration, reference, file):
    """True events up to the audio's end. An AudioWarning names the first one that reaches past it.

    events: as from `read_references`; duration: of the audio, s; reference, file: paths, for the warning.
    """
    beyond = events[events["offset"] > duration + TOLERANCE]
    for line, event in beyond.head(1).iterrows():
        what = f"line {line}: the event from {event['onset']} to {event['offset']} s reaches past the end of {file}"
        more = f", as do {len(beyond) - 1} more" if len(beyond) > 1 else ""
        warn(reference, f"{what} ({duration:.3f} s){more}; the page shows the part before it")
    return events[events["onset"] <= duration].assign(offset=lambda part: part["offset"].clip(upper=duration))


def owners(path, listed, files, names):
    """{name of an audio file: its own among the names in the dictionary `listed`}; see `read_references`.

    A listed name may have other folders than the audio file, and another or no suffix of audio: the one that is most
    alike is its own. Raises InputError if that is not clear.
    """
    similar, own = defaultdict(list), defaultdict(dict)
    for other in listed:
        for key in forms(other):
            similar[key].append(other)
    for file, name in zip(files, names):
        exact = [str(name)] if str(name) in listed else []
        if found := exact or sorted({*similar[file.name], *similar[file.stem]}):
            ranks = {other: likeness(other, file, name) for other in found}
            other = only(ranks, f"{path}: {name}")
            own[other][name] = ranks[other]
    return {only(ranks, f"{path}: {other}"): other for other, ranks in own.items()}


def likeness(listed, file, name):
    """How well a listed name fits an audio file, for comparison with that of others."""
    folders = [parts(listed)[-2::-1], list(file.absolute().parts[-2::-1])]
    return listed == str(name), last(listed) == file.name, len(os.path.commonprefix(folders))


def only(ranks, what):
    """The key of the highest rank. Raises InputError if several keys have it."""
    highest = max(ranks.values())
    best = [key for key, rank in ranks.items() if rank == highest]
    if len(best) > 1:
        raise InputError(f"{what} could be each of {shown(best)}; write more of the path in the column filename")
    return best[0]


def shown(names):
    """The first of several names, for a message."""
    names = list(map(str, names))
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
