"""The claims of the paper, each decided by the statistic that the config states for it.

What is compared are arms: networks of one setting, one per seed, tested on the same recordings. A finding is one
statistic with its two intervals: over seeds (the recordings held fixed) and over seeds and recordings. A test
counts only where both pass, so its p-value is the larger of the two.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.scoring import rates
from yoho.statistics import (
    Estimate,
    epochs_to_converge,
    equivalence_power,
    holm,
    interval,
    over_recordings,
    over_seeds,
    p_above,
    p_difference,
    p_equivalent,
    seeds_needed,
    trained,
)
from yoho.tallies import KINDS, OVERALL

WORDS = {"f1": "F1", "data_loss": "data loss as a share", "epochs": "epochs to converge as a share"}
SUPPORTED, CONTRADICTED, UNDECIDED, UNTESTABLE = "supported", "contradicted", "undecided", "not testable here"


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


def best_losses(arm):
    """Validation loss with L2 of each seed's best epoch by F1, (seeds,)."""
    return np.array([history.loc[history["f1"].idxmax(), "valid_loss"] for history in arm.histories])


def convergence(arm, share):
    """Epochs to converge as a share of the epochs, (seeds,)."""
    return np.array([epochs_to_converge(history["f1"], share) / len(history) for history in arm.histories])


def untrained(arms, claims):
    """Labels of the arms of which some seed's curve is not high and flat at its end."""
    return [arm.label for arm in arms if not all(trained(h["f1"], **claims["trained"]) for h in arm.histories)]


# ---- decisions -------------------------------------------------------------------------------------------------------


class Statement(NamedTuple):
    """What is to be shown of a finding: p-values of its test and of its contrary, and what stands in its way."""

    part: str
    finding: Finding
    test: str
    p: float
    contrary: float
    why: str  # undecided where neither is shown
    bar: str = ""  # why it cannot be supported whatever its p-value


def above(part, finding, margin):
    """The statement "more than `margin`"; the contrary is "less"."""
    mirrored = Finding(*(estimate and estimate._replace(value=-estimate.value) for estimate in finding))
    contrary = mirrored.p(p_above, -margin)
    why = "neither it nor the contrary is shown"
    return Statement(part, finding, f"more than {margin:g}", finding.p(p_above, margin), contrary, why)


def equivalent(part, finding, margin, arms, claims, measured="f1"):
    """The statement "equal within `margin`" (two one-sided tests); the contrary is a difference beyond it.

    Only arms that are trained can be equivalent.
    """
    seeds, deviation = finding.seeds.seeds, claims["expected_deviation"][measured]
    power = equivalence_power(margin, deviation, seeds, claims["level"])
    why = f"neither shown; {seeds} seeds had a power of {power:.2f}"
    raw = untrained(arms, claims)
    bar = f"not trained to the end: {', '.join(raw)}" if raw else ""
    contrary = 1.0 if abs(finding.seeds.value) <= margin else finding.p(p_difference)
    return Statement(part, finding, f"equal within {margin:g}", finding.p(p_equivalent, margin), contrary, why, bar)


def settle(statements, claims):
    """Rows of the table of claims, one per statement.

    All statements of a claim must hold at once (an intersection-union test), so each keeps its level; a
    contrary is searched for among all of them, so its p-values are Holm's.
    """
    contraries = holm([statement.contrary for statement in statements])
    return [row(statement, contrary, claims) for statement, contrary in zip(statements, contraries)]


def row(statement, contrary, claims):
    """A row of the table of claims; contrary: its p-value, adjusted."""
    finding, crossed = statement.finding, statement.finding.crossed
    verdict, reason = UNDECIDED, statement.why
    if finding.seeds.seeds < 2:
        reason = "one seed: nothing is known of others"
    elif contrary < claims["level"]:
        verdict, reason = CONTRADICTED, "the contrary is shown"
    elif statement.bar:
        reason = statement.bar
    elif statement.p < claims["level"]:
        verdict, reason = SUPPORTED, ""
    low_seeds, high_seeds = interval(finding.seeds, 1 - claims["level"])
    low, high = interval(crossed, 1 - claims["level"]) if crossed else (low_seeds, high_seeds)
    return {
        "part": statement.part,
        "estimate": finding.seeds.value,
        "low": low,
        "high": high,
        "low_seeds": low_seeds,
        "high_seeds": high_seeds,
        "test": statement.test,
        "p": statement.p,
        "p_contrary": contrary,
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
    reported = Finding(over_seeds(best_losses(penalised[0]) - best_losses(penalised[1])), None)
    names = f"{pair[0].label} less {pair[1].label}"
    return settle(
        [
            above(f"data loss per window, {names}", data, 0),
            above(f"validation loss with L2, trained with L2, {names}", reported, 0),
        ],
        claims,
    )


def claim_3(arms, claims, **_):
    """VGGish is clearly worse than both others."""
    statements = []
    for role in ("baseline", "proposed"):
        found = difference("f1", arms[role], arms["vggish"], claims)
        part = f"F1, {arms[role].label} less {arms['vggish'].label}"
        statements.append(above(part, found, claims["C3"]["margin"]))
    return settle(statements, claims)


def claim_4(arms, claims, source, **_):
    """Classes are balanced; rainforest is slightly better, car less precise.

    The latter two speak of the recordings of one source: on others they are measured, but not tested.
    """
    margin, slight = claims["C4"]["margin"], claims["C4"]["slight"]
    balanced, single = [], []
    for arm in (arms[role] for role in ("baseline", "vggish", "proposed")):
        found = measure(lambda sums: -np.ptp(per_class("f1")(sums), axis=-1), [arm], claims)
        balanced.append(above(f"smallest less largest class F1, {arm.label}", found, -margin))
        if "rainforest" in arm.event_labels:
            found = measure(partial(stands_out, "f1", arm.event_labels.index("rainforest")), [arm], claims)
            below = Finding(*(estimate and estimate._replace(value=slight - estimate.value) for estimate in found))
            better = above(f"rainforest's F1 less the mean of the others, {arm.label}", found, 0)
            p = np.maximum(better.p, below.p(p_above, 0))
            single.append(better._replace(test=f"between 0 and {slight:g}", p=float(p)))
        if "car" in arm.event_labels:
            found = measure(partial(stands_out, "precision", arm.event_labels.index("car")), [arm], claims)
            found = Finding(*(estimate and estimate._replace(value=-estimate.value) for estimate in found))
            single.append(above(f"mean precision of the others less car's, {arm.label}", found, 0))
    rows = settle(balanced + single, claims)
    if source != claims["C4"]["source"]:
        reason = f"a claim about recordings of source {claims['C4']['source']}"
        rows = settle(balanced, claims) + [
            told | {"verdict": UNTESTABLE, "reason": f"{reason}; on these: {told['verdict']}"}
            for told in settle(single, claims)
        ]
    return rows


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
            "epochs": Finding(over_seeds(convergence(masked, share) - convergence(plain, share)), None),
        }
        for name, finding in found.items():
            part = f"{WORDS[name]}, {label} less none"
            statements.append(equivalent(part, finding, margins[name], [masked, plain], claims, name))
    return settle(statements, claims)


