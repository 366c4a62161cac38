"""The loss against equations 1 and 2 worked out by loops, and the penalty."""

import pytest
import torch
from torch import nn

from small import paper_network
from yoho.networks.backbones import penalised
from yoho.networks.network import Network
from yoho.training.penalty import penalty
from yoho.windows.loss import bin_losses, data_loss

RELEASED = {"first": 0.001, "pointwise": 0.01}


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
    losses = bin_losses(outputs, targets)
    assert losses.shape == (3, 9, classes)
    for p, y, own, found in zip(*map(torch.Tensor.tolist, (outputs, targets, losses, data_loss(outputs, targets)))):
        total = 0.0
        for time in range(9):
            for c in range(classes):
                p1, p2, p3 = p[time][3 * c : 3 * c + 3]
                y1, y2, y3 = y[time][3 * c : 3 * c + 3]
                loss = (p1 - y1) ** 2 + y1 * (p2 - y2) ** 2 + y1 * (p3 - y3) ** 2
                assert own[time][c] == pytest.approx(loss, rel=1e-4, abs=1e-7)
                total += loss
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


# ---- the penalty -----------------------------------------------------------------------------------------------------


def small_network():
    """Four convolutions, of which two are marked for the penalty."""
    torch.manual_seed(0)
    first, pointwise = penalised(nn.Conv2d(1, 4, 3), "first"), penalised(nn.Conv2d(4, 2, 1), "pointwise")
    return nn.Sequential(first, nn.BatchNorm2d(4), nn.Sequential(pointwise), nn.Conv2d(2, 2, 1), nn.Conv1d(2, 3, 1))


@pytest.mark.parametrize("first, pointwise", [(0.01, 0.02), (0.03, 0.0), (0.0, 0.5)])
def test_penalty_is_the_weighted_sum_of_squared_marked_kernels(first, pointwise):
    network = small_network()
    squares = [network.get_submodule(name).weight.detach().double().pow(2).sum().item() for name in ("0", "2.0")]
    found = penalty(network, {"first": first, "pointwise": pointwise})
    assert found.item() == pytest.approx(first * squares[0] + pointwise * squares[1], rel=1e-6)


def test_penalty_pulls_at_marked_kernels_alone():
    network = small_network()
    penalty(network, {"first": 0.5, "pointwise": 1.5}).backward()
    pulls = {"0.weight": 1, "2.0.weight": 3}
    for name, parameter in network.named_parameters():
        if name in pulls:
            torch.testing.assert_close(parameter.grad, pulls[name] * parameter.detach())
        else:
            assert parameter.grad is None, name


def test_no_penalty_is_zero():
    found = penalty(small_network(), {"first": 0.0, "pointwise": 0.0})
    assert found.item() == 0 and found.shape == ()


def kernels(count, prefix="neck", start=0):
    """Names of the pointwise kernels of some YOHO blocks in a row."""
    return {f"{prefix}.{number}.3.weight": 2 * RELEASED["pointwise"] for number in range(start, start + count)}


MOBILENET = {"backbone.0.weight": 2 * RELEASED["first"]} | kernels(13, "backbone", 4) | kernels(3)


@pytest.mark.parametrize(
    "backbone, mask, pulls, start",
    [
        ("mobilenet", "none", MOBILENET, 65),
        ("efficientnet", "none", kernels(3), 12),
        ("efficientnet", "backbone", kernels(3, start=1), 12),  # the mask's own are spared
        ("vggish", "backbone", {}, 0),
        ("vggish_linear", "backbone", {}, 0),
    ],
)
def test_released_penalty_pulls_at_the_kernels_of_the_released_networks(backbone, mask, pulls, start):
    """MobileNet's first and all YOHO blocks' pointwise ones; fresh weights give what the notebooks log."""
    torch.manual_seed(0)
    network = Network(**paper_network(backbone, mask))
    found = penalty(network, RELEASED)
    assert found.item() == pytest.approx(start, abs=0.5)
    if pulls:
        found.backward()
    weights = dict(network.named_parameters())
    assert {name for name, weight in weights.items() if weight.grad is not None} == set(pulls)
    for name, pull in pulls.items():
        torch.testing.assert_close(weights[name].grad, pull * weights[name].detach())
