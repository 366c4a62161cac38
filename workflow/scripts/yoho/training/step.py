"""A step of the training: SpecAugment, the network, its loss, the optimiser; on a GPU all of it as one CUDA graph."""

from functools import partial

import torch

from yoho.training.penalty import penalty
from yoho.windows.augment import spec_augment
from yoho.windows.loss import data_loss


class Step:
    """One step of the optimiser on a batch: (data loss, penalty), means per window, as a tensor on the device.

    On CUDA the steps of whole batches are one CUDA graph, captured once: hundreds of small kernels are started at
    once. The first steps, which choose cuDNN's algorithms, and the last, smaller batch run kernel by kernel. What the
    graph holds is `settings["graph"]`: "step", all of it; "network", all but SpecAugment; "none": there is no graph.
    masks: what `spec_augment` takes; generator: of the order of the windows, and of SpecAugment.
    """

    warm_up = 3  # steps before a capture; PyTorch's documentation wants some, on a side stream

    def __init__(self, network, optimiser, masks, settings, device):
        self.network, self.optimiser, self.settings, self.device = network, optimiser, settings, device
        self.generator = torch.Generator(device)
        self.augment = partial(spec_augment, generator=self.generator, **masks)
        # It compiles for one size of batches: a smaller one is left to the network as it is.
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

    def captured(self, action, features, targets):
        """Run `action`, the same in all calls, on a batch: first kernel by kernel, then as a CUDA graph."""
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
            if torch.__version__ < "2.14":  # since then every generator that a capture draws from is registered
                self.graph.register_generator_state(self.generator)
            self.optimiser.zero_grad(set_to_none=True)
            # "thread_local": another thread may be reading batches ahead meanwhile.
            with torch.cuda.graph(self.graph, stream=self.side, capture_error_mode="thread_local"):
                self.losses = action(self.features, self.targets)
        self.features.copy_(features)
        self.targets.copy_(targets)
        self.graph.replay()
        return self.losses

    def run(self, features, targets):
        """The step itself, kernel by kernel."""
        return self.learn(self.augment(features.float()), targets)

    def learn(self, features, targets):
        """The step on windows that are augmented already."""
        network = self.whole if len(features) == self.settings["batch_size"] else self.network
        self.network.train()
        with autocast(self.device, self.settings["precision"]):
            outputs = network(features)
        fitted = data_loss(outputs, targets).mean()
        extra = penalty(self.network, self.settings["l2"])
        self.optimiser.zero_grad(set_to_none=True)
        (fitted + extra).backward()
        self.optimiser.step()
        return torch.stack([fitted.detach(), extra.detach()])


def masks_of(augmentation, mean):
    """What `spec_augment` takes, of a run's setting and the mean of its training features (dB)."""
    masks = {key: value for key, value in augmentation.items() if key != "validation"}
    return masks | {"fill": mean if masks["fill"] == "mean" else masks["fill"]}


def adam(network, learning_rate, device):
    """The optimiser. Its learning rate is a tensor, so that a captured step reads the one of its epoch."""
    rate = torch.tensor(float(learning_rate), device=device)
    return torch.optim.Adam(network.parameters(), lr=rate, fused=True, capturable=device.type == "cuda")


def choose_precision(network, device, precision):
    """The number format to train a network in, "float32" or "bfloat16"; "auto": the faster on this device.

    That is bfloat16 on CUDA and on a CPU with bfloat16 instructions, but for depthwise convolutions on a CPU, which
    lose by it.
    """
    if precision != "auto":
        return precision
    dense = all(module.groups == 1 for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    native = dense and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if device.type == "cuda" or native else "float32"


def autocast(device, precision):
    """A context that computes networks in "float32" or "bfloat16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
