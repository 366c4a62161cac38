"""The claims of the paper, each decided by the statistic that the config states for it.

Arms are compared by measurements (see `measures`), which make statements (see `statements`).
"""

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from yoho.claims.measures import (
    NOTHING,
    Measurement,
    class_scores,
    effects_jointly,
    mean_effect,
    measure,
    measure_jointly,
    overall_score,
    score_difference,
    share,
)
from yoho.claims.statements import (
    CONTRADICTED,
    EFFECTS,
    SHOWN,
    SUPPORTED,
    UNDECIDED,
    UNTESTABLE,
    Statement,
    above,
    all_equivalent,
    below,
    between,
    decide,
    equivalent,
    untested_row,
)
from yoho.claims.statistics import over_seeds
from yoho.scoring.segments import COUNTS

# The scores on which claim C2 is decided, in words.
BETTER = {
    "data_loss": "data loss per window",
    "regression_loss": "data loss due to starts and ends, per window",
    "onset_error": "onset error of matched events, ms",
    "offset_error": "offset error of matched events, ms",
}


@dataclass(frozen=True)
class Evidence:
    """The results by which the claims are decided."""

    arms: dict  # {role: Arm}
    cells: list  # of (label, arm with the mask in one place, arm without it): the mask study
    sizes: pd.DataFrame  # the table of networks
    networks: dict  # {role: (backbone, mask, masking)}, the keys of `sizes`
    source: str  # of the dataset
    bins: int  # of a window
    speeds: pd.DataFrame | None = None  # the table of the speeds of YOHO and its rivals

    def size(self, role, column):
        """The entry of a network in a column of the table of networks."""
        return self.sizes.set_index(["backbone", "mask", "masking"])[column][tuple(self.networks[role])]


def f1_difference(first, second, claims):
    """F1 of `first` minus that of `second`, as an untested `Statement`."""
    measured = score_difference("f1", first, second, claims)
    return Statement(f"F1, {first.label} less {second.label}", measured, [first, second])


def f1_gain(first, second, claims):
    """F1 of `first` minus that of `second`, as a share of the latter, as an untested `Statement`."""
    f1, pair = overall_score("f1", first.kinds), [first, second]
    measured = measure(lambda a, b: share(f1(a) - f1(b), f1(b)), [arm.overall() for arm in pair], claims)
    return Statement(f"F1, {first.label} less {second.label}, as a share of the latter", measured, pair)


# ---- C1 to C3: the three networks ------------------------------------------------------------------------------------


def claim_1(evidence, claims):
    """EfficientNet's F1 is comparable to YOHO's."""
    difference = f1_difference(evidence.arms["proposed"], evidence.arms["baseline"], claims)
    return decide([equivalent(difference, claims["C1"]["margin"], claims)], claims)


def claim_2(evidence, claims):
    """EfficientNet's loss is lower than YOHO's, and its starts and ends are better."""
    pair = [evidence.arms[role] for role in ("baseline", "proposed")]
    names = f"{pair[0].label} less {pair[1].label}"

    def difference(score, words):
        return Statement(f"{words}, {names}", score_difference(score, *pair, claims, evidence.bins), pair)

    shown = [difference("presence_loss", "data loss due to presence, per window")]
    shown.append(difference("matches", "share of true events that are matched"))
    for kind in pair[0].kinds:
        if kind.startswith("hits_"):
            shown.append(difference(kind, f"event-based F1 with a collar of {kind.removeprefix('hits_')} s"))
    rows = decide([above(difference(*score), 0) for score in BETTER.items()], claims, shown)
    penalties = [float(evidence.size(role, "released_penalty")) for role in ("baseline", "proposed")]
    row = untested_row(f"L2 penalty at the start, {names}", "none", claims, penalties[0] - penalties[1])
    reason = f"arithmetic on the penalty, no test: {penalties[0]:,.1f} against {penalties[1]:,.1f}"
    return [*rows, row | {"verdict": SHOWN, "reason": reason}]


def claim_3(evidence, claims):
    """VGGish, as described, is clearly worse than both others; VGGish as released is shown beside it."""
    arms, margin = evidence.arms, claims["C3"]["margin"]
    described, released = (
        [f1_difference(arms[role], arms[vggish], claims) for role in ("baseline", "proposed")]
        for vggish in ("vggish", "vggish_released")
    )
    return decide([above(difference, margin) for difference in described], claims, released)


# ---- C4: the classes -------------------------------------------------------------------------------------------------


