"""The claims of the paper, each decided by the statistic that the config states for it.

What is compared are arms: networks of one setting, one per seed, tested on the same recordings. A finding is one
statistic with its two intervals: over seeds (the recordings held fixed) and over seeds and recordings. A test
counts only where both pass, so its p-value is the larger of the two.
"""

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


def row(part, finding, claims, test, p, verdict, reason, adjusted=None):
    """A row of the table of claims."""
    crossed = finding.crossed
    low_seeds, high_seeds = interval(finding.seeds, 1 - claims["level"])
    low, high = interval(crossed, 1 - claims["level"]) if crossed else (low_seeds, high_seeds)
    return {
        "part": part,
        "estimate": finding.seeds.value,
        "low": low,
        "high": high,
        "low_seeds": low_seeds,
        "high_seeds": high_seeds,
        "test": test,
        "p": p,
        "p_adjusted": p if adjusted is None else adjusted,
        "n_seeds": finding.seeds.seeds,
        "n_recordings": crossed.recordings if crossed else 0,
        "verdict": verdict,
        "reason": reason,
    }


def decide(shown, refuted, finding, why):
    """Verdict and reason from whether the statement, or its contrary, was shown."""
    if shown:
        return SUPPORTED, ""
    if refuted:
        return CONTRADICTED, "the contrary is shown"
    if finding.seeds.seeds < 2:
        return UNDECIDED, "one seed: nothing is known of others"
    return UNDECIDED, why


def above(part, finding, margin, claims, tests=1):
    """Row of the statement "more than `margin`"; the contrary is that it is less."""
    p = finding.p(p_above, margin)
    mirrored = Finding(*(e and e._replace(value=-e.value) for e in finding))
    contrary = mirrored.p(p_above, -margin)
    decided = decide(p < claims["level"], contrary < claims["level"], finding, "neither it nor the contrary is shown")
    return row(part, finding, claims, f"more than {margin:g}", p, *decided)


def equivalent(part, finding, margin, arms, claims, measured="f1", adjusted=np.nan):
    """Row of the statement "equal within `margin`" (two one-sided tests); the contrary is any shown difference.

    adjusted: Holm's p-value of the difference, where differences are searched for among several. Only arms
    that are trained can be equivalent.
    """
    p = finding.p(p_equivalent, margin)
    if np.isnan(adjusted):
        adjusted = finding.p(p_difference)
    beyond = abs(finding.seeds.value) > margin
    raw = untrained(arms, claims)
    seeds, deviation = finding.seeds.seeds, claims["expected_deviation"][measured]
    power = equivalence_power(margin, deviation, seeds, claims["level"])
    why = f"neither shown; {seeds} seeds had a power of {power:.2f}"
    if raw:
        why = f"not trained to the end: {', '.join(raw)}"
    decided = decide(p < claims["level"] and not raw, adjusted < claims["level"] and beyond, finding, why)
    return row(part, finding, claims, f"equal within {margin:g}", p, *decided, adjusted)


def claim_1(arms, claims, **_):
    """EfficientNet's F1 is comparable to YOHO's."""
    pair = [arms["proposed"], arms["baseline"]]
    found = difference("f1", *pair, claims)
    return [equivalent(f"F1, {pair[0].label} less {pair[1].label}", found, claims["C1"]["margin"], pair, claims)]


def claim_2(arms, claims, bins, **_):
    """EfficientNet's loss is lower than YOHO's: the data loss, and the loss as reported, with L2."""
    pair = [arms["baseline"], arms["proposed"]]
    data = difference("data_loss", *pair, claims, bins)
    penalised = [arms["penalised_baseline"], arms["penalised_proposed"]]
    reported = Finding(over_seeds(best_losses(penalised[0]) - best_losses(penalised[1])), None)
    names = f"{pair[0].label} less {pair[1].label}"
    return [
        above(f"data loss per window, {names}", data, 0, claims),
        above(f"validation loss with L2, trained with L2, {names}", reported, 0, claims),
    ]


def claim_3(arms, claims, **_):
    """VGGish is clearly worse than both others."""
    return [
        above(
            f"F1, {arms[role].label} less {arms['vggish'].label}",
            difference("f1", arms[role], arms["vggish"], claims),
            claims["C3"]["margin"],
            claims,
        )
        for role in ("baseline", "proposed")
    ]


