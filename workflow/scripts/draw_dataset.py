"""Draw the dataset: recordings, groups, clips and hours of each class and split."""

from yoho import job
from yoho.events import read_table
from yoho.figures.plots import draw_contents, save_figure


def draw_dataset(table, figures):
    save_figure(draw_contents(read_table(table, sep=",")), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_dataset(snakemake.input[0], snakemake.output)
