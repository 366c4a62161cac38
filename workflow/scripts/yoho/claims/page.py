"""The page of the claims, in Markdown."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.power import PILOT_COVERAGE
from yoho.claims.statements import SHOWN

NO_BREAK = "\N{NO-BREAK SPACE}"

HEAD = """\
**The data.** The dataset `{dataset}` is of the source `{source}`: {data}. Every verdict below is about networks that
were trained and tested on these data, with the exposure that stands beside it. It says nothing about other data, and
little about networks that have seen many more windows.

**The networks.** {anew} {epochs}
"""

ANEW = """\
Every training seed has drawn its own training {drawn}, its own initial weights and its own order of training. An
interval over seeds therefore holds all of these. All networks were tested on the same recordings."""

WEIGHTS_ALONE = """\
All training seeds share the training recordings and mixes. They differ in initial weights and in the order of training
alone, so that an interval over seeds says nothing about other training data. All networks were tested on the same
recordings."""

LAST = "The weights of the last epoch were tested, so no choice among epochs has favoured a network."

CHOSEN = """\
The weights of the epoch with the best validation F1 were tested, which in {count} of {runs} runs was not the last."""

DECISIONS = """\
Each claim of the paper is decided by a statistic and, if it needs one, a margin, which the config states. A claim is

- **supported** if all its tests are significant;
- **contradicted** if the contrary of one of its statements is significant;
- **not testable here** if it is not contradicted and one of its statements is about recordings of another source;
- **undecided** otherwise, and always where one of the compared networks is not trained, or has fewer than two seeds.

A test must be significant both over training seeds alone and over seeds and recordings together, so *p* is the larger
of the two p-values. All tests are one-sided at the level {level:g}; "equal within" a margin needs two of them. The
interval is the one that such a test uses: it has a coverage of {coverage:.0%}, it holds the interval over seeds and the
interval over seeds and recordings, and a statement is significant if the interval lies wholly within what it states. A
contradiction needs more, because it is tested on both sides and adjusted for the number of statements (Holm). With one
seed, the interval covers other recordings only. *Smallest margin* is the margin from which on a test of equality would
be significant. "A less B" means A minus B. A row that is *shown* has no part in the verdict.

