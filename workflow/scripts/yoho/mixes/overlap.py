"""Overlap: sounds over one another. Clips fade into one another at joints, and further layers lie over the first.

A mix of this kind is made in layers, from 1 up. The first layer fills the mix, and its clips may overlap at their
joints. Every further layer holds clips with gaps between them. The level of such a clip is set over what lies beneath
it, as in Scaper (Salamon et al., "Scaper: A library for soundscape synthesis and augmentation", WASPAA 2017), which
also keeps every draw.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoho.recordings.splits import BACKGROUND

# Further columns of a plan: the layer of a clip; its level over what lies beneath it, dB, which the first layer lacks;
# and the time by which it begins before the end of the clip before it, s.
OVERLAP_COLUMNS = ["layer", "level", "fade"]

FRAME = 0.05  # s, of the measured levels
ACTIVE = 40  # dB: frames so far below the loudest one are no part of a sound
SILENCE = -120  # dBFS: the level of a class that is digital silence in a segment


@dataclass(frozen=True)
class Overlap:
    """How sounds overlap in mixes; ranges are [smallest, largest], and every value is drawn uniformly."""

    sounds: int  # at most at once, apart from the joints of the first layer
    level: tuple  # of a clip over what lies beneath it, dB
    gap: tuple  # before each clip of a further layer, s
    crossfade: tuple  # of two clips that follow one another in the first layer, s
    gain: float  # most by which a clip of a further layer is raised or lowered to reach its level, dB

    def joined(self, pieces, rng):
        """Yield the pieces of the first layer with their `fade`, which is at most half of either piece."""
        before = 0.0
        for piece in pieces:
            length = piece["source_offset"] - piece["source_onset"]
            yield piece | {"fade": np.floor(min(rng.uniform(*self.crossfade), before / 2, length / 2) * 1000) / 1000}
            before = length

    def over(self, plan, deal, rng, sample_rate):
        """Lay the further layers over a mix. Returns its plan with OVERLAP_COLUMNS, in the order of the onsets.

        plan: of the first layer, with the column `fade`; deal: endless clips of the further layers.
        """
        plan = plan.assign(layer=1, level=np.nan)
        for layer in range(2, self.sounds + 1):
            rows = pd.DataFrame(self.lay(plan, deal, rng, sample_rate))
            rows = rows.assign(filename=plan["filename"].iloc[0], layer=layer, fade=0.0)
            plan = pd.concat([plan, rows] if len(rows) else [plan])
            plan = plan.sort_values("onset", kind="stable", ignore_index=True)
        return plan[[*plan.columns.drop(OVERLAP_COLUMNS), *OVERLAP_COLUMNS]]

    def lay(self, plan, deal, rng, sample_rate):
        """Yield the rows of a layer over a plan, which is ordered by onset, up to the end of the mix.

        A clip waits until its class is silent beneath it for the whole of its length, and its gap is drawn again from
        there. So each second of a class belongs to one recording, and no clip of the deal is left out, but the one that
        reaches past the end.
        """

        def gap():
            return round(rng.uniform(*self.gap) * sample_rate)

        beneath = (plan[["onset", "offset"]] * sample_rate).round().astype(int)
        position, end = 0, beneath["offset"].max()  # samples
        while True:
            clip = next(deal)
            length = max(1, round((clip["source_offset"] - clip["source_onset"]) * sample_rate))
            position += gap()
            for onset, offset in beneath[plan["event_label"] == clip["event_label"]].to_numpy():
                if onset < position + length and position < offset:
                    position = int(offset) + gap()
            if position + length > end:
                return
            times = {"onset": position / sample_rate, "offset": (position + length) / sample_rate}
            yield clip | times | {"level": round(rng.uniform(*self.level), 2)}
            position += length


def mix_layers(plan, clips, sample_rate, gain):
    """The audio of a mix whose plan has OVERLAP_COLUMNS, (samples,), and its clips as they sound in it, a list.

    clips: the samples of each row, in its length; gain: most dB by which a clip of a further layer is raised or
    lowered. At a joint the powers of both clips add up to a constant. The level of a clip is the ratio of its RMS to
    that of what lies beneath it, in the time in which a class sounds there; see `active_rms`. A clip stays as it is
    over background alone, over digital silence, and if it is digital silence itself. A peak above 1 lowers the whole
    mix to the peak 1.
    """
    places = spans(plan, sample_rate)
    mix, sounds = np.zeros(max(end for _, end in places)), np.zeros(max(end for _, end in places), bool)
    fades = (plan["fade"] * sample_rate).round().astype(int).to_numpy()
    order = np.argsort(plan["layer"].to_numpy(), kind="stable")
    joints = dict(zip(order, np.append(fades[order[1:]], 0)))  # fade at the end of each clip, samples
    heard = [clip.astype(float) for clip in clips]
    for number in order:
        here, row = slice(*places[number]), plan.iloc[number]
        if row["layer"] == 1:
            heard[number] = faded(heard[number], fades[number], joints[number])
        elif sounds[here].any():
            beneath = mix[here][sounds[here]]
            heard[number] *= factor(heard[number], beneath, row["level"], gain, round(FRAME * sample_rate))
        mix[here] += heard[number]
        sounds[here] |= row["event_label"] != BACKGROUND
    peak = max(1.0, np.abs(mix).max())
    return mix / peak, [clip / peak for clip in heard]


def spans(plan, sample_rate):
    """First sample of each row of a plan, and the one after its last."""
    return [(round(row.onset * sample_rate), round(row.offset * sample_rate)) for row in plan.itertuples()]


def faded(clip, first, last):
    """A clip that fades in over its `first` samples and out over its `last`, by a quarter of a sine."""
    clip = clip.copy()
    clip[:first] *= np.sin(np.pi / 2 * (np.arange(first) + 0.5) / max(first, 1))
    clip[len(clip) - last :] *= np.cos(np.pi / 2 * (np.arange(last) + 0.5) / max(last, 1))
    return clip


def factor(clip, beneath, level, gain, frame):
    """The factor that brings a clip to `level` dB over what lies beneath it, of at most `gain` dB up or down."""
    own, other = active_rms(clip, frame), active_rms(beneath, frame)
    if own == 0 or other == 0:
        return 1.0
    return 10 ** (np.clip(level + 20 * np.log10(other / own), -gain, gain) / 20)


def active_rms(samples, frame):
    """RMS of a sound while it is active: in its frames that are at most ACTIVE dB below the loudest.

    frame: its length, samples. The rest of a sound after its last whole frame does not count.
    """
    frame = min(frame, len(samples))
    powers = (samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    return np.sqrt(powers[powers >= powers.max() * 10 ** (-ACTIVE / 10)].mean())


def class_levels(plan, heard, sample_rate, resolution):
    """Table of the levels of all classes of a mix: filename, segment (its number), event_label and level (dBFS).

    heard: from `mix_layers`; resolution: length of a segment, s. A level is the RMS of all clips of a class over the
    whole segment, so that a sound which fills half of it loses 3 dB. It is at least SILENCE.
    """
    places, rows = spans(plan, sample_rate), []
    length = max(end for _, end in places)
    numbers = np.arange(np.ceil(plan["offset"].max() * 1 / resolution), dtype=int)  # as in sed_eval, bit for bit
    edges = np.minimum(np.round(numbers * resolution * sample_rate).astype(int), length - 1)
    for event_label in sorted(set(plan["event_label"]) - {BACKGROUND}):
        samples = np.zeros(length)
        for number in np.flatnonzero(plan["event_label"] == event_label):
            samples[slice(*places[number])] += heard[number]
        powers = np.add.reduceat(samples**2, edges) / (resolution * sample_rate)
        levels = 10 * np.log10(np.maximum(powers, 10 ** (SILENCE / 10)))
        rows.append(pd.DataFrame({"segment": numbers, "event_label": event_label, "level": levels}))
    return pd.concat(rows).assign(filename=plan["filename"].iloc[0]) if rows else pd.DataFrame()
