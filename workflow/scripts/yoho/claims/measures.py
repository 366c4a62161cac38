"""What the claims measure: scores, losses, errors and learning curves of arms, and the differences between arms."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.curves import area_under_curve, gain_over_seeds, trained
from yoho.claims.statistics import (
    Estimate,
    crossed,
    deviates_of,
    estimated,
    interval,
    over_seeds,
    p_equivalent,
    p_largest_apart,
    seed_deviates,
    smallest_margin,
)
from yoho.scoring.records import KEYS, read_record
from yoho.scoring.segments import COUNTS, rates
from yoho.scoring.tallies import OVERALL

# ---- records ---------------------------------------------------------------------------------------------------------


def read_records(paths, test=None):
    """Read the records of runs that were tested on the same data: ({run: Record}, names of the runs left out).

    test: digest of the plan and events of the test mixes; if it is None, every record counts.
    """
    records = [read_record(path) for path in paths]
    found = {record.about["run"]: record for record in records}
    counting = {run: record for run, record in found.items() if test in (None, record.about["test"])}
    return counting, sorted(found.keys() - counting.keys())


# ---- arms ------------------------------------------------------------------------------------------------------------

EXPOSURE = ("windows_seen", "mixes", "recordings")


class Arm(NamedTuple):
    """Networks of one setting: one network per training seed, all tested on the same recordings."""

    label: str
    seeds: list
    tallies: np.ndarray  # (seeds, recordings, 1 + classes, kinds): all classes together, then each class
    strata: np.ndarray  # (recordings,): the class that each recording holds
    event_labels: list
    histories: list  # one table per seed, with a row per epoch
    kinds: list  # names of the last axis of the tallies
    exposure: dict  # the windows seen, mixes and recordings of one seed's training: the fewest of all seeds
    planned: list  # the seeds that are to be trained in the end

    @classmethod
    def from_tables(cls, label, tallies, histories):
        """Build an arm from a table of tallies and a history per seed; raises KeyError if their recordings differ.

        Recordings are sorted by name, so that the arms of one test set are aligned. The seeds are numbered from 0, and
        no others are planned.
        """
        event_labels = [name for name in tallies[0]["event_label"].unique() if name != OVERALL]
        kinds = tallies[0].columns.drop(KEYS).tolist()
        index = pd.MultiIndex.from_product([sorted(tallies[0]["recording"].unique()), [OVERALL, *event_labels]])
        counts = [table.set_index(["recording", "event_label"]).loc[index, kinds].to_numpy(float) for table in tallies]
        classes = tallies[0].drop_duplicates("recording").set_index("recording")["recording_label"]
        strata = classes.loc[index.levels[0]].to_numpy()
        shape = (len(tallies), len(strata), 1 + len(event_labels), len(kinds))
        seeds = list(range(len(tallies)))
        return cls(label, seeds, np.stack(counts).reshape(shape), strata, event_labels, histories, kinds, {}, seeds)

    @classmethod
    def from_records(cls, label, records):
        """Build an arm from the records of its runs, {seed: `yoho.scoring.records.Record`}. It may have no seed yet."""
        if not records:
            return cls(label, [], np.empty((0, 0, 1, 0)), np.empty(0), [], [], [], {}, [])
        about, histories, tallies = (list(part) for part in zip(*records.values()))
        exposure = {key: min(own["exposure"][key] for own in about) for key in EXPOSURE}
        seeds = list(records)
        return cls.from_tables(label, tallies, histories)._replace(seeds=seeds, exposure=exposure, planned=seeds)

    @classmethod
    def of_runs(cls, records, label, runs):
        """Build an arm from those of its planned runs, {seed: run}, that have a record; records: {run: Record}."""
        there = {seed: records[run] for seed, run in runs.items() if run in records}
        return cls.from_records(label, there)._replace(planned=list(runs))

    def of_seeds(self, seeds):
        """The arm with some of its seeds, in this order."""
        places = [self.seeds.index(seed) for seed in seeds]
        histories = [self.histories[place] for place in places] if self.histories else []
        return self._replace(seeds=list(seeds), tallies=self.tallies[places], histories=histories)

    def overall(self):
        """The arm without the tallies of single classes."""
        return self._replace(tallies=self.tallies[:, :, :1])


def aligned(arms):
    """The arms with the seeds that all of them have, in the order of the first."""
    shared = [seed for seed in arms[0].seeds if all(seed in arm.seeds for arm in arms)]
    return [arm.of_seeds(shared) for arm in arms]


# ---- scores ----------------------------------------------------------------------------------------------------------

LOSSES = {
    "data_loss": ("presence_loss", "regression_loss"),
    "presence_loss": ("presence_loss",),
    "regression_loss": ("regression_loss",),
}


def score_function(name, kinds, bins=1):
    """Function from summed tallies, (..., 1 + classes, kinds), to a score, (..., 1 + classes).

    name: f1, precision, recall or error_rate of segments; a key of LOSSES, per window of `bins` bins; matches, the
    share of true events that are matched; onset_error or offset_error, the mean distance of a matched event's onset or
    offset from that of what was found, in ms; or hits_COLLAR, the event-based F1 with this collar. An error without
    any matched event is nan.
    """

    def total(sums, *names):
        return sum(sums[..., kinds.index(kind)] for kind in names)

    def score(sums):
        if name in LOSSES:
            return bins * share(total(sums, *LOSSES[name]), total(sums, "bins"))
        if name in ("onset_error", "offset_error"):
            return 1000 * share(total(sums, name), total(sums, "matches"))
        if name == "matches":
            return share(total(sums, name), total(sums, "event_references"))
        if name.startswith("hits_"):
            return 2 * share(total(sums, name), total(sums, "event_references", "event_predictions"))
        return rates(*(total(sums, kind) for kind in COUNTS))[name]

    return score


def share(part, whole):
    """part / whole; nan where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0)


