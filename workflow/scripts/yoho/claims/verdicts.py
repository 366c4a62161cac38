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
    Arm,
    Measurement,
    class_scores,
    convergence_difference,
    measure,
    relative_loss_difference,
    score_difference,
    untrained_labels,
    with_penalty,
)
from yoho.claims.power import equivalence_power
from yoho.claims.statistics import Estimate, holm, interval, p_above, p_equivalent

SUPPORTED, CONTRADICTED, UNDECIDED, UNTESTABLE = "supported", "contradicted", "undecided", "not testable here"
NEITHER = "neither the statement nor its contrary is significant"

# ---- statements ------------------------------------------------------------------------------------------------------


class Comparison(NamedTuple):
    """A statistic in words, its measurement, and the arms that were measured."""

    statistic: str
    measured: Measurement
    arms: list


class Statement(NamedTuple):
    """A statement about a comparison, with the p-values of its test and of its refutation."""

    comparison: Comparison
    test: str
    p: float
    p_refutation: float
    undecided: str = NEITHER  # the reason if it stays undecided
    equivalence: bool = False


def above(comparison, margin):
    """The statement "more than `margin`"; "less than `margin`" refutes it."""
    measured = comparison.measured
    p_refutation = measured.negated().p(p_above, -margin)
    return Statement(comparison, f"more than {margin:g}", measured.p(p_above, margin), p_refutation)


def equivalent(comparison, margin, claims, measure_name="f1"):
    """The statement "equal within `margin`" (two one-sided tests); "apart by more than `margin`" refutes it.

    measure_name: a key of `claims.expected_deviation`.
    """
    measured, seeds = comparison.measured, comparison.measured.n_seeds
    power = equivalence_power(margin, claims["expected_deviation"][measure_name], seeds, claims["level"])
    undecided = "neither equality within the margin nor a larger difference is significant; "
    undecided += f"the power of {seeds} seeds is {power:.2f} at most"
    p, p_refutation = measured.p(p_equivalent, margin), p_apart(measured, margin)
    return Statement(comparison, f"equal within {margin:g}", p, p_refutation, undecided, equivalence=True)


def slightly_above(comparison, slight):
    """The statement "more than 0, but less than `slight`"; "less than 0" and "more than `slight`" refute it."""
    statement, measured = above(comparison, 0), comparison.measured
    p_below = measured.negated().p(p_above, -slight)
    p_refutation = min(1.0, 2 * min(statement.p_refutation, measured.p(p_above, slight)))
    p = float(np.maximum(statement.p, p_below))
    return statement._replace(test=f"between 0 and {slight:g}", p=p, p_refutation=p_refutation)


def balanced(arm, claims):
    """The statement that all classes have an equal F1 within the margin; its row shows the largest difference."""
    margin, pairs = claims["C4"]["margin"], list(combinations(range(len(arm.event_labels)), 2))
    measured = [measure(partial(f1_of_pair, *pair), [arm], claims) for pair in pairs]
    widest = int(np.argmax([abs(of_pair.seeds.value) for of_pair in measured]))
    first, second = (arm.event_labels[index] for index in pairs[widest])
    statistic = f"F1 of {first} less {second}, the farthest apart of all classes, {arm.label}"
    statement = equivalent(Comparison(statistic, measured[widest], [arm]), margin, claims)
    p = float(np.max([of_pair.p(p_equivalent, margin) for of_pair in measured]))
    p_refutation = np.min(holm([p_apart(of_pair, margin) for of_pair in measured]))
    return statement._replace(p=p, p_refutation=p_refutation, undecided=NEITHER)


def p_apart(measured, margin):
    """p-value of "the true value is within `margin` of 0": two-sided."""
    return min(1.0, 2 * min(measured.p(p_above, margin), measured.negated().p(p_above, margin)))


