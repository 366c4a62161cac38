"""The PSD-ROCs of networks, drawn from tables."""

import matplotlib.pyplot as plt
import numpy as np

from yoho.figures.plots import MARKS, STROKES, STYLE, broken
from yoho.palette import COLOURS

AXES = ["false_positives_per_hour", "true_positive_rate"]


def draw_psd_roc(curves):
    """A panel for each scenario, with a line for each network and the paper's decoding as markers.

    curves: the runs' tables `psd_roc.csv`, with the columns `label` (of the network) and `run`. A line is the mean of a
    network's runs with the averaged decoding, at all thresholds. Markers are the corners of the same curve with the
    decoding `bins`, at the config's thresholds.
    """
    curves = curves[curves["event_label"] == "effective"]
    scenarios = sorted(curves["scenario"].unique())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(scenarios), figsize=(6.9, 3.2), sharey=True, squeeze=False)
        for axis, scenario in zip(axes[0], scenarios):
            chosen, lines = curves[curves["scenario"] == scenario], {}
            for number, (label, rows) in enumerate(chosen.groupby("label", sort=False)):
                colour, stroke = COLOURS[number % len(COLOURS)], STROKES[number // len(COLOURS) % 4]
                averaged, bins = (mean_curve(rows[rows["decoding"] == name]) for name in ("averaged", "bins"))
                (lines[label],) = axis.plot(*averaged, color=colour, linestyle=stroke, drawstyle="steps-post")
                changed = np.diff(bins[1], prepend=0) != 0
                axis.plot(*(part[changed] for part in bins), MARKS[number % len(MARKS)], color=colour, clip_on=False)
            axis.set_xlim(0, chosen[AXES[0]].max())
            axis.set_ylim(0, 1)
            axis.set_xlabel("effective false positives per hour")
            axis.set_title(f"scenario {scenario}")
        axes[0, 0].set_ylabel("effective true positive rate")
        kinds = [plt.Line2D([], [], color="0.3"), plt.Line2D([], [], color="0.3", marker="o", linestyle="")]
        names = [broken(label) for label in lines] + ["averaged decoding", "bins, at its thresholds"]
        figure.legend([*lines.values(), *kinds], names, loc="outside lower center", ncols=3)
    return figure


def mean_curve(rows):
    """The mean of the runs' step curves, at all their corners: places, heights."""
    places = np.unique(rows[AXES[0]])
    curves = [run[AXES].to_numpy().T for _, run in rows.groupby("run", sort=False)]
    heights = [rates[np.searchsorted(reach, places, side="right") - 1] for reach, rates in curves]
    return places, np.mean(heights, axis=0)
