"""The ear is made of its published files, fetched from servers that misbehave, or copied; or one line says why not."""

import io
import json
import re

import numpy as np
import pytest
import torch
import yaml
from hearing import LABELS, ONTOLOGY, WEIGHTS, YAMNET, config_of, make, pretend, put_published

import servers
from places import ROOT
from yoho import InputError, job
from yoho.networks import making
from yoho.networks.saving import load_network

MANNERS = servers.MANNERS
TEXT = "text/plain; charset=utf-8"


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Published weights that take no time to read, and no progress bar."""
    pretend(monkeypatch, tmp_path, Car=0.9)
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())


def served(server, weights=(), ontology=()):
    """A config whose published files a server has; weights, ontology: the faults of their first requests."""
    addresses = server.add("yamnet.tflite", WEIGHTS, *weights), server.add("ontology.json", ONTOLOGY, *ontology)
    return config_of(*addresses)


def is_made(folder, config=None):
    return making.is_made(folder, making.ear_settings(config or config_of()))


def downloads(folder):
    return {path.name: path.read_bytes() for path in (folder / "downloads").iterdir()}


BOTH = {"yamnet.tflite": WEIGHTS, "ontology.json": ONTOLOGY}


# ---- fetching --------------------------------------------------------------------------------------------------------


def test_the_first_use_fetches_both_files_and_says_so(server, tmp_path):
    said, config = [], served(server)
    make(tmp_path / "ear", config, said=said.append, **MANNERS)
    assert is_made(tmp_path / "ear", config) and downloads(tmp_path / "ear") == BOTH
    (line,) = said
    assert server.address in line and "yamnet.tflite" in line and "ontology.json" in line


def test_what_was_fetched_is_not_fetched_again(server, tmp_path):
    config = served(server)
    for _ in range(2):
        make(tmp_path / "ear", config, **MANNERS)
        (tmp_path / "ear" / "model.json").unlink()
    assert len(server.asked) == 2


def test_a_cut_download_is_resumed(server, tmp_path):
    make(tmp_path / "ear", served(server, weights=[servers.cut(0.5), servers.status(503)]), **MANNERS)
    assert downloads(tmp_path / "ear") == BOTH
    assert [asked.headers.get("Range") for asked in server.gets("yamnet.tflite")] == [
        None,
        *[f"bytes={len(WEIGHTS) // 2}-"] * 2,
    ]


def test_a_later_call_continues_what_an_earlier_one_began(server, tmp_path):
    config = served(server, weights=[servers.cut(0.5), servers.hang_up, servers.hang_up, None])
    with pytest.raises(InputError, match="could not be fetched"):
        make(tmp_path / "ear", config, **MANNERS)
    assert not is_made(tmp_path / "ear", config)
    make(tmp_path / "ear", config, **MANNERS)
    assert downloads(tmp_path / "ear") == BOTH
    assert server.gets("yamnet.tflite")[-1].headers["Range"] == f"bytes={len(WEIGHTS) // 2}-"
    assert len(server.gets("ontology.json")) == 1


def test_an_ontology_that_is_served_as_text_is_taken(server, tmp_path):
    make(tmp_path / "ear", served(server, ontology=[servers.instead(ONTOLOGY, TEXT)]), **MANNERS)
    assert downloads(tmp_path / "ear") == BOTH


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (servers.status(404), "answered 404"),
        (servers.instead(b"<html>log in</html>", "text/html"), "has sha256"),
        (servers.instead(WEIGHTS[::-1]), "has sha256"),
        (servers.redirect("http://127.0.0.1:1/a"), "does not allow"),
        (servers.hang_up, "could not be fetched at the moment"),
    ],
)
def test_a_file_that_cannot_be_fetched_is_one_line_that_says_what_to_do(server, tmp_path, fault, words):
    with pytest.raises(InputError, match=words) as caught:
        make(tmp_path / "ear", served(server, weights=[fault] * 3), **MANNERS)
    line = str(caught.value)
    assert "\n" not in line and f"{server.address}/tflite/yamnet.tflite" in line
    assert "--ear FILE" in line and "ear.path" in line
    assert not (tmp_path / "ear" / "model.json").exists()


# ---- files of this machine -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["file", "folder"])
def test_files_of_this_machine_are_taken_without_a_network(tmp_path, named):
    weights = put_published(tmp_path / "own")
    make(tmp_path / "ear", config_of(), weights if named == "file" else weights.parent, said=pytest.fail)
    assert is_made(tmp_path / "ear") and downloads(tmp_path / "ear") == BOTH


def test_weights_may_have_another_name_and_the_ontology_is_then_fetched(server, tmp_path):
    other = put_published(tmp_path / "own").rename(tmp_path / "ear.bin")
    make(tmp_path / "ear", served(server), other, **MANNERS)
    assert [asked.path for asked in server.asked] == ["/json/ontology.json"]


def test_an_ontology_that_is_missing_beside_the_weights_is_named_when_it_cannot_be_fetched(server, tmp_path):
    weights = put_published(tmp_path / "own")
    weights.with_name("ontology.json").unlink()
    with pytest.raises(InputError) as caught:
        make(tmp_path / "ear", served(server, ontology=[servers.hang_up] * 3), weights, **MANNERS)
    line = str(caught.value)
    assert line.startswith("the ear needs ontology.json: ") and "put ontology.json beside it" in line


@pytest.mark.parametrize("how", ["missing", "empty folder", "another file", "another ontology"])
def test_a_file_of_this_machine_that_is_none_is_named(tmp_path, how):
    path = wrong = tmp_path / "own" / "yamnet.tflite"
    if how == "empty folder":
        path.parent.mkdir()
        path = path.parent
    elif how != "missing":
        put_published(path.parent)
        wrong = path if how == "another file" else path.with_name("ontology.json")
        wrong.write_bytes(b"something else")
    with pytest.raises(InputError) as caught:
        make(tmp_path / "ear", config_of(), path)
    assert str(caught.value).startswith(f"{wrong}: ") and "https://example.org/" in str(caught.value)


# ---- the ear ---------------------------------------------------------------------------------------------------------


def test_an_ear_is_a_network_like_any_other(tmp_path):
    make(tmp_path / "ear", config_of(), put_published(tmp_path))
    network, description = load_network(tmp_path / "ear")
    with torch.inference_mode():
        outputs = network(torch.randn(2, 257, 64, generator=torch.Generator().manual_seed(0)))
    presence, start, end = outputs.unflatten(2, (521, 3)).numpy().transpose(3, 2, 0, 1)
    assert presence.shape == (521, 2, 9) and not start.any() and (end == 1).all()
    labels = description["event_labels"]
    np.testing.assert_allclose(presence[labels.index("Car")], 0.9, atol=1e-6)
    np.testing.assert_allclose(np.delete(presence, labels.index("Car"), axis=0), 0.001, atol=1e-6)
    assert (labels, description["kind"], description["front_end"]) == (list(LABELS), "ear", "yamnet")
    licence = description["licence"]
    assert "Apache-2.0" in licence["weights"] and "CC BY-SA 4.0" in licence["descendants, descriptions"]
    assert all(re.fullmatch("[0-9a-f]{64}", file["sha256"]) for file in description["data"]["published"])


def test_descendants_are_followed_through_sounds_that_are_no_classes(tmp_path):
    make(tmp_path / "ear", config_of(), put_published(tmp_path))
    descendants = json.loads((tmp_path / "ear" / "model.json").read_text())["descendants"]
    assert descendants == {"Vehicle": ["Car", "Car alarm"], "Alarm": ["Car alarm"]}


def test_the_same_files_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        make(tmp_path / name, config_of(), put_published(tmp_path))
    for file in ("weights.safetensors", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


@pytest.mark.parametrize(
    "damage",
    ["no weights", "short weights", "no network", "short network", "no description", "half a description", "a run"],
)
def test_half_an_ear_is_none(tmp_path, damage):
    make(tmp_path / "ear", config_of(), put_published(tmp_path))
    names = "weights.safetensors", "network.onnx", "model.json"
    weights, network, description = (tmp_path / "ear" / name for name in names)
    assert is_made(tmp_path / "ear")
    match damage:
        case "no weights":
            weights.unlink()
        case "short weights":
            weights.write_bytes(weights.read_bytes()[:-1])
        case "no network":
            network.unlink()
        case "short network":
            network.write_bytes(network.read_bytes()[:-1])
        case "no description":
            description.unlink()
        case "half a description":
            description.write_text(description.read_text()[:1000])
        case "a run":
            description.write_text("{}")
    assert not is_made(tmp_path / "ear")


def test_an_ear_with_other_settings_or_another_calibration_is_made_again(tmp_path):
    config = config_of()
    make(tmp_path / "ear", config, put_published(tmp_path))
    assert is_made(tmp_path / "ear", config)
    config["ear"]["path"] = "elsewhere"
    assert is_made(tmp_path / "ear", config)
    config["ear"]["decoding"]["threshold"] = 0.6
    assert not is_made(tmp_path / "ear", config)
    making.AUDIOSET.write_text(making.AUDIOSET.read_text() + "\n")
    assert not is_made(tmp_path / "ear")


def test_an_ear_that_other_code_made_is_made_again(tmp_path, monkeypatch):
    make(tmp_path / "ear", config_of(), put_published(tmp_path))
    other = tmp_path / "making.py"
    other.write_bytes(making.CODE[0].read_bytes() + b"\n")
    monkeypatch.setattr(making, "CODE", [other, *making.CODE[1:]])
    assert not is_made(tmp_path / "ear")


def test_weights_that_stay_the_same_are_not_written_again(tmp_path):
    config, folder = config_of(), tmp_path / "ear"
    make(folder, config, put_published(tmp_path))
    before = [(folder / name).stat().st_mtime_ns for name in ("weights.safetensors", "model.json")]
    config["ear"]["decoding"]["threshold"] = 0.6
    make(folder, config)
    after = [(folder / name).stat().st_mtime_ns for name in ("weights.safetensors", "model.json")]
    assert after[0] == before[0] and after[1] > before[1] and is_made(folder, config)


# ---- the published files themselves ----------------------------------------------------------------------------------


@pytest.mark.skipif(not YAMNET.is_dir(), reason="the published files of the ear do not lie beside the repository")
def test_the_published_files_are_those_of_the_config(tmp_path, monkeypatch):
    monkeypatch.undo()
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    make(tmp_path / "ear", config, YAMNET, said=pytest.fail)
    description = json.loads((tmp_path / "ear" / "model.json").read_text())
    assert len(description["event_labels"]) == 521
    assert {"Bark", "Growling", "Yip"} <= set(description["descendants"]["Dog"])
    assert {"Car", "Bicycle", "Helicopter"} <= set(description["descendants"]["Vehicle"])
    assert "Vehicle" not in description["descendants"]["Vehicle"] and "Bark" not in description["descendants"]


def test_an_ear_whose_making_was_interrupted_is_made_again(tmp_path, monkeypatch):
    """Whatever was written last: no earlier network counts as one of other settings."""
    config, folder = config_of(), tmp_path / "ear"
    make(folder, config, put_published(tmp_path))
    config["ear"]["decoding"]["threshold"] = 0.6
    real = making.write_whole

    def full(path, data):
        if path.name == "network.onnx":
            raise OSError(28, "No space left on device", str(path))
        real(path, data)

    monkeypatch.setattr(making, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        make(folder, config, put_published(tmp_path))
    assert not is_made(folder, config)
