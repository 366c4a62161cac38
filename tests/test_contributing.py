"""The pages for readers: their examples run, their links lead somewhere, and they name what exists."""

import re
import shutil
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml
from collect_recordings import collect_recordings
from records import Runs
from snakemake.utils import update_config
from test_house import KNOWS

from datasets import collect_settings, event_labels
from places import ROOT
from validate import check_config
from yoho.claims import verdicts
from yoho.claims.measures import Arm
from yoho.events import read_table, write_table
from yoho.networks import backbones
from yoho.networks.network import Network
from yoho.recordings import sources
from yoho.recordings.synthesis import classes
from yoho.scoring.records import KEYS
from yoho.scoring.tallies import OVERALL, kinds
from yoho.windows.front_ends import build_front_end

PAGES = [path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.*)\n", re.MULTILINE)
RATE = 44100
NETWORK = {"masking": "multiply", "pretrained": False, "classes": 2, "frames": 257, "bins": 9}


def example(heading, language="python", number=0):
    """A fenced block of CONTRIBUTING.md, below a heading; an example has fewer than ten lines of code."""
    _, *parts = HEADING.split((ROOT / "CONTRIBUTING.md").read_text())
    section = dict(zip(parts[::2], parts[1::2], strict=True))[heading]
    code = [code for kind, code in FENCE.findall(section) if kind == language][number]
    assert len([line for line in code.splitlines() if line.strip()]) < 10
    return code


def run(code, **names):
    """The names that a block of code defines, among them `names`, which it starts with."""
    exec(code, names)
    return names


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


# ---- examples --------------------------------------------------------------------------------------------------------


def write_noise(path, seconds, seed):
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE)), RATE)


def test_one_function_runs_by_hand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mixes = tmp_path / "results/tiny/mixes/test"
    (mixes / "audio").mkdir(parents=True)
    write_noise(mixes / "audio" / "test-0000.flac", 5, seed=0)
    event = {"filename": "test-0000.flac", "onset": 1.0, "offset": 5.0, "event_label": "car"}
    for name in ("plan", "events"):
        write_table(pd.DataFrame([event]), mixes / f"{name}.tsv")
    run(example("Debug one function"))
    windows = read_table("windows.tsv")
    assert len(windows) > 1
    assert np.load("features.npy").shape == (len(windows), 257, 40)
    assert np.load("targets.npy").shape == (len(windows), 9, 3 * 2)


def test_a_class_is_added(monkeypatch):
    siren = run(example("Add a class"))["siren"]
    monkeypatch.setitem(classes.GENERATORS, "siren", siren)
    sound = {"duration": (2, 3), "level": (-32, -14), "snr": (12, 40), "sample_rate": RATE}
    samples = classes.synthesise("siren", np.random.default_rng(0), **sound)
    assert 2 * RATE <= len(samples) <= 3 * RATE and np.isfinite(samples).all() and np.ptp(samples) > 0


def test_a_source_is_added(tmp_path, monkeypatch, config):
    module = ModuleType("yoho.recordings.listed")
    exec(example("Add a source") + example("Add a source", number=1), vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sources.SOURCES, "listed", module.SOURCE)
    listed = [(f"{label}-{number}", label) for label in ("NA", "rain") for number in range(3)]
    table = pd.DataFrame(listed, columns=["recording", "event_label"])
    table = table.assign(path=[str(tmp_path / f"{name}.wav") for name in table["recording"]], group=table["recording"])
    for seed, path in enumerate(table["path"]):
        write_noise(path, 1.5, seed)
    table.to_csv(tmp_path / "listed.csv", index=False)
    recordings = {"path": str(tmp_path / "listed.csv"), "event_labels": ["NA", "rain"], "trim_db": 40, "seed": 0}
    recordings["splits"] = {"train": 0.6, "valid": 0.2, "test": 0.2}
    config["datasets"]["mine"] = {"source": "listed", "recordings": recordings}
    made = SimpleNamespace(table=tmp_path / "recordings.tsv", audio=tmp_path / "audio")
    labels = event_labels(config["datasets"]["mine"])
    collect_recordings(made, 1, source="listed", event_labels=labels, **collect_settings(config, "mine"))
    assert set(read_table(made.table)["recording"]) == set(table["recording"])


def test_a_front_end_is_added(config):
    update_config(config, yaml.safe_load(example("Add a front end", "yaml")))
    check_config(config)
    assert "log_mel_64" in {run.front_end for run in Runs(config).named.values()}
    added = build_front_end(**config["windows"]["front_ends"]["log_mel_64"])
    images = added(np.random.default_rng(0).normal(size=(2, 112896)))
    assert images.shape == (2, 257, 64)
    network = Network(backbone="mobilenet", mask="none", n_mels=64, **NETWORK)
    assert network(torch.from_numpy(images)).shape == (2, 9, 6)


def test_a_backbone_is_added(monkeypatch, config):
    monkeypatch.setattr(backbones, "BACKBONES", dict(backbones.BACKBONES))
    run(example("Add a backbone"), **vars(backbones))
    config["studies"]["mask"]["runs"] = [{"label": "tiny", "backbone": "tiny", "mask": "middle"}]
    check_config(config)
    network = Network(backbone="tiny", mask="middle", n_mels=40, **NETWORK)
    assert network(torch.zeros(2, 257, 40)).shape == (2, 9, 6)


