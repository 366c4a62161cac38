"""Draw the scores of YOHO on images of several front ends, and what each front end costs."""

from yoho import job
from yoho.events import read_table
from yoho.figures.front_ends import draw_kinds
from yoho.figures.plots import save_figure


def draw_front_ends(table, figures, *, level):
    save_figure(draw_kinds(read_table(table, sep=","), level), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_front_ends(snakemake.input[0], snakemake.output, **job.params(snakemake))
