"""Mixes with their true events, and the scores of what a segmenter finds in them as a user's command would."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from yoho import InputError
from yoho.events import COLUMNS, read_table
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import Scorer
from yoho.scoring.tallies import field_recordings, recording_tallies


class Mixes(NamedTuple):
    """True events and plan of mixes, the plan from `field_recordings`; durations: {filename: s}."""

    events: pd.DataFrame
    plan: pd.DataFrame
    durations: dict

    @classmethod
    def read(cls, files):
        """The mixes whose tables are the files `events`, `plan` and `recordings`."""
        events, plan, recordings = map(read_table, (files.events, files.plan, files.recordings))
        return cls(events, field_recordings(plan, recordings), plan.groupby("filename")["offset"].max().to_dict())


def segmented_and_scored(segmenter, folder, mixes, scoring):
    """What a `Segmenter` finds in the audio of `Mixes` in a folder: tables of events, `sed_eval_scores` and tallies.

    Raises InputError if the network does not know a class that sounds in the mixes.
    """
    event_labels = segmenter.event_labels
    if unknown := sorted(set(mixes.events["event_label"]) - set(event_labels)):
        raise InputError(f"{folder}: {', '.join(unknown)}: not among the classes of the network; train it on these")
    found = [segmenter.file(Path(folder, name)).events.assign(filename=name) for name in mixes.durations]
    events = pd.concat(found)[COLUMNS]
    scores = sed_eval_scores(mixes.events, events, mixes.durations, event_labels, scoring)
    windows = pd.DataFrame({"filename": mixes.durations.keys(), "mix_duration": mixes.durations.values()})
    scorer = Scorer(windows, mixes.events, segmenter.decoder(), scoring["resolution"])
    return events, scores, recording_tallies(scorer, None, None, events, mixes.plan, tolerances=scoring)
