"""Scores of what a segmenter finds in the audio files of mixes, as a user's command would."""

from pathlib import Path

import pandas as pd

from yoho import InputError
from yoho.events import COLUMNS
from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import Scorer
from yoho.scoring.tallies import recording_tallies


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
