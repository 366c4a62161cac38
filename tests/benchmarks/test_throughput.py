"""Throughput: the plain loops do the same work as this project's, and the table's arithmetic is right.

No test asserts a speed.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import measure_throughput as script
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from workloads import BENCHMARKS, NETWORK, STAGES, TRAINING, windows, workload
from yoho import job
from yoho.benchmarks import throughput
from yoho.events import write_table
from yoho.networks.network import Network
from yoho.provenance import device_name
from yoho.windows.front_ends import LogMel

CPU = torch.device("cpu")
FEATURES = {"n_fft": 512, "hop_length": 80, "win_length": 400, "n_mels": 8, "top_db": 80}
RATE, LENGTH = 8000, 0.32  # Hz, s: 33 frames, so two bins
FRONT_END = {"sample_rate": RATE} | FEATURES


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A workload in a folder, measured for as short as possible."""
    monkeypatch.setattr(throughput, "SECONDS", 0.01)
    return workload(tmp_path)


def training_loops(made, batch_size=12):
    """This project's training loop and the plain one, for one network."""
    torch.manual_seed(0)
    network, settings = made.network(), TRAINING | {"batch_size": batch_size}
    loops = throughput.training_loop, throughput.plain_training_loop
    return [loop(network, made.folder, settings, CPU) for loop in loops]


def inference_loops(made, batch_size):
    """The same for inference."""
    torch.manual_seed(0)
    return throughput.inference_loops(made.network(), made.folder, batch_size, CPU)


# ---- both sides do the same ------------------------------------------------------------------------------------------


def test_both_training_loops_go_through_the_same_losses(made):
    """A batch holds all windows, whose order then does not matter: three steps of each optimiser."""
    ours, plain = training_loops(made)
    losses = [(ours()[0], plain()) for _ in range(3)]
    assert losses[0][0] != losses[1][0]
    for one, other in losses:
        assert one == pytest.approx(other, rel=1e-4)


def test_both_loops_give_the_same_outputs_in_the_same_order(made):
    ours, plain = inference_loops(made, 5)
    assert ours().shape == (12, 2, 6)
    torch.testing.assert_close(ours(), plain(), atol=1e-5, rtol=0)


def test_mean_loss_of_the_plain_loop_counts_windows_not_batches(made):
    _, whole = training_loops(made)
    whole.args[1].param_groups[0]["lr"] = 0.0
    _, parts = training_loops(made, batch_size=5)
    parts.args[1].param_groups[0]["lr"] = 0.0
    assert whole() == pytest.approx(parts(), rel=1e-5)


def test_the_plain_loop_is_plain(made, monkeypatch):
    """One file per window, float32, NCHW, an optimiser as it comes."""
    for number, features in enumerate(windows()[0]):
        np.testing.assert_array_equal(np.load(made.folder / f"{number}.npy"), features)
    _, plain = training_loops(made)
    network, optimiser, loader = plain.args
    seen, load = [], np.load
    monkeypatch.setattr(np, "load", lambda path: seen.append(Path(path).name) or load(path))
    plain()
    assert sorted(seen) == sorted(f"{number}.npy" for number in range(12))
    kernels = [parameter for parameter in network.parameters() if parameter.ndim == 4]
    assert all(kernel.is_contiguous() and kernel.dtype == torch.float32 for kernel in kernels)
    assert optimiser.defaults["fused"] is None and loader.num_workers == 0


def test_the_plain_loops_leave_tf32_as_pytorch_has_it(made, monkeypatch):
    """This project turns it off; what is compared with it was written by someone who sets nothing."""
    seen = []

    def noting(self, windows):
        seen.append(torch.backends.cudnn.allow_tf32)
        return forward(self, windows)

    forward = Network.forward
    monkeypatch.setattr(Network, "forward", noting)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    _, plain = training_loops(made)
    _, inference = inference_loops(made, 12)
    plain(), inference()
    assert seen == [True, True] and not torch.backends.cudnn.allow_tf32


def test_fewer_windows_than_asked_for_are_taken_again(tmp_path):
    features, targets = windows(5)
    throughput.write_windows(tmp_path, features, targets, 12)
    files = throughput.FilePerWindow(tmp_path)
    assert len(files) == 12
    for number in range(12):
        np.testing.assert_array_equal(files[number][0], features[number % 5])
        np.testing.assert_array_equal(files[number][1], targets[number % 5])


def mix(path, seconds=2):
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, seconds * RATE), RATE)
    return path


def test_images_are_those_of_librosa(tmp_path):
    front_end, path, onsets = LogMel(**FRONT_END), mix(tmp_path / "mix.flac"), np.arange(6) * 0.3
    assert throughput.librosa_images(front_end, path, onsets, LENGTH).shape == (6, 33, 8)
    row = throughput.measure_front_end(front_end, {path: onsets}, LENGTH, 1)
    assert row["max_difference_db"] < 1e-3
    assert row["stage"] == "windows"


# ---- clocks and ratios -----------------------------------------------------------------------------------------------


def test_ratios_are_taken_turn_by_turn():
    row = throughput.compare([30, 20, 100], [10, 10, 20])
    assert row == {
        "plain_windows_per_s": 10,
        "windows_per_s": 30,
        "ratio": 3,
        "ratio_low": 2,
        "ratio_high": 5,
    }


