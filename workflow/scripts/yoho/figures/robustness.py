"""The figure of robustness: F1 of each network under each condition of users' files."""

import matplotlib.pyplot as plt
import numpy as np

from yoho.figures.plots import MARKS, STYLE, broken
from yoho.palette import COLOURS


def draw_conditions(table):
    """A row for each condition and a mark for each network, whose dashed line is its F1 on the first condition.

    table: of `results/tables/robustness.csv`. A missing interval leaves only the mark.
    """
    conditions, networks = table["condition"].unique(), table["network"].unique()
    offsets = 0.6 * ((np.arange(len(networks)) + 0.5) / len(networks) - 0.5)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6.9, (0.15 + 0.08 * len(networks)) * len(conditions) + 1))
        for number, network in enumerate(networks):
            rows = table[table["network"] == network]
            colour = COLOURS[number % len(COLOURS)]
            axis.axvline(rows["f1"].iloc[0], color=colour, linewidth=0.8, linestyle="--", zorder=1)
            low, high = (rows[name].fillna(rows["f1"]).clip(0, 1) for name in ("f1_low", "f1_high"))
            reach = [rows["f1"] - low, high - rows["f1"]]
            places = np.arange(len(rows)) + offsets[number]
            style = {"color": colour, "capsize": 2, "linewidth": 1, "markersize": 4, "zorder": 2, "clip_on": False}
            mark = MARKS[number % len(MARKS)]
            axis.errorbar(rows["f1"], places, xerr=reach, fmt=mark, label=broken(network), **style)
        axis.set_yticks(range(len(conditions)), [name.replace("_", " ") for name in conditions])
        axis.set_ylim(len(conditions) - 0.5, -0.5)
        axis.set_xlim(0, 1)
        axis.set_xlabel("segment-based F1")
        axis.grid(visible=False, axis="y")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(networks)))
    return figure
