"""Scores told apart by recording: the field recording, not the second, is what a test set is a sample of.

Every scored segment, and every bin, belongs to the recording that sounds beneath its middle.
"""

import numpy as np
import pandas as pd
import torch

from yoho.scoring.segments import COUNTS, mix_durations, segment_counts
from yoho.windows.loss import bin_losses

KINDS = [*COUNTS, "data_loss", "bins"]
OVERALL = "overall"


def field_recordings(plan, recordings):
    """The plan with the field recording, the `group` of the table of recordings, in place of the file's name."""
    groups = recordings.set_index("recording")["group"]
    return plan.assign(recording=plan["recording"].map(groups))


def recording_tallies(outputs, targets, estimated, reference, windows, plan, event_labels, window_length, resolution):
    """What a network's scores and loss are ratios of, by recording.

    outputs, targets: (windows, bins, 3 * classes); estimated, reference: tables of events; windows: the table
    of that name; plan: that of `field_recordings`. Returns a table with a row per recording and class, and one
    for all classes together: recording, recording_label (the class that it holds), event_label (the class that
    is scored), and KINDS. Summed over recordings they give `segment_scores`, and the data loss of all bins
    within a mix.
    """
    durations = mix_durations(windows)
    counts = segment_counts(reference, estimated, durations, event_labels, resolution)
    segments = counts["hits"].shape[1]
    middles = np.tile((np.arange(segments) + 0.5) * resolution, len(durations))
    names = [OVERALL, *event_labels]
    scored = tally(
        beneath(plan, np.repeat(list(durations), segments), middles),
        {kind: count.reshape(-1, len(names)) for kind, count in counts.items()},
        names,
    )
    losses = bin_losses(torch.from_numpy(outputs), torch.from_numpy(targets)).numpy()
    count, bins, _ = losses.shape
    middles = windows["onset"].to_numpy()[:, None] + (np.arange(bins) + 0.5) * window_length / bins
    inside = (middles < windows["mix_duration"].to_numpy()[:, None]).ravel()
    losses = np.dstack([losses.sum(axis=-1), losses]).reshape(count * bins, -1)[inside]
    fitted = tally(
        beneath(plan, np.repeat(windows["filename"].to_numpy(), bins)[inside], middles.ravel()[inside]),
        {"data_loss": losses, "bins": np.ones_like(losses)},
        names,
    )
    table = scored.join(fitted, how="outer").fillna(0.0).reset_index()
    labels = plan.drop_duplicates("recording").set_index("recording")["event_label"]
    table.insert(1, "recording_label", table["recording"].map(labels))
    return table[["recording", "recording_label", "event_label", *KINDS]]


def beneath(plan, filenames, times):
    """The recording that sounds in a mix at a time, (n,): the last one where the time is past the end."""
    recordings = np.empty(len(times), dtype=object)
    for filename, rows in plan.groupby("filename"):
        here = filenames == filename
        place = np.searchsorted(rows["onset"].to_numpy(), times[here], side="right") - 1
        recordings[here] = rows["recording"].to_numpy()[place]
    return recordings


def tally(recordings, counts, names):
    """Sums by recording: counts {kind: (n, names)} to a table indexed by recording and event_label."""
    sums = {kind: pd.DataFrame(count, columns=names).groupby(recordings).sum() for kind, count in counts.items()}
    return pd.DataFrame({kind: table.stack() for kind, table in sums.items()}).rename_axis(["recording", "event_label"])
