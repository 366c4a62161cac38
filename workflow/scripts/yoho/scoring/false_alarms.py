"""False alarms: what a network finds where no class sounds."""

import pandas as pd

from yoho.events import merge_events


def false_alarms(found):
    """How often a network names a class in background, from what it found in some recordings.

    found: list of (duration, s; table of events with onset, offset, s, and event_label). Returns hours (of all the
    recordings), false_alarms_per_hour (events), labelled_share (of the time, in which any class is named) and
    most_named (the class that is named for the longest time, "" where none is).
    """
    seconds = sum(duration for duration, _ in found)
    events = pd.concat([table.assign(filename=str(number)) for number, (_, table) in enumerate(found)])
    labelled = merge_events(events.assign(event_label=""))
    lasting = (events["offset"] - events["onset"]).groupby(events["event_label"]).sum()
    return {
        "hours": seconds / 3600,
        "false_alarms_per_hour": len(events) / seconds * 3600,
        "labelled_share": (labelled["offset"] - labelled["onset"]).sum() / seconds,
        "most_named": "" if lasting.empty else lasting.idxmax(),
    }
