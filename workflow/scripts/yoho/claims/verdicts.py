"""The claims of the paper, each decided by the statistic that the config states for it.

What is compared are arms: networks of one setting, one per seed, tested on the same recordings. A finding is one
statistic with its two intervals: over seeds (the recordings held fixed) and over seeds and recordings. A test
counts only where both pass, so its p-value is the larger of the two.
"""

from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.measures import (
    WORDS,
    Finding,
    converging,
    difference,
    measure,
    per_class,
    relative_loss,
    untrained,
    with_penalty,
)
from yoho.claims.statistics import Estimate, equivalence_power, holm, interval, p_above, p_equivalent, seeds_needed

SUPPORTED, CONTRADICTED, UNDECIDED, UNTESTABLE = "supported", "contradicted", "undecided", "not testable here"


# ---- decisions -------------------------------------------------------------------------------------------------------


class Statement(NamedTuple):
    """What is to be shown of a finding: the p-values of its test and of its refutation."""

    part: str
    finding: Finding
    test: str
    p: float
    refutation: float
    untrained: list  # labels of the arms that are not trained
    undecided: str  # the reason where neither is shown
    equivalence: bool = False


def above(part, finding, margin, arms, claims):
    """The statement "more than `margin`", refuted by "less"."""
    refutation = mirrored(finding).p(p_above, -margin)
    undecided = "neither it nor the contrary is shown"
    p = finding.p(p_above, margin)
    return Statement(part, finding, f"more than {margin:g}", p, refutation, untrained(arms, claims), undecided)


def equivalent(part, finding, margin, arms, claims, measured="f1"):
    """The statement "equal within `margin`" (two one-sided tests), refuted by "apart by more than that"."""
    seeds, deviation = finding.seeds.seeds, claims["expected_deviation"][measured]
    power = equivalence_power(margin, deviation, seeds, claims["level"])
    undecided = f"neither shown; {seeds} seeds had a power of {power:.2f} at most"
    p, refutation = finding.p(p_equivalent, margin), apart(finding, margin)
    raw = untrained(arms, claims)
    return Statement(part, finding, f"equal within {margin:g}", p, refutation, raw, undecided, equivalence=True)


def apart(finding, margin):
    """p-value of "the true value is within `margin` of 0": two-sided."""
    return min(1.0, 2 * min(finding.p(p_above, margin), mirrored(finding).p(p_above, margin)))


def mirrored(finding):
    """The finding of the opposite difference."""
    return Finding(*(estimate and estimate._replace(value=-estimate.value) for estimate in finding))


def settle(statements, claims):
    """Rows of the table of claims, one per statement.

    All statements of a claim must hold at once (an intersection-union test), so each keeps its level; a
    refutation is searched for among all of them, so its p-values are Holm's.
    """
    refutations = holm([statement.refutation for statement in statements])
    return [row(statement, refutation, claims) for statement, refutation in zip(statements, refutations)]


def row(statement, refutation, claims):
    """A row of the table of claims; refutation: its p-value, adjusted. Only trained arms decide an equivalence."""
    finding, crossed = statement.finding, statement.finding.crossed
    raw = f"not trained to the end: {', '.join(statement.untrained)}" if statement.untrained else ""
    if finding.seeds.seeds < 2:
        verdict, reason = UNDECIDED, "one seed: nothing is known of others"
    elif statement.equivalence and raw:
        verdict, reason = UNDECIDED, raw
    elif refutation < claims["level"]:
        verdict, reason = CONTRADICTED, "; ".join(filter(None, ["the contrary is shown", raw]))
    elif statement.p < claims["level"]:
        verdict, reason = SUPPORTED, raw
    else:
        verdict, reason = UNDECIDED, "; ".join(filter(None, [statement.undecided, raw]))
    low_seeds, high_seeds = interval(finding.seeds, 1 - claims["level"])
    low, high = interval(crossed, 1 - claims["level"]) if crossed else (low_seeds, high_seeds)
    return {
        "statistic": statement.part,
        "estimate": finding.seeds.value,
        "low": low,
        "high": high,
        "low_seeds": low_seeds,
        "high_seeds": high_seeds,
        "test": statement.test,
        "p": statement.p,
        "p_refutation": refutation,
        "n_seeds": finding.seeds.seeds,
        "n_recordings": crossed.recordings if crossed else 0,
        "verdict": verdict,
        "reason": reason,
    }


