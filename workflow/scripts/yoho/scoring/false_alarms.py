"""False alarms: the events that a network finds in recordings without any class."""

import pandas as pd

from yoho.events import merge_events


def false_alarms(results):
    """How often a network finds a class in recordings of background.

    results: for each recording its duration, s, and the table of the events found (onset, offset, event_label).
    Returns a dict: hours (of all recordings), false_alarms_per_hour (events), labelled_share (of the time, with at
    least one class found) and most_named (the class that is found for the longest time, or "").
    """
    seconds = sum(duration for duration, _ in results)
    events = pd.concat([table.assign(filename=str(number)) for number, (_, table) in enumerate(results)])
    labelled = merge_events(events.assign(event_label=""))
    named = (events["offset"] - events["onset"]).groupby(events["event_label"]).sum()
    return {
        "hours": seconds / 3600,
        "false_alarms_per_hour": len(events) / seconds * 3600,
        "labelled_share": (labelled["offset"] - labelled["onset"]).sum() / seconds,
        "most_named": "" if named.empty else named.idxmax(),
    }