def claim_4(arms, claims, source, **_):
    """Classes are balanced; rainforest is slightly better, car less precise."""
    rows = []
    for arm in (arms[role] for role in ("baseline", "vggish", "proposed")):
        found = measure(lambda sums: -np.ptp(per_class("f1")(sums), axis=-1), [arm], claims)
        part = f"smallest less largest class F1, {arm.label}"
        rows.append(above(part, found, -claims["C4"]["margin"], claims))
        for event_label, score, sign in (("rainforest", "f1", 1), ("car", "precision", -1)):
            if event_label not in arm.event_labels:
                continue
            chosen = arm.event_labels.index(event_label)

            def stand_out(sums, score=score, sign=sign, chosen=chosen):
                values = per_class(score)(sums)
                return sign * (values[..., chosen] - np.delete(values, chosen, axis=-1).mean(axis=-1))

            found = measure(stand_out, [arm], claims)
            words = {1: f"{score} of {event_label} less the others'", -1: f"{score} of the others less {event_label}'s"}
            told = above(f"{words[sign]}, {arm.label}", found, 0, claims)
            if event_label == "rainforest" and told["verdict"] == SUPPORTED:
                slightly = found.p(p_equivalent, claims["C4"]["slight"])
                told |= (
                    {}
                    if slightly < claims["level"]
                    else {"verdict": UNDECIDED, "reason": "better, but is it slightly?"}
                )
            if source != claims["C4"]["source"]:
                reason = f"a claim about the recordings of source {claims['C4']['source']}; here {told['verdict']}"
                told |= {"verdict": UNTESTABLE, "reason": reason}
            rows.append(told)
    return rows


def claim_5(arms, claims, cells, **_):
    """The mask changes nothing, in any cell: F1, data loss and epochs to converge.

    Equivalence must hold in all cells at once, so each test keeps its level; differences are searched for
    among all of them, so their p-values are Holm's.
    """
    share, margins, tests = claims["converged"], claims["C5"]["margin"], []
    for label, masked, plain in cells:
        epochs = convergence(masked, share) - convergence(plain, share)
        found = {
            "f1": difference("f1", masked, plain, claims),
            "data_loss": relative_loss(masked, plain, claims),
            "epochs": Finding(over_seeds(epochs), None),
        }
        tests += [(label, name, finding, [masked, plain]) for name, finding in found.items()]
    adjusted = holm([finding.p(p_difference) for _, _, finding, _ in tests])
    return [
        equivalent(f"{name}, {label} less none", finding, margins[name], pair, claims, name, p)
        for (label, name, finding, pair), p in zip(tests, adjusted)
    ]


def claim_6(arms, claims, **_):
    """The improvement is EfficientNet's, not the mask's: the two differences side by side."""
    plain, masked, baseline = arms["unmasked"], arms["proposed"], arms["baseline"]
    backbone, mask = difference("f1", plain, baseline, claims), difference("f1", masked, plain, claims)
    adjusted = holm([finding.p(p_difference) for finding in (backbone, mask)])
    improved = above(f"F1, {plain.label} less {baseline.label}", backbone, 0, claims)
    margin = claims["C6"]["margin"]
    name = f"F1, {masked.label} less {plain.label}"
    return [improved, equivalent(name, mask, margin, [masked, plain], claims, adjusted=adjusted[1])]


def claim_7(arms, claims, sizes, **_):
    """Fewer parameters: arithmetic on the table of networks."""
    counts = sizes.set_index(["backbone", "mask", "masking"])["parameters"]
    own = counts["efficientnet", "backbone", "multiply"]
    rows = []
    for backbone, label in (("mobilenet", "YOHO"), ("vggish", "VGGish"), ("vggish_linear", "VGGish as released")):
        other = counts[backbone, "none", "multiply"]
        fewer = Finding(Estimate(float(own - other), 0.0, 0, 0, 0), None)
        verdict = SUPPORTED if own < other else CONTRADICTED
        reason = f"{own:,} against {other:,}"
        rows.append(
            row(f"parameters, EfficientNet + mask less {label}", fewer, claims, "arithmetic", np.nan, verdict, reason)
        )
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
        "both over seeds alone and over seeds and recordings. Every statistic, margin and level was fixed in the config",
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
