"""Count parameters and multiply-accumulates of the networks of the paper and of the config (paper, section 4.4.2)."""

import torch

from yoho import job
from yoho.figures.tables import write_results
from yoho.networks.backbones import BACKBONES
from yoho.networks.masking import MASKS
from yoho.networks.network import Network, mask_positions
from yoho.networks.pretrained import without_download
from yoho.networks.sizes import network_size, window_sizes
from yoho.training.step import penalty
from yoho.windows.front_ends import build_front_end


def count_networks(table, *, networks, classes, windows, front_end, released_l2, seed):
    default, rows = {"pretrained": False, "front_end": front_end, "windows": windows}, []
    papers = {name: default for name, record in BACKBONES.items() if not (record.from_ear or record.by_frame)}
    for backbone, own in (papers | networks | papers).items():
        front = build_front_end(**own["front_end"])
        image = front.frames(own["windows"]["length"]), front.n_mels
        sizes = window_sizes(image, (own["windows"]["bins"], 3 * classes)) | {"pretrained": own["pretrained"]}
        for mask in mask_positions(backbone):
            for masking in MASKS if mask != "none" else ["multiply"]:
                kind = {"backbone": backbone, "mask": mask, "masking": masking}
                torch.manual_seed(seed)
                network = Network(**without_download(kind | sizes))
                l2 = penalty(network, released_l2).item()  # of the initial weights
                rows.append(kind | network_size(network, *image) | {"released_penalty": round(l2, 2)})
    write_results(table, rows, title="The networks' sizes")


if __name__ == "__main__":
    job.start(snakemake)
    count_networks(snakemake.output.table, **job.params(snakemake))
