"""The dataset: recordings, groups, segments and hours of each class and split."""

import pandas as pd

from yoho import job
from yoho.plotting import draw_contents, save_figure


def draw_dataset(table, figures):
    save_figure(draw_contents(pd.read_csv(table)), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_dataset(snakemake.input[0], snakemake.output)
