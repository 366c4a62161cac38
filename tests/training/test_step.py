"""The optimiser, averages of weights, and the released L2 penalty: which kernels it pulls at, and how hard."""

import pytest
import torch
from torch import nn

from small import CPU, SETTINGS, paper_network
from yoho.networks.backbones import penalised
from yoho.networks.network import Network
from yoho.training.batches import copied
from yoho.training.step import Averaged, adam, penalty

RELEASED = {"first": 0.001, "pointwise": 0.01}


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


# ---- averages --------------------------------------------------------------------------------------------------------


class Scale(nn.Module):
    """A network of one weight and one buffer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([8.0]))
        self.register_buffer("mean", torch.tensor([8.0]))

    def forward(self, values):
        return self.weight * values

    def set(self, value):
        with torch.no_grad():
            self.weight.fill_(value)
            self.mean.fill_(10 * value)


def test_averages_begin_with_the_weights_of_the_first_step_and_decay_in_each():
    network = Scale()
    averaged, found = Averaged(network, 0.75), []
    for value in (4, 0, 8):
        network.set(value)
        averaged.update()
        found.append((averaged.network.weight.item(), averaged.network.mean.item()))
    assert found == [(4, 40), (3, 0), (4.25, 80)]  # a buffer is that of the last step
    assert network.weight.item() == 8


def test_averages_are_calibrated_on_the_batches_that_they_are_given():
    """The batch norm's input is the weight times the batch: 4 times 1 and 3, then 4 times 5 and 7."""
    network = nn.Sequential(Scale(), nn.BatchNorm1d(1))
    averaged = Averaged(network, 0.75)
    network[0].set(4)
    averaged.update()
    averaged.calibrate([torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])])
    norm = averaged.network[1]
    assert norm.running_mean.item() == 16 and norm.running_var.item() == pytest.approx(32) and norm.momentum == 0.1
    assert network[1].running_mean.item() == 0  # that in training is left alone


def test_averages_go_on_from_their_state():
    network = Scale()
    first, second = Averaged(network, 0.75), Averaged(network, 0.75)
    for value, averages in ((4, [first]), (0, [first]), (8, [first, second])):
        if len(averages) == 2:
            second.load_state_dict(copied(first.state_dict()))
        network.set(value)
        for averaged in averages:
            averaged.update()
    assert second.network.weight.item() == first.network.weight.item() == 4.25


def test_averages_that_do_not_decay_are_the_network_itself():
    network = Scale()
    averaged = Averaged(network, 0)
    averaged.update()
    assert averaged.network is network and averaged.state_dict() == {}


# ---- the optimiser ---------------------------------------------------------------------------------------------------


def moved(optimiser_of, steps=3):
    """Parameters of the small network after some steps."""
    network = small_network()
    optimiser = optimiser_of(network)
    for _ in range(steps):
        optimiser.zero_grad()
        network[0:4](torch.ones(1, 1, 5, 5)).square().sum().backward()
        optimiser.step()
    return {name: tensor.detach().clone() for name, tensor in network.named_parameters()}


def test_without_weight_decay_it_is_adam():
    found = moved(lambda network: adam(network, SETTINGS, CPU))
    expected = moved(lambda network: torch.optim.Adam(network.parameters(), lr=SETTINGS["learning_rate"], fused=True))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_weight_decay_shrinks_what_has_no_gradient_too():
    settings = SETTINGS | {"learning_rate": 0.1, "weight_decay": 0.02}
    network = nn.Linear(3, 2)
    before = network.weight.detach().clone()
    optimiser = adam(network, settings, CPU)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    torch.testing.assert_close(network.weight.detach(), before * (1 - 0.1 * 0.02))


def test_what_is_frozen_is_not_the_optimiser_s():
    """A weight decay would shrink it."""
    network = small_network()
    network[0].requires_grad_(False)
    held = {id(parameter) for group in adam(network, SETTINGS, CPU).param_groups for parameter in group["params"]}
    assert held == {id(parameter) for parameter in network.parameters()} - {
        id(part) for part in network[0].parameters()
    }
