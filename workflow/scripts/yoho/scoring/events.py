"""Segment-based and event-based scores, computed by sed_eval, and the comparison of true and found events."""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from yoho.events import merge_events
from yoho.scoring.segments import SCORES


def sed_eval_scores(reference, estimated, durations, event_labels, scoring):
    """Table of segment-based and event-based scores: a row for "overall" and one per class.

    reference, estimated: tables of events, in which touching events of one class are merged first; durations:
    {filename: evaluated length, s}; scoring: `resolution`, the length of a segment, s; `collar`, the tolerance of
    onsets and offsets, s; and `collar_share`, the share of an event's length by which its offset may also be off.
    """
    import sed_eval

    # In brackets, because sed_eval reads "None" as no class, and drops spaces at the ends of a name.
    bracketed = [f"<{label}>" for label in event_labels]
    by_segment = sed_eval.sound_event.SegmentBasedMetrics(bracketed, time_resolution=scoring["resolution"])
    by_event = sed_eval.sound_event.EventBasedMetrics(
        bracketed,
        t_collar=scoring["collar"],
        percentage_of_length=scoring["collar_share"],
        event_matching_type="optimal",
    )
    tables = [merge_events(events) for events in (reference, estimated)]
    tables = [table.assign(event_label="<" + table["event_label"] + ">") for table in tables]
    for filename, duration in durations.items():
        pair = [table[table["filename"] == filename].to_dict("records") for table in tables]
        by_segment.evaluate(*pair, evaluated_length_seconds=duration)
        by_event.evaluate(*pair)
    rows = []
    for name in ("overall", *event_labels):
        row = {"event_label": name}
        for kind, metrics in (("segment", by_segment), ("event", by_event)):
            if name == "overall":
                found, counts = metrics.results_overall_metrics(), metrics.overall
            else:
                found = metrics.results_class_wise_metrics()[f"<{name}>"]
                counts = found["count"]
            scores = found["f_measure"] | found["error_rate"] | {"f1": found["f_measure"]["f_measure"]}
            if not counts["Nref"]:  # sed_eval then divides by the machine epsilon
                scores["error_rate"] = counts["Nsys"]
            row |= {f"{kind}_{score}": float(np.nan_to_num(scores[score])) for score in SCORES}
        rows.append(row)
    return pd.DataFrame(rows)


def match_events(reference, estimated, tolerances):
    """Compare the true events of one file and class with the events found there.

    reference, estimated: onsets and offsets, (events, 2), s; the events of one side do not overlap. tolerances:
    `collars`, s, `collar_share` and `coverage`. Returns a row for every true event, with columns
    - 1 if it is matched, else 0. It is matched if found events cover at least the share `coverage` of it, as in the
      ground truth intersection criterion of PSDS (Bilen et al., ICASSP 2020, doi 10.1109/ICASSP40776.2020.9052995);
    - the distance from its onset to that of the first found event that overlaps it, and from its offset to that of the
      last one, s, each at most the largest collar; 0 if it is not matched. A gap between found events thus moves
      neither of its ends;
    - for each of the collars, 1 if it is a hit, else 0. A hit is off by at most the collar at its onset, and by at most
      the collar or its own length times `collar_share` at its offset. Events are paired so that the hits are as many as
      possible, as in sed_eval's EventBasedMetrics with optimal matching.
    """
    collars, lengths, pairs = tolerances["collars"], np.diff(reference), (len(reference), len(estimated))
    starts, ends = np.moveaxis(np.broadcast_to(estimated, (*pairs, 2)), -1, 0)
    overlaps = np.minimum(ends, reference[:, 1:]) - np.maximum(starts, reference[:, :1])
    matched = np.maximum(overlaps, 0).sum(axis=1, keepdims=True) >= tolerances["coverage"] * lengths
    first = np.min(starts, axis=1, where=overlaps > 0, initial=np.inf)
    last = np.max(ends, axis=1, where=overlaps > 0, initial=-np.inf)
    errors = np.minimum(np.abs(np.stack([first, last], axis=1) - reference), max(collars))
    apart = np.abs(reference[:, None] - estimated)  # (reference, estimated, 2): of the onsets and of the offsets
    hits = np.zeros((len(reference), len(collars)))
    for number, collar in enumerate(collars):
        tolerance = np.maximum(collar, tolerances["collar_share"] * lengths)
        near = (apart[..., 0] <= collar) & (apart[..., 1] <= tolerance)
        rows, columns = linear_sum_assignment(near, maximize=True)
        hits[rows, number] = near[rows, columns]
    return np.hstack([matched, matched * errors, hits])
