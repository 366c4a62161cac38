"""Jobs and other code on a GPU: the job that trains a run, outputs, segmenting, throughput."""

from pathlib import Path

import numpy as np
import pytest
import torch

from noise_run import WINDOWS, evaluate, train
from small import paper_network
from untrained import DESCRIPTION, noise, save_untrained
from workloads import STAGES, workload
from yoho.benchmarks import throughput
from yoho.networks.device import predict
from yoho.networks.engines import TorchEngine
from yoho.networks.network import Network
from yoho.networks.saving import load_network
from yoho.provenance import device_name
from yoho.segmenting.inference import Predictor
from yoho.segmenting.segmenter import Segmenter
from yoho.training.batches import Stored
from yoho.windows.cutting import window_onsets

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
NETWORKS = [("mobilenet", "none"), ("vggish", "none"), ("efficientnet", "backbone")]
MILLISECOND = 0.001


@pytest.mark.parametrize("graph", ["step", "network", "none"])
def test_a_run_that_was_trained_on_a_gpu_is_scored_the_same_on_a_cpu(files, made, said, device, graph):
    """Each epoch has two whole batches, so that the graph is captured in the second epoch."""
    history = train(files, made, device=device.type, epochs=4, graph=graph)
    evaluate(files, made)
    network, description = load_network(Path(made.weights).parent)
    assert history["epoch"].tolist() == [1, 2, 3, 4] and history.notna().all(axis=None) and said == []
    assert description["made_with"]["device"] == device_name(device)
    if device.type == "cuda":
        assert description["training"]["precision"] == "bfloat16"
    outputs = np.load(made.test_outputs)["outputs"]
    assert outputs.shape[0] == WINDOWS
    here = predict(network, Stored(files.test_features), device=CPU).numpy()
    np.testing.assert_allclose(outputs, here, atol=1e-4, rtol=0)


def test_a_run_goes_on_with_more_epochs(files, made, said, device):
    first, second = (train(files, made, device=device.type, epochs=epochs) for epochs in (4, 6))
    assert second.iloc[:4].equals(first) and len(second) == 6 and said == []


@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_outputs_on_a_gpu_equal_those_on_a_cpu(device, backbone, mask):
    """With TF32 they would differ by a thousandth."""
    torch.manual_seed(0)
    network = Network(**paper_network(backbone, mask)).eval()
    network.standardise(-40.0, 23.0)
    features = torch.rand((40, 257, 40), generator=torch.Generator().manual_seed(0)) * -80
    here = predict(network, features, device=CPU)
    there = predict(network.to(device, memory_format=torch.channels_last), features, device=device, batch_size=16)
    torch.testing.assert_close(there, here, atol=1e-4, rtol=0)


@pytest.mark.parametrize("backbone, mask", NETWORKS)
def test_a_gpu_finds_what_a_cpu_finds_to_the_millisecond(tmp_path, device, backbone, mask):
    """In 99.9 % of all bins and classes, presence and times agree."""
    run = save_untrained(tmp_path / "run", backbone, mask)
    samples = noise(120)
    first = np.round(window_onsets(120, 2.56, 1.96) * 44100).astype(int)
    outputs = []
    for own, precision in ((device, "single"), (CPU, "double")):
        engine = TorchEngine(run, own.type)
        outputs.append(Predictor(engine, DESCRIPTION, precision)(samples, first))
    there, here = (part.reshape(-1, 3) for part in outputs)
    sounds = here[:, 0] >= 0.5
    near = (np.abs(there - here)[:, 1:] * 2.56 / 9 < MILLISECOND).all(axis=1)
    assert 0 < sounds.mean() < 1
    assert ((sounds == (there[:, 0] >= 0.5)) & (near | ~sounds)).mean() >= 0.999


@pytest.mark.parametrize("decoding", ["bins", "averaged"])
def test_a_segmenter_on_a_gpu_gives_the_events_of_one_on_a_cpu(tmp_path, device, decoding):
    run = save_untrained(tmp_path / "run")
    segmenters = [Segmenter.load(run, decoding=decoding, device=name) for name in (device.type, "cpu")]
    assert not torch.backends.cudnn.benchmark  # It would time its algorithms in every thread and for every batch size.
    there, here = (segmenter(noise(60), 44100) for segmenter in segmenters)
    assert len(here) and there["event_label"].tolist() == here["event_label"].tolist()
    for time in ("onset", "offset"):
        assert (abs(there[time] - here[time]) <= 1.5 * MILLISECOND).mean() >= 0.99


def test_throughput_is_measured(tmp_path, device, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(throughput, "SECONDS", 0.01)
    measured = workload(tmp_path, device=device.type, precision="auto")
    rows = list(throughput.measure_network(measured, device))
    assert [row["stage"] for row in rows] == STAGES and all(row["windows_per_s"] > 0 for row in rows)
    rates = throughput.train_together(0, tmp_path_factory.mktemp("meeting"), 1, measured)
    assert (rates > 0).all()
    assert throughput.peak(device, rows[0]["precision"], 1, 256, 2) > 0
