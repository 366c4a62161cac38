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

    by_segment = sed_eval.sound_event.SegmentBasedMetrics(list(event_labels), time_resolution=scoring["resolution"])
    by_event = sed_eval.sound_event.EventBasedMetrics(
        list(event_labels),
        t_collar=scoring["collar"],
        percentage_of_length=scoring["collar_share"],
        event_matching_type="optimal",
    )
    reference, estimated = merge_events(reference), merge_events(estimated)
    for filename, duration in durations.items():
        pair = [table[table["filename"] == filename].to_dict("records") for table in (reference, estimated)]
        by_segment.evaluate(*pair, evaluated_length_seconds=duration)
        by_event.evaluate(*pair)
    rows = []
    for name in ("overall", *event_labels):
        row = {"event_label": name}
        for kind, metrics in (("segment", by_segment), ("event", by_event)):
            if name == "overall":
                found, counts = metrics.results_overall_metrics(), metrics.overall
            else:
                found = metrics.results_class_wise_metrics()[name]
                counts = found["count"]
            scores = found["f_measure"] | found["error_rate"] | {"f1": found["f_measure"]["f_measure"]}
            if not counts["Nref"]:  # sed_eval then divides by the machine epsilon
                scores["error_rate"] = counts["Nsys"]
            row |= {f"{kind}_{score}": float(np.nan_to_num(scores[score])) for score in SCORES}
        rows.append(row)
    return pd.DataFrame(rows)


def match_events(reference, estimated, collars, collar_share):
    """Compare the true events of one file and class with the events found there.

    reference, estimated: onsets and offsets, (events, 2), s. Returns a row for every true event, with columns
    - 1 if it is matched, that is, if any found event overlaps it, else 0;
    - the distance from its onset to the nearest found onset, and from its offset to the nearest found offset, s, each
      at most the largest collar; 0 if it is not matched. A gap within a found event thus moves neither of its ends;
    - for each of the collars, s, 1 if it is a hit, else 0. A hit is off by at most the collar at its onset, and by at
      most the collar or its own length times `collar_share` at its offset. Events are paired so that the hits are as
      many as possible, as in sed_eval's EventBasedMetrics with optimal matching.
    """
    apart = np.abs(reference[:, None] - estimated)  # (reference, estimated, 2): of the onsets and of the offsets
    overlap = np.minimum(reference[:, None, 1], estimated[:, 1]) > np.maximum(reference[:, None, 0], estimated[:, 0])
    matched = overlap.any(axis=1, keepdims=True)
    hits = np.zeros((len(reference), len(collars)))
    for number, collar in enumerate(collars):
        tolerance = np.maximum(collar, collar_share * np.diff(reference))
        near = (apart[..., 0] <= collar) & (apart[..., 1] <= tolerance)
        rows, columns = linear_sum_assignment(near, maximize=True)
        hits[rows, number] = near[rows, columns]
    return np.hstack([matched, matched * apart.min(axis=1, initial=max(collars)), hits])
