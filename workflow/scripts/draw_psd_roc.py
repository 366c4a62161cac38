"""Draw the PSD-ROCs of the networks: the effective true positive rate over the effective false positive rate."""

from yoho import job
from yoho.figures.plots import read_runs, save_figure
from yoho.figures.roc import draw_psd_roc as draw


def draw_psd_roc(files, figures, *, runs):
    save_figure(draw(read_runs(files, runs)), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_psd_roc(snakemake.input, snakemake.output, **job.params(snakemake))
