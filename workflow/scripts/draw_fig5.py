"""Draw Figure 5: class-wise precision, recall and F1 of the three networks over the first epochs."""

from yoho import job
from yoho.figures.plots import draw_classwise, read_runs, save_figure


def draw_fig5(files, figures, *, runs, epochs):
    save_figure(draw_classwise(read_runs(files, runs), epochs), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_fig5(snakemake.input, snakemake.output, **job.params(snakemake))
