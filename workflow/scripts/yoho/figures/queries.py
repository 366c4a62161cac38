"""The figure of queries in words: which phrasings find their sound, of which classes, and at which threshold."""

import matplotlib.pyplot as plt
import numpy as np

from yoho.figures.plots import MARKS, STYLE, broken
from yoho.palette import COLOURS

GOAL = 0.2  # false alarms a minute
AT = "f1_at_"  # columns of F1 at several thresholds


def draw_queries(table):
    """The figure of `results/tables/referring.csv`; table: its content."""
    queries = table[(table["part"] == "query") & (table["kind"] != "")]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplot_mosaic([["kind", "event_label"], ["alarms", "event_label"]], figsize=(6.9, 4.8))
        for column, part, title in (("kind", "kind", "kind of phrasing"), ("event_label", "class", "sound")):
            draw_points(axes[column], queries, table[table["part"] == part], column)
            axes[column].set_title(f"F1 of each query, by {title}", loc="left")
        draw_alarms(axes["alarms"], table)
        figure.legend(*axes["kind"].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_points(axis, queries, means, column):
    """A row for each kind or class: F1 of its queries, their mean with its interval, and the controls."""
    means = means[means[column].isin(queries[column])]
    names = means[column].tolist()
    for place, (_, mean) in enumerate(means.iterrows()):
        f1 = np.sort(queries.loc[queries[column] == mean[column], "f1"])
        apart = place + 0.3 * (np.arange(len(f1)) % 3 - 1)  # so that equal points stand beside one another
        label = {"label": "one query"} if place == 0 else {}
        axis.plot(f1, apart, "o", color=COLOURS[4], alpha=0.8, markersize=3, clip_on=False, **label)
        reach = [[mean["f1"] - max(mean["f1_low"], 0)], [min(mean["f1_high"], 1) - mean["f1"]]]
        label = {"label": "mean, and its 95 % interval over recordings and queries"} if place == 0 else {}
        axis.errorbar(mean["f1"], place, reach, fmt="D", color=COLOURS[0], markersize=5, capsize=3, zorder=3, **label)
        for score, style, label in (
            ("fixed_f1", {"color": COLOURS[1], "linewidth": 2}, "classes chosen by hand, the same ear"),
            (
                "shuffled_f1",
                {"color": "0.4", "linewidth": 1.2, "linestyle": ":"},
                "control: scored as if it meant another sound",
            ),
        ):
            label = {"label": label} if place == 0 else {}
            axis.plot([mean[score]] * 2, [place - 0.45, place + 0.45], **style, **label)
    axis.set_yticks(range(len(names)), [broken(name.replace("_", " ")) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(0, 1)
    axis.set_xlabel("segment-based F1")
    axis.grid(visible=False, axis="y")


def draw_alarms(axis, table):
    """Mean F1 against false alarms a minute, with a point for each threshold."""
    thresholds = [name.removeprefix(AT) for name in table.columns if name.startswith(AT)]
    lines = {"all queries": table[table["part"] == "all"]}
    lines |= {
        kind: table[(table["part"] == "kind") & (table["kind"] == kind)] for kind in ("name", "synonym and sentence")
    }
    for number, (label, rows) in enumerate(lines.items()):
        for _, row in rows.iterrows():
            alarms, f1 = ([row[f"{column}{level}"] for level in thresholds] for column in ("alarms_at_", AT))
            axis.plot(alarms, f1, marker=MARKS[number], color=COLOURS[number], label=label, clip_on=False)
            if label == "all queries":
                for level, x, y in zip(thresholds, alarms, f1):
                    axis.annotate(level, (x, y), (0, -9), textcoords="offset points", ha="center", fontsize=6)
    axis.axvline(GOAL, color="0.4", linewidth=0.8, linestyle="--")
    axis.set_xlim(left=0)
    axis.set_ylim(0, 1)
    axis.set_xlabel("false alarms a minute where the sound is absent")
    axis.set_ylabel("mean F1")
    axis.set_title("Stricter thresholds", loc="left")
    axis.legend(loc="lower right")
