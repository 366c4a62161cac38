"""Count parameters and multiply-accumulates of the paper's networks and of the config's own (paper 4.4.2)."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.figures.tables import table_page
from yoho.networks.backbones import BACKBONES
from yoho.networks.masking import MASKS
from yoho.networks.network import Network, mask_positions, network_size
from yoho.windows.front_ends import LogMel


def count_networks(table, *, backbones, classes, windows, features, sample_rate):
    steps = LogMel(sample_rate, **features).frames(windows["length"])
    rows = []
    for backbone in dict.fromkeys([*BACKBONES, *backbones]):
        for mask in mask_positions(backbone):
            for masking in MASKS if mask != "none" else ["multiply"]:
                network = Network(backbone, mask, masking, False, classes, steps, features["n_mels"], windows["bins"])
                size = network_size(network, steps, features["n_mels"])
                rows.append({"backbone": backbone, "mask": mask, "masking": masking} | size)
    pd.DataFrame(rows).to_csv(table, index=False)


if __name__ == "__main__":
    job.start(snakemake)
    count_networks(snakemake.output.table, **job.params(snakemake))
    Path(snakemake.output.page).write_text(table_page("The networks' sizes", snakemake.output.table))
