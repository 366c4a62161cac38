"""The page of the claims, in Markdown."""

import re

import numpy as np

INTRODUCTION = """\
Each claim of the paper is decided by a statistic and, if it needs one, a margin. The config states both, independently
of any result. A claim is

- **supported** if all its tests are significant;
- **contradicted** if the contrary of one of its statements is significant;
- **not testable here** if it is not contradicted and one of its statements is about recordings of another source;
- **undecided** otherwise.

The numbers of parameters (C7) are compared without a test.

An interval holds the true value with {confidence:.0%} confidence. It covers other training seeds and other field
recordings of the same classes. If the number of recordings is missing, it covers other seeds only; with one seed, it
covers other recordings only. A test must be significant both over seeds alone and over seeds and recordings together,
so *p* is the larger of the two p-values. "Equal within" a margin is tested by two one-sided tests, so it can be
significant although the interval reaches a little beyond the margin. "A less B" means A minus B.
"""

POWER = """\
The power of a test of equality is the probability that the test is significant if the two networks truly are equal. It
depends on the margin, on the number of seeds, and on the standard deviation of the difference between seeds, for which
the config states an expected value. So the power is known before any training. It is an upper limit, because a claim
needs several tests to be significant at once, over recordings as well as over seeds.
"""


def claims_page(table, power, claims):
    """The page `claims.md`, from the table of claims and the table of power."""
    dataset = table["dataset"].iloc[0]
    by_claim = table.groupby("claim", sort=False)
    lines = [
        f"# The claims of the paper, tested on the dataset `{dataset}`",
        "",
        INTRODUCTION.format(confidence=1 - claims["level"]),
        *header("claim", "what the paper says", f"verdict on `{dataset}`"),
        *(f"| {claim} | {claims[claim]['claim']} | **{rows['claim_verdict'].iloc[0]}** |" for claim, rows in by_claim),
        "",
        "## What this number of seeds can show",
        "",
        POWER,
        *power_lines(power, claims["power"]),
    ]
    for claim, rows in by_claim:
        lines += ["", f"## {claim}: {rows['claim_verdict'].iloc[0]}", "", claims[claim]["statistic"] + ".", ""]
        lines += statistic_lines(rows)
    return "\n".join(lines) + "\n"


def power_lines(power, enough):
    """The table of power; enough: the power that a test should have."""
    seeds_needed = f"seeds needed for a power of {enough:g}"
    yield from header("claim", "measure", "margin", "expected deviation", "seeds", "power", seeds_needed)
    for test in power.itertuples():
        needed = "over 1000" if np.isnan(test.seeds_needed) else f"{test.seeds_needed:.0f}"
        yield (
            f"| {test.claim} | {test.measure} | {test.margin:g} | {test.expected_deviation:g} | {test.n_seeds} "
            f"| {test.power:.2f} | {needed} |"
        )


def statistic_lines(rows):
    """The statistics of one claim; an unknown number leaves its cell empty."""
    yield from header("statistic", "estimate", "interval", "test", "p", "seeds", "recordings", "verdict", "reason")
    for row in rows.itertuples():
        interval = "" if np.isnan(row.low) else f"{row.low:+.3g} to {row.high:+.3g}"
        estimate = "" if np.isnan(row.estimate) else f"{row.estimate:+.3g}"
        p = "" if np.isnan(row.p) else f"{row.p:.3g}"
        reason = row.reason if isinstance(row.reason, str) else ""
        yield (
            f"| {literal(row.statistic)} | {estimate} | {interval} | {row.test} | {p} | {row.n_seeds or ''} "
            f"| {row.n_recordings or ''} | {row.verdict} | {literal(reason)} |"
        )


def header(*names):
    """The first two lines of a Markdown table."""
    return [f"| {' | '.join(names)} |", "| --- " * len(names) + "|"]


def literal(text):
    """Escape the characters that Markdown would interpret, which labels of networks and classes may contain."""
    return re.sub(r"([\\`*_<|])", r"\\\1", text)
