"""Operators of a training step: counts checked by hand, least times, the table."""

from functools import partial

import count_operators as script
import pandas as pd
import pytest
import torch
from torch.nn import functional

from workloads import NETWORK, SIZES
from yoho.benchmarks.operators import Operator, Operators, least_seconds, step_operators

TRAINING = {"learning_rate": 0.0001, "weight_decay": 0, "precision": "bfloat16", "loss": "yoho"}
TRAINING |= {"l2": {"first": 0.0, "pointwise": 0.0}}
FRONT_END = {"sample_rate": 8000, "n_fft": 512, "hop_length": 80, "win_length": 400, "n_mels": 8, "top_db": 80}
CARD = {"flops": 100.0, "bandwidth": 10.0}


def listed(action):
    with Operators() as operators:
        action()
    return operators.called


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_linear_layer_is_one_product():
    """(2, 3) to (2, 5), with a bias: 2 x 3 x 5 multiply-adds; the view of the transposed weights is no operator."""
    layer, features = torch.nn.Linear(3, 5), torch.zeros(2, 3)
    numbers = 2 * 3 + 3 * 5 + 5 + 2 * 5
    assert listed(lambda: layer(features)) == [Operator("forward", "addmm", 2 * 2 * 3 * 5, 4 * numbers, False)]


@pytest.mark.parametrize("groups", [1, 4, 8])
def test_convolution_costs_as_much_for_each_gradient(groups):
    """8 channels of 6 x 6 to 8 of 4 x 4, kernel 3 x 3: each output is a sum of 9 x 8 / groups products."""
    layer = torch.nn.Conv2d(8, 8, 3, groups=groups, bias=False)
    features = torch.zeros(2, 8, 6, 6, requires_grad=True)
    given, kernel, made = 2 * 8 * 36, 8 * 8 // groups * 9, 2 * 8 * 16
    flops = 2 * made * 9 * 8 // groups
    forward, backward = (
        one for one in listed(lambda: layer(features).sum().backward()) if one.name.startswith("convolution")
    )
    assert forward == Operator("forward", "convolution", flops, 4 * (given + kernel + made), False)
    # The gradient of a sum is one number, repeated.
    moved = 4 * (1 + given + kernel + given + kernel)
    assert backward == Operator("backward", "convolution_backward", 2 * flops, moved, False)


def test_gradient_that_nobody_wants_costs_nothing():
    layer, features = torch.nn.Conv2d(1, 4, 3, bias=False), torch.zeros(2, 1, 6, 6)
    (backward,) = [one for one in listed(lambda: layer(features).sum().backward()) if "_backward" in one.name]
    assert backward.flops == 2 * (2 * 4 * 16) * 9


def test_views_and_allocations_are_not_counted():
    features = torch.zeros(2, 6)
    assert not listed(lambda: features.view(3, 4).t()[1:].unsqueeze(0).expand(5, 3, 3).detach())
    assert not listed(lambda: torch.empty_like(features))


def test_view_counts_with_its_own_elements():
    """4 of 100 numbers are read and 4 written; a number repeated 1000 times is read once."""
    features = torch.zeros(10, 10)
    (part,) = listed(lambda: features[:2, :2].neg())
    (repeated,) = listed(lambda: features[0, 0].expand(1000).neg())
    assert part == Operator("forward", "neg", 0, 4 * (4 + 4), True)
    assert repeated.moved == 4 * (1 + 1000)


@pytest.mark.parametrize(
    "action, moved",
    [
        (partial(functional.relu_, torch.zeros(10)), 4 * (10 + 10)),
        (lambda: functional.relu(torch.zeros(10, dtype=torch.bfloat16)), 2 * (10 + 10)),
        (lambda: torch.zeros(10).add_(torch.ones(10)), 4 * (20 + 10)),
        (lambda: (lambda one: one * one)(torch.zeros(10)), 4 * (10 + 10)),
    ],
    ids=["in place", "two bytes a number", "in place of two", "of itself twice"],
)
def test_each_tensor_is_read_once_and_written_once(action, moved):
    assert listed(action)[-1].moved == moved


def test_batch_norm_and_pooling_are_not_fusible_but_activations_are():
    layers = torch.nn.Sequential(torch.nn.BatchNorm2d(4), torch.nn.SiLU(), torch.nn.MaxPool2d(2))
    fusible = {one.name: one.fusible for one in listed(lambda: layers(torch.zeros(2, 4, 6, 6)).mean())}
    assert [name for name, can in fusible.items() if not can][-3:] == [
        "native_batch_norm",
        "max_pool2d_with_indices",
        "mean",
    ]
    assert fusible["silu"]


# ---- a step ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def step():
    return step_operators(NETWORK | SIZES, TRAINING | {"batch_size": 4})


