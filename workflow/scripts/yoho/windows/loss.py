"""The loss of a network's outputs (paper, equations 1 and 2)."""


def bin_losses(outputs, targets):
    """Equation 1, the loss of every bin and class in two parts: (presence, regression), each (windows, bins, classes).

    outputs, targets: (windows, bins, 3 * classes).
    L_c = (p1 - y1)^2 + y1 (p2 - y2)^2 + y1 (p3 - y3)^2, where 1 is presence, 2 start and 3 end. The first term is the
    part of the presence, the other two are the part of the regression.
    """
    squares = ((outputs - targets) ** 2).unflatten(-1, (-1, 3))
    present = targets.unflatten(-1, (-1, 3))[..., 0]
    return squares[..., 0], present * (squares[..., 1] + squares[..., 2])


def data_loss(outputs, targets):
    """Equation 2, the loss of a window: the sum over its bins and classes, (windows,)."""
    presence, regression = bin_losses(outputs, targets)
    return (presence + regression).sum(dim=(1, 2))
