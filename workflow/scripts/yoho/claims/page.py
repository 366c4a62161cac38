"""The page of the claims, in Markdown."""

import re

import numpy as np

# ---- page ------------------------------------------------------------------------------------------------------------


def claims_page(found, power, claims):
    """The page `claims.md` from the table of claims and the table of power."""
    dataset = found["dataset"].iloc[0]
    lines = [
        f"# The claims of the paper, on dataset `{dataset}`",
        "",
        f"Intervals hold {1 - claims['level']:.0%}. The units are the training seed and the field recording: an",
        "interval covers other seeds and other recordings of the same classes, and a test counts only where it passes",
        "both over seeds alone and over seeds and recordings. An equivalence is two one-sided tests: it may be shown",
        "where the interval reaches a little beyond the margin. Every statistic and margin stood in the config before.",
        "",
        f"| claim | | verdict on `{dataset}` |",
        "| --- | --- | --- |",
    ]
    for claim, rows in found.groupby("claim", sort=False):
        lines.append(f"| {claim} | {claims[claim]['claim']} | **{rows['claim_verdict'].iloc[0]}** |")
    lines += [
        "",
        "## What these seeds could decide",
        "",
        "The power, at most, of each equivalence test where the two networks are truly equal, for the deviation",
        "between seeds that the config expects: known before any run.",
        "",
        "| claim | measure | margin | expected deviation | seeds | power | seeds needed |",
        "| --- " * 7 + "|",
    ]
    for test in power.itertuples():
        needed = "over 1000" if np.isnan(test.seeds_needed) else f"{test.seeds_needed:.0f}"
        lines.append(
            f"| {test.claim} | {test.measure} | {test.margin:g} | {test.expected_deviation:g} | {test.n_seeds} "
            f"| {test.power:.2f} | {needed} for {claims['power']:.0%} |"
        )
    for claim, rows in found.groupby("claim", sort=False):
        lines += ["", f"## {claim}: {rows['claim_verdict'].iloc[0]}", "", claims[claim]["statistic"] + ".", ""]
        lines += ["| statistic | estimate | interval | test | p | seeds | recordings | verdict |", "| --- " * 8 + "|"]
        for told in rows.itertuples():
            reach = "" if np.isnan(told.low) else f"{told.low:+.3g} to {told.high:+.3g}"
            estimate = "" if np.isnan(told.estimate) else f"{told.estimate:+.3g}"
            p = "" if np.isnan(told.p) else f"{told.p:.3g}"
            why = f": {told.reason}" if isinstance(told.reason, str) and told.reason else ""
            lines.append(
                f"| {literal(told.statistic)} | {estimate} | {reach} | {told.test} | {p} | {told.n_seeds or ''} "
                f"| {told.n_recordings or ''} | {told.verdict}{literal(why)} |"
            )
    return "\n".join(lines) + "\n"


def literal(text):
    """Markdown that shows a text as it is: labels of networks and classes may hold its signs."""
    return re.sub(r"([\\`*_<|])", r"\\\1", text)
