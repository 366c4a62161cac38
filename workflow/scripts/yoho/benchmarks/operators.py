"""What a training step asks of a GPU: its operators, their arithmetic, their bytes, and the least time for them.

It runs on the CPU's tensors without their content. In the paper's networks autocast casts convolutions alone, there and
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

NO_KERNEL = ("empty", "new_empty", "empty_like", "_unsafe_view")  # beside what PyTorch marks as a view


class Operator(NamedTuple):
    """One call of an operator, for which a GPU starts one kernel or more.

    part: "forward" (with the loss), "backward" or "optimiser"; flops: floating-point operations of a convolution or a
    matrix product, two for each multiply-add, 0 of any other; moved: bytes that it reads and writes; fusible: whether a
    compiler can do its work within the operators around it, since it works element by element.
    """

    part: str
    name: str
    flops: int
    moved: int
    fusible: bool


class Operators(TorchDispatchMode):
    """Lists, while it is active, the operators that run: `called`. The optimiser's hooks set `part`."""

    def __init__(self):
        super().__init__()
        self.called, self.part, self.tracker = [], "forward", ModuleTracker()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Do an operation and list it, unless it only views or allocates."""
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
    """Floating-point operations of a convolution or a matrix product; 0 of any other operator."""
    if operation.overloadpacket is torch.ops.aten.convolution_backward:
        # PyTorch's formula takes the gradient of a grouped convolution's weights for that of a full convolution.
        gradient, features, weight, *_, transposed, _, _, wanted = args
        return 2 * (features if transposed else gradient).numel() * weight[0].numel() * sum(wanted[:2])
    formula = flop_registry.get(operation.overloadpacket)
    return formula(*args, **kwargs, out_val=result) if formula else 0


def bytes_moved(operation, args, kwargs, result):
    """Bytes of the tensors that an operator reads, and of those that it writes, each tensor once.

    Of a view its own elements count, and those that it repeats once. What is changed in place is read and written.
    """
    parameters = operation._schema.arguments
    given = {one.name: argument for one, argument in zip(parameters, args)} | kwargs
    # Adam's gradients are marked as written to, but only a scale that divides them would change them.
    written = {one.name for one in parameters if one.alias_info and one.alias_info.is_write} - {"grads"}
    changed = [given.get(name) for name in written]
    return sum(
        tensor.element_size() * torch.Size(size for size, step in zip(tensor.shape, tensor.stride()) if step).numel()
        for side in ((args, kwargs), (changed, result))
        for tensor in {id(leaf): leaf for leaf in tree_leaves(side) if torch.is_tensor(leaf)}.values()
    )


def step_operators(description, settings):
    """The operators of one training step, without the draw of the batch: a list of `Operator`.

    description: what `Network` takes; settings: of a run's training, its precision and batch size chosen.
    """
    shapes = (description["frames"], description["n_mels"]), (description["bins"], 3 * description["classes"])
    operators, cpu = Operators(), torch.device("cpu")
    with FakeTensorMode():
        network = Network(**description)
        for kernel in (parameter for parameter in network.parameters() if parameter.ndim == 4):
            kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)
        optimiser = adam(network, settings["learning_rate"], cpu)
        step = Step(network, optimiser, {}, settings | {"compile": False}, cpu)
        batch = [torch.zeros(settings["batch_size"], *shape) for shape in shapes]
        step.learn(*batch)  # Adam makes its moments in its first step.
        optimiser.register_step_pre_hook(lambda *_: setattr(operators, "part", "optimiser"))
        optimiser.register_step_post_hook(lambda *_: setattr(operators, "part", "forward"))
        with operators:
            step.learn(*batch)
    return operators.called


def least_seconds(operators, card):
    """The least time that a card needs for some operators, s, in three senses: {sense: seconds}.

    whole: all arithmetic at the card's rate or all bytes at its bandwidth, whichever takes longer; each: the same for
    every operator by itself, one after another; fused: likewise, as if the fusible operators took no time.
    card: {"flops": floating-point operations, "bandwidth": bytes of its memory}, both per second. The time to start a
    kernel is not in it, and what the card's cache still holds moves faster.
    """
    times = [(one.flops / card["flops"], one.moved / card["bandwidth"]) for one in operators]
    return {
        "whole": max(map(sum, zip(*times))),
        "each": sum(map(max, times)),
        "fused": sum(max(time) for time, one in zip(times, operators) if not one.fusible),
    }
