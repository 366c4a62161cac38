"""The figure of front ends: differences of scores to the first front end, and cost."""

import re

import matplotlib.pyplot as plt
import numpy as np

from yoho.figures.plots import STYLE, broken
from yoho.palette import COLOURS


def draw_kinds(table, level):
    """A row for each front end, with the differences of its F1 and PSDS to the first one, and the time of an image.

    table: of `results/tables/front_ends.csv`, whose intervals cover 1 - 2 level. A missing interval leaves only the
    mean. In the row of the first front end stands its own score.
    """
    scores = {"f1": "test F1"}
    scores |= {name: f"PSDS, scenario {name[4:]}" for name in table if re.fullmatch(r"psds\d+", name)}
    columns = [f"{score}_{part}" for score in scores for part in ("difference", "low", "high")]
    table = table.astype(dict.fromkeys(columns, float))  # a column that is empty holds no numbers
    means, seeds = table[table["seed"] == "mean"], table[table["seed"] != "mean"]
    rows, colours = np.arange(len(means)), [COLOURS[number % len(COLOURS)] for number in range(len(means))]
    own = seeds["label"].map(dict(zip(means["label"], rows)))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(scores) + 1, figsize=(6.9, 0.3 * len(means) + 1.1), sharey=True)
        for axis, (score, name) in zip(axes, scores.items()):
            middle = means[f"{score}_difference"]
            bounds = [means[f"{score}_{side}"].fillna(middle) for side in ("low", "high")]
            axis.axvline(0, color="0.3", linewidth=0.8)
            axis.scatter(seeds[f"{score}_difference"], own - 0.2, s=9, color="0.5", linewidth=0)
            axis.hlines(rows, *bounds, color=colours, linewidth=1.4)
            axis.scatter(middle, rows, s=20, color=colours, zorder=3)
            axis.text(0, 0, f"{means[score].iloc[0]:.3f}", ha="center", va="center", backgroundcolor="white")
            axis.margins(x=0.15)
            axis.set_xlabel(f"{name},\nminus that of {means['label'].iloc[0]}")
        axes[-1].barh(rows, means["ms_per_window"], height=0.5, color=colours)
        axes[-1].set_xlabel("ms per window,\none core")
        axes[0].set_yticks(rows, [broken(label, 20) for label in means["label"]])
        axes[0].set_ylim(len(means) - 0.5, -0.5)
        for axis in axes:
            axis.grid(visible=False, axis="y")
        figure.suptitle(f"{100 * (1 - 2 * level):g} % intervals; grey: single seeds", fontsize=8)
    return figure
