"""What is measured on arms: networks of one setting, one per seed, tested on the same recordings."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.statistics import Estimate, epochs_to_converge, over_recordings, over_seeds, trained
from yoho.scoring.segments import rates
from yoho.scoring.tallies import KINDS, OVERALL

WORDS = {"f1": "F1", "data_loss": "data loss as a share", "epochs": "epochs to converge as a share"}


# ---- arms and what is measured on them -------------------------------------------------------------------------------


class Arm(NamedTuple):
    """Networks of one setting: tallies (seeds, recordings, 1 + classes, kinds), histories a table per seed."""

    label: str
    tallies: np.ndarray
    strata: np.ndarray  # (recordings,): class of each recording
    event_labels: list
    histories: list


def gather(label, tallies, histories):
    """An Arm from the tables of its seeds, in the order of the seeds."""
    event_labels = [name for name in tallies[0]["event_label"].unique() if name != OVERALL]
    index = pd.MultiIndex.from_product([sorted(tallies[0]["recording"].unique()), [OVERALL, *event_labels]])
    counts = [table.set_index(["recording", "event_label"]).loc[index, KINDS].to_numpy(float) for table in tallies]
    names = tallies[0].drop_duplicates("recording").set_index("recording")["recording_label"]
    strata = names.loc[index.levels[0]].to_numpy()
    shape = (len(tallies), len(strata), 1 + len(event_labels), len(KINDS))
    return Arm(label, np.stack(counts).reshape(shape), strata, event_labels, histories)


def score_of(name, bins=1):
    """A score as a function of summed tallies, (..., 1 + classes, kinds) to (..., 1 + classes).

    name: f1, precision, recall, error_rate, or data_loss (per window of `bins` bins).
    """
    if name == "data_loss":
        return lambda sums: bins * sums[..., KINDS.index("data_loss")] / np.maximum(sums[..., KINDS.index("bins")], 1)
    return lambda sums: rates(*np.moveaxis(sums[..., :4], -1, 0))[name]


def overall(name, bins=1):
    """A score over all classes, (..., 1 + classes, kinds) to (...)."""
    return lambda sums: score_of(name, bins)(sums)[..., 0]


def per_class(name):
    """A score of each class, (..., 1 + classes, kinds) to (..., classes)."""
    return lambda sums: score_of(name)(sums)[..., 1:]


# ---- findings --------------------------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """One statistic and what is known of it: over seeds alone, and over seeds and recordings (None: no such unit)."""

    seeds: Estimate
    crossed: Estimate | None

    def p(self, test, *margin):
        """The larger p-value of the two: a test passes only where it passes for both; nan where one has none."""
        return float(np.max([test(estimate, *margin) for estimate in self if estimate is not None]))


def measure(statistic, arms, claims):
    """The Finding of a statistic of some arms: a function of their sums, each (..., 1 + classes, kinds), to (...)."""
    tallies = np.stack([arm.tallies for arm in arms], axis=2)
    seeds, recordings, *shape = tallies.shape

    def score(sums):
        return statistic(*np.moveaxis(sums.reshape(*sums.shape[:-1], *shape), -3, 0))

    counts = tallies.reshape(seeds, recordings, -1)
    rng = np.random.default_rng(claims["seed"])
    crossed = over_recordings(counts, score, arms[0].strata, rng, claims["replicates"])
    return Finding(over_seeds(score(counts.sum(axis=1))), crossed)


def difference(name, first, second, claims, bins=1):
    """`first` less `second` in one score over all classes."""
    score = overall(name, bins)
    return measure(lambda a, b: score(a) - score(b), [first, second], claims)


def relative_loss(first, second, claims):
    """Data loss of `first` less that of `second`, as a share of that of `second`."""
    loss = overall("data_loss")
    return measure(lambda a, b: loss(a) / loss(b) - 1, [first, second], claims)


def with_penalty(arm, bins):
    """The arm with its penalty in the data loss: that of each seed's best epoch, the one whose weights are tested."""
    order = {"by": ["f1", "valid_data_loss"], "ascending": [False, True], "kind": "stable"}
    penalties = [history.sort_values(**order)["valid_penalty"].iloc[0] for history in arm.histories]
    tallies = arm.tallies.copy()
    # The loss is `bins` times the summed loss over the summed bins: this adds the penalty to it.
    tallies[..., KINDS.index("data_loss")] += (
        np.array(penalties)[:, None, None] / bins * tallies[..., KINDS.index("bins")]
    )
    return arm._replace(tallies=tallies)


def convergence(arm, share):
    """Epochs to converge as a share of the epochs, (seeds,)."""
    return np.array([epochs_to_converge(history["f1"], share) / len(history) for history in arm.histories])


def converging(first, second, share):
    """Epochs to converge of `first` less those of `second`, as a share of the epochs.

    They come in whole epochs, which hides differences below one: the variance of that rounding, a sixth of an
    epoch squared for a difference, is added.
    """
    found = over_seeds(convergence(first, share) - convergence(second, share))
    rounding = 1 / len(first.histories[0]) / np.sqrt(6 * found.seeds)
    return Finding(found._replace(error=float(np.hypot(found.error, rounding))), None)


def untrained(arms, claims):
    """Labels of the arms whose validation F1, the mean over seeds, is not high and flat at its end."""
    curves = [np.mean([history["f1"] for history in arm.histories], axis=0) for arm in arms]
    return [arm.label for arm, curve in zip(arms, curves) if not trained(curve, **claims["trained"])]
