"""Draw how well queries find the sounds that they mean, by kind of phrasing and by class, and their false alarms."""

from yoho import job
from yoho.events import read_table
from yoho.figures.plots import save_figure
from yoho.figures.queries import draw_queries


def draw_referring(table, figures):
    save_figure(draw_queries(read_table(table, sep=",")), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_referring(snakemake.input[0], snakemake.output)
