"""The sizes of a network: of its windows and outputs, of its weights and its arithmetic (paper, section 4.4.2)."""

import torch
from torch.utils.flop_counter import FlopCounterMode


def window_sizes(image, target):
    """Arguments of `Network`, from the shapes of an image (frames, mel bands) and its target (bins, 3 * classes)."""
    return {"classes": target[1] // 3, "frames": image[0], "n_mels": image[1], "bins": target[0]}


def network_size(network, frames, n_mels):
    """Shapes, parameters (all, trainable) and multiply-accumulates per window, counted by running one window.

    As in Keras, all parameters include the moving statistics of batch norms and the frozen convolution of the released
    mask.
    """
    trainable = sum(parameter.numel() for parameter in network.parameters())
    kept = ("running_mean", "running_var", "copies")
    frozen = sum(buffer.numel() for name, buffer in network.named_buffers() if name.rpartition(".")[-1] in kept)
    network.eval()
    window = torch.zeros(1, frames, n_mels)
    with torch.no_grad():
        feature_map = network.backbone(window[:, None]).movedim(1, -1)
        with FlopCounterMode(display=False) as counter:
            output = network(window)
    shapes = {"input": window, "feature_map": feature_map, "output": output}
    return {
        **{name: "x".join(str(size) for size in tensor.shape[1:]) for name, tensor in shapes.items()},
        "parameters": trainable + frozen,
        "trainable_parameters": trainable,
        "multiply_accumulates": counter.get_total_flops() // 2,
    }