def overall_score(name, kinds, bins=1):
    """Function from summed tallies, (..., 1 + classes, kinds), to a score over all classes, (...)."""
    score = score_function(name, kinds, bins)
    return lambda sums: score(sums[..., 0, :])


def class_scores(name, kinds):
    """Function from summed tallies, (..., 1 + classes, kinds), to the score of each class, (..., classes)."""
    score = score_function(name, kinds)
    return lambda sums: score(sums[..., 1:, :])


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

    def smallest_margin(self, level):
        """The smallest margin at which both estimates show equality; nan if one has no interval."""
        return float(np.max([smallest_margin(estimate, level) for estimate in self if estimate is not None]))

    def interval(self, level):
        """Confidence interval that holds those of both estimates: (low, high).

        With one seed, it is that over recordings alone.
        """
        ends = [interval(estimate, level) for estimate in self if estimate is not None]
        if self.seeds.seeds == 1:
            return ends[-1]
        return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


NOTHING = Measurement(over_seeds([]), None)  # of arms that share no seed


class Joint(NamedTuple):
    """Several quantities of the same arms: a measurement of each, and the joint deviates of both kinds of estimates."""

    measured: list
    deviates: list  # of (values, errors, deviates)

    def weakest(self, margin):
        """The place of the quantity on which "each is within `margin` of 0" hangs: that with the largest p-value.

        Of several, and where no p-value is known, it is the one that is farthest from 0.
        """
        p = np.nan_to_num([quantity.p(p_equivalent, margin) for quantity in self.measured], nan=2)
        return int(np.lexsort(([abs(quantity.seeds.value) for quantity in self.measured], p))[-1])

    def p(self, margin):
        """p-value of "all quantities are within `margin` of 0": the larger of the two, because both must pass."""
        return float(np.max([p_largest_apart(*part, margin) for part in self.deviates]))


def crossed_counts(quantity, arms):
    """Tallies of aligned arms, (seeds, recordings, kinds of all), and the function from their sums to a quantity."""
    tallies = np.stack([arm.tallies for arm in arms], axis=2)
    seeds, recordings, *shape = tallies.shape

    def score(sums):
        return quantity(*np.moveaxis(sums.reshape(*sums.shape[:-1], *shape), -3, 0))

    return tallies.reshape(seeds, recordings, -1), score


def measure(quantity, arms, claims):
    """Measure a quantity of arms, on the seeds that all of them have.

    quantity: function from each arm's summed tallies, (..., 1 + classes, kinds), to (...).
    """
    arms = aligned(arms)
    if not arms[0].seeds:
        return NOTHING
    counts, score = crossed_counts(quantity, arms)
    return Measurement(over_seeds(score(counts.sum(axis=1))), estimated(counts, score, arms[0].strata, claims))


def measure_jointly(quantities, arms, claims):
    """Measure several quantities of arms, which share a seed, on the seeds that all of them have: a `Joint`.

    quantities: function from each arm's summed tallies, (..., 1 + classes, kinds), to (..., quantities).
    """
    arms = aligned(arms)
    counts, score = crossed_counts(quantities, arms)
    rng = np.random.default_rng(claims["seed"])
    both = crossed(counts, score, arms[0].strata, rng, claims["replicates"])
    estimates = zip(both.values.tolist(), both.errors.tolist(), both.freedoms.tolist())
    measured = [
        Measurement(over_seeds(scores), Estimate(*estimate, *counts.shape[:2]))
        for scores, estimate in zip(both.scores.T, estimates)
    ]
    return Joint(measured, [seed_deviates(both.scores, rng, claims["replicates"]), deviates_of(both, rng)])


