"""Count parameters and multiply-accumulates of every network that the registry can build (paper 4.4.2)."""

import pandas as pd

from yoho import job
from yoho.backbones import BACKBONES
from yoho.features import frames
from yoho.masking import MASKS
from yoho.model import Network, mask_positions, network_size


def count_networks(table, *, classes, windows, features, sample_rate):
    steps = frames(windows["length"], sample_rate, features["hop_length"])
    rows = []
    for backbone in BACKBONES:
        for mask in mask_positions(backbone):
            for masking in MASKS if mask != "none" else ["multiply"]:
                network = Network(backbone, mask, masking, False, classes, steps, features["n_mels"], windows["bins"])
                size = network_size(network, steps, features["n_mels"])
                rows.append({"backbone": backbone, "mask": mask, "masking": masking} | size)
    pd.DataFrame(rows).to_csv(table, index=False)


if __name__ == "__main__":
    job.start(snakemake)
    count_networks(snakemake.output[0], **job.settings(snakemake))
