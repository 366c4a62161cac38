"""Statements about arms, each with its test, and how the tests decide: supported, contradicted or undecided.

All tests are one-sided at the config's level. A test must be significant both over seeds, with the recordings held
fixed, and over seeds and recordings, so its p-value is the larger of the two.
"""

from typing import NamedTuple

import numpy as np

from yoho.claims.measures import EXPOSURE, NOTHING, Measurement, untrained
from yoho.claims.power import equivalence_power
from yoho.claims.statistics import holm, interval, over_seeds, p_above, p_equivalent

SUPPORTED, CONTRADICTED, UNDECIDED, UNTESTABLE = "supported", "contradicted", "undecided", "not testable here"
SHOWN = "shown"  # the verdict of a row that only informs
EFFECTS = {"f1": "F1", "data_loss": "data loss as a share", "area": "area under the validation curve of F1"}  # in words
NEITHER = "neither the statement nor its contrary is significant"

# ---- statements ------------------------------------------------------------------------------------------------------


class Statement(NamedTuple):
    """A statistic in words, its measurement on some arms, and the p-values of its test and of its refutation."""

    statistic: str
    measured: Measurement
    arms: list
    test: str = "none"
    p: float = np.nan
    p_refutation: float = np.nan
    smallest_margin: float = np.nan  # at which an equivalence would be supported
    undecided: str = NEITHER  # the reason if it stays undecided
    note: str = ""  # added to any reason


def above(untested, margin):
    """The statement "more than `margin`"; "less than `margin`" refutes it."""
    p, p_refutation = untested.measured.p(p_above, margin), untested.measured.negated().p(p_above, -margin)
    return untested._replace(test=f"more than {margin:g}", p=p, p_refutation=p_refutation)


def below(untested, margin):
    """The statement "less than `margin`"; "more than `margin`" refutes it."""
    p, p_refutation = untested.measured.negated().p(p_above, -margin), untested.measured.p(p_above, margin)
    return untested._replace(test=f"less than {margin:g}", p=p, p_refutation=p_refutation)


def between(untested, low, high):
    """The statement "more than `low`, but less than `high`"; "less than `low`" and "more than `high`" refute it."""
    parts = above(untested, low), below(untested, high)
    p, p_refutation = (np.array([getattr(part, name) for part in parts]) for name in ("p", "p_refutation"))
    refuted = float(np.minimum(1, 2 * p_refutation.min()))
    return untested._replace(test=f"between {low:g} and {high:g}", p=float(p.max()), p_refutation=refuted)


def equivalent(untested, margin, claims, measure_name="f1"):
    """The statement "equal within `margin`" (two one-sided tests); "apart by more than `margin`" refutes it.

    measure_name: a key of `claims.expected_deviation`.
    """
    measured, seeds = untested.measured, untested.measured.seeds.seeds
    power = equivalence_power(margin, claims["expected_deviation"][measure_name], seeds, claims["level"])
    undecided = "neither equality nor a larger difference is significant; "
    undecided += f"the power of {seeds} seeds is {power:.2f} at most"
    p, p_refutation = measured.p(p_equivalent, margin), p_apart(measured, margin)
    statement = untested._replace(test=f"equal within {margin:g}", p=p, p_refutation=p_refutation)
    return statement._replace(smallest_margin=measured.smallest_margin(claims["level"]), undecided=undecided)


def all_equivalent(names, joint, arms, margin, claims):
    """The statement that each of several quantities, a `Joint`, is equal to 0 within `margin`.

    names: the statistics in words. The statement shows the quantity with the largest p-value, because it holds if the
    test of each is significant (an intersection-union test). That not all are within the margin, by their joint
    distribution, refutes it.
    """
    place = joint.weakest(margin)
    smallest = float(np.max([quantity.smallest_margin(claims["level"]) for quantity in joint.measured]))
    statement = Statement(names[place], joint.measured[place], arms, f"equal within {margin:g}")
    p = statement.measured.p(p_equivalent, margin)
    return statement._replace(p=p, p_refutation=joint.p(margin), smallest_margin=smallest)