def test_trainings_at_once_are_added_and_compared_with_one_alone(monkeypatch):
    """Two turns: 10 and 20 windows per second alone, 8 + 9 and 8 + 12 together."""
    rates = [np.array([[10, 20], [8, 8]]), np.array([[0, 0], [9, 12]])]
    monkeypatch.setattr(job, "spread", lambda function, calls, processes, _: rates[: len(calls)])
    row = script.together(2, throughput.Workload(NETWORK, None, TRAINING, BENCHMARKS))
    assert row == {"stage": "trainings at once", "runs": 2, "threads": 2} | throughput.compare([17, 20], [10, 20])


def test_sides_take_turns_and_the_first_turn_does_not_count(monkeypatch):
    turns, seconds = [], iter([100, 100, 2, 4, 1, 4])
    monkeypatch.setattr(throughput, "duration", lambda side, device: side() or next(seconds))
    row = throughput.in_turn(lambda: turns.append("ours"), lambda: turns.append("plain"), 8, 2, CPU)
    assert turns == ["ours", "plain"] * 3
    assert row == throughput.compare([4, 8], [2, 2])


def test_peak_counts_two_operations_for_each_product(monkeypatch):
    monkeypatch.setattr(throughput, "duration", lambda action, device: 0.5)
    assert throughput.peak(CPU, "float32", 1, 10, 3) == 2 * 10**3 / 0.5


def test_processor_has_a_name():
    assert device_name(CPU)


# ---- the table -------------------------------------------------------------------------------------------------------


def test_trainings_at_once_wait_for_each_other(made, tmp_path_factory):
    meeting = tmp_path_factory.mktemp("meeting")
    calls = [(number, meeting, 2, made) for number in range(2)]
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(throughput.train_together, *calls[0])
        with pytest.raises(TimeoutError):
            first.result(timeout=2)
        second = threads.submit(throughput.train_together, *calls[1])
        first, second = first.result(timeout=60), second.result(timeout=60)
    assert first.shape == second.shape == (2, BENCHMARKS["repeats"])
    assert (first > 0).all() and (second[0] == 0).all() and (second[1] > 0).all()


def measured(folder, front_end=FRONT_END):
    """Measure a network on one mix: the table."""
    for name, array in zip(("features", "targets"), windows()):
        np.save(folder / f"{name}.npy", array)
    write_table(pd.DataFrame({"filename": [mix(folder / "a.flac").name], "offset": [2.0]}), folder / "plan.tsv")
    files = SimpleNamespace(
        features=folder / "features.npy", targets=folder / "targets.npy", plan=folder / "plan.tsv", audio=folder
    )
    script.measure_throughput(
        files,
        folder / "throughput.csv",
        networks={"VGGish": {"network": NETWORK, "training": TRAINING}},
        device={"name": "cpu", "deterministic": False},
        windows={"length": LENGTH, "hop": {"train": 0.1, "score": 0.3}},
        front_end=front_end,
        benchmarks=BENCHMARKS,
    )
    return pd.read_csv(folder / "throughput.csv")


def test_a_measurement_that_is_cut_short_leaves_the_rows_before(tmp_path, monkeypatch):
    def cut(*_):
        yield {"stage": "training", "precision": "float32", "threads": 1, "windows_per_s": 3.0, "operations": 2e6}
        raise KeyboardInterrupt

    monkeypatch.setattr(throughput, "measure_network", cut)
    monkeypatch.setattr(throughput, "peak", lambda *_: 1.2e7)
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path)
    (row,) = pd.read_csv(tmp_path / "throughput.csv").to_dict("records")
    assert (row["network"], row["stage"], row["share_of_peak"]) == ("VGGish", "training", 0.5)


def test_table_holds_a_row_for_all_that_is_measured(tmp_path, monkeypatch):
    def threads(function, calls, *_):
        with ThreadPoolExecutor(len(calls)) as pool:
            yield from pool.map(function, *zip(*calls))

    monkeypatch.setattr(job, "spread", threads)
    monkeypatch.setattr(throughput, "SECONDS", 0.01)
    monkeypatch.setattr(script, "MATRIX", {"cpu": 32})
    table = measured(tmp_path)
    assert list(table.columns) == script.COLUMNS
    assert table["stage"].tolist() == [*STAGES, "trainings at once", "windows", "windows"]
    assert table["runs"].tolist() == [1, 1, 1, 1, 2, 1, 1] and table["threads"].tolist() == [1, 1, 1, 1, 2, 1, 1]
    assert table["hop"].dropna().tolist() == [0.1, 0.3]
    assert (table["ratio_low"] <= table["ratio"]).all() and (table["ratio"] <= table["ratio_high"]).all()
    networks, features = table[:5], table[5:]
    assert (networks["network"] == "VGGish").all() and (networks["precision"] == "float32").all()
    assert networks["share_of_peak"].gt(0).all() and features["share_of_peak"].isna().all()
    assert features["max_difference_db"].lt(1e-3).all() and networks["max_difference_db"].isna().all()


def test_front_end_of_another_kind_has_no_plain_code_and_no_row(tmp_path, monkeypatch):
    row = {"stage": "training", "precision": "float32", "threads": 1, "windows_per_s": 3.0, "operations": 2e6}
    monkeypatch.setattr(script, "network_rows", lambda *_: iter([row]))
    monkeypatch.setattr(throughput, "peak", lambda *_: 1.2e7)
    settings = {key: value for key, value in FRONT_END.items() if key != "top_db"}
    table = measured(tmp_path, settings | {"kind": "yamnet", "fmin": 125, "fmax": 3500, "offset": 0.001})
    assert table["stage"].tolist() == ["training"]