def claim_1(arms, claims, **_):
    """EfficientNet's F1 is comparable to YOHO's."""
    pair = [arms["proposed"], arms["baseline"]]
    found = difference("f1", *pair, claims)
    part = f"F1, {pair[0].label} less {pair[1].label}"
    return settle([equivalent(part, found, claims["C1"]["margin"], pair, claims)], claims)


def claim_2(arms, claims, bins, **_):
    """EfficientNet's loss is lower than YOHO's: the data loss, and the loss as reported, with L2."""
    pair = [arms["baseline"], arms["proposed"]]
    data = difference("data_loss", *pair, claims, bins)
    penalised = [arms["penalised_baseline"], arms["penalised_proposed"]]
    reported = difference("data_loss", *(with_penalty(arm, bins) for arm in penalised), claims, bins)
    names = f"{pair[0].label} less {pair[1].label}"
    return settle(
        [
            above(f"data loss per window, {names}", data, 0, pair, claims),
            above(f"loss per window with L2, both trained with it, {names}", reported, 0, penalised, claims),
        ],
        claims,
    )


def claim_3(arms, claims, **_):
    """VGGish is clearly worse than both others."""
    statements = []
    for role in ("baseline", "proposed"):
        found = difference("f1", arms[role], arms["vggish"], claims)
        part = f"F1, {arms[role].label} less {arms['vggish'].label}"
        statements.append(above(part, found, claims["C3"]["margin"], [arms[role], arms["vggish"]], claims))
    return settle(statements, claims)


def claim_4(arms, claims, source, **_):
    """Classes are balanced; rainforest is slightly better, car less precise.

    The latter two speak of the recordings of one source: on others they are measured, but not tested.
    """
    three = [arms[role] for role in ("baseline", "vggish", "proposed")]
    # One class alone has none to be balanced with.
    balance, statements = [balanced(arm, claims) for arm in three if len(arm.event_labels) > 1], []
    for arm in three:
        if "rainforest" in arm.event_labels:
            found = measure(partial(stands_out, "f1", arm.event_labels.index("rainforest")), [arm], claims)
            statements.append(
                slightly_better(f"rainforest's F1 less the others' mean, {arm.label}", found, arm, claims)
            )
        if "car" in arm.event_labels:
            found = measure(partial(stands_out, "precision", arm.event_labels.index("car")), [arm], claims)
            part = f"the others' mean precision less car's, {arm.label}"
            statements.append(above(part, mirrored(found), 0, [arm], claims))
    if source == claims["C4"]["source"] and statements:
        return settle(balance + statements, claims)
    rows, single = settle(balance, claims), settle(statements, claims)
    reason = f"a claim about recordings of source {claims['C4']['source']}"
    if not single:
        nothing = Finding(Estimate(np.nan, np.nan, 0, 0, 0), None)
        single = [row(Statement("rainforest and car", nothing, "none", np.nan, np.nan, [], ""), np.nan, claims)]
    verdict = {"verdict": UNTESTABLE}
    return rows + [told | verdict | {"reason": f"{reason}; on these: {told['verdict']}"} for told in single]


def balanced(arm, claims):
    """The statement that the F1 of every two classes are equal within the margin; shown are the two farthest apart."""
    margin, count = claims["C4"]["margin"], len(arm.event_labels)
    pairs = list(combinations(range(count), 2))
    found = [measure(partial(apart_by, *pair), [arm], claims) for pair in pairs]
    widest = int(np.argmax([abs(finding.seeds.value) for finding in found]))
    first, second = (arm.event_labels[index] for index in pairs[widest])
    part = f"F1 of {first} less {second}, the farthest apart of all classes, {arm.label}"
    told = equivalent(part, found[widest], margin, [arm], claims)
    p = np.max([finding.p(p_equivalent, margin) for finding in found])
    refutation = np.min(holm([apart(finding, margin) for finding in found]))
    return told._replace(p=float(p), refutation=float(refutation), undecided="neither it nor the contrary is shown")


def apart_by(first, second, sums):
    """F1 of one class less that of another: sums (..., 1 + classes, kinds) to (...)."""
    values = per_class("f1")(sums)
    return values[..., first] - values[..., second]


def slightly_better(part, finding, arm, claims):
    """The statement "more than 0, less than the slight margin", refuted by less than the one or more than the other."""
    slight = claims["C4"]["slight"]
    told = above(part, finding, 0, [arm], claims)
    short = mirrored(finding).p(p_above, -slight)
    refutation = min(1.0, 2 * min(told.refutation, finding.p(p_above, slight)))
    return told._replace(test=f"between 0 and {slight:g}", p=float(np.maximum(told.p, short)), refutation=refutation)


