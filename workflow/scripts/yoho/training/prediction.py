"""Outputs of a network for windows, in float32."""

import copy

import torch

from yoho.networks.device import cudnn_with
from yoho.networks.folding import folded
from yoho.training.batches import AT_ONCE, blocks


@torch.inference_mode()
def predict(network, features, *, device, at_once=AT_ONCE, augment=None):
    """Outputs of windows (windows, frames, mel bands): (windows, bins, 3 * classes), on the CPU.

    They are computed in float32, whatever a network was trained in: a score says nothing about the device.
    augment: called with each `at_once` windows before the network is.
    """
    with cudnn_with(benchmark=False):  # to try its algorithms for every size of batch takes longer
        # On a GPU the folding takes longer than it saves.
        network = folded(network, features[:1]) if device.type == "cpu" else copy.deepcopy(network).eval()
        chosen = (batch.to(device) for batch in blocks(features, at_once))
        outputs = [network(augment(batch) if augment else batch) for batch in chosen]
    return torch.cat(outputs).cpu()
