"""Training on a GPU: with graphs, kernel by kernel, streamed, resumed, in each number format, several at once."""

import copy
import io
import multiprocessing
import shutil

import numpy as np
import pytest
import torch
from torch import nn

import small
from yoho import job
from yoho.networks.device import choose_device, predict
from yoho.networks.network import Network
from yoho.training.batches import to_device
from yoho.training.checkpoint import Checkpoint
from yoho.training.fit import fit, train_epoch
from yoho.training.step import Step, adam, augmentation_arguments, choose_precision

pytestmark = pytest.mark.gpu

NETWORKS = [
    ("mobilenet", "none"),
    ("vggish", "none"),
    ("vggish_linear", "none"),
    ("efficientnet", "none"),
    ("efficientnet", "backbone"),
]
BATCH = 8
# Relative tolerance of a float32 loss. Untrained YOHO networks amplify rounding errors: on a CPU, another order of sums
# changes the loss by 0.0002.
ROUNDING = 0.001
# Fewer for a rehearsal: steps, and whole batches of an epoch. A graph is captured after three of them.
STEPS, WHOLE = {"cuda": 20, "cpu": 3}, {"cuda": 6, "cpu": 2}
GRAPHS = ["step", "network"]


def network_of(backbone, mask):
    torch.manual_seed(0)
    network = Network(**small.paper_network(backbone, mask))
    network.standardise(-40.0, 23.0)
    return network


