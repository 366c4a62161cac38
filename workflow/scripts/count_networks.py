"""Count parameters and multiply-accumulates of every network that the registry can build (paper 4.4.2)."""

import pandas as pd

from yoho import job
from yoho.backbones import BACKBONES
from yoho.features import frames
from yoho.model import Network, mask_positions, network_size


def count_networks(table, *, classes, windows, features, sample_rate):
    steps = frames(windows["length"], sample_rate, features["hop_length"])
    rows = []
    for backbone in BACKBONES:
        for mask in mask_positions(backbone):
            network = Network(backbone, mask, False, classes, steps, features["n_mels"], windows["bins"])
            rows.append({"backbone": backbone, "mask": mask} | network_size(network, steps, features["n_mels"]))
    pd.DataFrame(rows).to_csv(table, index=False)


if __name__ == "__main__":
    job.start(snakemake)
    count_networks(snakemake.output[0], **job.settings(snakemake))
