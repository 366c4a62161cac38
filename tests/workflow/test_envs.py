"""The conda environments: every line is understood, fits what is pinned, and gives each script what it imports."""

import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from digest import SCRIPTS
from imports import PINNED, imports, packages
from places import ROOT
from stand_in_conda import CONDA_NAMES, read_specs, set_up

rattler = pytest.importorskip("rattler")

COMMAND = "segment_audio"  # which no rule calls
ENVIRONMENTS = sorted(ROOT.glob("envs/*.yaml"))
PIP_NAMES = {conda: pip for pip, conda in CONDA_NAMES.items()}


def rules():
    """Every rule that runs a script: name, path of its environment, name of its script."""
    for file in sorted(ROOT.glob("workflow/rules/*.smk")):
        for name, body in re.findall(
            r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n|\n)*)", file.read_text(), re.MULTILINE
        ):
            script = re.search(r'"\.\./scripts/(\w+)\.py"', body)
            if script:
                yield name, ROOT / "envs" / re.search(r'"\.\./\.\./envs/(\w+\.yaml)"', body)[1], script[1]


def names(environment):
    """Packages of an environment, by conda's names."""
    return {re.split(r"[ <>=]", spec)[0] for spec in read_specs(environment)[1]}


# Packages that scripts import in functions which only some of them call: these scripts, and why no others.
CALLED_BY = {
    "tflite": {"make_ear"},  # reads the published weights of the ear
    "jams": set(),  # a format of events for which a line says what to install
    "lark": set(),  # for queries in words, for which a line says what to install
    "tokenizers": set(),
    "platformdirs": set(),  # for the command that is installed without the workflow
}
# Packages that a script imports in a function which it calls only on a GPU, or for a run's folder without network.onnx.
NEVER_CALLED = dict.fromkeys(("plan_archive", "segment_shard"), {"torch", "timm"})


def needed(script):
    """Packages that a script needs, by conda's names."""
    found = packages(script) - NEVER_CALLED.get(script, set())
    return {CONDA_NAMES.get(name, name) for name in found if script in CALLED_BY.get(name, {script})}


def test_windows_are_made_without_torch(tmp_path):
    code = """
import sys

class NoTorch:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
import make_features, make_windows
import numpy as np
from yoho.windows.front_ends import LogMel
front_end = LogMel(8000, 256, 80, 200, 8, 80)
assert front_end(np.random.default_rng(0).normal(size=(2, 4000))).shape == (2, 51, 8)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})


# ---- the files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environment_takes_conda_forge_alone(environment):
    assert list(yaml.safe_load(environment.read_text())) == ["channels", "dependencies"]
    assert read_specs(environment)[0] == ["conda-forge", "nodefaults"]


SPECS = [(environment.stem, spec) for environment in ENVIRONMENTS for spec in read_specs(environment)[1]]


@pytest.mark.parametrize("environment, spec", SPECS)
def test_pinned_version_is_within_the_range(environment, spec):
    name, spec = re.split(r"[ <>=]", spec)[0], rattler.MatchSpec(spec, strict=True)
    if name == "pip":  # no matter which
        return
    version = "3.11.0" if name == "python" else PINNED[PIP_NAMES.get(name, name)]
    assert spec.version is not None and rattler.VersionSpec(spec.version).matches(rattler.Version(version))


def test_every_environment_is_some_rule_s_and_every_rule_has_one():
    assert {environment for _, environment, _ in rules()} == set(ENVIRONMENTS)
    assert {script for _, _, script in rules()} == {path.stem for path in SCRIPTS.glob("*.py")} - {COMMAND}


@pytest.mark.parametrize("rule, environment, script", list(rules()))
def test_environment_provides_what_the_script_imports(rule, environment, script):
    assert needed(script) <= names(environment)


def test_environments_hold_nothing_that_no_script_imports():
    for environment in ENVIRONMENTS:
        used = set().union(*(needed(script) for _, own, script in rules() if own == environment))
        # sed_eval imports pkg_resources, of setuptools; pip installs it. PyTorch's exporter imports the ONNX packages.
        assert names(environment) - used <= {"python", "setuptools", "pip", "onnx", "onnxscript"}


def test_imports_are_followed_through_the_package():
    assert {"torch", "timm", "sed-eval", "safetensors", "tqdm"} <= packages("train_network")
    assert "torch" not in packages("make_mixes") | packages("draw_fig4")
    assert packages("draw_fig4") >= {"matplotlib", "pandas"}


# ---- --use-conda -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """Folder of a stand-in `conda` whose channel holds what the environments ask for."""
    return set_up(tmp_path_factory.mktemp("conda"), ENVIRONMENTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule, target",
    [
        ("collect_recordings", "results/tiny/recordings.tsv"),
        ("draw_fig6", "results/figures/fig6.png"),
        ("tabulate_power", "results/tables/power.csv"),
    ],
)
def test_rule_runs_in_the_environment_that_conda_makes(conda, tmp_path, rule, target):
    for run in ("efficientnet-mask_backbone", "efficientnet"):
        folder = tmp_path / f"results/tiny/runs/{run}-lr_0.0001-schedule_constant-seed_0"
        folder.mkdir(parents=True)
        curve = {"epoch": [1, 2], "f1": [0.2, 0.4], "learning_rate": [0.0001, 0.0001]}
        pd.DataFrame(curve).to_csv(folder / "history.csv", index=False)
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    command = [*snakemake, "--cores", "1", "--use-conda", "--configfile", ROOT / "tests/config/tiny.yaml"]
    command += ["--allowed-rules", rule, "--", target]
    path = f"{conda}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(list(map(str, command)), env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / target).exists()
    # A conda job also sees the packages of the Snakemake that started it; without them everything is there too.
    ((environment, script),) = [(file, script) for name, file, script in rules() if name == rule]
    # Snakemake builds the whole graph of a workflow with a checkpoint, and makes the environments of other rules too.
    (place,) = re.findall(rf"/{environment.name} created \(location: (.+)\)", done.stdout + done.stderr)
    python = tmp_path / place / "bin/python"
    code = "\n".join(f"import {name}" for name in sorted(imports(script)))
    subprocess.run([python, "-I", "-c", code], check=True)
    assert subprocess.run([python, "-I", "-c", "import pytest"], capture_output=True).returncode != 0
