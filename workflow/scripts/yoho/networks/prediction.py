"""A network's outputs for many windows, in float32."""

import copy

import torch

from yoho.networks.device import cudnn_with
from yoho.networks.folding import folded


@torch.inference_mode()
def predict(network, features, *, device, batch_size=256, augment=None):
    """Outputs (windows, bins, 3 * classes), on the CPU, for features (windows, frames, mel bands).

    They are always computed in float32, so that scores do not depend on the precision of the training.
    features: a tensor, or an object that can be indexed and split like one; augment: applied to each batch before the
    network; device: the network's.
    """
    with cudnn_with(benchmark=False):  # Timing cuDNN's algorithms for every batch size takes longer than it saves.
        # On a GPU folding takes longer than it saves.
        network = folded(network, features[:1]) if device.type == "cpu" else copy.deepcopy(network).eval()
        batches = (batch.to(device) for batch in features.split(batch_size))
        outputs = [network(augment(batch) if augment else batch) for batch in batches]
    return torch.cat(outputs).cpu()