def f1_of_pair(first, second, sums):
    """F1 of one class minus that of another: sums (..., 1 + classes, kinds) to (...)."""
    values = class_scores("f1")(sums)
    return values[..., first] - values[..., second]


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
    (statistic, (seeds, crossed), _), confidence = statement.comparison, 1 - claims["level"]
    verdict, reason = verdict_on(statement, p_refutation, claims)
    low_seeds, high_seeds = interval(seeds, confidence)
    low, high = interval(crossed, confidence) if crossed else (low_seeds, high_seeds)
    return {
        "statistic": statistic,
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
    untrained = untrained_labels(statement.comparison.arms, claims)
    caveat = f"not trained to the end: {', '.join(untrained)}" if untrained else ""
    if statement.comparison.measured.n_seeds < 2:
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
    return table_row(Statement(Comparison(statistic, measured, []), test, np.nan, np.nan), np.nan, claims)


# ---- claims ----------------------------------------------------------------------------------------------------------


class MaskCell(NamedTuple):
    """A cell of the mask study: the arm with the mask in one place, and the arm without it."""

    label: str
    masked: Arm
    plain: Arm


@dataclass(frozen=True)
class Evidence:
    """The results by which the claims are decided."""

    arms: dict  # {role: Arm}
    cells: list  # of MaskCell
    sizes: pd.DataFrame  # the table of networks
    networks: dict  # {role: (backbone, mask, masking)}, the keys of `sizes`
    source: str  # of the dataset
    bins: int  # of a window


def f1_comparison(first, second, claims):
    """F1 of `first` minus that of `second`."""
    measured = score_difference("f1", first, second, claims)
    return Comparison(f"F1, {first.label} less {second.label}", measured, [first, second])


def claim_1(evidence, claims):
    """EfficientNet's F1 is comparable to YOHO's."""
    comparison = f1_comparison(evidence.arms["proposed"], evidence.arms["baseline"], claims)
    return decide([equivalent(comparison, claims["C1"]["margin"], claims)], claims)


def claim_2(evidence, claims):
    """EfficientNet's loss is lower than YOHO's: the data loss alone, and the loss with L2."""
    arms, bins = evidence.arms, evidence.bins
    plain = [arms["baseline"], arms["proposed"]]
    penalised = [arms["penalised_baseline"], arms["penalised_proposed"]]
    data = score_difference("data_loss", *plain, claims, bins)
    reported = score_difference("data_loss", *(with_penalty(arm, bins) for arm in penalised), claims, bins)
    names = f"{plain[0].label} less {plain[1].label}"
    comparisons = [
        Comparison(f"data loss per window, {names}", data, plain),
        Comparison(f"loss per window with L2, both trained with it, {names}", reported, penalised),
    ]
    return decide([above(comparison, 0) for comparison in comparisons], claims)


def claim_3(evidence, claims):
    """VGGish is clearly worse than both others."""
    arms, margin = evidence.arms, claims["C3"]["margin"]
    pairs = [(arms["baseline"], arms["vggish"]), (arms["proposed"], arms["vggish"])]
    return decide([above(f1_comparison(*pair, claims), margin) for pair in pairs], claims)


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
        comparison = Comparison(statistic, measure(quantity, [arm], claims), [arm])
        yield slightly_above(comparison, claims["C4"]["slight"])
    if "car" in arm.event_labels:
        quantity = partial(score_beside_others, "precision", arm.event_labels.index("car"))
        statistic = f"the others' mean precision less car's, {arm.label}"
        yield above(Comparison(statistic, measure(quantity, [arm], claims).negated(), [arm]), 0)


def claim_5(evidence, claims):
    """The mask changes neither F1, nor data loss, nor epochs to converge, in any cell."""
    margins, statements = claims["C5"]["margin"], []
    for label, *pair in evidence.cells:
        measured = {
            ("f1", "F1"): score_difference("f1", *pair, claims),
            ("data_loss", "data loss as a share"): relative_loss_difference(*pair, claims),
            ("epochs", "epochs to converge as a share"): convergence_difference(*pair, claims["converged"]),
        }
        for (name, words), difference in measured.items():
            comparison = Comparison(f"{words}, {label} less none", difference, pair)
            statements.append(equivalent(comparison, margins[name], claims, name))
    return decide(statements, claims)


def claim_6(evidence, claims):
    """The improvement is due to EfficientNet, not to the mask: the two differences side by side."""
    baseline, plain, masked = (evidence.arms[role] for role in ("baseline", "unmasked", "proposed"))
    backbone, mask = f1_comparison(plain, baseline, claims), f1_comparison(masked, plain, claims)
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
