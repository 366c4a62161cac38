"""Draw the mask study: F1 over the epochs for every cell and position of the mask (paper 4.3.3)."""

import pandas as pd

from yoho import job
from yoho.figures.plots import draw_cells, save_figure
from yoho.scoring.records import read_record


def draw_mask_study(files, figures, *, runs):
    labels = {run: label for label, run in runs}
    found = [read_record(file) for file in files]
    curves = [record.history.assign(run=record.about["run"], label=labels[record.about["run"]]) for record in found]
    save_figure(draw_cells(pd.concat(curves, ignore_index=True)), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_mask_study(snakemake.input, snakemake.output, **job.params(snakemake))
