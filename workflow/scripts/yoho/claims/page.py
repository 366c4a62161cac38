"""The page of the claims, in Markdown."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from yoho.claims.history import SHARED
from yoho.claims.power import COVERAGE
from yoho.claims.statements import CONTRADICTED, EFFECTS, SHOWN, UNDECIDED

NO_BREAK = "\N{NO-BREAK SPACE}"

HEAD = """\
**The data.** The dataset `{dataset}` is of the source `{source}`: {data}. Every verdict below is about networks that
were trained and tested on these data, with the exposure that stands beside it. It says nothing about other data, and
little about networks that have seen many more windows.

**The networks.** {anew} {epochs}

**The runs.** {runs}
"""

NO_RUN = "No run counts yet."

ALL_RUNS = "All {planned} runs are there."

SOME_RUNS = """\
{count} of {planned} runs are there. The verdicts are computed again with each run that is added. Until all runs are
there, a verdict that lacks some of its seeds is *interim*: a verdict that is looked at again and again is due to chance
more often than the level says."""

ANEW = """\
Every training seed has drawn its own training {drawn}, its own initial weights and its own order of training. An
interval over seeds therefore holds all of these. All networks were tested on the same recordings."""

WEIGHTS_ALONE = """\
All training seeds share the training recordings and mixes. They differ in initial weights and in the order of training
alone, so that an interval over seeds says nothing about other training data. All networks were tested on the same
recordings."""

UNLIKE = """\
The runs differ in the training data that each seed has drawn anew: {counts}. All seeds have drawn their own initial
weights and their own order of training. All networks were tested on the same recordings."""

DRAWN = {True: "recordings and mixes", "mixes": "mixes", False: "neither recordings nor mixes"}

LAST = "The weights of the last epoch were tested, so no choice among epochs has favoured a network."

BEST = "The weights of the epoch with the best validation F1 were tested."

EITHER = """\
In {count} of {runs} runs the weights of the last epoch were tested, and in the others those of the epoch with the best
validation F1."""

AVERAGES = " In {averaged} of {runs} runs, these weights are moving averages over the steps of the training."

DECISIONS = """\
Each claim of the paper is decided by a statistic and, if it needs one, a margin, which the config states. A claim is

- **supported** if all its tests are significant;
- **contradicted** if the contrary of one of its statements is significant;
- **not testable here** if it is not contradicted and one of its statements is about recordings of another source;
- **undecided** otherwise, and always where a compared network is not known to be trained, or has fewer than two seeds.

A test must be significant both over training seeds alone and over seeds and recordings together, so *p* is the larger
of the two p-values. All tests are one-sided at the level {level:g}; "equal within" a margin needs two of them. The
interval is the one that such a test uses: it has a coverage of {coverage:.0%}, it holds the interval over seeds and the
interval over seeds and recordings, and a statement is significant if the interval lies wholly within what it states. A
contradiction needs more: its p-value is adjusted for the number of statements (Holm), and where two sides can
contradict a statement, both are tested. With one seed, the interval covers other recordings only. *Smallest margin* is
the margin from which on a test of equality would be significant. "A less B" means A minus B. A row that is *shown* has
no part in the verdict.

A row about *all* pairs of classes or cells of the mask study shows the one with the largest p-value, on which its
verdict hangs. Its contradiction is tested on all of them jointly.

