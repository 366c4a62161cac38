"""Figures 4-6 of the paper and those of the studies, drawn from tables in one style, with colours for the colour-blind.

Every draw_* function returns a matplotlib figure. `curves` is a table of the runs' epochs with the columns `label` (of
the run in the figure) and `run`.
"""

import textwrap
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from yoho.events import read_table
from yoho.palette import COLOURS

matplotlib.use("Agg")

plt.rcParams["text.parse_math"] = False  # a dollar sign in a label is text, also while a figure is saved
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
STROKES = ("-", "--", ":", "-.")
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
}


def read_runs(files, runs):
    """Join the runs' tables, whose files lie in folders named after their run; runs: list of (label, run)."""
    labels = {run: label for label, run in runs}
    tables = [read_table(file, sep=",").assign(run=Path(file).parent.name) for file in files]
    return pd.concat(tables, ignore_index=True).assign(label=lambda table: table["run"].map(labels))


def draw_training(curves):
    """Figure 4: F1 on the left; training loss (dashed) and validation loss (solid) on the right."""
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.9, 2.7))
        draw_lines(left, curves, "f1")
        draw_lines(right, curves, "valid_loss")
        draw_lines(right, curves, "train_loss", linestyle="--", markerfacecolor="white")
        finish(left, "epoch", "validation F1", unit=True)
        finish(right, "epoch", "loss per window")
        right.set_ylim(bottom=0)
        show_legend(left, left, loc="best")
        solid, dashed = (plt.Line2D([], [], color="0.3", linestyle=style) for style in ("-", "--"))
        right.legend([solid, dashed], ["validation", "training"], loc="best")
    return figure


def draw_classwise(curves, epochs):
    """Figure 5: a row per network, a column per score and a line per class, over the first `epochs` epochs."""
    curves = curves[curves["epoch"] <= epochs]
    labels = curves["label"].unique()
    scores = ("precision", "recall", "f1")
    names = [broken(name) for name in curves["event_label"].unique()]
    columns = next(count for count in range(min(len(names), 6), 0, -1) if count == 1 or width(names, count) <= 100)
    size = 6.9, 1.8 * len(labels) + 0.36 + 0.14 * lines(names) * -(-len(names) // columns)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(labels), 3, figsize=size, sharex=True, sharey=True, squeeze=False)
        for row, label in zip(axes, labels):
            for axis, score in zip(row, scores):
                chosen = curves[curves["label"] == label]
                draw_lines(axis, chosen.assign(label=chosen["event_label"]), score)
                last = label == labels[-1]
                finish(axis, "epoch" if last else "", broken(label) if axis is row[0] else "", unit=True)
        for axis, score in zip(axes[0], scores):
            axis.set_title({"f1": "F1"}.get(score, score))
        show_legend(figure, axes[0, 0], loc="outside lower center", ncols=columns)
    return figure


def draw_mask(curves):
    """Figure 6: F1 with and without the masking block."""
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(3.4, 2.5))
        draw_lines(axis, curves, "f1")
        finish(axis, "epoch", "validation F1", unit=True)
        rates = curves.loc[curves["epoch"] == 1, "learning_rate"].unique()
        axis.set_title("learning rate " + ", ".join(f"{rate:g}" for rate in rates))
        show_legend(axis, axis, loc="best")
    return figure


