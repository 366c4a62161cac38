"""Tallies: the sums from which scores are computed, by field recording, because a test set is a sample of recordings.

Every class of a scored segment or of a bin, and every event, belongs to the recording of that class that sounds at its
middle. If none of that class sounds there, it belongs to the recording that began last of those that sound, as false
alarms do. What cannot be divided among classes, which is the errors of a segment and the number of bins, belongs to
that recording too. As long as one sound follows another, one recording owns all classes.
"""

import numpy as np
import pandas as pd
import torch

from yoho.events import merge_events
from yoho.scoring.events import match_events
from yoho.scoring.segments import COUNTS, rates, segment_counts
from yoho.windows.loss import bin_losses

LOSSES = ["presence_loss", "regression_loss", "bins"]
INDIVISIBLE = ["errors", "bins"]
EVENTS = ["event_references", "event_predictions", "matches", "onset_error", "offset_error"]
OVERALL = "overall"


def kinds(collars):
    """Names of the sums in a table of tallies: COUNTS of segments, LOSSES, EVENTS, and the hits at each collar (s)."""
    return [*COUNTS, *LOSSES, *EVENTS, *(f"hits_{collar:g}" for collar in collars)]


def f1(sums):
    """F1 of sums (..., kinds), whose first kinds are true positives, references and predictions; 0 if undefined.

    It stands here because the code of `yoho.scoring.segments`, where `rates` is, belongs to what shapes weights: a new
    function there would end all unfinished trainings.
    """
    return rates(*np.moveaxis(sums, -1, 0)[:3], errors=0)["f1"]


def field_recordings(plan, recordings):
    """The plan with each recording's name replaced by its field recording: its `group` in the table of recordings."""
    groups = recordings.set_index("recording")["group"]
    return plan.assign(recording=plan["recording"].map(groups))


def recording_tallies(scorer, outputs, targets, estimated, plan, *, tolerances):
    """Table of the sums from which a network's scores and losses are computed, by recording.

    scorer: a `segments.Scorer`; outputs, targets: (windows, bins, 3 * classes), or None, without which the LOSSES are
    missing; estimated: table of the events found; plan: from `field_recordings`; tolerances: those of `match_events`.
    A recording has a row for all classes together, and one for each class.
    Columns: recording, recording_label (the class that it holds), event_label (the class that is scored), and `kinds`.
    Sums over recordings give `segment_scores`, sed_eval's event-based counts, and the losses of all bins within a mix.
    Errors of onsets and offsets are sums over the true events that are matched, s. A change of these sums needs another
    `yoho.scoring.records.TALLIES`.
    """
    names = [OVERALL, *scorer.decoder.event_labels]
    tables = [segment_tallies(scorer, estimated, plan, names), event_tallies(scorer, estimated, plan, tolerances)]
    if outputs is not None:
        tables.append(bin_tallies(scorer, outputs, targets, plan, names))
    labels = plan.drop_duplicates("recording").set_index("recording")["event_label"].sort_index()
    rows = pd.MultiIndex.from_product([labels.index, names], names=["recording", "event_label"])
    sums = pd.concat([table.reindex(rows, fill_value=0.0) for table in tables], axis=1)
    table = sums.reindex(columns=kinds(tolerances["collars"])).reset_index()
    table.insert(1, "recording_label", table["recording"].map(labels))
    return table


def segment_tallies(scorer, estimated, plan, names):
    """Sums of the COUNTS of segments, by recording and event_label; names: the event_labels."""
    durations, resolution = scorer.durations, scorer.resolution
    counts = segment_counts(scorer.reference, estimated, durations, scorer.decoder.event_labels, resolution)
    segments = counts["errors"].shape[1]
    middles = np.tile((np.arange(segments) + 0.5) * resolution, len(durations))
    owners = owners_at(plan, np.repeat(list(durations), segments), middles, names[1:])
    return sums_by_recording({kind: count.reshape(-1, len(names)) for kind, count in counts.items()}, owners, names)


def bin_tallies(scorer, outputs, targets, plan, names):
    """Sums of the losses of the bins within the mixes, and numbers of these bins, by recording and event_label."""
    windows = scorer.windows
    parts = bin_losses(torch.from_numpy(outputs), torch.from_numpy(targets))
    losses = np.stack([part.numpy() for part in parts])  # (parts, windows, bins, classes)
    bins = losses.shape[2]
    middles = windows["onset"].to_numpy()[:, None] + (np.arange(bins) + 0.5) * scorer.decoder.window_length / bins
    inside = middles < windows["mix_duration"].to_numpy()[:, None]
    losses = np.concatenate([losses.sum(axis=-1, keepdims=True), losses], axis=-1)[:, inside]
    filenames = windows["filename"].to_numpy()[np.nonzero(inside)[0]]
    owners = owners_at(plan, filenames, middles[inside], names[1:])
    return sums_by_recording(dict(zip(LOSSES, (*losses, np.ones_like(losses[0])))), owners, names)