The last columns are what a row rests on: the number of seeds; the windows that each network has seen in training, and
the mixes and recordings that they come from (the fewest of the compared networks); and the number of test recordings.
An interval without test recordings covers other seeds alone.
"""

TRAINED = """\
Networks are compared only if both are trained. A network is trained if its validation F1 after the last epoch is at
least {floor:g}, and if twice as many training windows would change it by at most {gain:g}. This gain is the slope of
F1 against the logarithm of the windows seen, over the last half of the windows that were seen at the highest learning
rate, because a lower rate makes every curve flat. Both numbers are means over the seeds.
"""

POWER = """\
The power of a test is the probability that it is significant if the two networks truly are equal. It depends on the
margin, on the number of seeds, and on the standard deviation of the difference between seeds, for which the config
states an expected value. The power is an upper limit, because a claim needs several tests to be significant at once,
over recordings as well as over seeds. The pilot's deviations are those that the first {pilot} seeds have shown, with
intervals of {coverage:.0%}. The pilot gives deviations alone, without the means of the differences, and its seeds are
part of the evidence.
"""

NO_HISTORY = """\
The history of the repository is not available here, so this page cannot say whether the settings of the claims stood in
the config before the first run.
"""

HISTORY = """\
By the history of the repository, the settings of each claim, with its words and with those that all claims share
(`level`, `trained`, `replicates`), have been as they are since the following commits. {first}
"""


# What a row of the table of claims rests on: the headings of its columns.
EXPOSURE = {
    "seeds": "n_seeds",
    "windows seen": "training_windows_seen",
    "mixes": "training_mixes",
    "recordings": "training_recordings",
    "test recordings": "n_recordings",
}


class Findings(NamedTuple):
    """What the page shows.

    verdicts: the table of claims; power: the table of power; trainings: a table of `yoho.claims.measures.training_row`;
    runs: {run: what its record says about it}, of all runs that count; left_out: names of runs whose records do not;
    stood: from `yoho.claims.history.stood_since`; source: the source of the dataset; data: what its recordings are, in
    words.
    """

    verdicts: pd.DataFrame
    power: pd.DataFrame
    trainings: pd.DataFrame
    runs: dict
    left_out: list
    stood: dict | None
    source: str
    data: str


def claims_page(found, claims):
    """The page `claims.md`, from `Findings` and the config's claims."""
    dataset, by_claim = found.verdicts["dataset"].iloc[0], found.verdicts.groupby("claim", sort=False)
    lines = [f"# The claims of the paper, tested on the dataset `{dataset}`", "", *head(found, dataset)]
    lines += header("claim", "what the paper says", f"verdict on `{dataset}`", "what the verdict rests on")
    for claim, rows in by_claim:
        verdict, basis = rows["claim_verdict"].iloc[0], resting(rows[rows["verdict"] != SHOWN])
        lines.append(f"| {claim} | {claims[claim]['claim']} | **{verdict}** | {basis} |")
    level = claims["level"]
    lines += ["", "## How a claim is decided", "", DECISIONS.format(level=level, coverage=1 - 2 * level)]
    lines += ["## Which networks are trained", "", TRAINED.format(**claims["trained"]), *training_lines(found)]
    lines += ["", "## The margins, and what this number of seeds can show", "", claims["changed"], ""]
    lines += [
        *history_lines(found),
        "",
        POWER.format(pilot=claims["pilot"], coverage=PILOT_COVERAGE),
        *power_lines(found, claims["power"]),
    ]
    for claim, rows in by_claim:
        lines += ["", f"## {claim}: {rows['claim_verdict'].iloc[0]}", "", claims[claim]["statistic"] + ".", ""]
        lines += statistic_lines(rows)
    return "\n".join([*lines, "", "## The runs", "", *run_lines(found)]) + "\n"


# ---- parts of the page -----------------------------------------------------------------------------------------------


def head(found, dataset):
    """What the data and the networks are, and which records do not count."""
    runs = list(found.runs.values())
    drawn = {own["exposure"]["anew"] for own in runs}
    words = "recordings and mixes" if drawn == {True} else next(iter(drawn), False)
    anew = ANEW.format(drawn=words) if len(drawn) == 1 and words else WEIGHTS_ALONE
    chosen = sum(own["epoch"] < own["epochs"] for own in runs)
    epochs = CHOSEN.format(count=chosen, runs=len(runs)) if chosen else LAST
    if not runs:
        anew, epochs = "No run counts yet.", ""
    lines = [HEAD.format(dataset=dataset, source=found.source, data=found.data, anew=anew, epochs=epochs)]
    if found.left_out:
        names = ", ".join(f"`{name}`" for name in found.left_out)
        lines.append(f"**Left out**, because they were tested on other mixes: {names}.\n")
    return lines


def training_lines(found):
    """The table of networks: how far they are trained."""
    yield from header("network", "seeds", "validation F1 at the end", "gain per doubling", "interval", "trained")
    for row in found.trainings.itertuples():
        numbers = f"{number(row.last_f1, '.3f')} | {number(row.gain, '+z.3f')} | {span(row.low, row.high, '+z.3f')}"
        yield f"| {literal(row.label)} | {row.n_seeds} | {numbers} | {'yes' if row.trained else 'no'} |"


def history_lines(found):
    """Since when the settings of each claim have stood in the config, and whether any run is older."""
    if found.stood is None:
        return [NO_HISTORY]
    finished = [datetime.fromisoformat(own["finished"]) for own in found.runs.values()]
    first = f"The first run that counts was finished at {clock(min(finished))}." if finished else "No run counts yet."
    lines = [HISTORY.format(first=first), *header("claim", "its settings since", "before the first run")]
    for claim, commit in found.stood.items():
        if commit is None:
            lines.append(f"| {claim} | not committed as they are | no |")
            continue
        before = "yes" if all(commit.time < time for time in finished) else "no"
        lines.append(f"| {claim} | {clock(commit.time)}, commit `{commit.name}` | {before} |")
    return lines


