"""Expressions: what the parts of a query mean, as rows of a table of events.

Times are compared to the microsecond, as tables hold them. Every event ends after it begins.
"""

from dataclasses import dataclass

import numpy as np

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
LENGTHS = {
    "longer than": np.greater,
    "shorter than": np.less,
    "at least": np.greater_equal,
    "at most": np.less_equal,
}


@dataclass(frozen=True)
class Expression:
    """A part of a query. It means a set of events."""

    def __str__(self):
        """How the query was understood. A plain sound stands in square brackets."""
        match self:
            case Sound(text):
                return f"[{text}]"
            case Which(which, of):
                return f"{which} of {of}"
            case Length(of, than, seconds):
                return f"({of} {than} {seconds:g} s)"
            case Relation(of, "within", other, seconds):
                return f"({of} within {seconds:g} s of {other})"
            case Relation(of, relation, other):
                return f"({of} {relation} {other})"


@dataclass(frozen=True)
class Sound(Expression):
    """All events whose label is `text`."""

    text: str


@dataclass(frozen=True)
class Which(Expression):
    """One event of `of`, or no event where `of` has too few.

    The ordinals "first" to "tenth" and "last" count by onset. "longest" and "shortest" compare durations, "loudest" and
    "quietest" levels. Of events that are equal, the earliest is taken.
    """

    which: str
    of: Expression


@dataclass(frozen=True)
class Length(Expression):
    """The events of `of` whose duration is `than` (a key of LENGTHS) a number of seconds."""

    of: Expression
    than: str
    seconds: float


@dataclass(frozen=True)
class Relation(Expression):
    """The events A of `of` that are in a relation to the events B of `other`.

    after: A begins when the first B to end has ended, or later. before: A ends when the last B to begin begins, or
    earlier. during: A and some B sound together for longer than 0 s. without: A is not during any B. within: the gap
    between A and some B is at most `seconds`; it is 0 s where they overlap or touch. An event overlaps itself, if
    it is both A and B. If there is no B, "without" means all A, and the other relations mean no event.
    """

    of: Expression
    relation: str
    other: Expression
    seconds: float = 0.0


def parts(expression):
    """Yield an expression and all expressions in it, from left to right."""
    yield expression
    for value in vars(expression).values():
        if isinstance(value, Expression):
            yield from parts(value)


def sounds(expression):
    """Texts of the plain sounds in an expression, each once, in the order of the query."""
    return list(dict.fromkeys(part.text for part in parts(expression) if isinstance(part, Sound)))


def is_plain(expression):
    """Whether an expression is one plain sound, which can be found in a stream before the stream has ended."""
    return isinstance(expression, Sound)


def needs_level(expression):
    """Whether an expression asks for the loudness of events."""
    return any(isinstance(part, Which) and part.which in ("loudest", "quietest") for part in parts(expression))


def select(expression, events):
    """The events that an expression means.

    events: table of one file with the columns onset and offset (s) and event_label, which is the text of a plain sound;
    if `needs_level(expression)`, also level (dB). Further columns are kept. Returns these rows, sorted by onset.
    """
    events = events.sort_values(["onset", "offset"], kind="stable", ignore_index=True)
    onset, offset = np.rint(events[["onset", "offset"]].to_numpy(float).T * 1e6).astype(np.int64)  # µs
    return events.iloc[np.flatnonzero(meant(expression, events, onset, offset))].reset_index(drop=True)


def meant(expression, events, onset, offset):
    """Whether an expression means each event: (events,).

    events: table sorted by onset; onset, offset: its times in whole microseconds, (events,) each.
    """
    if isinstance(expression, Sound):
        return (events["event_label"] == expression.text).to_numpy(bool)
    chosen = meant(expression.of, events, onset, offset)
    if isinstance(expression, Which):
        return one_of(expression.which, np.flatnonzero(chosen), events, offset - onset)
    if isinstance(expression, Length):
        return chosen & LENGTHS[expression.than](offset - onset, round(expression.seconds * 1e6))
    other = meant(expression.other, events, onset, offset)
    return chosen & related(expression, onset, offset, (onset[other], offset[other]))


def one_of(which, rows, events, duration):
    """Mark one of some rows, or none if there are too few: (events,). duration: of each event, (events,)."""
    marked = np.zeros(len(events), bool)
    if which == "last":
        rows = rows[-1:]
    elif which in ORDINALS:
        place = ORDINALS.index(which)
        rows = rows[place : place + 1]
    elif len(rows):
        size = duration if which in ("longest", "shortest") else events["level"].to_numpy(float)
        best = np.argmax if which in ("longest", "loudest") else np.argmin
        rows = rows[best(size[rows])]
    marked[rows] = True
    return marked


def related(relation, onset, offset, others):
    """Whether each event is in a relation to some of the others, whose onsets and offsets are `others`: (events,)."""
    starts, ends = others
    if not len(starts):
        return np.full(len(onset), relation.relation == "without")
    if relation.relation == "after":
        return onset >= ends.min()
    if relation.relation == "before":
        return offset <= starts.max()
    # "At most N" is "less than N + 1" in whole microseconds, so events that are widened by N + 1 overlap.
    margin = round(relation.seconds * 1e6) + 1 if relation.relation == "within" else 0
    # Of the others that begin before an event ends, the last to end decides whether one of them overlaps the event.
    earlier = np.searchsorted(starts, offset + margin)
    latest = np.maximum.accumulate(ends)[np.maximum(earlier - 1, 0)]
    overlaps = (earlier > 0) & (latest > onset - margin)
    return ~overlaps if relation.relation == "without" else overlaps
