"""The claims of the paper, each decided by the statistic that the config states for it.

Arms are compared by measurements (see `measures`). A test must be significant both over seeds, with the recordings held
fixed, and over seeds and recordings, so its p-value is the larger of the two.
"""

from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.measures import (
    Measurement,
    class_scores,
    convergence_difference,
    measure,
    overall_score,
    score_difference,
    untrained_labels,
    with_penalty,
)
from yoho.claims.statistics import Estimate, equivalence_power, holm, interval, p_above, p_equivalent

SUPPORTED, CONTRADICTED, UNDECIDED, UNTESTABLE = "supported", "contradicted", "undecided", "not testable here"
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
    undecided: str = NEITHER  # the reason if it stays undecided
    equivalence: bool = False


def above(untested, margin):
    """The statement "more than `margin`"; "less than `margin`" refutes it."""
    p, p_refutation = untested.measured.p(p_above, margin), untested.measured.negated().p(p_above, -margin)
    return untested._replace(test=f"more than {margin:g}", p=p, p_refutation=p_refutation)


def equivalent(untested, margin, claims, measure_name="f1"):
    """The statement "equal within `margin`" (two one-sided tests); "apart by more than `margin`" refutes it.

    measure_name: a key of `claims.expected_deviation`.
    """
    measured, seeds = untested.measured, untested.measured.seeds.seeds
    power = equivalence_power(margin, claims["expected_deviation"][measure_name], seeds, claims["level"])
    undecided = "neither equality within the margin nor a larger difference is significant; "
    undecided += f"the power of {seeds} seeds is {power:.2f} at most"
    p, p_refutation = measured.p(p_equivalent, margin), p_apart(measured, margin)
    statement = untested._replace(test=f"equal within {margin:g}", p=p, p_refutation=p_refutation)
    return statement._replace(undecided=undecided, equivalence=True)


def slightly_above(untested, slight):
    """The statement "more than 0, but less than `slight`"; "less than 0" and "more than `slight`" refute it."""
    statement, measured = above(untested, 0), untested.measured
    p_below = measured.negated().p(p_above, -slight)
    p_refutation = min(1.0, 2 * min(statement.p_refutation, measured.p(p_above, slight)))
    p = float(np.maximum(statement.p, p_below))
    return statement._replace(test=f"between 0 and {slight:g}", p=p, p_refutation=p_refutation)


def balanced(arm, claims):
    """The statement that all classes have an equal F1 within the margin; its row shows the largest difference."""
    f1, margin, pairs = class_scores("f1"), claims["C4"]["margin"], list(combinations(range(len(arm.event_labels)), 2))

    def difference(first, second):
        return measure(lambda sums: f1(sums)[..., first] - f1(sums)[..., second], [arm], claims)

    measured = [difference(*pair) for pair in pairs]
    widest = int(np.argmax([abs(of_pair.seeds.value) for of_pair in measured]))
    first, second = (arm.event_labels[index] for index in pairs[widest])
    statistic = f"F1 of {first} less {second}, the farthest apart of all classes, {arm.label}"
    statement = equivalent(Statement(statistic, measured[widest], [arm]), margin, claims)
    p = float(np.max([of_pair.p(p_equivalent, margin) for of_pair in measured]))
    p_refutation = np.min(holm([p_apart(of_pair, margin) for of_pair in measured]))
    return statement._replace(p=p, p_refutation=p_refutation, undecided=NEITHER)


def p_apart(measured, margin):
    """p-value of "the true value is within `margin` of 0": two-sided."""
    return min(1.0, 2 * min(measured.p(p_above, margin), measured.negated().p(p_above, margin)))


def score_beside_others(score, chosen, sums):
    """Score of one class minus the mean of the others: sums (..., 1 + classes, kinds) to (...)."""
    values = class_scores(score)(sums)
    return values[..., chosen] - np.delete(values, chosen, axis=-1).mean(axis=-1)


# ---- decisions -------------------------------------------------------------------------------------------------------


def decide(statements, claims):
    """Rows of the table of claims, one per statement of a claim.

    All statements of a claim must hold (an intersection-union test), so each is tested at the full level. A single
    refutation contradicts the claim, so the p-values of the refutations are adjusted by Holm's method.
    """
    adjusted = holm([statement.p_refutation for statement in statements])
    return [table_row(statement, p_refutation, claims) for statement, p_refutation in zip(statements, adjusted)]