def power_lines(found, enough):
    """The table of power; enough: the power that a test should have."""
    names = "claim", "measure", "margin", "expected deviation", "pilot's deviation", "interval", "pilot's seeds"
    yield from header(*names, "seeds", "power", f"seeds needed for a power of {enough:g}")
    for row in found.power.itertuples():
        needed = "over 1000" if np.isnan(row.seeds_needed) else f"{row.seeds_needed:.0f}"
        pilot = f"{number(row.pilot_deviation, '.3g')} | {span(row.pilot_low, row.pilot_high, '.3g')}"
        yield (
            f"| {row.claim} | {row.measure} | {row.margin:g} | {row.expected_deviation:g} | {pilot} "
            f"| {row.pilot_seeds or ''} | {row.n_seeds} | {row.power:.2f} | {needed} |"
        )


def statistic_lines(rows):
    """The statistics of one claim; an unknown number leaves its cell empty."""
    margins = ["smallest margin"] if rows["smallest_margin"].notna().any() else []
    yield from header("statistic", "estimate", "interval", "test", "p", *margins, "verdict", "reason", *EXPOSURE)
    for row in rows.itertuples():
        cells = [
            literal(row.statistic),
            number(row.estimate, "+.3g"),
            span(row.low, row.high, "+.3g"),
            "" if row.test == "none" else row.test.replace(" ", NO_BREAK),
            f"<{NO_BREAK}0.0001" if row.p < 0.0001 else number(row.p, ".2g"),
            *(number(row.smallest_margin, ".3g") for _ in margins),
            row.verdict,
            literal(row.reason if isinstance(row.reason, str) else ""),
            *(f"{count:,}" if count else "" for count in (getattr(row, column) for column in EXPOSURE.values())),
        ]
        yield f"| {' | '.join(cells)} |"


def resting(rows):
    """What some rows of the table of claims rest on, in words; empty if they rest on no training."""
    rows = rows[rows["n_seeds"] > 0]
    if not len(rows):
        return ""

    def reach(column):
        low, high = rows[column].min(), rows[column].max()
        return f"{low:,}" if low == high else f"{low:,} to {high:,}"

    seeds, mixes, tested = reach("n_seeds"), reach("training_mixes"), rows["n_recordings"].max()
    training = f"{reach('training_windows_seen')} windows ({mixes} mixes, {reach('training_recordings')} recordings)"
    each = f"1 seed with {training}" if seeds == "1" else f"{seeds} seeds, each with {training}"
    return each + (f"; {tested:,} test recordings" if tested else "")


def run_lines(found):
    """The table of the runs, in the order in which they were finished."""
    yield from header("run", "commit", "processor", "finished")
    for run, own in sorted(found.runs.items(), key=lambda item: item[1]["finished"]):
        finished = clock(datetime.fromisoformat(own["finished"]))
        yield f"| {literal(run)} | `{own['commit']}` | {literal(own['processor'])} | {finished} |"


# ---- words and signs -------------------------------------------------------------------------------------------------


def header(*names):
    """The first two lines of a Markdown table."""
    return [f"| {' | '.join(names)} |", "| --- " * len(names) + "|"]


def number(value, form):
    """A number, or an empty cell if it is unknown."""
    return "" if np.isnan(value) else format(value, form)


def span(low, high, form):
    """The words of an interval, or an empty cell if it is unknown."""
    return "" if np.isnan(low) else f"{low:{form}}{NO_BREAK}to{NO_BREAK}{high:{form}}"


def clock(time):
    """A time in words."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def literal(text):
    """Escape the characters that Markdown would interpret, which labels of networks and classes may contain."""
    return re.sub(r"([\\`*_<|])", r"\\\1", text)