def test_step_has_its_parts_in_order(step):
    parts = [one.part for one in step if one.name != "stack"]  # the losses that a step returns
    assert parts == sorted(parts, key=["forward", "backward", "optimiser"].index)
    assert set(parts) == {"forward", "backward", "optimiser"}


def test_optimiser_reads_four_numbers_for_each_parameter_and_writes_three(step):
    (adam,) = [one for one in step if one.name == "_fused_adamw_"]
    widths = [1, 64, 128, 256, 256, 512, 512]
    convolutions = sum((9 * before + 1) * after for before, after in zip(widths, widths[1:]))
    parameters = convolutions + 6 * (512 + 1)
    assert adam.part == "optimiser" and not adam.fusible
    # The rest: a counter of steps for each of 14 tensors, and the learning rate.
    assert adam.moved == 28 * parameters + 4 * (14 + 1)


def test_backward_pass_computes_twice_as_much_but_for_the_first_layer(step):
    flops = {part: sum(one.flops for one in step if one.part == part) for part in ("forward", "backward", "optimiser")}
    first = 2 * 4 * 64 * 9 * 33 * 8
    assert flops["backward"] == 2 * flops["forward"] - first and flops["optimiser"] == 0


def test_autocast_takes_convolutions_alone_in_bfloat16(step):
    """Seven kernels and seven biases less those of the head, and the maps before the first convolution and the head."""
    single = step_operators(NETWORK | SIZES, TRAINING | {"batch_size": 4, "precision": "float32"})
    casts = [sum(one.name == "_to_copy" and one.part == "forward" for one in some) for some in (step, single)]
    assert casts == [2 * 6 + 2, 0]
    convolutions = [sum(one.moved for one in some if one.name == "convolution") for some in (step, single)]
    assert convolutions[0] < 0.51 * convolutions[1]


def test_penalty_is_part_of_the_step():
    """YOHO's first kernel and 16 pointwise ones are squared, and so are the differences of the data loss."""
    settings = TRAINING | {"batch_size": 4, "l2": {"first": 0.1, "pointwise": 0.1}}
    step = step_operators(NETWORK | {"backbone": "mobilenet"} | SIZES, settings)
    assert sum(one.name == "pow" and one.part == "forward" for one in step) == 1 + 1 + 16


# ---- floors and the table --------------------------------------------------------------------------------------------


def test_floors():
    """At 100 operations and 10 bytes per second: 5 s of arithmetic, 2 s and 3 s of transfers."""
    step = [
        Operator("forward", "convolution", 500, 10, False),
        Operator("forward", "relu", 0, 20, True),
        Operator("optimiser", "_fused_adamw_", 0, 30, False),
    ]
    assert least_seconds(step, CARD) == {"whole": 6.0, "each": 5.0 + 2.0 + 3.0, "fused": 5.0 + 3.0}
    assert least_seconds(step[:2], CARD)["whole"] == 5.0


def test_columns_are_per_window_and_per_second():
    step = [Operator("forward", "convolution", 500, 10, False), Operator("forward", "relu", 0, 20, True)]
    assert script.summary(step, 40, CARD) == {
        "operators": 2,
        "fusible_operators": 1,
        "gigaflops": pytest.approx(500 / 40 / 1e9),
        "megabytes": pytest.approx(30 / 40 / 1e6),
        "fused_megabytes": pytest.approx(10 / 40 / 1e6),
        "bound": "arithmetic",
        "whole_windows_per_s": 8,
        "each_windows_per_s": 6,
        "fused_windows_per_s": 8,
    }


def test_table_has_a_row_for_each_part(tmp_path, step, monkeypatch):
    monkeypatch.setattr(script, "CARD", CARD)
    script.count_operators(
        tmp_path / "operators.csv",
        networks={"VGGish": {"network": NETWORK, "training": TRAINING | {"precision": "auto"}}},
        classes=2,
        windows={"length": 0.32, "bins": 2},
        front_end=FRONT_END,
        batch_size=4,
    )
    table = pd.read_csv(tmp_path / "operators.csv").set_index("part")
    assert table.index.tolist() == ["forward", "backward", "optimiser", "step"]
    assert set(table["precision"]) == {"bfloat16"} and set(table["batch_size"]) == {4}
    assert table.loc["step", "operators"] == len(step)
    sums = ["operators", "fusible_operators", "gigaflops", "megabytes", "fused_megabytes"]
    for column in sums:
        assert table[column].iloc[:3].sum() == pytest.approx(table.loc["step", column], rel=1e-3)
    assert table.loc["step", "megabytes"] == pytest.approx(sum(one.moved for one in step) / 4e6, rel=1e-3)