def event_tallies(scorer, estimated, plan, tolerances):
    """Sums of EVENTS and of hits, by recording and event_label; touching events of one class are merged first.

    Matches, their errors and hits belong to the recording of the true event.
    """
    tables = merge_events(scorer.reference), merge_events(estimated)
    collars = tolerances["collars"]
    times = [table[["onset", "offset"]].to_numpy(float) for table in tables]
    true, found = (table.groupby(["filename", "event_label"]).indices for table in tables)
    results = np.zeros((len(times[0]), 3 + len(collars)))
    for lane in true.keys() & found.keys():
        results[true[lane]] = match_events(times[0][true[lane]], times[1][found[lane]], tolerances)
    references, predictions, *others = names = kinds(collars)[len(COUNTS + LOSSES) :]
    reference = tables[0].assign(**{references: 1.0} | dict(zip(others, results.T)))
    events = pd.concat([reference, tables[1].assign(**{predictions: 1.0})])
    labels = scorer.decoder.event_labels
    owners = owners_at(plan, events["filename"].to_numpy(), np.concatenate(times).mean(axis=1), labels)
    own = 1 + pd.Index(labels).get_indexer(events["event_label"])
    events = events.assign(recording=owners[np.arange(len(events)), own])
    events = pd.concat([events, events.assign(event_label=OVERALL)])
    return events.groupby(["recording", "event_label"])[names].sum()


def owners_at(plan, filenames, times, event_labels):
    """The recordings to which times in mixes belong, (n, 1 + classes).

    The first column holds the recording that began last of those that sound; after a mix's end, it is the last one. The
    others hold for each class its recording that sounds at that time, or else the same as the first.
    """
    owners = np.empty((len(times), 1 + len(event_labels)), dtype=object)
    for filename, rows in plan.groupby("filename"):
        here = np.flatnonzero(filenames == filename)
        place, _ = begun_last(rows, times[here])
        owners[here] = rows["recording"].to_numpy()[place, None]
        for column, event_label in enumerate(event_labels, start=1):
            own = rows[rows["event_label"] == event_label]
            if len(own):
                place, sounds = begun_last(own, times[here])
                owners[here[sounds], column] = own["recording"].to_numpy()[place[sounds]]
    return owners


def begun_last(rows, times):
    """For times (n,): the place of the row that began last of those that sound, and whether any sounds, (n,) bool.

    Where none sounds, the row that began last stands there. rows: of the plan of one mix, ordered by onset.
    """
    onset, offset = rows["onset"].to_numpy(), rows["offset"].to_numpy()
    sounding = (onset <= times[:, None]) & (times[:, None] < offset)  # (n, rows)
    last = len(rows) - 1 - sounding[:, ::-1].argmax(axis=1)
    sounds = sounding.any(axis=1)
    place = np.where(sounds, last, np.searchsorted(onset, times, side="right") - 1)
    return place, sounds


def sums_by_recording(values, owners, names):
    """Sums of {kind: (n, names)} by recording: a table of kinds, indexed by recording and event_label.

    owners: (n, names), from `owners_at`. The first of the names stands for all classes together. Of its values, a
    recording gets the parts of the classes that it owns, except of those that are INDIVISIBLE.
    """
    codes, recordings = pd.factorize(owners.ravel())
    codes = codes.reshape(owners.shape)
    apart = codes[:, 1:] != codes[:, :1]  # where a class belongs to another recording than the one that began last
    tables = {}
    for kind, rows in values.items():
        total, parts, keys = rows[:, 0], rows[:, 1:], codes[:, 0]
        if kind not in INDIVISIBLE and apart.any():
            total = np.concatenate([total - np.where(apart, parts, 0).sum(axis=1), parts[apart]])
            keys = np.concatenate([keys, codes[:, 1:][apart]])
        columns = [(total, keys), *zip(parts.T, codes[:, 1:].T)]
        tables[kind] = pd.concat([pd.Series(column).groupby(own).sum() for column, own in columns], axis=1, keys=names)
    tables = {kind: table.fillna(0).set_axis(recordings[table.index]).stack() for kind, table in tables.items()}
    return pd.DataFrame(tables).rename_axis(["recording", "event_label"])
