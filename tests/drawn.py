"""Made-up clips, and mixes planned from them."""

import numpy as np
import pandas as pd

from yoho.mixes.planning import Drawing

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


def plan_split(clips, seed, mixes, **changes):
    """The plans of a split's mixes, as described but for some changes of the drawing."""
    described = {"draw": "deal", "dealt": "mix", "duration": DURATION, "longest": LONGEST, "count": 12}
    drawing = Drawing(**described | {"background": None, "overlap": None} | changes)
    return list(drawing.plan(clips, [f"mix-{index}.flac" for index in range(mixes)], [seed], RATE))


def plan(clips, seed, **changes):
    """The plan of a split's only mix."""
    return plan_split(clips, seed, 1, **changes)[0]


def plan_as_released(clips, seed, **changes):
    return plan(clips, seed, draw="replace", **changes)
