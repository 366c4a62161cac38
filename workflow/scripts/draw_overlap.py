"""Draw how well networks find overlapping sounds, by their number and by the difference of their levels."""

from yoho import job
from yoho.events import read_table
from yoho.figures.overlap import draw_overlap
from yoho.figures.plots import save_figure


def draw_scores(table, figures, *, level):
    save_figure(draw_overlap(read_table(table, sep=","), level), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_scores(snakemake.input[0], snakemake.output, **job.params(snakemake))
