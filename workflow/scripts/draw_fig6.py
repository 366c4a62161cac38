"""Draw Figure 6: F1 with and without the masking block over the epochs."""

from yoho import InputError, job
from yoho.figures.plots import draw_mask, read_runs, save_figure


def draw_fig6(files, figures, *, runs):
    if not runs:
        raise InputError("studies.mask.runs: names no run; list the networks that Figure 6 compares")
    save_figure(draw_mask(read_runs(files, runs)), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_fig6(snakemake.input, snakemake.output, **job.params(snakemake))
