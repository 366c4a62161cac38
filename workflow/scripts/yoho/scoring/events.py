"""Segment-based and event-based scores, computed by sed_eval."""

import numpy as np
import pandas as pd

from yoho.events import merge_events
from yoho.scoring.segments import SCORES


def sed_eval_scores(reference, estimated, durations, event_labels, *, resolution, collar, collar_share):
    """Table of segment-based and event-based scores: a row for "overall" and one per class.

    reference, estimated: tables of events, in which touching events of one class are merged first; durations:
    {filename: evaluated length, s}; resolution: length of a segment, s; collar: tolerance of onsets and offsets, s;
    collar_share: an offset may also be off by this share of the event's length.
    """
    import sed_eval

    by_segment = sed_eval.sound_event.SegmentBasedMetrics(list(event_labels), time_resolution=resolution)
    by_event = sed_eval.sound_event.EventBasedMetrics(
        list(event_labels), t_collar=collar, percentage_of_length=collar_share, event_matching_type="optimal"
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
