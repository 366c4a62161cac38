"""Draw the PSD-ROCs of the networks: the effective true positive rate over the effective false positive rate."""

import pandas as pd

from yoho import job
from yoho.events import read_table
from yoho.figures.plots import save_figure
from yoho.figures.roc import draw_psd_roc as draw


def draw_psd_roc(file, figures, *, runs):
    labels = pd.DataFrame(runs, columns=["label", "run"])
    save_figure(draw(labels.merge(read_table(file, sep=","), on="run")), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_psd_roc(snakemake.input[0], snakemake.output, **job.params(snakemake))
