"""Draw the audit: the effect of each difference between the readings on test F1 and error rate."""

from yoho import job
from yoho.events import read_table
from yoho.figures.plots import draw_effects, save_figure


def draw_audit(table, figures, *, level):
    save_figure(draw_effects(read_table(table, sep=","), level), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_audit(snakemake.input[0], snakemake.output, **job.params(snakemake))