def p_apart(measured, margin):
    """p-value of "the true value is within `margin` of 0": two-sided."""
    both = [measured.p(p_above, margin), measured.negated().p(p_above, margin)]
    return float(np.minimum(1, 2 * np.min(both)))


# ---- decisions -------------------------------------------------------------------------------------------------------


def decide(statements, claims, shown=()):
    """Rows of the table of claims, one for each statement of a claim, and then one for each that is only shown.

    All statements of a claim must hold (an intersection-union test), so each is tested at the full level. A single
    refutation contradicts the claim, so the p-values of the refutations are adjusted by Holm's method.
    """
    adjusted = holm([statement.p_refutation for statement in statements])
    rows = [table_row(statement, p_refutation, claims) for statement, p_refutation in zip(statements, adjusted)]
    return rows + [shown_row(statement, claims) for statement in shown]


def table_row(statement, p_refutation, claims):
    """A row of the table of claims; p_refutation: the adjusted p-value of the refutation."""
    (seeds, crossed), confidence = statement.measured, 1 - 2 * claims["level"]
    verdict, reason = verdict_on(statement, p_refutation, claims)
    low, high = statement.measured.interval(confidence)
    low_seeds, high_seeds = interval(seeds, confidence)
    arms = statement.arms if seeds.seeds else []
    return {
        "statistic": statement.statistic,
        "estimate": seeds.value,
        "low": low,
        "high": high,
        "low_seeds": low_seeds,
        "high_seeds": high_seeds,
        "test": statement.test,
        "p": statement.p,
        "p_refutation": p_refutation,
        "smallest_margin": statement.smallest_margin,
        "n_seeds": seeds.seeds,
        "n_planned": planned(statement.arms),
        "n_recordings": crossed.recordings if crossed else 0,
        **{f"training_{key}": min((arm.exposure.get(key, 0) for arm in arms), default=0) for key in EXPOSURE},
        "verdict": verdict,
        "reason": "; ".join(filter(None, [reason, statement.note])),
    }


def planned(arms):
    """The number of seeds that all arms are to have in the end; 0 without any arm."""
    return len(set.intersection(*(set(arm.planned) for arm in arms))) if arms else 0


def obstacles(statement, claims):
    """What keeps a statement from being decided: a list of phrases."""
    seeds = statement.measured.seeds.seeds
    if seeds == 0:
        return ["no seed has trained " + {1: "it", 2: "both"}.get(len(statement.arms), "all")]
    found = ["one seed: the variation between seeds is unknown"] if seeds == 1 else []
    return found + untrained(statement.arms, claims)


def verdict_on(statement, p_refutation, claims):
    """The verdict and its reason. A comparison stays undecided unless all of its networks are known to be trained."""
    if found := obstacles(statement, claims):
        return UNDECIDED, "; ".join(found)
    if np.isnan(statement.p):
        return UNDECIDED, "a score or its error is unknown"
    if p_refutation < claims["level"]:
        return CONTRADICTED, f"the contrary is significant (p = {p_refutation:.2g})"
    return (SUPPORTED, "") if statement.p < claims["level"] else (UNDECIDED, statement.undecided)


def shown_row(statement, claims):
    """A row without a part in the verdict."""
    row = table_row(statement, np.nan, claims)
    reason = "; ".join([*obstacles(statement, claims), *filter(None, [statement.note])])
    return row | {"test": "none", "p": np.nan, "verdict": SHOWN, "reason": reason}


def untested_row(statistic, test, claims, value=np.nan):
    """A row about numbers that are no measurement; the caller replaces its verdict and reason."""
    measured = NOTHING._replace(seeds=over_seeds([])._replace(value=value))
    return table_row(Statement(statistic, measured, [], test), np.nan, claims)
