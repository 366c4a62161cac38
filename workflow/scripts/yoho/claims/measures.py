"""What the claims measure: scores, losses and convergence of arms, and the differences between two arms."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.statistics import Estimate, epochs_to_converge, is_trained, over_seeds, over_seeds_and_recordings
from yoho.scoring.segments import rates
from yoho.scoring.tallies import KINDS, OVERALL

# ---- arms ------------------------------------------------------------------------------------------------------------


class Arm(NamedTuple):
    """Networks of one setting: one network per training seed, all tested on the same recordings."""

    label: str
    tallies: np.ndarray  # (seeds, recordings, 1 + classes, kinds): all classes together, then each class
    strata: np.ndarray  # (recordings,): the class that each recording holds
    event_labels: list
    histories: list  # one table per seed, with a row per epoch

    @classmethod
    def from_tables(cls, label, tallies, histories):
        """Build an arm from a table of tallies and a history per seed; raises KeyError if their recordings differ.

        Recordings are sorted by name, so that the arms of one test set are aligned.
        """
        event_labels = [name for name in tallies[0]["event_label"].unique() if name != OVERALL]
        index = pd.MultiIndex.from_product([sorted(tallies[0]["recording"].unique()), [OVERALL, *event_labels]])
        counts = [table.set_index(["recording", "event_label"]).loc[index, KINDS].to_numpy(float) for table in tallies]
        classes = tallies[0].drop_duplicates("recording").set_index("recording")["recording_label"]
        strata = classes.loc[index.levels[0]].to_numpy()
        shape = (len(tallies), len(strata), 1 + len(event_labels), len(KINDS))
        return cls(label, np.stack(counts).reshape(shape), strata, event_labels, histories)


def untrained_labels(arms, claims):
    """Labels of the arms whose validation F1, averaged over seeds, fails `is_trained`."""
    curves = [np.mean([history["f1"] for history in arm.histories], axis=0) for arm in arms]
    return [arm.label for arm, curve in zip(arms, curves) if not is_trained(curve, **claims["trained"])]


# ---- scores ----------------------------------------------------------------------------------------------------------


def score_function(name, bins=1):
    """Function from summed tallies, (..., 1 + classes, kinds), to a score, (..., 1 + classes).

    name: f1, precision, recall, error_rate, or data_loss (per window of `bins` bins).
    """
    if name == "data_loss":
        return lambda sums: bins * sums[..., KINDS.index("data_loss")] / np.maximum(sums[..., KINDS.index("bins")], 1)
    return lambda sums: rates(*np.moveaxis(sums[..., :4], -1, 0))[name]


def overall_score(name, bins=1):
    """Function from summed tallies, (..., 1 + classes, kinds), to a score over all classes, (...)."""
    return lambda sums: score_function(name, bins)(sums)[..., 0]


def class_scores(name):
    """Function from summed tallies, (..., 1 + classes, kinds), to the score of each class, (..., classes)."""
    return lambda sums: score_function(name)(sums)[..., 1:]


# ---- measurements ----------------------------------------------------------------------------------------------------


class Measurement(NamedTuple):
    """Two estimates of one quantity: over seeds (recordings held fixed), and over seeds and recordings.

    `crossed` is None for a quantity that is not computed from recordings.
    """

    seeds: Estimate
    crossed: Estimate | None

    def p(self, test, *margin):
        """The larger p-value of the two estimates, because both must pass the test; nan if one has no p-value."""
        return float(np.max([test(estimate, *margin) for estimate in self if estimate is not None]))

    def negated(self):
        """The measurement of the opposite difference."""
        return Measurement(*(estimate and estimate._replace(value=-estimate.value) for estimate in self))


def measure(quantity, arms, claims):
    """Measure a quantity of arms: a function from each arm's summed tallies, (..., 1 + classes, kinds), to (...)."""
    tallies = np.stack([arm.tallies for arm in arms], axis=2)
    seeds, recordings, *shape = tallies.shape

    def score(sums):
        return quantity(*np.moveaxis(sums.reshape(*sums.shape[:-1], *shape), -3, 0))

    counts = tallies.reshape(seeds, recordings, -1)
    rng = np.random.default_rng(claims["seed"])
    crossed = over_seeds_and_recordings(counts, score, arms[0].strata, rng, claims["replicates"])
    return Measurement(over_seeds(score(counts.sum(axis=1))), crossed)


def score_difference(name, first, second, claims, bins=1):
    """Score of `first` minus that of `second`, over all classes."""
    score = overall_score(name, bins)
    return measure(lambda a, b: score(a) - score(b), [first, second], claims)


def with_penalty(arm, bins):
    """The arm with the L2 penalty added to its data loss: the penalty of the epoch whose weights are tested."""
    order = {"by": ["f1", "valid_data_loss"], "ascending": [False, True], "kind": "stable"}
    penalties = [history.sort_values(**order)["valid_penalty"].iloc[0] for history in arm.histories]
    tallies = arm.tallies.copy()
    # The loss of a window is `bins` times the summed loss over the number of bins, so this adds the penalty to it.
    tallies[..., KINDS.index("data_loss")] += (
        np.array(penalties)[:, None, None] / bins * tallies[..., KINDS.index("bins")]
    )
    return arm._replace(tallies=tallies)


def convergence_times(arm, share):
    """Epochs to converge as a share of all epochs, (seeds,): see `epochs_to_converge`."""
    return np.array([epochs_to_converge(history["f1"], share) / len(history) for history in arm.histories])


def convergence_difference(first, second, share):
    """Epochs to converge of `first` minus those of `second`, as a share of all epochs.

    The variance of rounding to whole epochs is added: a sixth of a squared epoch for a difference.
    """
    estimate = over_seeds(convergence_times(first, share) - convergence_times(second, share))
    rounding = 1 / len(first.histories[0]) / np.sqrt(6 * estimate.seeds)
    return Measurement(estimate._replace(error=float(np.hypot(estimate.error, rounding))), None)