def stands_out(score, chosen, sums):
    """Score of one class less the mean of the others: sums (..., 1 + classes, kinds) to (...)."""
    values = per_class(score)(sums)
    return values[..., chosen] - np.delete(values, chosen, axis=-1).mean(axis=-1)


def claim_5(arms, claims, cells, **_):
    """The mask changes nothing, in any cell: F1, data loss and epochs to converge."""
    share, margins, statements = claims["converged"], claims["C5"]["margin"], []
    for label, masked, plain in cells:
        found = {
            "f1": difference("f1", masked, plain, claims),
            "data_loss": relative_loss(masked, plain, claims),
            "epochs": converging(masked, plain, share),
        }
        for name, finding in found.items():
            part = f"{WORDS[name]}, {label} less none"
            statements.append(equivalent(part, finding, margins[name], [masked, plain], claims, name))
    return settle(statements, claims)


def claim_6(arms, claims, **_):
    """The improvement is EfficientNet's, not the mask's: the two differences side by side."""
    plain, masked, baseline = arms["unmasked"], arms["proposed"], arms["baseline"]
    backbone, mask = difference("f1", plain, baseline, claims), difference("f1", masked, plain, claims)
    improved = above(f"F1, {plain.label} less {baseline.label}", backbone, 0, [plain, baseline], claims)
    name = f"F1, {masked.label} less {plain.label}"
    return settle([improved, equivalent(name, mask, claims["C6"]["margin"], [masked, plain], claims)], claims)


def claim_7(arms, claims, sizes, networks, **_):
    """Fewer parameters: arithmetic on the table of networks, no test.

    networks: {role: backbone, mask, masking}, the keys of `sizes`. The released VGGish is another network
    than the described one, and is there too.
    """
    counts = sizes.set_index(["backbone", "mask", "masking"])["parameters"]
    compared = [(arms[role].label, networks[role]) for role in ("baseline", "vggish")]
    compared.append((f"{arms['vggish'].label} as released", ("vggish_linear", "none", "multiply")))
    own, rows = counts[tuple(networks["proposed"])], []
    for label, network in compared:
        other = counts[tuple(network)]
        fewer = Finding(Estimate(float(own - other), np.nan, 0, 0, 0), None)
        part = f"parameters, {arms['proposed'].label} less {label}"
        told = row(Statement(part, fewer, "arithmetic", np.nan, np.nan, [], ""), np.nan, claims)
        verdict = SUPPORTED if own < other else CONTRADICTED
        rows.append(told | {"verdict": verdict, "reason": f"{own:,} against {other:,}"})
    return rows


CLAIMS = {
    "C1": claim_1,
    "C2": claim_2,
    "C3": claim_3,
    "C4": claim_4,
    "C5": claim_5,
    "C6": claim_6,
    "C7": claim_7,
}


def decide_claims(claims, dataset, **evidence):
    """The table of claims: a row per statistic, with the verdict on the claim as a whole.

    A claim is supported where all its statistics are, contradicted where one is, not testable where one is
    not, else undecided.
    """
    tables = []
    for name, decide_claim in CLAIMS.items():
        rows = decide_claim(claims=claims, **evidence)
        verdicts = [found["verdict"] for found in rows]
        whole = next((v for v in (CONTRADICTED, UNTESTABLE, UNDECIDED) if v in verdicts), SUPPORTED)
        tables += [{"claim": name, "claim_verdict": whole, "dataset": dataset} | found for found in rows]
    return pd.DataFrame(tables)


def power_table(claims, seeds):
    """What the seeds can decide at most, told before any result: a row per equivalence that is tested.

    At most: it is the power of one test over seeds alone, of networks that are trained to the end; a claim
    needs several at once, and over recordings too.
    """
    margins = {"C1": {"f1": claims["C1"]["margin"]}, "C5": claims["C5"]["margin"], "C6": {"f1": claims["C6"]["margin"]}}
    rows = []
    for claim, measures in margins.items():
        for name, margin in measures.items():
            deviation = claims["expected_deviation"][name]
            power = equivalence_power(margin, deviation, seeds[claim], claims["level"])
            needed = seeds_needed(margin, deviation, claims["level"], claims["power"])
            rows.append(
                {
                    "claim": claim,
                    "measure": name,
                    "margin": margin,
                    "expected_deviation": deviation,
                    "n_seeds": seeds[claim],
                    "power": power,
                    "seeds_needed": needed,
                    "enough": power >= claims["power"],
                }
            )
    return pd.DataFrame(rows)
