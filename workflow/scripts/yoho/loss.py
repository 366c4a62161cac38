"""The loss (paper, equations 1 and 2), and the penalty on large kernels that the released code adds."""

import torch


def bin_losses(outputs, targets):
    """Equation 1 for every bin and class: (windows, bins, classes).

    outputs, targets: (windows, bins, 3 * classes).
    L_c = (p1 - y1)^2 + y1 (p2 - y2)^2 + y1 (p3 - y3)^2, where 1 is presence, 2 start and 3 end.
    """
    squares = ((outputs - targets) ** 2).unflatten(-1, (-1, 3))
    present = targets.unflatten(-1, (-1, 3))[..., 0]
    return squares[..., 0] + present * (squares[..., 1] + squares[..., 2])


def data_loss(outputs, targets):
    """Equation 2: the loss of a window, summed over its bins and classes, (windows,)."""
    return bin_losses(outputs, targets).sum(dim=(1, 2))


def penalty(network, l2):
    """L2 penalty: a scalar tensor. The paper names none; the released code reports it inside the loss.

    l2: {"first": weight of MobileNet's first kernel, "pointwise": of the YOHO blocks' pointwise kernels}.
    """
    marked = [module for module in network.modules() if l2.get(getattr(module, "penalised", None))]
    total = torch.zeros((), device=next(network.parameters()).device)
    return total + sum(l2[module.penalised] * (module.weight**2).sum() for module in marked)
