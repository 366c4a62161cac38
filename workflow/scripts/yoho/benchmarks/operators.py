"""The operators of a training step, their arithmetic and bytes, and the least time that a GPU needs for them.

The step runs on CPU tensors without content. In the paper's networks, autocast converts only convolutions, on a CPU as
on CUDA.
"""

from typing import NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.module_tracker import ModuleTracker

from yoho.networks.network import Network
from yoho.training.step import Step, adam

# Operators that start no kernel, in addition to those that PyTorch marks as views.
NO_KERNEL = ("empty", "new_empty", "empty_like", "_unsafe_view")


class Operator(NamedTuple):
    """One call of an operator, for which a GPU starts one or more kernels.

    part: "forward" (with the loss), "backward" or "optimiser"; flops: floating-point operations of a convolution or a
    matrix product, two for each multiply-add, and 0 for other operators; moved: bytes read and written; fusible:
    whether the operator works element by element, so that a compiler can merge it with its neighbours.
    """

    part: str
    name: str
    flops: int
    moved: int
    fusible: bool


class Operators(TorchDispatchMode):
    """While active, records the operators that run in `called`. The optimiser's hooks set `part`."""

    def __init__(self):
        super().__init__()
        self.called, self.part, self.tracker = [], "forward", ModuleTracker()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Run an operation and record it unless it only views or allocates."""
        kwargs, name = kwargs or {}, operation.overloadpacket.__name__
        result = operation(*args, **kwargs)
        if operation.namespace == "aten" and not operation.is_view and name not in NO_KERNEL:
            part = "backward" if self.tracker.is_bw else self.part
            flops = arithmetic(operation, args, kwargs, result)
            reduces = torch.Tag.reduction in operation.tags or "norm" in name or "pool" in name
            fusible = not (flops or reduces or part == "optimiser")
            self.called.append(Operator(part, name, flops, bytes_moved(operation, args, kwargs, result), fusible))
        return result


def arithmetic(operation, args, kwargs, result):
    """Floating-point operations of a convolution or a matrix product; 0 for other operators."""
    if operation.overloadpacket is torch.ops.aten.convolution_backward:
        # PyTorch's formula ignores groups in the gradient of a convolution's weights.
        gradient, features, weight, *_, transposed, _, _, gradients = args
        return 2 * (features if transposed else gradient).numel() * weight[0].numel() * sum(gradients[:2])
    formula = flop_registry.get(operation.overloadpacket)
    return formula(*args, **kwargs, out_val=result) if formula else 0


def bytes_moved(operation, args, kwargs, result):
    """Bytes of the tensors that an operator reads and of those that it writes, each tensor counted once.

    Of a view, its own elements count, and repeated elements once. A tensor changed in place is both read and written.
    """
    parameters = operation._schema.arguments
    given = {one.name: argument for one, argument in zip(parameters, args)} | kwargs
    # Adam's gradients are marked as written, but only gradient scaling would change them.
    written = {one.name for one in parameters if one.alias_info and one.alias_info.is_write} - {"grads"}
    changed = [given.get(name) for name in written]
    return sum(
        tensor.element_size() * torch.Size(size for size, step in zip(tensor.shape, tensor.stride()) if step).numel()
        for side in ((args, kwargs), (changed, result))
        for tensor in {id(leaf): leaf for leaf in tree_leaves(side) if torch.is_tensor(leaf)}.values()
    )


def step_operators(arguments, settings):
    """The operators of one training step without SpecAugment, a list of `Operator`.

    arguments: of `Network`; settings: a run's training settings with its precision and batch size chosen.
    """
    shapes = (arguments["frames"], arguments["n_mels"]), (arguments["bins"], 3 * arguments["classes"])
    operators, cpu = Operators(), torch.device("cpu")
    with FakeTensorMode():
        network = Network(**arguments)
        for kernel in (parameter for parameter in network.parameters() if parameter.ndim == 4):
            kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)
        optimiser = adam(network, settings, cpu)
        step = Step(network, optimiser, None, settings | {"compile": False, "ema_decay": 0}, cpu)
        batch = [torch.zeros(settings["batch_size"], *shape) for shape in shapes]
        step.learn(*batch)  # Adam allocates its moments in the first step.
        optimiser.register_step_pre_hook(lambda *_: setattr(operators, "part", "optimiser"))
        optimiser.register_step_post_hook(lambda *_: setattr(operators, "part", "forward"))
        with operators:
            step.learn(*batch)
    return operators.called


def least_seconds(operators, card):
    """The least time in seconds that a card needs for some operators, computed in three ways: {name: seconds}.

    whole: the time of all arithmetic or of all bytes, whichever is longer; each: the sum of these times over the single
    operators; fused: that sum without the fusible operators.
    card: {"flops": floating-point operations, "bandwidth": bytes of memory}, both per second. The times leave out the
    start of kernels, and data in the card's cache may move faster than at `bandwidth`.
    """
    times = [(one.flops / card["flops"], one.moved / card["bandwidth"]) for one in operators]
    return {
        "whole": max(map(sum, zip(*times))),
        "each": sum(map(max, times)),
        "fused": sum(max(time) for time, one in zip(times, operators) if not one.fusible),
    }
