"""Choose a network if the user names none: a trained one, or the ear."""

import json
from pathlib import Path
from typing import NamedTuple

# Origins of training data (`Source.origin`). The first is likely to resemble a user's files most, the last least.
ORIGINS = ("your own recordings", "a collection's recordings", "built-in recordings")
UNKNOWN = "recordings of an unknown source"
REAL = ORIGINS[:2]

EAR = "ear"  # its folder in the results


class TrainedRun(NamedTuple):
    """A trained network.

    folder: its run's folder; origin: one of ORIGINS, or UNKNOWN; data: the dataset, or the variant of a dataset, that
    it was trained and validated on; time: modification time of its weights; f1: its validation F1.
    """

    folder: Path
    origin: str
    data: str
    time: float
    f1: float


def choose_network(results):
    """The network to use if none is named: (its folder, the reason). The ear's folder may not exist yet.

    results: the folder of results. A network that was trained on real recordings is preferred to the ear, and the ear
    to any other network.
    """
    ear = Path(results, EAR)
    best = best_run(results)
    if best is None:
        return ear, "the ear, because no network is trained"
    run, reason = best
    if run.origin in REAL:
        return run.folder, f"{reason}; it comes before the ear"
    return ear, f"the ear; it was preferred to {run.folder}, which was trained on {run.origin}"


def best_run(results):
    """The best `TrainedRun` and the reason, or None if no network is trained.

    results: the folder of results. F1 is comparable only between networks that were validated on the same data.
    Therefore the origin of the data decides first, in the order of ORIGINS. Of the datasets of one origin, the one that
    was trained last is used, and of its runs the one with the highest validation F1.
    """
    origins = (*ORIGINS, UNKNOWN)
    # Variants of datasets, which serve comparisons only, come after datasets.
    runs = sorted(trained_runs(results), key=lambda run: (origins.index(run.origin), "-" in run.data, -run.time))
    if not runs:
        return None
    first = runs[0]
    best = max((run for run in runs if (run.origin, run.data) == (first.origin, first.data)), key=lambda run: run.f1)
    others = {run.data: run.origin for run in reversed(runs) if run.data != best.data}
    reasons = [
        f"{data}, which is {'a variant' if '-' in data else 'older'}"
        if origin == best.origin
        else f"{data}, which consists of {origin}"
        for data, origin in reversed(others.items())
    ]
    reason = f"the best of dataset {best.data} by validation F1, {best.f1:.2f}"
    return best, f"{reason}; it was preferred to {', and to '.join(reasons)}" if reasons else reason


def trained_runs(results):
    """Yield a `TrainedRun` for every run in a folder of results."""
    for path in Path(results).glob("*/runs/*/model.json"):
        try:
            description = json.loads(path.read_text())
            f1, time = float(description["validation"]["f1"]), path.with_name("weights.safetensors").stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, or not written by this workflow
        data = description.get("data")
        data = data if isinstance(data, dict) else {}
        if f1 >= 0:  # false for NaN
            origin = data.get("origin") if data.get("origin") in ORIGINS else UNKNOWN
            yield TrainedRun(path.parent, origin, str(data.get("trained_on", path.parts[-4])), time, f1)
