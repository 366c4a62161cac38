"""Evaluation: a network's outputs for the test split, decoded to events and scored (paper, section 3.3)."""

from yoho.scoring.events import sed_eval_scores
from yoho.scoring.segments import mix_durations
from yoho.scoring.tallies import field_recordings, recording_tallies
from yoho.windows.targets import decode_outputs


def evaluate(outputs, targets, windows, reference, plan, recordings, event_labels, window_length, decoding, scoring):
    """Events that the outputs stand for, sed_eval's scores of them, and what the scores are ratios of, by recording.

    outputs, targets: (windows, bins, 3 * classes); windows, reference (the true events), plan, recordings: tables
    of those names; window_length: s; decoding, scoring: the config's. See `decode_outputs`, `sed_eval_scores` and
    `recording_tallies` for the three tables returned.
    """
    events = decode_outputs(outputs, windows, event_labels, window_length, **decoding)
    scores = sed_eval_scores(reference, events, mix_durations(windows), event_labels, **scoring)
    tallies = recording_tallies(
        outputs,
        targets,
        events,
        reference,
        windows,
        field_recordings(plan, recordings),
        event_labels,
        window_length,
        scoring["resolution"],
    )
    return events, scores, tallies
