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


@dataclass(frozen=True)
class Overlap:
    """How sounds overlap in mixes; ranges are [smallest, largest], and every value is drawn uniformly."""

    sounds: int  # at most at once, apart from the joints of the first layer
    level: tuple  # of a clip over what lies beneath it, dB
    gap: tuple  # before each clip of a further layer, s
    crossfade: tuple  # of two clips that follow one another in the first layer, s

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

        A clip waits until its class is silent beneath it for the whole of its length. So each second of a class belongs
        to one recording, and no clip of the deal is left out, but the one that reaches past the end.
        """
        spans = (plan[["onset", "offset"]] * sample_rate).round().astype(int)
        position, end = 0, spans["offset"].max()  # samples
        while True:
            clip = next(deal)
            length = max(1, round((clip["source_offset"] - clip["source_onset"]) * sample_rate))
            position += round(rng.uniform(*self.gap) * sample_rate)
            for onset, offset in spans[plan["event_label"] == clip["event_label"]].to_numpy():
                if onset < position + length and position < offset:
                    position = int(offset)
            if position + length > end:
                return
            times = {"onset": position / sample_rate, "offset": (position + length) / sample_rate}
            yield clip | times | {"level": round(rng.uniform(*self.level), 2)}
            position += length


def mix_layers(plan, clips, sample_rate):
    """The audio of a mix whose plan has OVERLAP_COLUMNS, (samples,); a peak above 1 lowers the whole mix to peak 1.

    clips: the samples of each row, in its length. At a joint the powers of both clips add up to a constant. The level
    of a clip is the ratio of its RMS to that of what lies beneath it, over the time in which a class sounds there. A
    clip over background alone, and a clip or a sound beneath it that is digital silence, leave the clip at its own
    level.
    """
    places = [(round(row.onset * sample_rate), round(row.offset * sample_rate)) for row in plan.itertuples()]
    mix, sounds = np.zeros(max(end for _, end in places)), np.zeros(max(end for _, end in places), bool)
    fades = (plan["fade"] * sample_rate).round().astype(int).to_numpy()
    order = np.argsort(plan["layer"].to_numpy(), kind="stable")
    joints = dict(zip(order, np.append(fades[order[1:]], 0)))  # fade at the end of each clip, samples
    for number in order:
        (start, end), row, clip = places[number], plan.iloc[number], clips[number].astype(float)
        here = slice(start, end)
        if row["layer"] == 1:
            clip = faded(clip, fades[number], joints[number])
        elif sounds[here].any():
            clip = clip * gain(clip[sounds[here]], mix[here][sounds[here]], row["level"])
        mix[here] += clip
        sounds[here] |= row["event_label"] != BACKGROUND
    return mix / max(1.0, np.abs(mix).max())


def faded(clip, first, last):
    """A clip that fades in over its `first` samples and out over its `last`, by a quarter of a sine."""
    clip = clip.copy()
    clip[:first] *= np.sin(np.pi / 2 * (np.arange(first) + 0.5) / max(first, 1))
    clip[len(clip) - last :] *= np.cos(np.pi / 2 * (np.arange(last) + 0.5) / max(last, 1))
    return clip


def gain(clip, beneath, level):
    """The factor that brings the RMS of a clip to `level` dB over that of what lies beneath it."""
    own, other = (np.sqrt(np.mean(samples**2)) for samples in (clip, beneath))
    return 10 ** (level / 20) * other / own if own > 0 and other > 0 else 1.0
