"""Inference: the outputs of a signal's windows, from the engine of segmenting and from its reference."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml

from places import ROOT
from untrained import DESCRIPTION, save_untrained
from yoho.networks.engines import TorchEngine
from yoho.networks.runtime import OnnxEngine
from yoho.networks.saving import load_network
from yoho.segmenting.inference import Predictor
from yoho.windows.front_ends import LogMel, build_front_end

SIZE, HOP = 112896, 86436  # samples
FRONT_END = LogMel(44100, **DESCRIPTION["features"])


def signal(windows):
    """Noise whose level steps over 50 dB and tones that come and go; the last window reaches past the end."""
    rng = np.random.default_rng(0)
    count = HOP * (windows - 1) + SIZE - 30_000

    def held(values):
        return np.repeat(values, 5000)[:count]

    steps = count // 5000 + 1
    noise = rng.standard_normal(count) * held(10 ** rng.uniform(-3, -0.5, steps))
    tones = held(rng.random(steps) < 0.4) * np.sin(np.cumsum(held(rng.uniform(0.01, 2, steps))))
    return (0.2 * (noise + tones)).astype(np.float32), HOP * np.arange(windows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network whose batch norms have seen some audio."""
    return save_untrained(tmp_path_factory.mktemp("results") / "run")


@pytest.fixture(scope="module")
def engine(folder):
    return OnnxEngine(folder / "network.onnx")


def predictor(engine, precision="single"):
    return Predictor(engine, DESCRIPTION, precision)


def test_outputs_of_the_reference_are_the_network_s(folder):
    samples, first = signal(5)
    features = torch.from_numpy(FRONT_END.images(samples, first, SIZE))
    with torch.inference_mode():
        expected = load_network(folder)[0](features).numpy()
    found = predictor(TorchEngine(folder, "cpu"), precision="double")(samples, first)
    assert found.shape == (5, 9, 6) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["pcen", "cqt", "wavelet"])
def test_a_network_gets_the_images_of_its_own_front_end(engine, name):
    features = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["windows"]["front_ends"][name]
    images = build_front_end(**features).images(*signal(2), SIZE)
    features.pop("sample_rate")
    found = Predictor(engine, DESCRIPTION | {"features": features}, "double")(*signal(2))
    np.testing.assert_allclose(found, engine(images), rtol=0, atol=1e-5)


def test_outputs_keep_to_those_of_the_reference(folder, engine):
    """All bin decisions are the same, and times agree within a millisecond, which is 0.0035 of a bin."""
    samples, first = signal(24)
    plain = predictor(TorchEngine(folder, "cpu"), precision="double")(samples, first)
    fast = predictor(engine)(samples, first)
    assert plain[:, :, 0::3].std() > 0.1
    np.testing.assert_allclose(fast, plain, rtol=0, atol=0.0035)
    assert ((fast[:, :, 0::3] >= 0.5) == (plain[:, :, 0::3] >= 0.5)).all()


@pytest.mark.parametrize("windows", [1, 2, 3, 7])
def test_outputs_do_not_depend_on_threads_or_on_windows_at_a_time(engine, monkeypatch, windows):
    samples, first = signal(windows)
    apply = predictor(engine)
    expected = apply(samples, first)
    monkeypatch.setattr(engine, "at_once", 2)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(apply, 6 * [samples], 6 * [first]):
            assert found.shape == (windows, 9, 6)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_windows_are_zero_past_the_end(engine):
    samples, first = signal(3)
    short = samples[: HOP + 20_000]
    padded = np.pad(short, (0, 3 * SIZE))
    apply = predictor(engine)
    np.testing.assert_array_equal(apply(short, first), apply(padded, first))
    assert np.isfinite(apply(np.zeros(10, np.float32), np.array([0]))).all()


def test_seconds_of_the_stages(engine):
    apply = predictor(engine)
    apply(*signal(2))
    once = dict(apply.seconds)
    assert set(once) == {"features", "network"} and min(once.values()) > 0
    apply(*signal(2))
    assert all(apply.seconds[stage] > seconds for stage, seconds in once.items())