def score_difference(name, first, second, claims, bins=1):
    """Score of `first` minus that of `second`, over all classes."""
    score = overall_score(name, first.kinds, bins)
    return measure(lambda a, b: score(a) - score(b), [first.overall(), second.overall()], claims)


# ---- effects: differences of pairs of arms, in the measures that have a margin ---------------------------------------


def areas(arm):
    """Mean validation F1 over the windows seen, (seeds,)."""
    return np.array([area_under_curve(history["f1"], history["windows_seen"]) for history in arm.histories])


def pair_effects(name, kinds):
    """Function from summed tallies of arms, pair after pair, to the effect in each pair, (..., pairs).

    name: f1, for the F1 of the first less that of the second; or data_loss, for this difference as a share of the
    second's loss.
    """
    score = overall_score(name, kinds)

    def effects(*sums):
        first, second = (np.stack([score(own) for own in sums[side::2]], axis=-1) for side in (0, 1))
        return share(first - second, second) if name == "data_loss" else first - second

    return effects


def effects_by_seed(name, pairs):
    """The effect in each pair of arms, (seeds, pairs), on the seeds that all of them have; name: also area."""
    arms = aligned([arm for pair in pairs for arm in pair])
    if not arms[0].seeds:
        return np.empty((0, len(pairs)))
    if name == "area":
        of_arms = np.stack([areas(arm) for arm in arms], axis=-1)
        return of_arms[:, ::2] - of_arms[:, 1::2]
    return pair_effects(name, arms[0].kinds)(*(arm.tallies.sum(axis=1) for arm in arms))


def mean_effect(name, pairs, claims):
    """Measure the mean effect over pairs of arms: see `pair_effects` and `effects_by_seed`."""
    if name == "area":
        return Measurement(over_seeds(effects_by_seed(name, pairs).mean(axis=1)), None)
    arms = [arm.overall() for pair in pairs for arm in pair]
    effects = pair_effects(name, arms[0].kinds)
    return measure(lambda *sums: effects(*sums).mean(axis=-1), arms, claims)


def effects_jointly(name, pairs, claims, centred=False):
    """Measure the effects in all pairs of arms, which share a seed: a `Joint`.

    centred: of the effects less their mean; of two pairs, for which these are one quantity, it is their difference.
    """

    def own(effects):
        if centred and effects.shape[-1] == 2:
            return effects[..., :1] - effects[..., 1:]
        return effects - effects.mean(axis=-1, keepdims=True) if centred else effects

    if name == "area":
        by_seed, rng = own(effects_by_seed(name, pairs)), np.random.default_rng(claims["seed"])
        measured = [Measurement(over_seeds(values), None) for values in by_seed.T]
        return Joint(measured, [seed_deviates(by_seed, rng, claims["replicates"])])
    arms = [arm.overall() for pair in pairs for arm in pair]
    effects = pair_effects(name, arms[0].kinds)
    return measure_jointly(lambda *sums: own(effects(*sums)), arms, claims)


# ---- training --------------------------------------------------------------------------------------------------------


def training_row(arm, claims):
    """How far an arm is trained: a dictionary.

    label; n_seeds; last_f1: validation F1 after the last epoch, the mean over seeds; gain, with its interval low and
    high: the change of validation F1 if the windows seen were doubled; trained: yes, no or unclear.
    """
    gain = gain_over_seeds(arm.histories)
    low, high = interval(gain, 1 - 2 * claims["level"])
    last = float(np.mean([history["f1"].iloc[-1] for history in arm.histories])) if arm.histories else np.nan
    row = {"label": arm.label, "n_seeds": len(arm.seeds), "last_f1": last, "gain": gain.value, "low": low, "high": high}
    return row | {"trained": trained(arm.histories, **claims["trained"], level=claims["level"])}


def untrained(arms, claims):
    """A phrase with the labels of the arms that are not trained, and one with those for which this is unclear."""
    states = {arm.label: training_row(arm, claims)["trained"] for arm in arms if arm.seeds}
    phrases = []
    for answer, words in (("no", "not trained"), ("unclear", "unclear whether trained")):
        labels = [label for label, state in states.items() if state == answer]
        phrases += [f"{words}: {', '.join(labels)}"] if labels else []
    return phrases