def windows(count=BATCH):
    """Features (windows, 257, 40), dB, and targets (windows, 9, 18)."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand((count, 257, 40), generator=generator) * -80, torch.rand((count, 9, 18), generator=generator)


def step_of(network, device, **changes):
    """A `Step` with a copy of the network."""
    network = copy.deepcopy(network).to(device, memory_format=torch.channels_last)
    settings = small.SETTINGS | {"batch_size": BATCH, "learning_rate": 0.0001} | changes
    arguments = augmentation_arguments(
        small.AUGMENTATION | {"frequency_width": 8, "time_stripes": 2, "time_width": 25}, -40.0
    )
    return Step(network, adam(network, settings, device), arguments, settings, device)


def losses(network, device, steps=None, **changes):
    """Losses of several steps on the same windows, and the weights after them."""
    steps = steps or STEPS[device.type]
    step, batch = step_of(network, device, **changes), [part.to(device) for part in windows()]
    torch.manual_seed(0)
    step.generator.manual_seed(0)
    found = torch.stack([step(*batch).clone() for _ in range(steps)]).cpu()
    if device.type == "cuda":
        assert (step.graph is None) == (step.settings["graph"] == "none")
    return found, {name: tensor.cpu() for name, tensor in step.network.state_dict().items()}


# ---- graphs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_a_graph_computes_the_same_as_its_single_kernels(deterministic, backbone, mask, precision, graph):
    """Twenty steps are equal to the bit, with dropout, stochastic depth and SpecAugment; three precede the capture."""
    network = network_of(backbone, mask)
    (eager, weights), (captured, same_weights) = (
        losses(network, deterministic, precision=precision, graph=own) for own in ("none", graph)
    )
    assert eager.isfinite().all() and not torch.equal(eager[0], eager[1])
    assert torch.equal(eager, captured), (eager - captured).abs().max()
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)


@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_a_graph_learns(device, backbone, mask):
    """The algorithms are the fastest, the number format is that of trainings, and all steps use the same windows."""
    if device.type == "cpu":
        pytest.skip("a processor needs minutes for it")
    network = network_of(backbone, mask)
    found, _ = losses(network, device, steps=60, precision=choose_precision(network, device, "auto"))
    assert found.isfinite().all() and found[-10:, 0].mean() < 0.9 * found[:10, 0].mean()


@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_losses_in_bfloat16_and_float32_differ_only_by_rounding(deterministic, backbone, mask):
    """Each convolution rounds to eight bits, and in the first step the errors add up like a random walk."""
    network = network_of(backbone, mask)
    (full, _), (half, _) = (losses(network, deterministic, precision=own) for own in ("float32", "bfloat16"))
    convolutions = sum(isinstance(module, nn.Conv2d) for module in network.modules())
    torch.testing.assert_close(half[0], full[0], rtol=2**-8 * convolutions**0.5, atol=0)
    torch.testing.assert_close(half[-5:].mean(dim=0), full[-5:].mean(dim=0), rtol=0.05, atol=0)


def without_dropout(network):
    """The same network without dropout and stochastic depth, which draw differently on each device."""
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return network


@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_the_first_step_has_the_same_loss_on_a_gpu_and_a_cpu(device, backbone, mask):
    network = without_dropout(network_of(backbone, mask))
    there, here = (step_of(network, own) for own in (device, small.CPU))
    there, here = (step.learn(*(part.to(step.device) for part in windows())).cpu() for step in (there, here))
    torch.testing.assert_close(there, here, rtol=ROUNDING, atol=0)


def test_a_compiled_step_has_the_loss_of_a_plain_one(device):
    if not shutil.which("cc") and not shutil.which("gcc"):
        pytest.skip("there is no C compiler")
    network = without_dropout(network_of("mobilenet", "none"))
    (plain, _), (compiled, _) = (losses(network, device, compile=own) for own in (False, True))
    torch.testing.assert_close(compiled[0], plain[0], rtol=ROUNDING, atol=0)
    assert compiled.isfinite().all() and compiled[-1, 0] < compiled[0, 0]


# ---- trainings -------------------------------------------------------------------------------------------------------


def train(device, checkpoint=None, network=None, bar=small.Bar, **changes):
    """Train the small network with 12 whole batches and a smaller one in each epoch; returns `Fitted`."""
    torch.manual_seed(0)
    network, training, valid = network or small.Small(), small.made_up(100, 1), small.made_up(20, 2)
    settings = small.SETTINGS | {"precision": "bfloat16"} | changes
    run = {"score": small.bin_scores(valid[1]), "progress": bar, "settings": settings, "seed": 0, "device": device}
    return fit(network, training, valid, checkpoint or small.NothingKept(), **run)


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_smaller_last_batch_is_trained_between_replays(deterministic, graph):
    assert small.same(train(deterministic, graph="none"), train(deterministic, graph=graph))


def test_a_training_learns(device):
    history = train(device, epochs=12, learning_rate=0.003).history
    assert history["train_data_loss"].iloc[-1] < 0.5 * history["train_data_loss"].iloc[0]
    assert history["f1"].iloc[-1] > 0.9


def test_a_graph_reads_the_learning_rate_of_its_epoch(device):
    """At a tiny rate the weights stay almost the same."""
    network = small.Small(dropout=0.0)
    network.features[1] = nn.Identity()  # batch statistics change at any rate
    history = train(device, network=network, schedule="step", step_every=2, step_factor=1e-12, epochs=5).history
    loss = history["valid_data_loss"]
    assert loss[3] == pytest.approx(loss[4], rel=1e-2) and loss[0] != pytest.approx(loss[1], rel=1e-2)


def test_the_same_seed_gives_the_same_bytes_on_request(deterministic):
    assert small.same(train(deterministic), train(deterministic))


@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_an_epoch_of_each_network_gives_the_same_bytes_again_and_without_a_graph(deterministic, backbone, mask):
    """Each batch draws from a seed of its own, the batches that replay the graph too; the last batch is smaller."""
    network, data = network_of(backbone, mask), windows(WHOLE[deterministic.type] * BATCH + 2)

    def epoch(graph):
        step = step_of(network, deterministic, precision="bfloat16", graph=graph)
        found = train_epoch(step, to_device(data, deterministic), 0, small.Bar(0, 0, ""), 1)
        return found, {name: tensor.cpu() for name, tensor in step.averaged.network.state_dict().items()}

    one, weights = epoch("step")
    for graph in ("step", "none"):
        other, again = epoch(graph)
        assert one == other and all(torch.equal(weights[name], again[name]) for name in weights)


def test_a_training_goes_on_where_it_was_killed(tmp_path, deterministic):
    class Killing(small.Bar):
        def update(self):
            super().update()
            if self.count == 2 * 13 + 7:
                raise small.Killed

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(small.Killed):
        train(deterministic, Checkpoint(path, {}, pytest.fail), bar=Killing)
    assert small.same(train(deterministic), train(deterministic, Checkpoint(path, {}, pytest.fail)))


def test_a_checkpoint_can_be_read_without_a_gpu(tmp_path, device):
    path = tmp_path / "checkpoint.pt"
    network = small.Small()
    train(device, Checkpoint(path, {}, pytest.fail), network)
    kept = Checkpoint(path, {}, pytest.fail).restore(small.CPU)
    assert all(tensor.device == small.CPU for tensor in kept["network"].values())
    here = small.Small()
    here.load_state_dict(kept["network"])
    optimiser = adam(here, small.SETTINGS, small.CPU)
    optimiser.load_state_dict(kept["optimiser"])
    features = small.made_up(20, 2)[0]
    torch.testing.assert_close(
        predict(here, features, device=small.CPU), predict(network, features, device=device), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("graph", [*GRAPHS, "none"])
def test_windows_that_do_not_fit_on_the_gpu_are_streamed(monkeypatch, deterministic, graph):
    there = train(deterministic, graph=graph)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    assert small.same(there, train(deterministic, graph=graph))


def test_windows_kept_in_bfloat16_take_half_of_the_memory_and_train_as_well(deterministic):
    data = windows()
    kept, targets = to_device(data, deterministic, "bfloat16")
    if deterministic.type == "cuda":
        assert kept.dtype == torch.bfloat16 and kept.element_size() == 2 and targets.dtype == torch.float32
    assert (kept.cpu().float() - data[0]).abs().max() <= 0.25  # dB: half a step of bfloat16 from 64 to 128
    full, half = (train(deterministic, kept=own, precision="float32").history for own in ("float32", "bfloat16"))
    np.testing.assert_allclose(full["train_data_loss"], half["train_data_loss"], rtol=0.05)


def test_a_full_gpu_is_one_clear_line(device, monkeypatch):
    if device.type == "cpu":
        pytest.skip("this test is about a GPU's memory")
    log, terminal = io.StringIO(), io.StringIO()
    monkeypatch.setattr(job, "TERMINAL", terminal)
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50, dtype=torch.uint8, device=device)
    job.report(log, raised.type, raised.value, raised.tb)
    (line,) = terminal.getvalue().strip().splitlines()
    assert line.startswith("error: the GPU's memory is full; let fewer jobs share it")
    assert log.getvalue() == f"{line}\n"


def one_of_two(number, device, queue):
    """Train in this process, and put the results into the queue."""
    torch.set_num_threads(1)
    chosen = choose_device(device, deterministic=True)
    history, _, weights, _ = train(chosen)[:4]
    queue.put((number, history.to_csv(), {name: tensor.numpy() for name, tensor in weights.items()}))


def test_trainings_at_once_do_not_affect_each_other(deterministic):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=one_of_two, args=(number, deterministic.type, queue)) for number in range(2)]
    for process in processes:
        process.start()
    found = [queue.get(timeout=90) for _ in processes]
    for process in processes:
        process.join()
    history, _, weights, _ = train(deterministic)[:4]
    for _, own, tensors in found:
        assert own == history.to_csv()
        assert all(np.array_equal(tensors[name], weights[name].numpy()) for name in weights)
