"""The whole workflow, run as a user runs it: from recordings to figures, again, after a kill, after bad input."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "config" / "tiny.yaml"


def command(folder, *arguments, config=TINY):
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    return [str(part) for part in [*snakemake, "--cores", 2, *arguments, "--configfile", config]]


def run(folder, *arguments, config=TINY):
    done = subprocess.run(command(folder, *arguments, config=config), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    code, text = run(folder, "all")
    assert code == 0, text
    return folder


def test_it_makes_every_figure_and_table(finished):
    for number in (4, 5, 6):
        for kind in ("pdf", "png"):
            assert (finished / f"results/figures/fig{number}.{kind}").stat().st_size > 5000
    scores = pd.read_csv(finished / "results/tables/scores.csv")
    assert len(scores) == 5 * 7
    assert scores.notna().all(axis=None)
    assert set(scores["dataset"]) == {"tiny"}
    networks = pd.read_csv(finished / "results/tables/networks.csv").set_index(["backbone", "mask"])
    assert networks.loc[("mobilenet", "none"), "parameters"] == 3934290
    assert (networks["output"] == "9x18").all()


def test_a_run_holds_what_the_figures_and_later_scores_need(finished):
    run = finished / "results/tiny/runs/efficientnet-mask_backbone-lr_0.0001-schedule_constant-seed_0"
    assert {file.name for file in run.iterdir()} == {
        *("history.csv", "classwise.csv", "weights.safetensors", "model.json"),
        *("test_outputs.npz", "test_events.tsv", "test_scores.json"),
    }
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert history["learning_rate"].tolist() == [0.0001, 0.0001]
    windows = pd.read_csv(finished / "results/tiny/windows/test/score/windows.tsv", sep="\t")
    with np.load(run / "test_outputs.npz") as outputs:
        assert outputs["outputs"].shape == (len(windows), 9, 18)


def test_splits_share_no_group_and_mixes_no_recording(finished):
    recordings = pd.read_csv(finished / "results/tiny/recordings.tsv", sep="\t")
    assert recordings.groupby("group")["split"].nunique().max() == 1
    split_of = dict(zip(recordings["recording"], recordings["split"]))
    for split in ("train", "valid", "test"):
        plan = pd.read_csv(finished / f"results/tiny/mixes/{split}/plan.tsv", sep="\t")
        assert set(plan["recording"].map(split_of)) == {split}


def test_a_second_call_finds_nothing_to_do(finished):
    code, text = run(finished, "all", "--dry-run")
    assert code == 0
    assert "Nothing to be done" in text


def test_a_setting_reruns_only_what_it_touches(finished, tmp_path):
    config = tmp_path / "overlay.yaml"
    config.write_text(TINY.read_text() + "\nfigures: {classwise_epochs: 1}\n")
    code, text = run(finished, "all", "--dry-run", config=config)
    assert code == 0
    assert "draw_fig5" in text
    assert "train_network" not in text
    assert "draw_fig4" not in text


def test_a_bad_recording_is_one_line_that_names_the_file(tmp_path):
    audio, meta = tmp_path / "esc" / "audio", tmp_path / "esc" / "meta"
    audio.mkdir(parents=True)
    meta.mkdir()
    (audio / "a.wav").write_bytes(b"RIFF, they said")
    (meta / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        + "".join(f"a.wav,{fold},0,{name},True,{fold}{name},A\n" for fold in (1, 2, 3) for name in ("dog", "rain"))
    )
    config = tmp_path / "bad.yaml"
    config.write_text(f"""
dataset: bad
datasets:
  bad:
    source: esc50
    recordings:
      path: {tmp_path / "esc"}
      classes: [{{event_label: dog, categories: [dog]}}, {{event_label: rain, categories: [rain]}}]
      folds: {{train: [1], valid: [2], test: [3]}}
      trim_db: 40
    mixes: {{train: 1, valid: 1, test: 1, seed: 0}}
""")
    code, text = run(tmp_path, "results/bad/recordings.tsv", config=config)
    assert code != 0
    assert sum(line.startswith(f"error: {audio / 'a.wav'}: cannot be read as audio") for line in text.splitlines()) == 1
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 2", "epoch: 2", "training: unknown key epoch"),
        ("epochs: 2", "epochs: two", "training.epochs: 'two' is not of type integer"),
        ("dataset: tiny", "dataset: huge", "dataset: 'huge' is not in `datasets`"),
    ],
)
def test_a_bad_config_is_one_line_that_names_the_key(tmp_path, old, new, message):
    config = tmp_path / "bad.yaml"
    config.write_text(TINY.read_text().replace(old, new))
    code, text = run(tmp_path, "all", "--dry-run", config=config)
    assert code != 0
    assert message in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_after_a_kill_the_next_call_goes_on(finished, tmp_path):
    process = subprocess.Popen(
        command(tmp_path, "all"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.time() + 240
    while not list(tmp_path.glob("results/tiny/logs/train_network_*.log")) and time.time() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "results/figures/fig4.pdf").exists()
    code, text = run(tmp_path, "all")
    assert code != 0, "a killed run leaves its lock behind"
    assert "lock" in text
    assert run(tmp_path, "--unlock")[0] == 0
    code, text = run(tmp_path, "all", "--rerun-incomplete")
    assert code == 0, text
    for name in ("results/tables/scores.csv", "results/tiny/runs/mobilenet-seed_0/history.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()
