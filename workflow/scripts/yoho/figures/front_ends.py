"""The figure of front ends: scores seed by seed, and cost."""

import matplotlib.pyplot as plt

from yoho.figures.plots import MARKS, STYLE, broken, finish
from yoho.palette import COLOURS

SCORES = {"f1": "F1", "psds_1": "PSDS, scenario 1", "psds_2": "PSDS, scenario 2"}


def draw_kinds(table):
    """F1 and PSDS of every front end, with a line for each seed, and the time that a window's image takes.

    table: with a row for the mean of each front end, and one for each of its seeds; columns label, seed, f1, psds_1,
    psds_2 and ms_per_window.
    """
    means = table[table["seed"] == "mean"]
    labels = means["label"].to_list()
    ticks = [broken(label, 12) for label in labels]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 4, figsize=(6.9, 2.6))
        for axis, (score, name) in zip(axes, SCORES.items()):
            for number, (seed, rows) in enumerate(table[table["seed"] != "mean"].groupby("seed", sort=False)):
                places = [labels.index(label) for label in rows["label"]]
                style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)]}
                axis.plot(places, rows[score], linewidth=0.7, alpha=0.8, label=f"seed {seed}", **style)
            axis.plot(range(len(labels)), means[score], "_", color="0.1", markersize=14, label="mean")
            finish(axis, "", f"test {name}", unit=True)
            show_kinds(axis, ticks)
        axes[3].bar(range(len(labels)), means["ms_per_window"], color="0.5")
        finish(axes[3], "", "ms per window, one core")
        show_kinds(axes[3], ticks)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


def show_kinds(axis, ticks):
    """Name the front ends below an axis."""
    axis.set_xticks(range(len(ticks)), ticks, rotation=60, ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.5, len(ticks) - 0.5)
