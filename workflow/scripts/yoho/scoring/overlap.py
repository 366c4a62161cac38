"""Scores by what sounds at once: how many classes, and how much louder one is than the other.

Segments are grouped by the number of classes that are active in them. Those with two are also grouped by the difference
of their levels, which the plan of the mix holds.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.scoring.segments import segment_counts
from yoho.scoring.tallies import begun_last, owners_at


class Group(NamedTuple):
    """Segments and classes that a score is computed from."""

    about: dict  # columns of the table: kind, sounds, level_from, level_to
    chosen: np.ndarray  # (segments, classes) bool
    score: object  # function of sums, (..., 4): true positives, references, predictions, minutes


@dataclass(frozen=True)
class Scene:
    """Test mixes with overlapping sounds.

    plan: with the columns of overlap, and each recording's name replaced by its field recording; reference: table of
    the true events; resolution: length of a segment, s; levels: edges of the groups of level differences, dB.
    """

    plan: pd.DataFrame
    reference: pd.DataFrame
    event_labels: list
    resolution: float
    levels: list

    def counts(self, estimated):
        """True positives, references and predictions of classes in segments within mixes, (3, segments, classes)."""
        durations = self.plan.groupby("filename")["offset"].max().to_dict()
        counts = segment_counts(self.reference, estimated, durations, self.event_labels, self.resolution)
        lengths = np.ceil([length * 1 / self.resolution for length in durations.values()])
        inside = np.arange(counts["errors"].shape[1]) < lengths[:, None]
        return np.stack([counts[kind][inside] for kind in ("true_positives", "references", "predictions")])[..., 1:]

    def middles(self):
        """The mix, (segments,), and the middle, s, of each segment within a mix."""
        lengths = self.plan.groupby("filename")["offset"].max()
        numbers = np.ceil(lengths * 1 / self.resolution).astype(int)
        middles = np.concatenate([(np.arange(number) + 0.5) * self.resolution for number in numbers])
        return np.repeat(lengths.index.to_numpy(), numbers), middles

    def tallies(self, estimated, groups):
        """Sums of each group by field recording: (groups, recordings, 4); see `Group.score`."""
        owners = pd.Index(self.recordings.index).get_indexer(
            owners_at(self.plan, *self.middles(), self.event_labels)[:, 1:].ravel()
        )
        counts = self.counts(estimated)
        minutes = np.zeros_like(counts[:1], float)
        minutes[..., 0] = self.resolution / 60  # once for each segment
        values = np.concatenate([counts, minutes])
        size = len(self.recordings)
        return np.array(
            [[np.bincount(owners, (value * group.chosen).ravel(), size) for value in values] for group in groups]
        ).transpose(0, 2, 1)

    @property
    def recordings(self):
        """The class of each field recording, indexed by its name."""
        return self.plan.drop_duplicates("recording").set_index("recording")["event_label"].sort_index()

    def groups(self):
        """List of `Group`: segments by the number of sounds, and those with two sounds by their level difference."""
        active = self.counts(self.reference)[1] > 0
        sounds, levels = active.sum(axis=1), self.level_differences(active)
        groups = []
        for number in np.unique(sounds):
            about = {"kind": "f1" if number else "false_alarms", "sounds": number}
            groups.append(Group(about, every(sounds == number, active), f1 if number else false_alarms))
        apart = np.nan_to_num(np.abs(levels), nan=-1).max(axis=1)  # -1 where it is unknown
        for low, high in zip(self.levels, self.levels[1:]):
            here = (low <= apart) & ((apart < high) | ((apart == high) & (high == self.levels[-1])))
            about = {"sounds": 2, "level_from": low, "level_to": high}
            groups += [
                Group({"kind": "f1"} | about, every(here, active), f1),
                Group({"kind": "recall_louder"} | about, here[:, None] & (levels > 0), recall),
                Group({"kind": "recall_softer"} | about, here[:, None] & (levels < 0), recall),
            ]
        return [group for group in groups if group.chosen.any()]

    def level_differences(self, active):
        """Level of each of two sounds over the other, dB, (segments, classes); nan where it is unknown.

        It is known where two classes are active, (segments, classes), and clips of both sound at the segment's middle
        in different layers. The upper one has the level of the plan, and the lower one its negative.
        """
        filenames, times = self.middles()
        layers, levels = np.zeros(active.shape, int), np.zeros(active.shape)
        for filename, rows in self.plan.groupby("filename"):
            here = np.flatnonzero(filenames == filename)
            for column, event_label in enumerate(self.event_labels):
                own = rows[rows["event_label"] == event_label]
                if len(own):
                    place, sounds = begun_last(own, times[here])
                    layers[here[sounds], column] = own["layer"].to_numpy()[place[sounds]]
                    levels[here[sounds], column] = own["level"].to_numpy()[place[sounds]]
        upper = layers == layers.max(axis=1, keepdims=True)
        known = (active.sum(axis=1) == 2) & (active == (layers > 0)).all(axis=1) & (upper.sum(axis=1) == 1)
        level = np.where(upper, levels, 0).sum(axis=1, keepdims=True)
        return np.where(known[:, None] & active, np.where(upper, level, -level), np.nan)


def every(segments, active):
    """All classes of some segments, (segments, classes) bool."""
    return np.broadcast_to(segments[:, None], active.shape)


def f1(sums):
    """F1 of sums (..., 4); see `Group.score`."""
    return 2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)


def recall(sums):
    """Recall of the same."""
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


def false_alarms(sums):
    """Predictions a minute of the same, of segments in which nothing sounds."""
    return sums[..., 2] / np.maximum(sums[..., 3], 1e-9)
