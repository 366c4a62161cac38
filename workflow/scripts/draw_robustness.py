"""Draw the F1 of every network under every condition of users' files."""

from yoho import job
from yoho.events import read_table
from yoho.figures.plots import save_figure
from yoho.figures.robustness import draw_conditions


def draw_robustness(table, figures, *, level):
    save_figure(draw_conditions(read_table(table, sep=","), level), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_robustness(snakemake.input[0], snakemake.output, **job.params(snakemake))
