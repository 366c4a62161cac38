"""Learning on the feature maps of a YAMNet that is frozen as a whole: the maps, the weights, and checkpoints."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import make_maps as script
import numpy as np
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from make_maps import make_maps
from safetensors.torch import load_file, save_file
from snakemake.iocontainers import InputFiles, OutputFiles

from noise_run import WINDOWS, evaluate, train
from small import CPU, Bar, Killed
from untrained import scaled
from yoho import job
from yoho.networks.backbones import YAMNet
from yoho.networks.device import predict
from yoho.networks.network import OnMaps
from yoho.networks.saving import load_network
from yoho.training.batches import Stored

FRONT_END = {"kind": "yamnet", "sample_rate": 16000, "n_fft": 512, "hop_length": 160, "win_length": 400, "n_mels": 64}
FRONT_END |= {"fmin": 125, "fmax": 7500, "offset": 0.001}
FROZEN = {"pretrained": True, "frozen": "backbone"}
USES = ("train", "valid", "test")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with features of noise for each use, their maps, and a file of random weights."""
    folder = tmp_path_factory.mktemp("maps")
    torch.manual_seed(0)
    save_weights(folder / "ear.safetensors")
    for number, use in enumerate(USES):
        features = np.random.default_rng(number).normal(size=(WINDOWS, 257, 64)).astype(np.float32)
        np.save(folder / f"{use}.npy", features)
        maps_of(folder, use, folder / f"{use}_maps.npy")
    return folder


def save_weights(path):
    """Weights as in results/ear, with a head that no run needs."""
    backbone = scaled(YAMNet(published=True)).state_dict()
    save_file({f"backbone.{name}": tensor for name, tensor in backbone.items()} | {"head.bias": torch.zeros(521)}, path)


def maps_of(folder, use, target, threads=1):
    given = SimpleNamespace(features=folder / f"{use}.npy", ear=folder / "ear.safetensors")
    make_maps(given, target, threads, backbone="yamnet")


def run_on(files, kept, maps=True, ear="ear.safetensors"):
    """The input of a run on YAMNet that learns on maps, or on features."""
    images = {use: kept / f"{use}_maps.npy" if maps and use != "test" else kept / f"{use}.npy" for use in USES}
    own = {f"{use}_features": str(images[use]) for use in USES} | {"held_out_features": str(images["valid"])}
    return InputFiles(fromdict=dict(files.items()) | own | {"ear": str(kept / ear) if ear else []})


@pytest.fixture
def on_maps(files, kept):
    return run_on(files, kept)


learn = partial(train, on=("yamnet", FRONT_END))
frozen = partial(learn, **FROZEN)


def beside(made, name):
    """Paths of what the job writes, in another folder."""
    folder = Path(made.weights).parents[1] / name
    folder.mkdir()
    return OutputFiles(fromdict={key: str(folder / Path(path).name) for key, path in made.items()})


def same_files(one, other):
    names = ("history", "classwise", "weights")
    return all(Path(getattr(one, name)).read_bytes() == Path(getattr(other, name)).read_bytes() for name in names)


# ---- the maps --------------------------------------------------------------------------------------------------------


def test_maps_are_those_of_the_backbone_in_half_precision(kept):
    backbone = YAMNet(published=True).eval()
    weights = load_file(kept / "ear.safetensors")
    backbone.load_state_dict({name[9:]: tensor for name, tensor in weights.items() if name.startswith("backbone.")})
    with torch.inference_mode():
        expected = backbone(torch.from_numpy(np.load(kept / "train.npy"))[:, None]).numpy()
    maps = np.load(kept / "train_maps.npy")
    assert maps.shape == (WINDOWS, 1024, 9, 2) and maps.dtype == np.float16 and maps.std() > 0.1
    # A value is at most 6, where neighbours in half precision are 0.004 apart.
    np.testing.assert_allclose(maps.astype(np.float32), expected, rtol=0, atol=0.0021)


def test_maps_are_the_same_bytes_whatever_the_processes(kept, tmp_path, monkeypatch):
    # Processes that an earlier test has left may be in a folder that is gone, in which PyTorch cannot load MKL.
    get_reusable_executor().shutdown(wait=True)
    monkeypatch.setattr(script, "AT_ONCE", 4)  # six windows in two parts
    for threads in (1, 2):
        torch.set_num_threads(2)
        maps_of(kept, "train", tmp_path / f"{threads}.npy", threads)
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "2.npy").read_bytes()
    np.testing.assert_allclose(np.load(tmp_path / "1.npy"), np.load(kept / "train_maps.npy"), rtol=0, atol=0.004)


# ---- the run ---------------------------------------------------------------------------------------------------------


