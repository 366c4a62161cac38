"""Engines: a run's folder is opened by ONNX Runtime; a file that is missing or of other weights is written first."""

import builtins
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from places import ROOT
from untrained import save_untrained
from yoho import InputError
from yoho.networks import engines
from yoho.networks.engines import TorchEngine, load_engine
from yoho.networks.runtime import OnnxEngine

FEATURES = np.random.default_rng(0).normal(-30, 15, (3, 257, 40)).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    return save_untrained(tmp_path / "run")


def open_run(folder, device="cpu"):
    """The engine of a folder, and the lines that were said."""
    said = []
    return load_engine(folder, device, said.append), said


def test_file_of_the_weights_is_used_as_it_is(run):
    before = (run / "network.onnx").stat().st_mtime_ns
    engine, said = open_run(run)
    assert said == [] and (run / "network.onnx").stat().st_mtime_ns == before
    np.testing.assert_allclose(engine(FEATURES), TorchEngine(run, "cpu")(FEATURES), rtol=0, atol=1e-4)


def test_folder_without_pytorch_s_weights_is_enough(run):
    (run / "weights.safetensors").unlink()
    engine, said = open_run(run)
    assert said == [] and engine(FEATURES).shape == (3, 9, 6)


def change_weights(run):
    weights = load_file(run / "weights.safetensors")
    weights["head.bias"] += 1
    save_file(weights, run / "weights.safetensors")


def take_waveforms(run):
    """A file for other programs, as an earlier version wrote it under this name."""
    from yoho.networks.export import export_from_waveform

    export_from_waveform(run, run / "network.onnx")


CHANGES = {
    "is missing": lambda run: (run / "network.onnx").unlink(),
    "cannot be used": lambda run: (run / "network.onnx").write_bytes((run / "network.onnx").read_bytes()[:1000]),
    "was not made of the weights beside it": change_weights,
}


@pytest.mark.parametrize("why", CHANGES)
def test_file_that_does_not_fit_is_written_once(run, why):
    CHANGES[why](run)
    engine, said = open_run(run)
    (line,) = said
    assert (
        line.startswith(f"{run / 'network.onnx'}: {why}") and line.endswith("; it is written now") and "\n" not in line
    )
    np.testing.assert_allclose(engine(FEATURES), TorchEngine(run, "cpu")(FEATURES), rtol=0, atol=1e-4)
    assert open_run(run)[1] == []


def test_file_for_other_programs_is_replaced_and_named(run):
    description = (run / "model.json").read_text()
    (run / "model.json").write_text(description.replace('"sample_rate"', '"licence": {}, "sample_rate"', 1))
    take_waveforms(run)
    engine, said = open_run(run)
    assert "/network.onnx: cannot be used (it takes waveform, as files for other programs do); it is" in said[0]
    assert engine(FEATURES).shape == (3, 9, 6)
    take_waveforms(run)
    (run / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"\(it takes waveform, .*; copy the folder of the run again"):
        open_run(run)


@pytest.mark.parametrize("why", CHANGES)
def test_without_pytorch_one_line_says_what_to_do(run, monkeypatch, why):
    CHANGES[why](run)
    monkeypatch.setattr(engines, "pytorch_installed", lambda: False)
    with pytest.raises(InputError, match=f"network.onnx: {why}.*; PyTorch writes it: segment a file") as raised:
        open_run(run)
    assert "\n" not in str(raised.value)


def test_folder_without_any_network_is_one_line(run):
    for name in ("network.onnx", "weights.safetensors"):
        (run / name).unlink()
    with pytest.raises(InputError, match=r"/network\.onnx: is missing; copy the folder of the run again, or train"):
        open_run(run)


def test_folder_that_cannot_be_written_is_used_all_the_same(run, monkeypatch):
    (run / "network.onnx").unlink()
    real = builtins.open

    def refuse(path, mode="r", *arguments, **options):
        if str(path).startswith(f"{run}/network.onnx") and "w" in mode:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, mode, *arguments, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    engine, said = open_run(run)
    assert engine(FEATURES).shape == (3, 9, 6) and not (run / "network.onnx").exists()
    assert said[1] == f"{run}/network.onnx: cannot be written (Permission denied), so it is made again each time"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_gpu_that_is_asked_for_and_missing_is_one_line(run):
    with pytest.raises(InputError, match="cuda is requested, but PyTorch finds no GPU"):
        open_run(run, "cuda")
    assert isinstance(open_run(run, "auto")[0], OnnxEngine)


def test_a_gpu_computes_if_pytorch_finds_one(run, monkeypatch):
    monkeypatch.setattr(engines, "finds_gpu", lambda: True)
    monkeypatch.setattr(engines, "TorchEngine", lambda folder, device: (folder, device))
    assert open_run(run, "auto")[0] == (run, "cuda") and isinstance(open_run(run, "cpu")[0], OnnxEngine)
    (run / "weights.safetensors").unlink()  # PyTorch needs them.
    assert isinstance(open_run(run, "auto")[0], OnnxEngine)


HEAVY = ["torch", "timm", "torchvision", "librosa", "numba", "scipy", "matplotlib", "onnx", "sklearn"]


def test_segmenting_imports_no_heavy_package(run):
    shutil.copytree(run, run.with_name("copy"))
    code = f"""
import sys
import numpy as np
from yoho.segmenting import command, page
from yoho.segmenting.segmenter import Segmenter
events = Segmenter.load({str(run)!r}, device="cpu")(np.random.default_rng(0).normal(0, 0.1, 44100 * 4), 44100)
print([name for name in {HEAVY} if name in sys.modules])
"""
    path = str(ROOT / "workflow" / "scripts")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert done.stdout == "[]\n", done.stderr
