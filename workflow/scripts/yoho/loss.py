"""The loss (paper, equations 1 and 2), and the penalty on large kernels that its released code adds."""

import torch
from torch import nn


def data_loss(outputs, targets):
    """Sum of squared distances per window, (windows,).

    outputs, targets: (windows, bins, 3 * classes). Equation 1 for every bin and class c:
    L_c = (p1 - y1)^2 + y1 (p2 - y2)^2 + y1 (p3 - y3)^2, where 1 is presence, 2 start and 3 end;
    equation 2 sums over classes (and bins).
    """
    squares = ((outputs - targets) ** 2).unflatten(-1, (-1, 3))
    present = targets.unflatten(-1, (-1, 3))[..., 0]
    return (squares[..., 0] + present * (squares[..., 1] + squares[..., 2])).sum(dim=(1, 2))


def penalty(network, l2):
    """Sum of the squared kernels of all convolutions, times `l2`: a scalar tensor. The paper names none (0)."""
    kernels = [module.weight for module in network.modules() if isinstance(module, (nn.Conv1d, nn.Conv2d))]
    return l2 * sum((kernel**2).sum() for kernel in kernels) if l2 else torch.zeros((), device=kernels[0].device)
