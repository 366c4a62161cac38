"""The figure of overlapping sounds: F1 by their number, and F1 and recall of two sounds by their level difference."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from yoho.figures.plots import MARKS, STYLE, broken
from yoho.palette import COLOURS

PANELS = {
    "number": "F1, by the number of sounds at once",
    "f1": "F1 of two sounds at once",
    "recall_louder": "Recall of the louder of two",
    "recall_softer": "Recall of the softer of two",
}
NUMBER = "classes at the middle of a segment (segments)"
ALARMS = "False alarms without any sound"


def draw_overlap(table, level):
    """The figure of `results/tables/overlap.csv`; table: its content; level: its intervals cover 1 - 2 level."""
    alarms = table[table["kind"] == "false_alarms"]
    names = [["number", "f1"], ["recall_louder", "recall_softer"]]
    names += [["alarms", "alarms"]] if len(alarms) else []
    series = [key for key, _ in table.groupby(["network", "dataset"], sort=False)]
    size = 6.9, 2.1 * len(names) + 0.5 + 0.1 * len(series)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplot_mosaic(names, figsize=size)
        for name, title in PANELS.items():
            of_number = name == "number"
            rows = table[table["level_from"].isna() == of_number]
            rows = rows[rows["kind"] == ("f1" if of_number else name)]
            draw_groups(axes[name], rows, series, "sounds" if of_number else "level_from")
            axes[name].set_title(title, loc="left")
            axes[name].set_ylim(0, 1)
            axes[name].set_ylabel("recall" if "recall" in name else "segment-based F1")
            axes[name].set_xlabel(NUMBER if of_number else "difference of levels in dB (segments)")
        if len(alarms):
            draw_groups(axes["alarms"], alarms, series, "sounds")
            axes["alarms"].set_title(ALARMS, loc="left")
            axes["alarms"].set_ylabel("false positives a minute")
            axes["alarms"].set_xlabel(NUMBER)
            axes["alarms"].set_ylim(bottom=0)
        lines, labels = axes["number"].get_legend_handles_labels()
        title = f"bars: {100 * (1 - 2 * level):g} % intervals over field recordings"
        title += " and seeds" if table["seeds"].max() > 1 else ""
        figure.legend(lines, labels, loc="outside lower center", ncols=2, title=title)
    return figure


def draw_groups(axis, rows, series, column):
    """The points of each network, side by side, over the groups that a column tells apart.

    Networks that are trained on the first dataset have open marks and dashed lines, those of a later one filled marks.
    """
    groups = rows.drop_duplicates(column).sort_values(column)
    networks = list(dict.fromkeys(network for network, _ in series))
    datasets = list(dict.fromkeys(dataset for _, dataset in series if dataset))
    for number, (network, dataset) in enumerate(series):
        own = rows[(rows["network"] == network) & (rows["dataset"] == dataset)].sort_values(column)
        place = np.searchsorted(groups[column], own[column]) + 0.6 * ((number + 0.5) / len(series) - 0.5)
        reach = [own["value"] - own["low"].clip(lower=0), own["high"] - own["value"]]
        first, kind = dataset in datasets[:1], networks.index(network)
        style = {"color": COLOURS[kind % len(COLOURS)], "marker": MARKS[kind % len(MARKS)]}
        style |= {"linestyle": "--" if first else "-", "markerfacecolor": "white" if first else None}
        label = broken(f"{network}, trained on {dataset}" if dataset else network, 40)
        axis.errorbar(place, own["value"], yerr=np.nan_to_num(reach), label=label, capsize=1.5, elinewidth=0.8, **style)
    axis.set_xticks(range(len(groups)), [group_name(row, column) for row in groups.itertuples()])
    axis.grid(visible=False, axis="x")


def group_name(row, column):
    """The name of a group under the axis, with its number of segments."""
    level = f"from {row.level_from:g}" if pd.isna(row.level_to) else f"{row.level_from:g} to {row.level_to:g}"
    name = f"{row.sounds:g}" if column == "sounds" else level
    return f"{name}\n({row.segments:,})"
