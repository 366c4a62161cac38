"""Scores by what sounds at once: how many classes, and how much louder one is than the other.

Segments are grouped by the number of classes that sound at their middle. Those with two are also grouped by the
difference of the levels that these two have in the segment.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.scoring.segments import segment_counts
from yoho.scoring.tallies import f1, owners_at


class Group(NamedTuple):
    """Segments and classes that a score is computed from."""

    about: dict  # columns of the table: kind, sounds, level_from, level_to
    chosen: np.ndarray  # (segments, classes) bool
    score: object  # function of sums, (..., 4): true positives, references, predictions, minutes


@dataclass(frozen=True)
class Scene:
    """Test mixes with overlapping sounds.

    plan: with each recording's name replaced by its field recording; reference: table of the true events; levels: table
    of `yoho.mixes.overlap.class_levels`; resolution: length of a segment, s; edges: of the groups of level differences,
    dB. The last group has no upper edge.
    """

    plan: pd.DataFrame
    reference: pd.DataFrame
    levels: pd.DataFrame
    event_labels: list
    resolution: float
    edges: list

    @cached_property
    def durations(self):
        """{filename: length of the mix, s}."""
        return self.plan.groupby("filename")["offset"].max().to_dict()

    @cached_property
    def segments(self):
        """Table of all segments: filename, segment (its number in the mix), onset and offset, s, within the mix."""
        parts = []
        for duration in self.durations.values():
            numbers = np.arange(np.ceil(duration * 1 / self.resolution), dtype=int)
            times = numbers * self.resolution, np.minimum((numbers + 1) * self.resolution, duration)
            parts.append(pd.DataFrame(dict(zip(("segment", "onset", "offset"), (numbers, *times)))))
        return pd.concat(parts, keys=self.durations, names=["filename", None]).reset_index("filename")

    @cached_property
    def middles(self):
        """Middle of each segment, s, (segments,)."""
        return self.segments[["onset", "offset"]].mean(axis=1).to_numpy()

    @cached_property
    def recordings(self):
        """The class of each field recording, indexed by its name."""
        return self.plan.drop_duplicates("recording").set_index("recording")["event_label"].sort_index()

    @cached_property
    def owners(self):
        """The place in `recordings` of the one to which each class of a segment belongs, (segments, classes)."""
        found = owners_at(self.plan, self.segments["filename"].to_numpy(), self.middles, self.event_labels)[:, 1:]
        return self.recordings.index.get_indexer(found.ravel()).reshape(found.shape)

    @cached_property
    def sounding(self):
        """Which classes sound at the middle of each segment, (segments, classes) bool."""
        filenames, found = self.segments["filename"].to_numpy(), np.zeros((len(self.segments), len(self.event_labels)))
        for event in self.reference.itertuples():
            here = (filenames == event.filename) & (event.onset <= self.middles) & (self.middles < event.offset)
            found[here, self.event_labels.index(event.event_label)] = 1
        return found.astype(bool)

    @cached_property
    def differences(self):
        """Level of each of two sounds over the other, dB, (segments, classes); nan for any other number of sounds."""
        wide = self.levels.pivot(index=["filename", "segment"], columns="event_label", values="level")
        rows = pd.MultiIndex.from_frame(self.segments[["filename", "segment"]])
        levels = wide.reindex(index=rows, columns=self.event_labels).to_numpy()
        of_two = self.sounding & (self.sounding.sum(axis=1, keepdims=True) == 2)
        own = np.where(of_two, levels, np.nan)
        return 2 * own - np.nansum(own, axis=1, keepdims=True)

    def tallies(self, estimated, groups):
        """Sums of each group by field recording: (groups, recordings, 4); see `Group.score`."""
        counts = segment_counts(self.reference, estimated, self.durations, self.event_labels, self.resolution)
        places = pd.Index(self.durations).get_indexer(self.segments["filename"]), self.segments["segment"]
        counts = [counts[kind][places][:, 1:] for kind in ("true_positives", "references", "predictions")]
        minutes = np.zeros(self.owners.shape)
        minutes[:, 0] = (self.segments["offset"] - self.segments["onset"]) / 60  # once for each segment
        owners, size = self.owners.ravel(), len(self.recordings)
        return np.array(
            [
                [np.bincount(owners, (value * group.chosen).ravel(), size) for value in (*counts, minutes)]
                for group in groups
            ]
        ).transpose(0, 2, 1)

    def groups(self):
        """List of `Group`: segments by the number of sounds, and those with two sounds by their level difference."""
        sounds, groups = self.sounding.sum(axis=1), []
        for number in np.unique(sounds):
            about = {"kind": "f1" if number else "false_alarms", "sounds": number}
            groups.append(Group(about, self.every(sounds == number), f1 if number else false_alarms))
        apart = np.nan_to_num(np.abs(self.differences), nan=-1).max(axis=1)  # -1 where not two sound
        for low, high in zip(self.edges, [*self.edges[1:], np.inf]):
            here = (low <= apart) & (apart < high)
            about = {"sounds": 2, "level_from": low, "level_to": high if np.isfinite(high) else None}
            groups += [
                Group({"kind": "f1"} | about, self.every(here), f1),
                Group({"kind": "recall_louder"} | about, here[:, None] & (self.differences > 0), recall),
                Group({"kind": "recall_softer"} | about, here[:, None] & (self.differences < 0), recall),
            ]
        return [group for group in groups if group.chosen.any()]

    def every(self, segments):
        """All classes of some segments, (segments, classes) bool."""
        return np.broadcast_to(segments[:, None], self.sounding.shape)


def recall(sums):
    """Recall of sums (..., 4); see `Group.score`."""
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


def false_alarms(sums):
    """False positives a minute of the same, of segments at whose middle nothing sounds."""
    return (sums[..., 2] - sums[..., 0]) / np.maximum(sums[..., 3], 1e-9)
