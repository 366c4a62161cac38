"""Tallies: the sums from which scores are computed, by field recording, because a test set is a sample of recordings.

Every scored segment and every bin belongs to the recording that sounds at its middle.
"""

import numpy as np
import pandas as pd
import torch

from yoho.scoring.segments import COUNTS, segment_counts
from yoho.windows.loss import bin_losses

KINDS = [*COUNTS, "data_loss", "bins"]
OVERALL = "overall"


def field_recordings(plan, recordings):
    """The plan with each recording's name replaced by its field recording: its `group` in the table of recordings."""
    groups = recordings.set_index("recording")["group"]
    return plan.assign(recording=plan["recording"].map(groups))


def recording_tallies(scorer, outputs, targets, estimated, plan):
    """Table of the sums from which a network's scores and loss are computed, by recording.

    scorer: a `segments.Scorer`; outputs, targets: (windows, bins, 3 * classes), or None, without which the sums of
    losses are missing; estimated: table of the events found; plan: from `field_recordings`. A recording has a row for
    each class, and one for all classes together. Columns: recording, recording_label (the class that it holds),
    event_label (the class that is scored), and KINDS. Sums over recordings give `segment_scores`, and the data loss of
    all bins within a mix.
    """
    names = [OVERALL, *scorer.decoder.event_labels]
    segments = segment_tallies(scorer, estimated, plan, names)
    table = segments.assign(data_loss=np.nan, bins=np.nan)
    if outputs is not None:
        table = segments.join(bin_tallies(scorer, outputs, targets, plan, names), how="outer").fillna(0.0)
    table = table.reset_index()
    labels = plan.drop_duplicates("recording").set_index("recording")["event_label"]
    table.insert(1, "recording_label", table["recording"].map(labels))
    return table[["recording", "recording_label", "event_label", *KINDS]]


def segment_tallies(scorer, estimated, plan, names):
    """Sums of the COUNTS of segments, by recording and event_label; names: the event_labels."""
    durations, resolution = scorer.durations, scorer.resolution
    counts = segment_counts(scorer.reference, estimated, durations, scorer.decoder.event_labels, resolution)
    segments = counts["errors"].shape[1]
    middles = np.tile((np.arange(segments) + 0.5) * resolution, len(durations))
    recordings = recordings_at(plan, np.repeat(list(durations), segments), middles)
    return sums_by_recording({kind: count.reshape(-1, len(names)) for kind, count in counts.items()}, recordings, names)


def bin_tallies(scorer, outputs, targets, plan, names):
    """Sums of the data loss of the bins within the mixes, and numbers of these bins, by recording and event_label."""
    windows = scorer.windows
    losses = bin_losses(torch.from_numpy(outputs), torch.from_numpy(targets)).numpy()
    count, bins, _ = losses.shape
    middles = windows["onset"].to_numpy()[:, None] + (np.arange(bins) + 0.5) * scorer.decoder.window_length / bins
    inside = (middles < windows["mix_duration"].to_numpy()[:, None]).ravel()
    losses = np.dstack([losses.sum(axis=-1), losses]).reshape(count * bins, -1)[inside]
    filenames = np.repeat(windows["filename"].to_numpy(), bins)[inside]
    recordings = recordings_at(plan, filenames, middles.ravel()[inside])
    return sums_by_recording({"data_loss": losses, "bins": np.ones_like(losses)}, recordings, names)


def recordings_at(plan, filenames, times):
    """The recordings that sound in mixes at some times, (n,); after a mix's end, its last recording."""
    recordings = np.empty(len(times), dtype=object)
    for filename, rows in plan.groupby("filename"):
        here = filenames == filename
        place = np.searchsorted(rows["onset"].to_numpy(), times[here], side="right") - 1
        recordings[here] = rows["recording"].to_numpy()[place]
    return recordings


def sums_by_recording(values, recordings, names):
    """Sums of {kind: (n, names)} by recording (n,): a table of kinds, indexed by recording and event_label."""
    tables = {kind: pd.DataFrame(rows, columns=names).groupby(recordings).sum() for kind, rows in values.items()}
    return pd.DataFrame({kind: table.stack() for kind, table in tables.items()}).rename_axis(
        ["recording", "event_label"]
    )
