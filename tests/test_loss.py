"""The loss against equations 1 and 2 worked out by loops, and the penalty."""

import pytest
import torch
from torch import nn

from yoho.loss import data_loss, penalty


def random_pair(seed, windows=3, bins=9, classes=6):
    """Outputs and targets of made-up windows; start and end of absent classes are not 0, as they may not matter."""
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.rand((windows, bins, 3 * classes), generator=generator)
    targets = torch.rand((windows, bins, 3 * classes), generator=generator)
    targets[..., 0::3] = (targets[..., 0::3] > 0.6).float()
    return outputs, targets


@pytest.mark.parametrize("classes", [1, 2, 6, 10])
def test_loss_equals_equations_1_and_2_by_hand(classes):
    outputs, targets = random_pair(classes, classes=classes)
    for p, y, found in zip(outputs.tolist(), targets.tolist(), data_loss(outputs, targets).tolist(), strict=True):
        total = 0.0
        for time in range(9):
            for c in range(classes):
                p1, p2, p3 = p[time][3 * c : 3 * c + 3]
                y1, y2, y3 = y[time][3 * c : 3 * c + 3]
                total += (p1 - y1) ** 2 + y1 * (p2 - y2) ** 2 + y1 * (p3 - y3) ** 2
        assert found == pytest.approx(total, rel=1e-5)


def test_loss_of_one_bin_and_class_worked_out_on_paper():
    present, absent = torch.tensor([[[1.0, 0.25, 1.0]]]), torch.tensor([[[0.0, 0.0, 0.0]]])
    outputs = torch.tensor([[[0.5, 0.5, 0.5]]])
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


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Conv2d(4, 2, 1)), nn.Conv1d(2, 3, 1))


def test_penalty_is_the_sum_of_squared_kernels_of_all_convolutions():
    network = small_network()
    expected = sum(network.get_submodule(name).weight.detach().double().pow(2).sum() for name in ("0", "2.0", "3"))
    assert penalty(network, 0.01).item() == pytest.approx(0.01 * expected.item(), rel=1e-6)
    assert penalty(network, 0.02).item() == pytest.approx(0.02 * expected.item(), rel=1e-6)


def test_penalty_pulls_at_kernels_alone():
    network = small_network()
    penalty(network, 0.5).backward()
    torch.testing.assert_close(network[0].weight.grad, network[0].weight.detach())
    assert network[0].bias.grad is None and network[1].weight.grad is None


def test_no_penalty_is_zero():
    found = penalty(small_network(), 0.0)
    assert found.item() == 0 and found.shape == ()
