"""The penalty on large kernels that the released code adds to the loss."""

import torch


def penalty(network, l2):
    """L2 penalty: a scalar tensor. The paper names none; the released code reports it inside the loss.

    l2: {"first": weight of MobileNet's first kernel, "pointwise": of the YOHO blocks' pointwise kernels}.
    """
    marked = [module for module in network.modules() if l2.get(getattr(module, "penalised", None))]
    total = torch.zeros((), device=next(network.parameters()).device)
    return total + sum(l2[module.penalised] * (module.weight**2).sum() for module in marked)
