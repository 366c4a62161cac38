"""The loss, against equations 1 and 2 computed by loops."""

from itertools import product
from math import log

import pytest
import torch

from yoho.windows.loss import bin_losses, cross_entropy, data_loss


def random_pair(seed, windows=3, bins=9, classes=6):
    """Outputs and targets of random windows. Start and end of absent classes are not 0: they must not matter."""
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.rand((windows, bins, 3 * classes), generator=generator)
    targets = torch.rand((windows, bins, 3 * classes), generator=generator)
    targets[..., 0::3] = (targets[..., 0::3] > 0.6).float()
    return outputs, targets


@pytest.mark.parametrize("classes", [1, 2, 6, 10])
def test_loss_equals_equations_1_and_2_by_hand(classes):
    outputs, targets = random_pair(classes, classes=classes)
    presence, regression = bin_losses(outputs, targets)
    assert presence.shape == regression.shape == (3, 9, classes)
    totals = [0.0] * 3
    for window, time, c in product(range(3), range(9), range(classes)):
        p1, p2, p3 = outputs[window, time, 3 * c : 3 * c + 3].tolist()
        y1, y2, y3 = targets[window, time, 3 * c : 3 * c + 3].tolist()
        first, others = (p1 - y1) ** 2, y1 * (p2 - y2) ** 2 + y1 * (p3 - y3) ** 2
        assert presence[window, time, c].item() == pytest.approx(first, rel=1e-4, abs=1e-7)
        assert regression[window, time, c].item() == pytest.approx(others, rel=1e-4, abs=1e-7)
        totals[window] += first + others
    assert data_loss(outputs, targets).tolist() == pytest.approx(totals, rel=1e-5)


def test_loss_of_one_bin_and_class_worked_out_on_paper():
    present, absent = torch.tensor([[[1.0, 0.25, 1.0]]]), torch.tensor([[[0.0, 0.0, 0.0]]])
    outputs = torch.tensor([[[0.5, 0.5, 0.5]]])
    assert [part.item() for part in bin_losses(outputs, present)] == [0.25, 0.0625 + 0.25]
    assert [part.item() for part in bin_losses(outputs, absent)] == [0.25, 0]
    assert data_loss(outputs, present).item() == pytest.approx(0.25 + 0.0625 + 0.25)
    assert data_loss(outputs, absent).item() == pytest.approx(0.25)


def test_loss_is_one_number_per_window_and_zero_for_the_truth():
    _, targets = random_pair(0)
    assert data_loss(targets, targets).tolist() == [0, 0, 0]


def test_start_and_end_of_absent_classes_do_not_matter():
    outputs, targets = random_pair(1)
    outputs.requires_grad_()
    data_loss(outputs, targets).sum().backward()
    gradient, absent = outputs.grad.unflatten(-1, (-1, 3)), targets[..., 0::3] == 0
    assert absent.any() and not absent.all()
    assert (gradient[absent][:, 1:] == 0).all()
    assert (gradient[absent][:, 0] != 0).all() and (gradient[~absent] != 0).all()
    with torch.no_grad():
        changed = targets.clone().unflatten(-1, (-1, 3))
        changed[absent] = torch.tensor([0.0, 0.9, 0.1])
        assert torch.equal(data_loss(outputs, targets), data_loss(outputs, changed.flatten(-2)))


def test_gradient_points_from_the_target():
    outputs, targets = random_pair(2)
    outputs.requires_grad_()
    data_loss(outputs, targets).sum().backward()
    expected = 2 * (outputs - targets).detach().unflatten(-1, (-1, 3))
    expected[..., 1:] *= targets[..., 0::3, None]
    torch.testing.assert_close(outputs.grad, expected.flatten(-2))


def test_cross_entropy_is_the_mean_over_bins_and_classes_of_the_presence_alone():
    outputs, targets = random_pair(3, bins=4, classes=2)
    for window, found in enumerate(cross_entropy(outputs, targets).tolist()):
        total = 0.0
        for time, c in product(range(4), range(2)):
            p, y = outputs[window, time, 3 * c].item(), targets[window, time, 3 * c].item()
            total -= log(p) if y else log(1 - p)
        assert found == pytest.approx(total / 8, rel=1e-5)
    outputs.requires_grad_()
    cross_entropy(outputs, targets).sum().backward()
    assert (outputs.grad.unflatten(-1, (-1, 3))[..., 1:] == 0).all()