The last columns are what a row rests on: the numbers of seeds that are there and that are planned; the windows that
each network has seen in training, and the mixes and recordings that they come from (the fewest of the compared
networks); and the number of test recordings. An interval without test recordings covers other seeds alone.
"""

TRAINED = """\
Networks are compared only if all of them are trained, which means that every seed has reached a validation F1 of
{floor:g} at the end, and that twice as many training windows would change it by at most {gain:g}. The gain per doubling
is the slope of F1 against the logarithm of the windows seen, over the last half of the windows that were seen at the
highest learning rate, because a lower rate makes every curve flat. A network is trained (*yes*) if the whole interval
of its mean gain over the seeds lies within {gain:g} of 0, and it is not (*no*) if the whole interval lies outside or a
seed stays below {floor:g}. Otherwise, and with fewer than two seeds, this is *unclear*. No comparison is decided unless
the answer is *yes*. The interval has a coverage of {coverage:.0%}. A network may be trained and yet bad: the answer is
about more windows alone.
"""

POWER = """\
The power of a test is the probability that it is significant if the two networks truly are equal. It depends on the
margin, on the number of seeds, and on the standard deviation of the difference between seeds, for which the config
states an expected value. The power is an upper limit, because a claim needs several tests to be significant at once,
over recordings as well as over seeds. It is that of all planned seeds. *Deviation so far* is the deviation between the
seeds that are there, and its interval has a coverage of {coverage:.0%}. Where a claim compares several pairs of
networks, it is that of the pair with the largest deviation.
"""

NO_HISTORY = """\
The history of the repository is not available here, so this page cannot say whether the settings of the claims and the
grid of the study stood in the config before the first run.
"""

HISTORY = """\
By the history of the repository, the following settings have been as they are since these commits: those of each
claim, with its words and with the settings that all claims share ({shared}); and the grid of the study, which is made
of the settings of data, windows, training, scoring and runs. {first}
"""


# What a row of the table of claims rests on: the headings of its columns.
EXPOSURE = {
    "seeds": "n_seeds",
    "planned": "n_planned",
    "windows seen": "training_windows_seen",
    "mixes": "training_mixes",
    "recordings": "training_recordings",
    "test recordings": "n_recordings",
}


class Findings(NamedTuple):
    """What the page shows.

    verdicts: the table of claims; power: the table of power; trainings: a table of `yoho.claims.measures.training_row`;
    runs: {run: what its record says about it}, of all runs that count; planned: the number of runs that there will be;
    left_out: {run: why its record does not count}; stood: from `yoho.claims.history.stood_since`; source: the source of
    the dataset; data: what its recordings are, in words.
    """

    verdicts: pd.DataFrame
    power: pd.DataFrame
    trainings: pd.DataFrame
    runs: dict
    planned: int
    left_out: dict
    stood: dict | None
    source: str
    data: str


def claims_page(found, claims):
    """The page `claims.md`, from `Findings` and the config's claims."""
    dataset, by_claim = found.verdicts["dataset"].iloc[0], found.verdicts.groupby("claim", sort=False)
    lines = [f"# The claims of the paper, tested on the dataset `{dataset}`", "", *head(found, dataset)]
    lines += header(
        "claim", "what the paper says", f"verdict on `{dataset}`", "why undecided", "what the verdict rests on"
    )
    for claim, rows in by_claim:
        verdict, basis = f"**{rows['claim_verdict'].iloc[0]}**{interim(rows)}", resting(rows)
        lines.append(f"| {claim} | {claims[claim]['claim']} | {verdict} | {obstacle(rows)} | {basis} |")
    level, coverage = claims["level"], 1 - 2 * claims["level"]
    lines += ["", "## How a claim is decided", "", DECISIONS.format(level=level, coverage=coverage)]
    trained = TRAINED.format(**claims["trained"], coverage=coverage)
    lines += ["## Which networks are trained", "", trained, *training_lines(found)]
    lines += ["", "## The margins, and what this number of seeds can show", "", claims["changed"], ""]
    lines += [
        *history_lines(found),
        "",
        POWER.format(coverage=COVERAGE),
        *power_lines(found, claims["power"]),
    ]
    for claim, rows in by_claim:
        verdict = rows["claim_verdict"].iloc[0] + interim(rows)
        lines += ["", f"## {claim}: {verdict}", "", claims[claim]["statistic"] + ".", ""]
        lines += statistic_lines(rows)
    return "\n".join([*lines, "", "## The runs", "", *run_lines(found)]) + "\n"


# ---- parts of the page -----------------------------------------------------------------------------------------------


def head(found, dataset):
    """What the data, the networks and the runs are, and which records do not count."""
    runs, words = list(found.runs.values()), {"dataset": dataset, "source": found.source, "data": found.data}
    count = (SOME_RUNS if len(runs) < found.planned else ALL_RUNS).format(count=len(runs), planned=found.planned)
    lines = [HEAD.format(**words, anew=anew(runs) if runs else NO_RUN, epochs=tested(runs) if runs else "", runs=count)]
    if found.left_out:
        names = "; ".join(f"`{name}` ({why})" for name, why in found.left_out.items())
        lines.append(f"**Left out**, because these records differ from this config: {names}.\n")
    return lines


def anew(runs):
    """What the training seeds of some runs have drawn anew."""
    drawn = [own["exposure"]["anew"] for own in runs]
    if len(set(drawn)) == 1:
        return ANEW.format(drawn=DRAWN[drawn[0]]) if drawn[0] else WEIGHTS_ALONE
    counts = (f"in {drawn.count(what)} of {len(runs)} runs {words}" for what, words in DRAWN.items() if what in drawn)
    return UNLIKE.format(counts=", ".join(counts))


def tested(runs):
    """Which epoch's weights of some runs were tested."""
    training = [own["settings"]["run"]["training"] for own in runs]
    epochs, averaged = [own["tested_epoch"] for own in training], sum(own.get("ema_decay", 0) > 0 for own in training)
    words = {"last": LAST, "best": BEST}[epochs[0]] if len(set(epochs)) == 1 else EITHER
    words += AVERAGES if averaged else ""
    return words.format(count=epochs.count("last"), averaged=averaged, runs=len(runs))


def training_lines(found):
    """The table of networks: how far they are trained."""
    yield from header("network", "seeds", "validation F1 at the end", "gain per doubling", "interval", "trained")
    for row in found.trainings.itertuples():
        numbers = f"{number(row.last_f1, '.3f')} | {number(row.gain, '+z.3f')} | {span(row.low, row.high, '+z.3f')}"
        yield f"| {literal(row.label)} | {row.n_seeds} | {numbers} | {row.trained} |"


