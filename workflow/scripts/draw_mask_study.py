"""Draw the mask study: F1 over the epochs for every cell and position of the mask (paper 4.3.3)."""

from yoho import job
from yoho.figures.plots import draw_cells, read_runs, save_figure


def draw_mask_study(files, figures, *, runs):
    save_figure(draw_cells(read_runs(files, runs)), figures)


if __name__ == "__main__":
    job.start(snakemake)
    draw_mask_study(snakemake.input, snakemake.output, **job.params(snakemake))
