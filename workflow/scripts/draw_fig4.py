"""Draw Figure 4: F1, training and validation loss of the three networks over the epochs."""

from yoho import job
from yoho.figures.plots import draw_training, read_runs, save_figure


def draw_fig4(files, figures, *, runs):
    save_figure(draw_training(read_runs(files, runs)), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_fig4(snakemake.input, snakemake.output, **job.params(snakemake))