def history_lines(found):
    """Since when the settings of each claim and the grid have stood in the config, and whether any run is older."""
    if found.stood is None:
        return [NO_HISTORY]
    began = [datetime.fromisoformat(own["started"]) for own in found.runs.values()]
    first = f"The first run that counts was started at {clock(min(began))}." if began else NO_RUN
    lines = [HISTORY.format(shared=", ".join(f"`{key}`" for key in SHARED), first=first)]
    lines += header("settings", "as they are since", "before the first run")
    for name, commit in found.stood.items():
        since = f"{clock(commit.time)}, commit `{commit.name}`" if commit else "not committed as they are"
        before = ("yes" if commit and commit.time < min(began) else "no") if began else "no run yet"
        lines.append(f"| {name} | {since} | {before} |")
    return lines


def power_lines(found, enough):
    """The table of power; enough: the power that a test should have."""
    names = "claim", "measure", "margin", "expected deviation", "deviation so far", "interval", "seeds"
    yield from header(*names, "planned", "power", f"seeds needed for a power of {enough:g}")
    for row in found.power.itertuples():
        needed = "over 1000" if np.isnan(row.seeds_needed) else f"{row.seeds_needed:.0f}"
        so_far = f"{number(row.deviation, '.3g')} | {span(row.low, row.high, '.3g')} | {row.seeds_there}"
        yield (
            f"| {row.claim} | {EFFECTS[row.measure]} | {row.margin:g} | {row.expected_deviation:g} | {so_far} "
            f"| {row.n_seeds} | {row.power:.2f} | {needed} |"
        )


def statistic_lines(rows):
    """The statistics of one claim; an unknown number leaves its cell empty."""
    margins = ["smallest margin"] if rows["smallest_margin"].notna().any() else []
    yield from header("statistic", "estimate", "interval", "test", "p", *margins, "verdict", "reason", *EXPOSURE)
    for row in rows.itertuples():
        cells = [
            literal(row.statistic),
            number(row.estimate, "+,.0f" if abs(row.estimate) >= 1000 else "+.3g"),
            span(row.low, row.high, "+.3g"),
            "" if row.test == "none" else row.test.replace(" ", NO_BREAK),
            f"<{NO_BREAK}0.0001" if row.p < 0.0001 else number(row.p, ".2g"),
            *(number(row.smallest_margin, ".3g") for _ in margins),
            row.verdict,
            literal(row.reason if isinstance(row.reason, str) else ""),
            *(f"{count:,}" if count else "" for count in (getattr(row, column) for column in EXPOSURE.values())),
        ]
        yield f"| {' | '.join(cells)} |"


def interim(rows):
    """What is added to the verdict on a claim that rests on fewer seeds than planned; rows: of the table of claims.

    A contradiction by a row that lacks no seed is final, because one contradiction is enough.
    """
    deciding = rows[rows["verdict"] != SHOWN]
    missing = deciding["n_planned"] - deciding["n_seeds"]
    final = (rows["claim_verdict"] == CONTRADICTED) & (deciding["verdict"] == CONTRADICTED) & (missing == 0)
    if not missing.any() or final.any():
        return ""
    fewest = deciding.loc[missing.idxmax()]
    return f", interim: {fewest['n_seeds']} of {fewest['n_planned']} seeds"


def obstacle(rows):
    """A short reason why the claim of some rows is undecided; empty if it is not."""
    undecided = rows[(rows["verdict"] == UNDECIDED) & (rows["claim_verdict"] == UNDECIDED)]
    return re.split("[;:]", undecided["reason"].iloc[0])[0] if len(undecided) else ""


def resting(rows):
    """What the verdict on the claim of some rows rests on, in words: arithmetic, trained networks or both."""
    rows = rows[rows["verdict"] != SHOWN]
    arithmetic = (rows["test"] == "arithmetic").any()
    rows = rows[rows["n_seeds"] > 0]
    training = exposure(rows) if len(rows) else ""
    return f"arithmetic; the rows of F1: {training or 'no seed'}" if arithmetic else training


def exposure(rows):
    """The seeds, the training and the test recordings of some rows, in words."""

    def reach(column):
        low, high = rows[column].min(), rows[column].max()
        return f"{low:,}" if low == high else f"{low:,} to {high:,}"

    seeds, mixes, tested = reach("n_seeds"), reach("training_mixes"), rows["n_recordings"].max()
    training = f"{reach('training_windows_seen')} windows ({mixes} mixes, {reach('training_recordings')} recordings)"
    each = f"1 seed with {training}" if seeds == "1" else f"{seeds} seeds, each with {training}"
    return each + (f"; {tested:,} test recordings" if tested else "")


def run_lines(found):
    """The table of the runs, in the order in which they were finished."""
    yield from header("run", "commit", "processor", "precision", "finished")
    for run, own in sorted(found.runs.items(), key=lambda item: item[1]["finished"]):
        place = f"{literal(own['processor'])} | {own['precision']}"
        yield f"| {literal(run)} | `{own['commit']}` | {place} | {clock(datetime.fromisoformat(own['finished']))} |"


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
    return re.sub(r"([\\`*_<|&~$\[\]])", r"\\\1", text)