def test_run_s_network_is_whole_and_its_backbone_is_that_of_the_ear(on_maps, kept, made, said):
    history = frozen(on_maps, made, epochs=3, learning_rate=0.01)
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    network, description = load_network(Path(made.weights).parent)
    start = load_file(kept / "ear.safetensors")
    assert all(torch.equal(tensor, start[f"backbone.{name}"]) for name, tensor in network.backbone.state_dict().items())
    assert (network.mean, network.deviation) == (0, 1) and description["training"]["input"] == "unchanged"
    evaluate(on_maps, made)
    tested = np.load(made.test_outputs)["outputs"]
    np.testing.assert_array_equal(tested, predict(network, Stored(kept / "test.npy"), device=CPU).numpy())


def test_whole_network_predicts_from_windows_what_its_part_does_from_maps(on_maps, kept, made, said):
    """Up to the maps' half precision: 0.0004 was measured, where outputs have a deviation of 0.12."""
    frozen(on_maps, made)
    network, _ = load_network(Path(made.weights).parent)
    for module in network.neck.modules():  # Statistics of these maps: after so few steps all outputs were alike.
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    part = OnMaps(network).train()
    with torch.no_grad():
        part(torch.from_numpy(np.load(kept / "train_maps.npy")))
    network.eval()
    found = predict(network, Stored(kept / "valid.npy"), device=CPU)
    expected = predict(part, Stored(kept / "valid_maps.npy"), device=CPU)
    assert found.std(dim=0).mean() > 0.01
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_same_seed_gives_the_same_bytes(on_maps, made, said):
    again = beside(made, "again")
    for paths in (made, again):
        frozen(on_maps, paths, epochs=2, dropout=0.2, weight_decay=0.01)
    assert same_files(made, again)


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_run_that_is_killed_goes_on_to_the_same_bytes(on_maps, made, said, monkeypatch, schedule):
    whole = beside(made, "whole")
    settings = {"epochs": 3, "schedule": schedule, "dropout": 0.2, "weight_decay": 0.01}
    frozen(on_maps, whole, **settings)

    class Killing(Bar):
        def update(self):
            super().update()
            if self.count == 2 * 2 + 1:  # in the third epoch
                raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(job, "progress", lambda *_, desc="", **own: Killing(**own))
        frozen(on_maps, made, **settings)
    trained = []
    with monkeypatch.context() as patch:
        patch.setattr(job, "progress", lambda *_, desc="", **own: trained.append(Bar(**own)) or trained[0])
        frozen(on_maps, made, **settings)
    assert [values["epoch"] for values in trained[0].shown] == [3]
    assert said == [] and same_files(made, whole)


def test_checkpoint_is_refused_if_the_weights_at_the_start_have_changed(files, on_maps, kept, made, said):
    frozen(on_maps, made)
    torch.manual_seed(1)
    save_weights(kept / "other.safetensors")
    frozen(run_on(files, kept, ear="other.safetensors"), made)
    checkpoint = Path(made.weights).parent / "checkpoint.pt"
    assert [line.partition(";")[0] for line in said] == [f"{checkpoint}: was made with other data"]


@pytest.mark.parametrize("schedule, refused", [("cosine", ["epochs"]), ("step", [])])
def test_more_epochs_change_every_rate_of_a_cosine(on_maps, made, said, schedule, refused):
    frozen(on_maps, made, schedule=schedule)
    history = frozen(on_maps, made, schedule=schedule, epochs=2)
    assert [line.partition("was made with other ")[2].partition(";")[0] for line in said] == refused
    assert history["epoch"].tolist() == [1, 2]
    assert history["learning_rate"].tolist() == pytest.approx([0.001, 0.0005 if schedule == "cosine" else 0.001])


# ---- runs that learn from features -----------------------------------------------------------------------------------


def test_run_starts_from_the_published_form_and_its_first_blocks_stay(files, kept, made, said):
    learn(run_on(files, kept, maps=False), made, pretrained=True, frozen=2)
    network, _ = load_network(Path(made.weights).parent)
    start = load_file(kept / "ear.safetensors")
    same = {
        name: torch.equal(tensor, start[f"backbone.{name}"]) for name, tensor in network.backbone.state_dict().items()
    }
    assert {name.partition(".")[0] for name, equal in same.items() if equal} == {"0", "1"}
    assert same["1.2.bias"] and not same["2.0.weight"]
    assert (network.mean, network.deviation) == (0, 1)


def test_run_from_random_weights_needs_no_ear(files, kept, made, said):
    learn(run_on(files, kept, maps=False, ear=None), made, pretrained=False)
    network, description = load_network(Path(made.weights).parent)
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.backbone.modules())
    assert not description["network"]["pretrained"] and description["features"]["kind"] == "yamnet"
