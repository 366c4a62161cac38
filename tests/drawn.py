"""Made-up clips, and mixes planned from them."""

from functools import partial

import numpy as np
import pandas as pd

from yoho.mixes.planning import deal_clips, draw_clips, plan_mix

RATE = 44100
DURATION = (55, 127)
LONGEST = 10


def clips_of(lengths):
    """Made-up clips: {class: lengths in seconds}."""
    rows = [
        (label, f"{label}-{number}", f"{label}-{number}.wav", 0.0, length)
        for label, own in lengths.items()
        for number, length in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])


def random_clips(seed, classes=6, count=9):
    rng = np.random.default_rng(seed)
    return clips_of({f"class-{number}": rng.uniform(0.3, LONGEST, count) for number in range(classes)})


def plan(clips, seed, duration=DURATION, rate=RATE):
    draw = partial(deal_clips, rng=np.random.default_rng(seed), duration=duration, longest=LONGEST)
    return plan_mix(clips, "mix.flac", rate, draw)


def plan_as_released(clips, seed, count=12):
    return plan_mix(clips, "mix.flac", RATE, partial(draw_clips, rng=np.random.default_rng(seed), count=count))
