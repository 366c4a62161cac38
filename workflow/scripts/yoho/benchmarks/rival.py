"""The speed of networks with random weights, as they segment a file (claim C8)."""

import numpy as np
import torch

from yoho.benchmarks.realtime import stage_seconds
from yoho.networks.export import exported
from yoho.networks.network import Network
from yoho.networks.run_folder import NETWORK
from yoho.networks.saving import save_network
from yoho.networks.sizes import window_sizes
from yoho.windows.front_ends import build_front_end

LOUD, QUIET = 10.0, -10.0  # logits of what is present, and of what is not


def save_random(folder, own, event_labels, seed):
    """Write a network with random weights to a run's folder.

    own: {"settings" of a run, "windows", "segmenting", "front_end"}. Whatever the network hears, the first class always
    sounds and the others never do, so that all networks have as much to decode.
    """
    front_end = {key: value for key, value in own["front_end"].items() if key != "name"}
    windows, front = own["windows"], build_front_end(**front_end)
    sizes = window_sizes((front.frames(windows["length"]), front.n_mels), (windows["bins"], 3 * len(event_labels)))
    arguments = own["settings"]["network"] | sizes | {"pretrained": False}
    torch.manual_seed(seed)
    network = Network(**arguments)
    present = torch.where(torch.arange(len(event_labels)) == 0, LOUD, QUIET)
    bins = torch.stack([present, torch.full_like(present, QUIET), torch.full_like(present, LOUD)], dim=1).flatten()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(present if network.by_frame else bins)
        settle(network, torch.randn(8, sizes["frames"], sizes["n_mels"]))
    description = {
        "event_labels": event_labels,
        "sample_rate": front.sample_rate,
        "features": {key: value for key, value in front_end.items() if key != "sample_rate"},
        "decoding": own["settings"]["decoding"],
        "network": arguments,
        **{key: own[key] for key in ("windows", "segmenting")},
    }
    save_network(network.state_dict(), description, folder)
    (folder / NETWORK).write_bytes(exported(folder, checked=True))


def settle(network, images):
    """Give the batch norms of a network the statistics of some images, so that no layer's numbers vanish or explode."""
    for norm in (module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.momentum = 1.0
    network.train()(images)


def speeds_in_turns(segmenters, path, length, repeats):
    """How fast each `Segmenter` segments a file of a length (s): rows, round after round.

    segmenters: {label: Segmenter}. A row holds the times real time, and the seconds of each stage (`stage_seconds`).
    The order of the segmenters changes from round to round, and a first round does not count.
    """
    rows, rng = [], np.random.default_rng(0)
    for turn in range(repeats + 1):
        for label in rng.permutation(list(segmenters)):
            seconds, stages = stage_seconds(segmenters[label], path)
            row = {"network": label, "round": turn, "times_real_time": length / seconds}
            rows += [row | {f"{stage}_s": spent for stage, spent in stages.items()}] if turn else []
    return sorted(rows, key=lambda row: (row["round"], list(segmenters).index(row["network"])))