def arm(label, found):
    """Two trained networks that find a share of each second of four recordings."""
    names = [(f"car-{number}", "car", event_label) for number in range(4) for event_label in (OVERALL, "car")]
    table = pd.DataFrame(names, columns=KEYS).assign(**dict.fromkeys(kinds([]), 1))
    history = pd.DataFrame({"f1": [0.8] * 20, "windows_seen": np.arange(1, 21), "learning_rate": 0.001})
    tables = [table.assign(true_positives=found + seed) for seed in (0, 0.01)]
    return Arm.from_tables(label, tables, [history] * 2)


def test_a_claim_is_added(monkeypatch, config):
    monkeypatch.setattr(verdicts, "CLAIMS", {})
    run(example("Add a claim"), **vars(verdicts))
    update_config(config, yaml.safe_load(example("Add a claim", "yaml")))
    evidence = SimpleNamespace(arms={"vggish": arm("VGGish", 0.9), "baseline": arm("YOHO", 0.5)})
    (row,) = verdicts.claims_table(config["claims"], "builtin", evidence).to_dict("records")
    assert (row["claim"], row["claim_verdict"]) == ("C9", verdicts.SUPPORTED)


def test_a_figure_is_added(tmp_path):
    histories = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        histories.append(tmp_path / name / "history.csv")
        pd.DataFrame({"epoch": [1, 2], "valid_loss": [3.0, 2.0]}).to_csv(histories[-1], index=False)
    draw_loss = run(example("Add a figure"))["draw_loss"]
    draw_loss(histories, [tmp_path / "loss.pdf"], runs=[("One", "one"), ("Other", "other")])
    assert (tmp_path / "loss.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_the_rule_of_a_figure_is_added(tmp_path):
    for name in ("Snakefile", "config", "workflow", "envs", "tests/config"):
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)
    (tmp_path / "workflow/scripts/draw_loss.py").write_text(example("Add a figure"))
    with open(tmp_path / "workflow/rules/figures.smk", "a") as rules:
        rules.write("\n\n" + example("Add a figure", number=1))
    command = [sys.executable, "-m", "snakemake", "results/figures/loss.pdf", "--dry-run", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- pages -----------------------------------------------------------------------------------------------------------


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text()))
    broken = []
    for link in links:
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if link.startswith(("http:", "https:")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_and_config_that_a_page_names_exists(page):
    places = (ROOT, ROOT / "workflow", ROOT / "workflow/scripts", ROOT / "workflow/scripts/yoho", ROOT / "config")
    named = set(re.findall(r"`([a-z0-9_/]+\.(?:py|smk))`", page.read_text())) - {
        "debug.py",
        "workflow/scripts/draw_loss.py",
    }
    for name in named:
        inside = {found for place in places for found in (place / name, page.parent / name)}
        beside = (ROOT / "workflow").rglob(name) if "/" not in name else ()
        assert any(path.is_file() for path in (*inside, *beside)), name


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150 and max(map(len, lines)) <= 120


def keys(section):
    """Every key of a config, at any depth."""
    for key, value in section.items():
        yield key
        if isinstance(value, dict):
            yield from keys(value)
        for entry in value if isinstance(value, list) else ():
            yield from keys(entry) if isinstance(entry, dict) else ()


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_the_readme_of_the_config_explains_every_key(path):
    names = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", (ROOT / "config/README.md").read_text()))))
    config = yaml.safe_load(path.read_text())
    ear = config.get("ear", {})
    background = ear.get("calibration", {}).get("background", {})
    # Keys that are names of datasets, of their classes, of kinds of background, and of conditions.
    named = {*config.get("datasets", {}), *ear.get("names", {}), *background.get("sounds", {})}
    named |= {*config.get("robustness", {}).get("conditions", {})}
    assert set(keys(config)) - named <= names


def test_the_readme_of_the_config_names_no_key_that_is_gone(config):
    known = (ROOT / "workflow/schemas/config.schema.yaml").read_text() + (ROOT / "config/config.yaml").read_text()
    tables = re.findall(r"^\| key.*?(?=^$)", (ROOT / "config/README.md").read_text(), re.DOTALL | re.MULTILINE)
    named = [row.split("|")[1] for table in tables for row in table.splitlines()[2:]]
    named = {
        word for cell in named for path in re.findall(r"`([\w.\[\]]+)`", cell) for word in re.findall(r"\w+", path)
    }
    assert {name for name in named if not re.search(rf"\b{name}\b", known)} == set()


def test_the_map_of_rooms_is_that_of_the_house():
    _, *parts = HEADING.split((ROOT / "CONTRIBUTING.md").read_text())
    section = dict(zip(parts[::2], parts[1::2], strict=True))["The rooms"]
    table = dict(re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", section, re.MULTILINE))
    everything = {"all": set(KNOWS) - {"benchmarks"}}
    assert {room: everything.get(cell.strip(), set(re.findall(r"\w+", cell))) for room, cell in table.items()} == KNOWS