def claim_4(evidence, claims):
    """Classes are balanced; rainforest is slightly better, and car less precise.

    The statements about rainforest and car are about the recordings of one source; on others they are only measured.
    """
    arms, source = [evidence.arms[role] for role in ("baseline", "vggish", "proposed")], claims["C4"]["source"]
    labels = next((arm.event_labels for arm in arms if arm.seeds), None)
    balance = [balanced(arm, claims) for arm in arms if labels is None or len(labels) > 1]
    single = [statement for arm in arms for statement in about_single_classes(arm, claims)]
    if labels is None or (evidence.source == source and single):
        return decide(balance + single, claims)
    rows, reason = decide(balance, claims), f"a claim about recordings of source {source}"
    if not single:
        missing = {"verdict": UNTESTABLE, "reason": f"{reason}; this dataset has neither class"}
        return [*rows, untested_row("rainforest and car", "none", claims) | missing]
    for row in decide(single, claims):
        rows.append(row | {"verdict": UNTESTABLE, "reason": f"{reason}; on these: {row['verdict']}"})
    return rows


def segment_counts(arm):
    """The arm with the counts of segments alone: other tallies are of all classes together."""
    return arm._replace(tallies=arm.tallies[..., : len(COUNTS)], kinds=COUNTS)


def balanced(arm, claims):
    """The statement that every two classes have an equal F1 within the margin; its row shows the largest difference."""
    margin, pairs = claims["C4"]["margin"], list(combinations(range(len(arm.event_labels)), 2))
    if not arm.seeds:
        return Statement(f"F1 of any two classes, {arm.label}", NOTHING, [arm], f"equal within {margin:g}")
    f1 = class_scores("f1", COUNTS)

    def differences(sums):
        return np.stack([f1(sums)[..., first] - f1(sums)[..., second] for first, second in pairs], axis=-1)

    joint = measure_jointly(differences, [segment_counts(arm)], claims)
    labels = [[arm.event_labels[index] for index in pair] for pair in pairs]
    names = [f"F1 of {one} less {other}, of all pairs the one with the largest p, {arm.label}" for one, other in labels]
    return all_equivalent(names, joint, [arm], margin, claims)


def about_single_classes(arm, claims):
    """Yield the statements about rainforest and car, if the dataset has these classes."""
    of_segments = [segment_counts(arm)]
    if "rainforest" in arm.event_labels:
        quantity = partial(score_beside_others, "f1", arm.event_labels.index("rainforest"))
        statistic = f"rainforest's F1 less the others' mean, {arm.label}"
        yield between(Statement(statistic, measure(quantity, of_segments, claims), [arm]), 0, claims["C4"]["slight"])
    if "car" in arm.event_labels:
        quantity = partial(score_beside_others, "precision", arm.event_labels.index("car"))
        statistic = f"the others' mean precision less car's, {arm.label}"
        yield above(Statement(statistic, measure(quantity, of_segments, claims).negated(), [arm]), 0)


def score_beside_others(score, chosen, sums):
    """Score of one class minus the mean of the others: sums (..., 1 + classes, COUNTS) to (...)."""
    values = class_scores(score, COUNTS)(sums)
    return values[..., chosen] - np.delete(values, chosen, axis=-1).mean(axis=-1)


# ---- C5 and C6: the mask ---------------------------------------------------------------------------------------------


def claim_5(evidence, claims):
    """The mask does not change F1, data loss or the learning curve: in the mean over the cells, and in every cell."""
    statements, shown = [], []
    for name, words in EFFECTS.items():
        statements += mask_effects(name, words, evidence.cells, claims)
        for label, *pair in evidence.cells:
            shown.append(Statement(f"{words}, {label} less none", mean_effect(name, [pair], claims), pair))
    return decide(statements, claims, shown)


def mask_effects(name, words, cells, claims):
    """The statements about an effect of the mask: on the mean over cells and, if there are several, on every cell.

    The row of the latter shows the cell with the largest p-value.
    """
    if not cells:
        return []
    margin, pairs = claims["C5"]["margin"][name], [pair for _, *pair in cells]
    arms = list({arm.label: arm for pair in pairs for arm in pair}.values())
    mean = Statement(f"{words}, mask less none, mean of all cells", mean_effect(name, pairs, claims), arms)
    statements = [equivalent(mean, margin, claims, name)]
    if len(cells) > 1 and mean.measured.seeds.seeds:
        joint, p_same = effects_jointly(name, pairs, claims), effects_jointly(name, pairs, claims, centred=True).p(0)
        names = [f"{words}, {label} less none, of all cells the one with the largest p" for label, *_ in cells]
        statement = all_equivalent(names, joint, arms, margin, claims)
        note = "" if np.isnan(p_same) else f"equal effects in all cells: p = {p_same:.2g}"
        statements.append(statement._replace(note=note))
    return statements


