"""Evaluation: a network's outputs for the test split, decoded to events and scored (paper, section 3.3)."""

from typing import NamedTuple

import pandas as pd

from yoho.scoring.events import sed_eval_scores
from yoho.scoring.tallies import recording_tallies


class Evaluation(NamedTuple):
    """Tables of the decoded events, of `sed_eval_scores`, and of `recording_tallies`."""

    events: pd.DataFrame
    scores: pd.DataFrame
    tallies: pd.DataFrame


def evaluate(scorer, outputs, targets, plan, *, collar, collar_share):
    """The `Evaluation` of a network's outputs.

    scorer: a `segments.Scorer`; outputs, targets: (windows, bins, 3 * classes); plan: from `tallies.field_recordings`;
    collar (s), collar_share: see `sed_eval_scores`.
    """
    decoder = scorer.decoder
    events = decoder.events(outputs, scorer.windows)
    scores = sed_eval_scores(
        scorer.reference,
        events,
        scorer.durations,
        decoder.event_labels,
        resolution=scorer.resolution,
        collar=collar,
        collar_share=collar_share,
    )
    return Evaluation(events, scores, recording_tallies(scorer, outputs, targets, events, plan))
