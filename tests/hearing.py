"""An ear that hears what a test says, and files to make it of: shared by the tests of the ear."""

import csv
import hashlib
import json

import numpy as np
import yaml

from places import ROOT, SHARED
from yoho.networks import making, yamnet

YAMNET = SHARED / "weights" / "yamnet"  # the published files
# Strides and channels of YAMNet's pairs of convolutions.
BLOCKS = [(1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5, (2, 1024), (1, 1024)]
WEIGHTS = b"not TensorFlow Lite" * 1000
LABELS = {row["event_label"]: row["id"] for row in csv.DictReader(making.AUDIOSET.open(encoding="utf-8"))}
# An ontology with a class between Vehicle and Car that the ear lacks, and with two parents of one class.
KINDS = {"Vehicle": ["/m/road", "/m/siren"], "Alarm": ["/m/siren"], "/m/road": ["Car"], "/m/siren": ["Car alarm"]}
ONTOLOGY = json.dumps(
    [
        {
            "id": LABELS.get(name, name),
            "child_ids": [LABELS.get(kind, kind) for kind in KINDS.get(name, ())],
            "description": f"The sound of {name.lower()}.",
        }
        for name in dict.fromkeys([*LABELS, *KINDS])
    ]
).encode()


def config_of(weights="https://example.org/yamnet.tflite", ontology="https://example.org/ontology.json", path=None):
    """The default config with other published files of the ear: their addresses, and those of WEIGHTS and ONTOLOGY."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for key, address, content in (("weights", weights, WEIGHTS), ("ontology", ontology, ONTOLOGY)):
        config["ear"][key] = {"address": address, "sha256": hashlib.sha256(content).hexdigest()}
    config["ear"]["path"] = path and str(path)
    return config


def pretend(monkeypatch, folder, **presences):
    """Let every ear that is made hear the same in any sound: `presences` of some classes, and hardly any other."""
    rng = np.random.default_rng(0)
    layers, channels = [layer(rng.normal(0, 0.1, (32, 1, 3, 3)), stride=2)], 32
    for stride, outputs in BLOCKS:
        layers.append(layer(rng.normal(0, 0.1, (channels, 1, 3, 3)), stride, depthwise=True))
        layers.append(layer(rng.normal(0, 0.1, (outputs, channels, 1, 1))))
        channels = outputs
    layers.append(layer(np.zeros((yamnet.CLASSES, channels, 1, 1))))
    monkeypatch.setattr(yamnet, "layers_of", lambda path: layers)
    table = folder / "audioset.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "event_label", "threshold"])
        for label, name in LABELS.items():
            presence = presences.get(label.replace(" ", "_"), 0.001)
            rows.writerow([name, label, np.log((1 - presence) / presence)])
    monkeypatch.setattr(making, "AUDIOSET", table)


def layer(kernel, stride=1, depthwise=False):
    """A `Layer` of YAMNet without a bias."""
    return yamnet.Layer(kernel.astype(np.float32), np.zeros(len(kernel), np.float32), depthwise, stride)


def put_published(folder):
    """Write WEIGHTS and ONTOLOGY as the files of `config_of`; returns the file of weights."""
    folder.mkdir(exist_ok=True)
    (folder / "ontology.json").write_bytes(ONTOLOGY)
    (folder / "yamnet.tflite").write_bytes(WEIGHTS)
    return folder / "yamnet.tflite"


def make(folder, config, path=None, said=print, **manners):
    """Make an ear as the rule and the command line do."""
    downloads = config["recordings"]["downloads"] | manners
    making.make_ear(folder, path, downloads, said, making.ear_settings(config))