def table_row(statement, p_refutation, claims):
    """A row of the table of claims; p_refutation: the adjusted p-value of the refutation."""
    (seeds, crossed), confidence = statement.measured, 1 - claims["level"]
    verdict, reason = verdict_on(statement, p_refutation, claims)
    low_seeds, high_seeds = interval(seeds, confidence)
    low, high = interval(crossed, confidence) if crossed else (low_seeds, high_seeds)
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
        "n_seeds": seeds.seeds,
        "n_recordings": crossed.recordings if crossed else 0,
        "verdict": verdict,
        "reason": reason,
    }


def verdict_on(statement, p_refutation, claims):
    """The verdict and its reason. If an arm is not trained to the end, an equivalence stays undecided."""
    untrained = untrained_labels(statement.arms, claims)
    caveat = f"not trained to the end: {', '.join(untrained)}" if untrained else ""
    if statement.measured.seeds.seeds < 2:
        return UNDECIDED, "one seed: the variation between seeds is unknown"
    if statement.equivalence and caveat:
        return UNDECIDED, caveat
    if p_refutation < claims["level"]:
        return CONTRADICTED, "; ".join(filter(None, ["the contrary is significant", caveat]))
    if statement.p < claims["level"]:
        return SUPPORTED, caveat
    return UNDECIDED, "; ".join(filter(None, [statement.undecided, caveat]))


def untested_row(statistic, test, claims, value=np.nan):
    """A row without a test; the caller replaces its verdict and reason."""
    measured = Measurement(Estimate(value, np.nan, 0, 0, 0), None)
    return table_row(Statement(statistic, measured, [], test), np.nan, claims)


# ---- claims ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """The results by which the claims are decided."""

    arms: dict  # {role: Arm}
    cells: list  # of (label, arm with the mask in one place, arm without it): the mask study
    sizes: pd.DataFrame  # the table of networks
    networks: dict  # {role: (backbone, mask, masking)}, the keys of `sizes`
    source: str  # of the dataset
    bins: int  # of a window


def f1_difference(first, second, claims):
    """F1 of `first` minus that of `second`, as an untested `Statement`."""
    measured = score_difference("f1", first, second, claims)
    return Statement(f"F1, {first.label} less {second.label}", measured, [first, second])


def claim_1(evidence, claims):
    """EfficientNet's F1 is comparable to YOHO's."""
    difference = f1_difference(evidence.arms["proposed"], evidence.arms["baseline"], claims)
    return decide([equivalent(difference, claims["C1"]["margin"], claims)], claims)


def claim_2(evidence, claims):
    """EfficientNet's loss is lower than YOHO's: the data loss alone, and the loss with L2."""
    arms, bins = evidence.arms, evidence.bins
    plain = [arms["baseline"], arms["proposed"]]
    penalised = [arms["penalised_baseline"], arms["penalised_proposed"]]
    data = score_difference("data_loss", *plain, claims, bins)
    reported = score_difference("data_loss", *(with_penalty(arm, bins) for arm in penalised), claims, bins)
    names = f"{plain[0].label} less {plain[1].label}"
    differences = [
        Statement(f"data loss per window, {names}", data, plain),
        Statement(f"loss per window with L2, both trained with it, {names}", reported, penalised),
    ]
    return decide([above(difference, 0) for difference in differences], claims)


def claim_3(evidence, claims):
    """VGGish is clearly worse than both others."""
    arms, margin = evidence.arms, claims["C3"]["margin"]
    pairs = [(arms["baseline"], arms["vggish"]), (arms["proposed"], arms["vggish"])]
    return decide([above(f1_difference(*pair, claims), margin) for pair in pairs], claims)


