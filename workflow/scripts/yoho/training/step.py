"""A training step: SpecAugment, the network, its loss and the optimiser, on a GPU as one CUDA graph."""

from functools import partial

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from yoho.windows.augment import spec_augment
from yoho.windows.loss import LOSSES

STATE = ("network", "optimiser", "averaged")  # attributes of a step that change with each


class Step:
    """One step of the optimiser on a batch; returns (data loss, penalty), means per window, as a tensor on the device.

    On CUDA, steps on whole batches replay one captured CUDA graph, which starts hundreds of small kernels at once. The
    first steps, in which cuDNN chooses its algorithms, and the last, smaller batch run kernel by kernel.
    `settings["graph"]`: "step", the graph contains everything; "network", everything but SpecAugment; "none", there is
    no graph.
    augmentation: arguments of `spec_augment`, or None for no stripes; generator: draws the order of the windows and
    SpecAugment's stripes; averaged: the network's `Averaged`, which the caller updates after each step.
    """

    warm_up = 3  # steps before the capture; PyTorch's documentation asks for some on a side stream

    def __init__(self, network, optimiser, augmentation, settings, device):
        self.network, self.optimiser, self.settings, self.device = network, optimiser, settings, device
        self.generator, self.augmentation = torch.Generator(device), augmentation
        self.averaged = Averaged(network, settings["ema_decay"])
        self.augment = (
            partial(spec_augment, generator=self.generator, **augmentation) if augmentation else nn.Identity()
        )
        # The compiled network accepts one batch size. A smaller batch goes through the network itself.
        self.whole = torch.compile(network, dynamic=False) if settings["compile"] else network
        self.graph, self.side, self.eager_steps = None, None, 0

    def __call__(self, features, targets):
        """Learn from windows (batch, frames, mel bands) and targets (batch, bins, 3 * classes)."""
        whole = len(features) == self.settings["batch_size"]
        if self.settings["graph"] == "none" or not whole or self.device.type != "cuda":
            return self.run(features, targets)
        if self.settings["graph"] == "network":
            return self.captured(self.learn, self.augment(features.float()), targets)
        return self.captured(self.run, features, targets)

    def state(self):
        """All that later steps depend on, in dictionaries of tensors and numbers."""
        return {name: getattr(self, name).state_dict() for name in STATE}

    def load(self, state):
        """Go on from the `state` of another step."""
        for name in STATE:
            getattr(self, name).load_state_dict(state[name])

    def captured(self, action, features, targets):
        """Run an action, the same in every call, on a batch: kernel by kernel at first, then as a CUDA graph."""
        main = torch.cuda.current_stream(self.device)
        self.side = self.side or torch.cuda.Stream(self.device)
        if self.eager_steps < self.warm_up:
            self.eager_steps += 1
            self.side.wait_stream(main)
            with torch.cuda.stream(self.side):
                losses = action(features, targets)
            main.wait_stream(self.side)
            return losses
        if self.graph is None:
            self.features, self.targets, self.graph = features.clone(), targets.clone(), torch.cuda.CUDAGraph()
            if torch.__version__ < "2.14":  # Later versions register the generator themselves.
                self.graph.register_generator_state(self.generator)
            self.optimiser.zero_grad(set_to_none=True)
            # "thread_local", because another thread may be reading batches in advance.
            with torch.cuda.graph(self.graph, stream=self.side, capture_error_mode="thread_local"):
                self.losses = action(self.features, self.targets)
        self.features.copy_(features)
        self.targets.copy_(targets)
        self.graph.replay()
        return self.losses

    def run(self, features, targets):
        """The whole step."""
        return self.learn(self.augment(features.float()), targets)

    def learn(self, features, targets):
        """The step after SpecAugment."""
        network = self.whole if len(features) == self.settings["batch_size"] else self.network
        self.network.train()
        with autocast(self.device, self.settings["precision"]):
            outputs = network(features)
        loss = LOSSES[self.settings["loss"]](outputs, targets).mean()
        extra = penalty(self.network, self.settings["l2"])
        self.optimiser.zero_grad(set_to_none=True)
        (loss + extra).backward()
        self.optimiser.step()
        return torch.stack([loss.detach(), extra.detach()])


class Averaged:
    """A network whose weights are exponential moving averages of those of a network in training.

    decay: that of the averages in each step of the optimiser. With 0, this is the network in training itself.
    The averages need statistics of their batch norms, which are not the averages of the statistics: see `calibrate`.
    """

    def __init__(self, network, decay):
        average = get_ema_multi_avg_fn(decay)
        self.trained = network
        self.model = AveragedModel(network, multi_avg_fn=average) if decay else None
        self.network = self.model.module if decay else network

    def update(self):
        """Take the weights after a step into account."""
        if self.model:
            self.model.update_parameters(self.trained)

    def calibrate(self, windows):
        """Compute the statistics of the batch norms on some batches of training windows."""
        if self.model:
            update_bn(windows, self.model)

    def state_dict(self):
        """The state of the averages, by name; empty if there are none."""
        return self.model.state_dict() if self.model else {}

    def load_state_dict(self, state):
        """Go on from the `state_dict` of averages with the same decay."""
        if self.model:
            self.model.load_state_dict(state)


def penalty(network, l2):
    """L2 penalty on large kernels, a scalar tensor: the released code adds it to the loss, the paper has none.

    l2: {"first": weight of MobileNet's first kernel, "pointwise": weight of the YOHO blocks' pointwise kernels}.
    """
    marked = [module for module in network.modules() if l2.get(getattr(module, "penalised", None))]
    total = torch.zeros((), device=next(network.parameters()).device)
    return total + sum(l2[module.penalised] * (module.weight**2).sum() for module in marked)


def augmentation_arguments(settings, mean):
    """Arguments of `spec_augment`, from a run's `augmentation` settings and the mean of its training features (dB)."""
    arguments = {key: value for key, value in settings.items() if key != "validation"}
    return arguments | {"fill": mean if arguments["fill"] == "mean" else arguments["fill"]}


def adam(network, settings, device):
    """AdamW, which is Adam without a weight decay; its learning rate is a tensor, which a CUDA graph reads anew."""
    rate = torch.tensor(float(settings["learning_rate"]), device=device)
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    options = {"weight_decay": settings["weight_decay"], "fused": True, "capturable": device.type == "cuda"}
    return torch.optim.AdamW(learning, lr=rate, **options)


def choose_precision(network, device, precision):
    """The number format in which to train a network: "float32", "bfloat16", or for "auto" the faster of the two.

    The faster is bfloat16 on CUDA and on a CPU with bfloat16 instructions, but float32 on any CPU for a network with
    depthwise convolutions.
    """
    if precision != "auto":
        return precision
    dense = all(module.groups == 1 for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    native = dense and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if device.type == "cuda" or native else "float32"


def autocast(device, precision):
    """A context in which networks compute in "float32" or "bfloat16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
