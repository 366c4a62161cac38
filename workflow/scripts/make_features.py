"""Make the images of a split's windows with one front end (paper, section 4.2)."""

from pathlib import Path

from yoho import job
from yoho.events import read_table
from yoho.windows.cutting import create_array, fill
from yoho.windows.front_ends import build_front_end


def make_features(files, target, threads, *, front_end, length):
    windows = read_table(files.windows)
    front_end = build_front_end(**front_end)
    array = create_array(target, (len(windows), front_end.frames(length), front_end.n_mels))
    onsets = windows.groupby("filename", sort=False)["onset"]
    calls = [(Path(files.audio, name), begins.to_numpy(), length) for name, begins in onsets]
    fill(array, job.spread(front_end.file_images, calls, threads, "windows"))


if __name__ == "__main__":
    job.start(snakemake)
    make_features(snakemake.input, snakemake.output[0], snakemake.threads, **job.params(snakemake))
