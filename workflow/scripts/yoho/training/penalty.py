"""The L2 penalty on large kernels, which the released code adds to the loss and the paper does not mention."""

import torch


def penalty(network, l2):
    """L2 penalty of a network's weights, a scalar tensor.

    l2: {"first": weight of MobileNet's first kernel, "pointwise": weight of the YOHO blocks' pointwise kernels}.
    """
    marked = [module for module in network.modules() if l2.get(getattr(module, "penalised", None))]
    total = torch.zeros((), device=next(network.parameters()).device)
    return total + sum(l2[module.penalised] * (module.weight**2).sum() for module in marked)
