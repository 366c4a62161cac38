"""Which trained network is taken where none is named."""

import json
from pathlib import Path
from typing import NamedTuple

from yoho import InputError

# What networks were trained on, by source: what is said of each, the likeliest to know the sounds of a file first.
MADE_OF = {
    "folder": "your own recordings",
    "bbc": "a collection's recordings",
    "esc50": "a collection's recordings",
    "synthetic": "built-in recordings",
    None: "recordings of an unknown source",
}


class Trained(NamedTuple):
    """A trained network: its run's folder, and what it was trained on.

    made_of: a value of MADE_OF; data: the dataset, or the variant of it, that it was trained and validated on; time:
    of its weights; f1: on that validation split.
    """

    folder: Path
    made_of: str
    data: str
    time: float
    f1: float

    def place(self):
        """Where its data stand among others, the first to be taken first: variants are for comparisons alone."""
        return list(MADE_OF.values()).index(self.made_of), "-" in self.data, -self.time


def best_run(results):
    """The run's folder under a folder of results whose network is taken where none is named, and why: (folder, reason).

    F1 can be compared within the data that it was measured on alone. So networks trained on the user's recordings go
    first, then those trained on other real ones; of several such datasets the one that was trained last; of its runs
    the one with the highest validation F1.
    Raises InputError where there is none, and says how to get one.
    """
    runs = sorted(trained(results), key=Trained.place)
    if not runs:
        raise InputError(f"{results}: holds no trained network; run `make`, or name one by its folder with --weights")
    first = runs[0]
    best = max((run for run in runs if run[1:3] == first[1:3]), key=lambda run: run.f1)
    others = {run.data: run.made_of for run in reversed(runs) if run.data != best.data}
    told = [
        f"{data}, which is {'a variant' if '-' in data else 'older'}"
        if made_of == best.made_of
        else f"{data}, which is made of {made_of}"
        for data, made_of in reversed(others.items())
    ]
    reason = f"the best of dataset {best.data} by validation F1, {best.f1:.2f}"
    return best.folder, f"{reason}; it was preferred to {', and to '.join(told)}" if told else reason


def trained(results):
    """Yield every run under a folder of results as `Trained`."""
    for path in Path(results).glob("*/runs/*/model.json"):
        try:
            description = json.loads(path.read_text())
            f1, time = float(description["validation"]["f1"]), path.with_name("weights.safetensors").stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, or another's file
        data = description.get("data")
        data = data if isinstance(data, dict) else {}
        if f1 >= 0:  # a number
            made_of = MADE_OF.get(str(data.get("source")), MADE_OF[None])
            yield Trained(path.parent, made_of, str(data.get("trained_on", path.parts[-4])), time, f1)