def claim_6(evidence, claims):
    """The improvement is due to EfficientNet, not to the mask: both differences, in F1 and in data loss."""
    baseline, plain, masked = (evidence.arms[role] for role in ("baseline", "unmasked", "proposed"))
    margins = claims["C6"]["margin"]
    loss = score_difference("data_loss", plain, baseline, claims, evidence.bins)
    of_backbone = Statement(f"data loss per window, {plain.label} less {baseline.label}", loss, [plain, baseline])
    statements = [above(f1_difference(plain, baseline, claims), 0), below(of_backbone, 0)]
    for name in ("f1", "data_loss"):
        statistic = f"{EFFECTS[name]}, {masked.label} less {plain.label}"
        untested = Statement(statistic, mean_effect(name, [(masked, plain)], claims), [masked, plain])
        statements.append(equivalent(untested, margins[name], claims, name))
    return decide(statements, claims)


# ---- C7: sizes -------------------------------------------------------------------------------------------------------


def claim_7(evidence, claims):
    """EfficientNet is smaller than the others, by arithmetic on the table of networks, and its F1 is not inferior.

    VGGish as described and VGGish as released are two different networks; both are compared.
    """
    proposed, rows = evidence.arms["proposed"], []
    others = {role: evidence.arms[role] for role in ("baseline", "vggish", "vggish_released")}
    for column, words in (("parameters", "parameters"), ("multiply_accumulates", "multiply-accumulates")):
        own = int(evidence.size("proposed", column))
        for role, arm in others.items():
            other = int(evidence.size(role, column))
            row = untested_row(f"{words}, {proposed.label} less {arm.label}", "arithmetic", claims, float(own - other))
            verdict = SUPPORTED if own < other else CONTRADICTED
            rows.append(row | {"verdict": verdict, "reason": f"{own:,} against {other:,}"})
    margin = claims["C7"]["margin"]
    return rows + decide([above(f1_difference(proposed, arm, claims), -margin) for arm in others.values()], claims)


# ---- C8: the rival ---------------------------------------------------------------------------------------------------


def claim_8(evidence, claims):
    """YOHO has a higher F1 than its rivals, CRNNs that classify frames, and its network and decoding are faster.

    The speed with reading and features is shown beside.
    """
    own, baseline, speeds = claims["C8"], evidence.arms["baseline"], evidence.speeds
    rivals = [evidence.arms[role] for role in own["networks"] if role in evidence.arms]
    if not rivals:
        return []
    inference = speeds.assign(speed=1 / (speeds["network_s"] + speeds["decoding_s"]))
    whole = speeds.assign(speed=speeds["times_real_time"])
    better, faster, shown = [], [], []
    for rival in rivals:
        better.append(above(f1_gain(baseline, rival, claims), own["margin"]))
        ratio = speed_ratio("speed of network and decoding", inference, baseline.label, rival.label)
        faster.append(above(ratio, np.log(own["faster"]))._replace(test=f"more than {own['faster']:g}"))
        shown.append(speed_ratio("speed with reading and features", whole, baseline.label, rival.label))
    rows = decide(better + faster, claims, shown)
    return rows[: len(better)] + [of_logarithms(row) for row in rows[len(better) :]]


def speed_ratio(words, speeds, first, second):
    """Logarithm of the `speed` of one network as a multiple of that of another: an untested `Statement` over rounds."""
    rounds = speeds.pivot(index="round", columns="network", values="speed")
    measured = Measurement(over_seeds(np.log(rounds[first] / rounds[second])), None)
    note = f"{len(rounds)} rounds on one machine, with random weights"
    return Statement(f"{words}, {first} as a multiple of {second}", measured, [], note=note)


def of_logarithms(row):
    """A row whose numbers are of logarithms, with the numbers themselves. Its rounds are no seeds."""
    numbers = ("estimate", "low", "high", "low_seeds", "high_seeds")
    return row | {key: float(np.exp(row[key])) for key in numbers} | {"n_seeds": 0}


# ---- all of them -----------------------------------------------------------------------------------------------------

CLAIMS = {"C1": claim_1, "C2": claim_2, "C3": claim_3, "C4": claim_4}
CLAIMS |= {"C5": claim_5, "C6": claim_6, "C7": claim_7, "C8": claim_8}


def claims_table(claims, dataset, evidence):
    """The table of claims: a row per statistic, with its verdict and the verdict on the whole claim.

    A claim gets the first of these verdicts that one of its statistics has: contradicted, not testable here, undecided,
    supported. Statistics that are only shown do not count.
    """
    tables = []
    for name, decide_claim in CLAIMS.items():
        nothing = {"verdict": UNDECIDED, "reason": "the config has no networks for it"}
        rows = decide_claim(evidence, claims) or [untested_row("none", "none", claims) | nothing]
        verdicts = [row["verdict"] for row in rows]
        whole = next((verdict for verdict in (CONTRADICTED, UNTESTABLE, UNDECIDED) if verdict in verdicts), SUPPORTED)
        tables += [{"claim": name, "claim_verdict": whole, "dataset": dataset} | row for row in rows]
    return pd.DataFrame(tables)