def claim_4(evidence, claims):
    """Classes are balanced; rainforest is slightly better, and car less precise.

    The statements about rainforest and car are about the recordings of one source; on others they are only measured.
    """
    arms, source = [evidence.arms[role] for role in ("baseline", "vggish", "proposed")], claims["C4"]["source"]
    balance = [balanced(arm, claims) for arm in arms if len(arm.event_labels) > 1]
    single = [statement for arm in arms for statement in about_single_classes(arm, claims)]
    if evidence.source == source and single:
        return decide(balance + single, claims)
    rows, reason = decide(balance, claims), f"a claim about recordings of source {source}"
    if not single:
        missing = {"verdict": UNTESTABLE, "reason": f"{reason}; this dataset has neither class"}
        return [*rows, untested_row("rainforest and car", "none", claims) | missing]
    for row in decide(single, claims):
        rows.append(row | {"verdict": UNTESTABLE, "reason": f"{reason}; on these: {row['verdict']}"})
    return rows


def about_single_classes(arm, claims):
    """Yield the statements about rainforest and car, if the dataset has these classes."""
    if "rainforest" in arm.event_labels:
        quantity = partial(score_beside_others, "f1", arm.event_labels.index("rainforest"))
        statistic = f"rainforest's F1 less the others' mean, {arm.label}"
        yield slightly_above(Statement(statistic, measure(quantity, [arm], claims), [arm]), claims["C4"]["slight"])
    if "car" in arm.event_labels:
        quantity = partial(score_beside_others, "precision", arm.event_labels.index("car"))
        statistic = f"the others' mean precision less car's, {arm.label}"
        yield above(Statement(statistic, measure(quantity, [arm], claims).negated(), [arm]), 0)


def claim_5(evidence, claims):
    """The mask changes neither F1, nor data loss, nor epochs to converge, in any cell."""
    margins, statements, loss = claims["C5"]["margin"], [], overall_score("data_loss")
    for label, *pair in evidence.cells:
        measured = {
            ("f1", "F1"): score_difference("f1", *pair, claims),
            ("data_loss", "data loss as a share"): measure(lambda a, b: loss(a) / loss(b) - 1, pair, claims),
            ("epochs", "epochs to converge as a share"): convergence_difference(*pair, claims["converged"]),
        }
        for (name, words), difference in measured.items():
            untested = Statement(f"{words}, {label} less none", difference, pair)
            statements.append(equivalent(untested, margins[name], claims, name))
    return decide(statements, claims)


def claim_6(evidence, claims):
    """The improvement is due to EfficientNet, not to the mask: the two differences side by side."""
    baseline, plain, masked = (evidence.arms[role] for role in ("baseline", "unmasked", "proposed"))
    backbone, mask = f1_difference(plain, baseline, claims), f1_difference(masked, plain, claims)
    return decide([above(backbone, 0), equivalent(mask, claims["C6"]["margin"], claims)], claims)


def claim_7(evidence, claims):
    """EfficientNet has fewer parameters: arithmetic on the table of networks, without a test.

    VGGish as described and VGGish as released are two different networks; both are compared.
    """
    counts = evidence.sizes.set_index(["backbone", "mask", "masking"])["parameters"]
    labels = {role: arm.label for role, arm in evidence.arms.items()}
    others = [(labels[role], evidence.networks[role]) for role in ("baseline", "vggish")]
    others.append((f"{labels['vggish']} as released", ("vggish_linear", "none", "multiply")))
    own, rows = counts[tuple(evidence.networks["proposed"])], []
    for label, network in others:
        other = counts[tuple(network)]
        statistic = f"parameters, {labels['proposed']} less {label}"
        verdict = {"verdict": SUPPORTED if own < other else CONTRADICTED, "reason": f"{own:,} against {other:,}"}
        rows.append(untested_row(statistic, "arithmetic", claims, float(own - other)) | verdict)
    return rows


CLAIMS = {"C1": claim_1, "C2": claim_2, "C3": claim_3, "C4": claim_4, "C5": claim_5, "C6": claim_6, "C7": claim_7}


def claims_table(claims, dataset, evidence):
    """The table of claims: a row per statistic, with its verdict and the verdict on the whole claim.

    A claim gets the first of these verdicts that one of its statistics has: contradicted, not testable here, undecided,
    supported.
    """
    tables = []
    for name, decide_claim in CLAIMS.items():
        rows = decide_claim(evidence, claims)
        verdicts = [row["verdict"] for row in rows]
        whole = next((verdict for verdict in (CONTRADICTED, UNTESTABLE, UNDECIDED) if verdict in verdicts), SUPPORTED)
        tables += [{"claim": name, "claim_verdict": whole, "dataset": dataset} | row for row in rows]
    return pd.DataFrame(tables)
