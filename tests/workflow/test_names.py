"""Names of classes and of runs, whatever they look like, from the user's folder to every table, figure and page."""

import html
import json
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from places import ROOT
from yoho.events import read_table
from yoho.scoring.records import read_record

NAMES = ["NA", "None", "nan", "null", "1", "007", "1e5", "true", "inf", "-", "_name", "$5 or $6", "x%y", "a&b<C>"]
NAMES += [
    "a{b}c",
    "{dog}",
    "a&b<c>",
    "a,b",
    'a"b',
    "a\\b",
    "#dog",
    "=1+1",
    "dog ",
    "dog",
    "Dog",
    "macro",
    "all",
    "\N{DOG}",
]
NAMES += [unicodedata.normalize(form, "Möwe") for form in ("NFC", "NFD")]
RUN, CHANGE = "$5 {x} _a", "007"

CONFIG = {
    "dataset": "1e5",
    "datasets": {
        "1e5": {
            "source": "folder",
            "recordings": {
                "path": "own",
                "trim_db": 40,
                "splits": {"train": 0.34, "valid": 0.33, "test": 0.33},
                "seed": 0,
            },
            "mixes": {"train": 1, "valid": 1, "test": 1, "seed": 0},
        }
    },
    "mixes": {"duration": [20, 30], "longest_clip": 1},
    "studies": {
        "networks": {"runs": [{"label": RUN, "backbone": "mobilenet", "mask": "none"}]},
        "mask": {"runs": []},
        "audit": {
            "seeds": [0],
            "runs": [{"label": CHANGE, "backbone": "mobilenet", "mask": "none", "decode": "released"}],
        },
    },
    "training": {"epochs": 1, "batch_size": 8},
}

TARGETS = ["tables/scores.csv", "tables/dataset.csv", "tables/audit.csv", "figures/fig5.png", "figures/dataset.png"]
TARGETS += ["figures/audit.png", "figures/examples/test-0000.html"]


@pytest.fixture
def results(tmp_path):
    """The results of a workflow whose classes have all these names."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        (tmp_path / "own" / name).mkdir(parents=True)
        for number in range(3):
            soundfile.write(tmp_path / "own" / name / f"b{{{number}}}.wav", rng.normal(0, 0.1, 22050), 22050)
    (tmp_path / "names.yaml").write_text(yaml.safe_dump(CONFIG))
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    options = ["--cores", "2", "--configfile", tmp_path / "names.yaml", "--"]
    done = subprocess.run(
        [*snakemake, *options, *(f"results/{file}" for file in TARGETS)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path / "results"


def rows_of(page):
    """The texts of the cells of a page, row by row."""
    rows = re.findall("<tr>(.*?)</tr>", page.read_text(encoding="utf-8"))
    return [[html.unescape(cell) for cell in re.findall("<td[^>]*>(.*?)</td>", row)] for row in rows[1:]]


@pytest.mark.slow
def test_names_come_through_the_whole_workflow_unchanged(results):
    data, known = results / "1e5", sorted(NAMES)
    (run,) = (data / "runs").iterdir()
    assert set(read_table(data / "recordings.tsv")["event_label"]) == set(NAMES)
    for split in ("train", "valid", "test"):
        assert set(read_table(data / "mixes" / split / "events.tsv")["event_label"]) <= set(NAMES)
    description = json.loads((run / "model.json").read_text())
    assert description["event_labels"] == list(description["thresholds"]) == known
    assert list(description["test"]) == ["overall", *known]
    assert read_table(run / "classwise.csv", sep=",")["event_label"].to_list() == known
    for tallies in (read_table(run / "test_recordings.tsv"), read_record(run / "record.zip").tallies):
        assert set(tallies["event_label"]) == {"overall", *NAMES} and set(tallies["recording_label"]) <= set(NAMES)
    tables = {name: read_table(results / "tables" / f"{name}.csv", sep=",") for name in ("scores", "dataset", "audit")}
    assert tables["scores"]["event_label"].to_list() == ["overall", *known]
    assert tables["dataset"]["event_label"].unique().tolist() == [*known, "overall"]
    assert tables["audit"]["difference"].to_list() == [CHANGE]
    for name, table in tables.items():
        shown = pd.DataFrame(rows_of(results / "tables" / f"{name}.html"))
        for place, column in enumerate(table.columns.drop("run", errors="ignore")):
            if column in ("dataset", "label", "event_label", "difference"):
                assert shown[place].to_list() == table[column].to_list()
    assert set(tables["scores"]["label"]) == {RUN} and set(tables["dataset"]["dataset"]) == {"1e5"}
