"""The figure of queries in words: which phrasings find their sound, of which classes, and at which threshold."""

import matplotlib.pyplot as plt

from yoho.figures.plots import MARKS, STYLE, broken
from yoho.palette import COLOURS

GOAL = 0.2  # false alarms a minute
AT = "f1_at_"  # columns of F1 at several thresholds


def draw_queries(table):
    """The figure of `results/tables/referring.csv`; table: its content."""
    queries = table[(table["part"] == "query") & (table["kind"] != "")]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplot_mosaic([["kind", "event_label"], ["alarms", "event_label"]], figsize=(6.9, 5.2))
        axes["kind"].set_title("Which phrasings find their sound?", loc="left")
        axes["event_label"].set_title("Which sounds are found?", loc="left")
        axes["alarms"].set_title("What does a stricter threshold cost?", loc="left")
        draw_points(axes["kind"], queries, table[table["part"] == "kind"], "kind")
        draw_points(axes["event_label"], queries, table[table["part"] == "class"], "event_label")
        draw_alarms(axes["alarms"], table)
        figure.legend(*axes["kind"].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_points(axis, queries, means, column):
    """A row for each kind or class: F1 of its queries, their mean with its interval, and two comparisons."""
    means = means[means[column].isin(queries[column])].reset_index(drop=True)
    rows = queries.sort_values("f1").assign(row=queries[column].map({name: row for row, name in means[column].items()}))
    rows["row"] += 0.25 * (rows.groupby("row").cumcount() % 3 - 1)  # so that equal points stand beside one another
    heard, refused = rows[rows["refused"] == 0], rows[rows["refused"] == 1]
    points = {"markersize": 3.5, "clip_on": False, "linestyle": "none"}
    axis.plot(heard["f1"], heard["row"], marker="o", color=COLOURS[4], label="one query", **points)
    axis.plot(refused["f1"], refused["row"], marker="x", color="0.3", label="refused query: no class fits", **points)
    reach = [means["f1"] - means["f1_low"].clip(lower=0), means["f1_high"].clip(upper=1) - means["f1"]]
    label = "mean, 95 % interval over recordings and queries"
    style = {"fmt": "D", "color": COLOURS[0], "markersize": 4.5, "capsize": 2, "linewidth": 1, "zorder": 3}
    axis.errorbar(means["f1"], means.index, xerr=reach, label=label, **style)
    ends = means.index - 0.42, means.index + 0.42
    label = "the same ear, with classes chosen by hand"
    axis.vlines(means["fixed_f1"], *ends, color=COLOURS[1], linewidth=2, label=label)
    label = "control: the query against the other sounds"
    axis.vlines(means["shuffled_f1"], *ends, color="0.4", linewidth=1.2, linestyle=":", label=label)
    axis.set_yticks(means.index, [broken(name.replace("_", " ")) for name in means[column]])
    axis.set_ylim(len(means) - 0.4, -0.6)
    axis.set_xlim(0, 1)
    axis.set_xlabel("segment-based F1")
    axis.grid(visible=False, axis="y")


def draw_alarms(axis, table):
    """Mean F1 against false alarms a minute, with a point for each threshold."""
    thresholds = sorted((name.removeprefix(AT) for name in table.columns if name.startswith(AT)), key=float)
    parts = ("all", "all queries"), ("kind", "synonym and sentence"), ("kind", "name")
    for number, (part, label) in enumerate(parts):
        for _, row in table[(table["part"] == part) & table["kind"].isin([label, ""])].iterrows():
            alarms, f1 = ([row[f"{column}{level}"] for level in thresholds] for column in ("alarms_at_", AT))
            axis.plot(alarms, f1, marker=MARKS[number], color=COLOURS[number], label=label, clip_on=False)
            for level, x, y in zip(thresholds, alarms, f1) if part == "all" else ():
                axis.annotate(level, (x, y), (3, -9), textcoords="offset points", ha="center", fontsize=6)
    axis.axvline(GOAL, color="0.4", linewidth=0.8, linestyle="--")
    axis.annotate("goal", (GOAL, 0), (3, 4), textcoords="offset points", fontsize=7, color="0.3")
    axis.set_xlim(left=0)
    axis.set_ylim(0, 1)
    axis.set_xlabel("false alarms a minute where the sound is absent")
    axis.set_ylabel("mean F1 (numbers: threshold)")
    axis.legend(loc="lower right", bbox_to_anchor=(1, 0.08))