def claim_6(arms, claims, **_):
    """The improvement is EfficientNet's, not the mask's: the two differences side by side."""
    plain, masked, baseline = arms["unmasked"], arms["proposed"], arms["baseline"]
    backbone, mask = difference("f1", plain, baseline, claims), difference("f1", masked, plain, claims)
    improved = above(f"F1, {plain.label} less {baseline.label}", backbone, 0)
    name = f"F1, {masked.label} less {plain.label}"
    return settle([improved, equivalent(name, mask, claims["C6"]["margin"], [masked, plain], claims)], claims)


def claim_7(arms, claims, sizes, **_):
    """Fewer parameters: arithmetic on the table of networks, no test."""
    counts = sizes.set_index(["backbone", "mask", "masking"])["parameters"]
    own = counts["efficientnet", "backbone", "multiply"]
    rows = []
    for backbone, label in (("mobilenet", "YOHO"), ("vggish", "VGGish"), ("vggish_linear", "VGGish as released")):
        other = counts[backbone, "none", "multiply"]
        fewer = Finding(Estimate(float(own - other), np.nan, 0, 0, 0), None)
        part = f"parameters, EfficientNet + mask less {label}"
        told = row(Statement(part, fewer, "arithmetic", np.nan, np.nan, ""), np.nan, claims)
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
    """What the seeds can decide, told before any result: a row per equivalence that is tested."""
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
                    "can_decide": power >= claims["power"],
                }
            )
    return pd.DataFrame(rows)


# ---- page ------------------------------------------------------------------------------------------------------------


def claims_page(found, power, claims):
    """The page `claims.md` from the table of claims and the table of power."""
    lines = [
        f"# The claims of the paper, on dataset `{found['dataset'].iloc[0]}`",
        "",
        f"Intervals hold {1 - claims['level']:.0%}. The units are the training seed and the field recording: an",
        "interval covers other seeds and other recordings of the same classes, and a test counts only where it passes",
        "both over seeds alone and over seeds and recordings. Every statistic, margin and level stood in the config",
        "before.",
        "",
        "| claim | | verdict on this dataset |",
        "| --- | --- | --- |",
    ]
    for claim, rows in found.groupby("claim", sort=False):
        lines.append(f"| {claim} | {claims[claim]['claim']} | **{rows['claim_verdict'].iloc[0]}** |")
    for claim, rows in found.groupby("claim", sort=False):
        lines += ["", f"## {claim}: {rows['claim_verdict'].iloc[0]}", "", claims[claim]["statistic"] + ".", ""]
        lines += ["| statistic | estimate | interval | test | p | seeds | recordings | verdict |", "| --- " * 8 + "|"]
        for part in rows.itertuples():
            interval_text = "" if np.isnan(part.low) else f"{part.low:+.3g} to {part.high:+.3g}"
            p = "" if np.isnan(part.p) else f"{part.p:.3g}"
            why = f": {part.reason}" if part.reason else ""
            lines.append(
                f"| {part.part} | {part.estimate:+.3g} | {interval_text} | {part.test} | {p} | {part.n_seeds or ''} "
                f"| {part.n_recordings or ''} | {part.verdict}{why} |"
            )
    lines += [
        "",
        "## What these seeds could decide",
        "",
        "The power of each equivalence test where the two networks are truly equal, for the deviation between seeds",
        "that the config expects: known before any run.",
        "",
        "| claim | measure | margin | expected deviation | seeds | power | seeds needed |",
        "| --- " * 7 + "|",
    ]
    for test in power.itertuples():
        lines.append(
            f"| {test.claim} | {test.measure} | {test.margin:g} | {test.expected_deviation:g} | {test.n_seeds} "
            f"| {test.power:.2f} | {test.seeds_needed:.0f} for {claims['power']:.0%} |"
        )
    return "\n".join(lines) + "\n"
