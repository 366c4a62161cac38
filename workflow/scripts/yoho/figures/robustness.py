"""The figure of robustness: F1 of each network under each condition of users' files."""

import matplotlib.pyplot as plt
import numpy as np

from yoho.figures.plots import MARKS, STYLE, broken
from yoho.palette import COLOURS

CLEAN = "clean"  # the condition with which the others are compared


def draw_conditions(table, level):
    """A row for each condition and a mark for each network, whose dashed line is its F1 on the clean mixes.

    table: of `results/tables/robustness.csv`, whose intervals cover 1 - 2 level. A bar is the interval of the
    difference, drawn from the dashed line on. If it does not reach this line, other recordings would show a difference
    too. A missing interval leaves only the mark.
    """
    conditions, networks = table["condition"].unique(), table["network"].unique()
    offsets = 0.6 * ((np.arange(len(networks)) + 0.5) / len(networks) - 0.5)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6.9, (0.15 + 0.08 * len(networks)) * len(conditions) + 1))
        for number, network in enumerate(networks):
            rows = table[table["network"] == network]
            colour, places = COLOURS[number % len(COLOURS)], np.arange(len(rows)) + offsets[number]
            clean = rows.loc[rows["condition"] == CLEAN, "f1"].item()
            axis.axvline(clean, color=colour, linewidth=0.8, linestyle="--", zorder=1)
            bounds = (rows[f"f1_difference_{side}"] for side in ("low", "high"))
            reach = [(clean + bound).fillna(rows["f1"]) for bound in bounds]
            axis.hlines(places, *reach, color=colour, linewidth=1, zorder=2)
            style = {"color": colour, "marker": MARKS[number % len(MARKS)], "linestyle": "", "zorder": 3}
            axis.plot(rows["f1"], places, label=broken(network), **style)
        axis.set_yticks(range(len(conditions)), [name.replace("_", " ") for name in conditions])
        axis.set_ylim(len(conditions) - 0.5, -0.5)
        axis.margins(x=0.02)
        axis.set_xlabel(f"segment-based F1; bars: {100 * (1 - 2 * level):g} % intervals of the difference to clean")
        axis.grid(visible=False, axis="y")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(networks)))
    return figure
