"""The loss of a network's outputs: that of the paper (equations 1 and 2), and that of a classifier of frames."""

from torch.nn.functional import binary_cross_entropy


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


def cross_entropy(outputs, targets):
    """Binary cross-entropy of the presence alone, the mean over the bins and classes of a window: (windows,).

    outputs, targets: (windows, bins, 3 * classes). The baseline of DESED has this mean. A sum would grow with
    the number of bins, and with it the gradients for which that baseline's learning rate was chosen.
    """
    return binary_cross_entropy(outputs[..., ::3], targets[..., ::3], reduction="none").mean(dim=(1, 2))


# By their names in the config's `training.loss`.
LOSSES = {"yoho": data_loss, "cross_entropy": cross_entropy}