def draw_cells(curves):
    """The mask study: a panel per cell and a line per mask position. Labels have the form "CELL, mask POSITION"."""
    parts = curves["label"].str.rsplit(", mask ", n=1, expand=True)
    curves = curves.assign(cell=parts[0], label=parts[1])
    cells = curves["cell"].unique()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            -(-len(cells) // 2),
            min(2, len(cells)),
            figsize=(6.9, 2.3 * -(-len(cells) // 2)),
            sharey=True,
            squeeze=False,
        )
        for axis, cell in zip(axes.flat, cells):
            draw_lines(axis, curves[curves["cell"] == cell], "f1")
            finish(axis, "epoch", "validation F1" if axis in axes[:, 0] else "", unit=True)
            axis.set_title(cell)
        for axis in axes.flat[len(cells) :]:
            axis.set_visible(False)
        show_legend(axes[0, 0], axes[0, 0], title="mask", loc="best")
    return figure


def draw_effects(effects, level):
    """The audit: a row for each difference, with its effect on F1 on the left and on the error rate on the right.

    effects: table with difference, f1_effect, f1_low, f1_high, the same for error_rate, n_seeds and interval_over; its
    intervals have the confidence 1 - level. A missing interval leaves only the point.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(6.9, 0.27 * len(effects) + 0.9), sharey=True)
        rows = range(len(effects))
        for axis, score, name in zip(axes, ("f1", "error_rate"), ("F1", "error rate")):
            effect = effects[f"{score}_effect"]
            reach = [(effect - effects[f"{score}_low"]).fillna(0), (effects[f"{score}_high"] - effect).fillna(0)]
            axis.axvline(0, color="0.3", linewidth=0.8)
            axis.errorbar(effect, rows, xerr=reach, fmt="o", color=COLOURS[0], capsize=2, linewidth=1.2)
            axis.set_xlabel(f"test {name}, released minus described")
        seeds, units = effects["n_seeds"].min(), effects["interval_over"].iloc[0]
        confidence = f"{100 * (1 - level):g} %"
        figure.suptitle(f"{seeds} seed{'s' if seeds > 1 else ''}; {confidence} intervals over {units}", fontsize=8)
        axes[0].set_yticks(rows, [broken(label, 40) for label in effects["difference"]])
        axes[0].invert_yaxis()
    return figure


def draw_contents(contents):
    """The dataset: a panel for each count, with a bar for each class, stacked by split.

    contents: table with event_label (also "overall"), split (also "all"), recordings, groups, clips and hours.
    """
    total = contents[(contents["event_label"] == "overall") & (contents["split"] == "all")].iloc[0]
    contents = contents[(contents["event_label"] != "overall") & (contents["split"] != "all")]
    classes, splits = contents["event_label"].unique(), contents["split"].unique()
    names = [broken(name, 40) for name in classes]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 4, figsize=(6.9, (0.11 + 0.13 * lines(names)) * len(classes) + 1.2), sharey=True)
        for axis, count in zip(axes, ("recordings", "groups", "clips", "hours")):
            start = np.zeros(len(classes))
            for split, colour, hatch in zip(splits, COLOURS, ("", "////", "xxxx")):
                sizes = contents.loc[contents["split"] == split, count].to_numpy()
                axis.barh(names, sizes, left=start, label=split, color=colour, hatch=hatch, edgecolor="white")
                start += sizes
            whole = count != "hours"
            axis.set_xlabel(f"{count}\n({total[count]:{',.0f' if whole else '.3g'}} in all)")
            axis.xaxis.set_major_locator(MaxNLocator(integer=whole, nbins=4 if whole else 3))
            axis.grid(visible=False, axis="y")
            axis.set_axisbelow(True)
        axes[0].invert_yaxis()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(splits))
    return figure


def draw_lines(axis, curves, score, **style):
    """Draw a line per label: the score over the epochs, or for several runs their mean and the band of their range."""
    for number, (label, members) in enumerate(curves.groupby("label", sort=False)):
        rows = members.groupby("epoch")[score].agg(["mean", "min", "max"])
        colour = COLOURS[number % len(COLOURS)]
        if members["run"].nunique() > 1:
            axis.fill_between(rows.index, rows["min"], rows["max"], color=colour, alpha=0.2, linewidth=0)
        axis.plot(
            rows.index,
            rows["mean"],
            label=label,
            color=colour,
            marker=MARKS[number % len(MARKS)],
            markevery=max(1, len(rows) // 10),
            clip_on=False,
            **{"linestyle": STROKES[number // len(COLOURS) % 4]} | style,
        )


def show_legend(place, axis, **style):
    """Add a legend of an axis's lines to a figure or axis; matplotlib's own omits labels that begin with _."""
    lines = axis.get_lines()
    place.legend(lines, [broken(line.get_label()) for line in lines], **style)


def broken(label, width=24):
    """A label in lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(label, width, drop_whitespace=False))


def width(labels, columns):
    """The width of a legend in characters; the line before a label takes as much room as eight."""
    parts = np.array_split(np.array(labels, object), columns)
    return sum(8 + max(len(line) for label in part for line in label.split("\n")) for part in parts)


def lines(labels):
    """The number of lines of the longest label."""
    return max(1 + label.count("\n") for label in labels)


def finish(axis, xlabel, ylabel, unit=False):
    """Set the axis labels, whole epochs, and the limits 0 to 1 of a score."""
    axis.set_xlabel(xlabel)
    axis.set_ylabel(ylabel)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if unit:
        axis.set_ylim(0, 1)


def save_figure(figure, paths):
    """Write the figure to every path in the format of its suffix. The same figure gives the same bytes."""
    for path in paths:
        figure.savefig(path, dpi=200, metadata={"CreationDate": None} if str(path).endswith(".pdf") else None)
    plt.close(figure)
