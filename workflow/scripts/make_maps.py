"""Compute the feature maps of windows with the ear's backbone, for runs in which that backbone is frozen."""

import numpy as np
import torch

from yoho import job
from yoho.networks.pretrained import backbone_maps
from yoho.windows.cutting import create_array

AT_ONCE = 64  # windows


def make_maps(files, target, threads, *, backbone):
    torch.set_num_threads(1)  # as in each of several processes, so that their number changes no bit of the maps
    count = len(np.load(files.features, mmap_mode="r"))
    calls = [(backbone, files.ear, files.features, slice(start, start + AT_ONCE)) for start in range(0, count, AT_ONCE)]
    array = None
    for (*_, rows), maps in zip(calls, job.spread(backbone_maps, calls, threads, "maps")):
        if array is None:
            array = create_array(target, (count, *maps.shape[1:]), maps.dtype)
        array[rows] = maps


if __name__ == "__main__":
    job.start(snakemake)
    make_maps(snakemake.input, snakemake.output[0], snakemake.threads, **job.params(snakemake))
