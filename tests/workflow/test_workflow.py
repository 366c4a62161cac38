"""The whole workflow, run as a user runs it: from recordings to figures, again, after a kill, after bad input."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from itertools import product

import numpy as np
import pandas as pd
import psutil
import pytest
import soundfile
import torch
import yaml
from hearing import YAMNET

from places import ROOT

TINY = ROOT / "tests" / "config" / "tiny.yaml"


def command(folder, *arguments, config=TINY):
    config = config if isinstance(config, list) else [config]
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    return [str(part) for part in [*snakemake, "--cores", 2, *arguments, "--configfile", *config]]


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
    assert scores.drop(columns=[name for name in scores if name.startswith("psds")]).notna().all(axis=None)
    overall = scores[scores["event_label"] == "overall"]
    assert (
        overall[["psds1", "psds2", "psds1_bins", "psds2_bins"]].apply(lambda score: score.between(0, 1)).all(axis=None)
    )
    assert set(scores["dataset"]) == {"tiny"}
    networks = pd.read_csv(finished / "results/tables/networks.csv").set_index(["backbone", "mask", "masking"])
    assert networks.loc[("mobilenet", "none", "multiply"), "parameters"] == 3934290
    assert (networks["output"] == "9x18").all()


def test_the_longest_training_comes_first_and_after_data_and_other_jobs(tmp_path):
    code, text = run(tmp_path, "all", "--dry-run")
    assert code == 0, text
    jobs = re.findall(r"^rule train_network:.*?run=(\w+?)-.*?priority: (-\d+)", text, re.DOTALL | re.MULTILINE)
    order = [backbone for backbone, _ in sorted(jobs, key=lambda job: -int(job[1]))]
    assert order == ["vggish", "efficientnet", "efficientnet", "efficientnet", "mobilenet"]
    data = re.findall(r"^rule (?:collect|make)_\w+:.*?priority: (\d+)", text, re.DOTALL | re.MULTILINE)
    assert data == ["1"] * 10
    assert len(re.findall("priority:", text)) == len(jobs) + len(data)  # all others have 0


def test_a_run_holds_what_the_figures_and_later_scores_need(finished):
    run = finished / "results/tiny/runs/efficientnet-mask_backbone-lr_0.0001-schedule_constant-seed_0"
    assert {file.name for file in run.iterdir()} == {
        *("history.csv", "classwise.csv", "weights.safetensors", "model.json", "checkpoint.pt", "checkpoint.lock"),
        *(
            "network.onnx",
            "test_outputs.npz",
            "test_events.tsv",
            "test_scores.json",
            "test_recordings.tsv",
            "record.zip",
        ),
    }
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert history["learning_rate"].tolist() == [0.0001, 0.0001]
    windows = pd.read_csv(finished / "results/tiny/windows/test/score/windows.tsv", sep="\t")
    with np.load(run / "test_outputs.npz") as outputs:
        assert outputs["outputs"].shape == (len(windows), 9, 18)


def test_mixes_of_a_split_hold_its_own_recordings_alone(finished):
    recordings = pd.read_csv(finished / "results/tiny/recordings.tsv", sep="\t")
    split_of = dict(zip(recordings["recording"], recordings["split"]))
    for split in ("train", "valid", "test"):
        plan = pd.read_csv(finished / f"results/tiny/mixes/{split}/plan.tsv", sep="\t")
        assert set(plan["recording"].map(split_of)) == {split}


def test_the_dataset_is_a_table_and_a_figure(finished):
    table = pd.read_csv(finished / "results/tables/dataset.csv")
    assert {"event_label", "split", "recordings", "groups", "clips", "hours"} <= set(table.columns)
    assert (finished / "results/figures/dataset.png").stat().st_size > 5000
    code, text = run(finished, "dataset", "--dry-run")
    assert code == 0 and "Nothing to be done" in text


INTERRUPTED = """
import os, signal, sys
from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler

finish = JobScheduler._finish_jobs


def interrupted(self):
    if self._tofinish and not interrupted.once:
        interrupted.once = True
        os.kill(os.getpid(), signal.SIGTERM)
    finish(self)


interrupted.once = False
JobScheduler._finish_jobs = interrupted
main(sys.argv[1:])
"""


def test_a_time_box_that_ends_while_a_job_is_noted_down_stops_the_run(tmp_path):
    """Snakemake notes a finished job under a lock that its own signal handler waits for, in the same thread."""
    driver = tmp_path / "driver.py"
    driver.write_text(INTERRUPTED)
    snakemake = [sys.executable, driver, *command(tmp_path, "results/tiny/mixes/test/plan.tsv")[3:]]
    done = subprocess.run(snakemake, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "Will exit after finishing currently running jobs" in done.stdout + done.stderr
    assert not (tmp_path / "results/tiny/mixes/test/plan.tsv").exists(), "a job started after the signal"


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


def test_the_averaged_decoding_scores_on_windows_of_its_own(finished, tmp_path):
    config = tmp_path / "overlay.yaml"
    config.write_text(TINY.read_text() + "\ndecoding: {method: averaged}\n")
    code, text = run(finished, "all", "audit", "--dry-run", config=config)
    assert code == 0
    made = set(re.findall(r"windows/(\w+/\w+)/log_mel/features.npy", text))
    assert made >= {"valid/averaged", "test/averaged"}
    assert "test/score" not in made
    assert "test/averaged/windows.tsv" in text and "test/score/windows.tsv" not in text


def test_a_run_with_another_front_end_adds_features_beside_the_others(tmp_path):
    config = yaml.safe_load(TINY.read_text())
    coarse = {
        "kind": "log_mel",
        "sample_rate": 16000,
        "n_fft": 2048,
        "hop_length": 160,
        "win_length": 640,
        "n_mels": 20,
        "top_db": 80,
    }
    config["windows"] = {"front_ends": {"coarse": coarse}}
    run_of_it = {"label": "coarse", "backbone": "mobilenet", "mask": "none", "front_end": "coarse"}
    config["studies"]["networks"] = {"runs": [run_of_it, run_of_it | {"label": "fine", "front_end": "log_mel"}]}
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(config))
    code, text = run(tmp_path, "results/figures/fig4.pdf", "--dry-run", config=tmp_path / "overlay.yaml")
    assert code == 0, text
    assert "results/tiny/runs/mobilenet-coarse-seed_0/history.csv" in text
    for path in ("train/train/coarse/features.npy", "train/train/log_mel/features.npy", "train/train/targets.npy"):
        assert f"results/tiny/windows/{path}" in text
    assert re.search(r"^make_features +6$", text, re.MULTILINE)


def test_without_runs_of_the_mask_there_is_no_figure_6(tmp_path):
    config = tmp_path / "overlay.yaml"
    config.write_text(TINY.read_text().replace("studies:\n", "studies:\n  mask: {runs: []}\n"))
    code, text = run(tmp_path, "all", "--dry-run", config=config)
    assert code == 0, text
    assert {"draw_fig4", "draw_fig5"} <= set(re.findall(r"^(draw_\w+) ", text, re.MULTILINE)) and "fig6" not in text


def test_a_run_on_a_frozen_yamnet_learns_on_maps_of_the_ear(tmp_path):
    config = yaml.safe_load(TINY.read_text())
    entry = {"label": "ear", "backbone": "yamnet", "mask": "none", "front_end": "yamnet", "pretrained": True}
    config["studies"]["networks"] = {"runs": [entry | {"frozen": "backbone"}, entry | {"label": "tuned"}]}
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(config))
    code, text = run(tmp_path, "results/figures/fig4.pdf", "--dry-run", config=tmp_path / "overlay.yaml")
    assert code == 0, text
    counts = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}
    # Maps of the training and the validation windows; the test windows pass through the whole network.
    assert (counts["make_ear"], counts["make_maps"], counts["make_features"]) == (1, 2, 3)
    assert "results/tiny/windows/valid/score/yamnet/maps_yamnet.npy" in text


@pytest.fixture
def kettles(tmp_path):
    """A config of two classes of one's own, of which one is no sound of AudioSet, and a network that starts from it."""
    for label in ("dog", "my kettle"):
        (tmp_path / "recordings" / label).mkdir(parents=True)
        for number in range(3):
            soundfile.write(tmp_path / f"recordings/{label}/{number}.wav", np.zeros(8000), 8000)
    return [ROOT / "config/folder.yaml"]


def test_a_table_of_false_alarms_leaves_out_the_untrained_ear_if_it_does_not_know_a_class(tmp_path, kettles):
    code, text = run(tmp_path, "results/tables/false_alarms.csv", "--dry-run", config=kettles)
    assert code == 0, text
    job = text[text.index("rule tabulate_false_alarms:") :]
    assert "results/ear" not in job[: job.index("output:")]


def test_a_class_that_the_untrained_ear_does_not_know_is_one_line(tmp_path, kettles):
    code, text = run(tmp_path, "results/own/ear/test_scores.json", "--dry-run", config=kettles)
    line = "ear.names: my kettle: no sound of AudioSet; add its sounds to ear.names; similar names are "
    assert code != 0 and line in text
    names = tmp_path / "names.yaml"
    names.write_text("ear: {names: {my kettle: [steam whistle]}}\n")
    code, text = run(tmp_path, "results/own/ear/test_scores.json", "--dry-run", config=[*kettles, names])
    assert code == 0, text


def test_an_ear_that_cannot_be_fetched_is_one_line_that_names_two_ways_out(tmp_path):
    """The second is a config that needs no ear."""
    addresses = [f"http://127.0.0.1:1/{name}" for name in ("yamnet.tflite", "ontology.json")]
    config = {"ear": {key: {"address": address} for key, address in zip(("weights", "ontology"), addresses)}}
    config["recordings"] = {"downloads": {"attempts": 1}}
    (tmp_path / "away.yaml").write_text(yaml.safe_dump(config))
    code, text = run(tmp_path, "results/ear/model.json", config=[TINY, tmp_path / "away.yaml"])
    assert code != 0
    (line,) = {line for line in text.splitlines() if line.startswith("error: ")}
    assert "ear.path" in line and "config/three-networks.yaml" in line


def test_an_unknown_run_is_no_traceback(tmp_path):
    code, text = run(tmp_path, "results/tiny/runs/nonsense-seed_0/history.csv", "--dry-run")
    assert code != 0
    assert "nonsense-seed_0" in text
    assert "Traceback" not in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_absent_gpu_is_one_line_that_says_what_to_set(finished, tmp_path):
    config = tmp_path / "cuda.yaml"
    config.write_text(TINY.read_text() + "  device: cuda\n")
    folder = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    code, text = run(folder, "results/tiny/runs/mobilenet-seed_0/history.csv", config=config)
    assert code != 0
    assert "error: device: cuda is requested, but PyTorch finds no GPU; set training: device to auto or cpu" in text
    assert "Traceback" not in text


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


def test_names_in_braces_are_no_wildcards(tmp_path):
    """Labels of networks, classes, weights and audio."""
    (tmp_path / "esc").mkdir()
    (tmp_path / "a.wav").touch()
    config = tmp_path / "braces.yaml"
    config.write_text(f"""
dataset: real
datasets:
  real:
    source: esc50
    recordings:
      path: {tmp_path / "esc"}
      classes: [{{event_label: "{{x}}", categories: [dog]}}, {{event_label: "{{y}}", categories: [rain]}}]
      folds: {{train: [1], valid: [2], test: [3]}}
      trim_db: 40
    mixes: {{train: 1, valid: 1, test: 1, seed: 0}}
studies:
  networks:
    runs:
      - {{label: "{{z}}", backbone: mobilenet, mask: none}}
      - {{label: VGGish, backbone: vggish, mask: none}}
      - {{label: EfficientNet + mask, backbone: efficientnet, mask: backbone}}
claims:
  networks: {{baseline: "{{z}}"}}
weights: "{{run}}"
audio: {tmp_path / "a.wav"}
""")
    targets = ["all", "audit", "claims", "segment", "results/tables/segmenting.csv"]
    code, text = run(tmp_path, *targets, "--dry-run", "--quiet", config=[TINY, config])
    assert code == 0, text
    config.write_text(config.read_text().replace("a.wav", "{a}.wav"))
    code, text = run(tmp_path, "segment", "--dry-run", "--quiet", config=[TINY, config])
    assert code != 0 and "{a}.wav: no such file or folder" in text and "Traceback" not in text
    (tmp_path / "{a}.wav").touch()
    code, text = run(tmp_path, "segment", "--dry-run", "--quiet", config=[TINY, config])
    assert code == 0, text


@pytest.mark.parametrize(("trained", "ear"), [(None, True), ("built-in", True), ("your own", False)])
def test_audio_is_segmented_with_the_ear_until_a_network_is_trained_on_real_recordings(tmp_path, trained, ear):
    (tmp_path / "a.wav").touch()
    if trained:
        folder = tmp_path / "results/mine/runs/a"
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").touch()
        card = {"data": {"origin": f"{trained} recordings"}, "validation": {"f1": 0.5}}
        (folder / "model.json").write_text(json.dumps(card))
    code, text = run(tmp_path, "segment", "--dry-run", "--config", "audio=a.wav")
    assert code == 0, text
    assert ("rule make_ear:" in text) == ear


@pytest.mark.slow
@pytest.mark.skipif(not YAMNET.is_dir(), reason="the published files of the ear do not lie beside the repository")
def test_audio_is_segmented_before_any_training(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(80000), 16000)
    (tmp_path / "ear.yaml").write_text(f"ear: {{path: {YAMNET}}}\naudio: a.wav\n")
    code, text = run(tmp_path, "segment", config=[TINY, tmp_path / "ear.yaml"])
    assert code == 0, text
    assert "network: results/ear (the ear, because no network is trained)" in text
    assert "noise" in (tmp_path / "results/segments/a.wav/files/a.wav.csv").read_text()


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


@pytest.mark.parametrize("target", ["audit", "mask_study", "claims"])
def test_audit_and_claims_are_targets_of_their_own(finished, target):
    code, text = run(finished, target, "--dry-run")
    assert code == 0
    assert "Nothing to be done" not in text


def test_everything_at_the_papers_scale_with_five_seeds_is_fewer_than_200_jobs(tmp_path):
    config = [ROOT / "config" / name for name in ("paper.yaml", "five-seeds.yaml")]
    code, text = run(tmp_path, "all", "audit", "mask_study", "claims", "--dry-run", config=config)
    assert code == 0, text
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}
    assert jobs["train_network"] == 140
    assert jobs["total"] < 200


def test_every_caption_of_the_report_is_there_and_used():
    """Snakemake misses one only when it writes a report."""
    rules = "".join(path.read_text() for path in [ROOT / "Snakefile", *ROOT.glob("workflow/rules/*.smk")])
    captions = {path.name for path in ROOT.glob("workflow/report/*.rst")}
    assert captions == set(re.findall(r"report/(\w+\.rst)", rules))


def test_the_readme_draws_the_rules_of_all_as_snakemake_does(tmp_path):
    code, text = run(tmp_path, "all", "--rulegraph", "mermaid-js", config=ROOT / "config" / "config.yaml")
    assert code == 0, text
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", text))
    printed = {(names[start], names[end]) for start, end in re.findall(r"(id\d+) --> (id\d+)", text)}
    (drawn,) = re.findall(r"```mermaid\nflowchart LR\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    arrows = [[side.strip().split(" & ") for side in line.split(" --> ")] for line in drawn.splitlines()]
    assert {arrow for sides in arrows for arrow in product(*sides)} == printed


@pytest.mark.slow
def test_the_audit_and_the_claims_of_one_seed(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    code, text = run(folder, "audit", "mask_study", "claims")
    assert code == 0, text
    tables = folder / "results/tables"
    audit = pd.read_csv(tables / "audit.csv").set_index("difference")
    assert list(audit.index) == ["shared recordings", "training", "decode", "mask divided out"]
    assert audit[["f1_effect", "error_rate_effect"]].notna().all(axis=None)
    # One test recording of each class tells nothing of others.
    assert audit[["f1_low", "f1_high", "f1_p"]].isna().all(axis=None)
    assert (audit["n_seeds"] == 1).all() and audit["n_recordings"].between(1, 6).all()
    # Decoding is a re-score: no run of its own. A leak is tested on the dataset's own test mixes.
    assert not list(folder.glob("results/tiny/runs/*decode*"))
    variant = "results/tiny-pool_released-slices_released-draw_released"
    assert not (folder / variant / "mixes/test").exists()
    splits = pd.read_csv(folder / "results/tiny/recordings.tsv", sep="\t").set_index("recording")["split"]
    leaked = pd.read_csv(folder / variant / "mixes/train/plan.tsv", sep="\t")
    assert "test" in set(leaked["recording"].map(splits))
    assert (leaked.groupby("filename").size() == 12).all()
    study = pd.read_csv(tables / "mask_study.csv")
    assert study["mask"].tolist() == ["none", "backbone"]
    assert study["gain_per_doubling"].isna().all()  # two epochs say nothing of it
    claims = pd.read_csv(tables / "claims.csv")
    verdicts = claims.groupby("claim")["claim_verdict"].first()
    assert verdicts.to_dict() == {
        **dict.fromkeys(["C1", "C2", "C3", "C5", "C6", "C8"], "undecided"),
        "C4": "not testable here",
        "C7": "contradicted",
    }
    page = (folder / "results/claims.md").read_text()
    assert all(f"## {claim}: {verdict}" in page for claim, verdict in verdicts.items())
    assert "nan" not in page
    assert (folder / "results/figures/audit.png").stat().st_size > 5000
    code, text = run(folder, "audit", "mask_study", "claims", "--dry-run")
    assert "Nothing to be done" in text


@pytest.mark.slow
def test_a_rival_is_trained_on_its_own_windows_and_its_speed_is_measured(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    own = {"backbone": "crnn", "mask": "none", "windows": "frames", "loss": "cross_entropy"}
    overlay = {"studies": {"rival": {"runs": [own | {"label": "CRNN"}]}}, "benchmarks": {"rival": {"audio": 10}}}
    (tmp_path / "rival.yaml").write_text(yaml.safe_dump(overlay))
    run_folder = "results/tiny/runs/crnn-frames-loss_cross_entropy-seed_0"
    code, text = run(
        folder, "results/tables/rival.csv", f"{run_folder}/record.zip", config=[TINY, tmp_path / "rival.yaml"]
    )
    assert code == 0, text
    speeds = pd.read_csv(folder / "results/tables/rival.csv")
    assert speeds["network"].tolist() == ["YOHO", "CRNN"] * 5
    assert speeds.groupby("network")["decoding"].unique().map(list).to_dict() == {
        "YOHO": ["bins"],
        "CRNN": ["averaged"],
    }
    stages = [f"{stage}_s" for stage in ("reading", "features", "network", "decoding")]
    assert (speeds[[*stages, "times_real_time"]] > 0).all(axis=None)
    assert json.loads((folder / run_folder / "model.json").read_text())["windows"]["bins"] == 64
    history = pd.read_csv(folder / run_folder / "history.csv")
    assert len(history) == 2 and history[["train_data_loss", "f1"]].notna().all(axis=None)


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_with_the_same_bytes(finished, tmp_path):
    """Its job by SIGKILL, by a scheduler's SIGTERM, then Snakemake itself: it goes on from its checkpoint."""
    config = tmp_path / "longer.yaml"
    config.write_text(TINY.read_text().replace("epochs: 2", "epochs: 9"))
    folders = [shutil.copytree(finished, tmp_path / name, symlinks=True) for name in ("whole", "killed")]
    runs = [folder / "results/tiny/runs/mobilenet-seed_0" for folder in folders]
    target = "results/tiny/runs/mobilenet-seed_0/weights.safetensors"
    for folder in runs:
        shutil.rmtree(folder)
    code, text = run(folders[0], target, config=config)
    assert code == 0, text

    def kill(process, signal_of):
        """Once another epoch is done and the next is under way."""
        before, deadline = epochs_done(runs[1]), time.time() + 120
        while epochs_done(runs[1]) == before:
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
        (job,) = [member for member in family if ".snakemake/scripts" in " ".join(member.cmdline())]
        signal_of(process, job)
        process.wait(timeout=60)
        psutil.wait_procs([job], timeout=20)
        return epochs_done(runs[1])

    reached = []
    for signal_of in (
        lambda process, job: job.kill(),
        lambda process, job: job.terminate(),
        lambda process, job: process.kill(),
    ):
        process = subprocess.Popen(
            command(folders[1], target, "--rerun-incomplete", config=config),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        reached.append(kill(process, signal_of))
        assert not (runs[1] / "history.csv").exists()
        run(folders[1], target, "--unlock", config=config)
    assert reached == sorted(set(reached)) and reached[-1] < 9
    code, text = run(folders[1], target, "--rerun-incomplete", config=config)
    assert code == 0, text
    log = (folders[1] / "results/tiny/logs/train_network_mobilenet-seed_0.log").read_text()
    assert f"checkpoint.pt: goes on after epoch {reached[-1]}" in log
    for name in ("history.csv", "classwise.csv", "weights.safetensors", "model.json", "test_scores.json"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name


@pytest.mark.parametrize(
    ("code", "works", "said"),
    [
        (0, True, ""),
        (1, False, "make is already at work in this folder"),
        (71, True, "This file system does not support locks"),
    ],
)
def test_make_goes_on_where_a_file_system_has_no_locks(tmp_path, code, works, said):
    """What flock of util-linux ends with: 1 where another holds the lock, from 64 on where there is none to be had."""
    for name, script in (("flock", f"exit {code}"), ("snakemake", "echo works")):
        program = tmp_path / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / ".venv" / "installed.txt").touch()
    path = f"{tmp_path / '.venv' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["make", "-C", tmp_path], env={"PATH": path}, capture_output=True, text=True)
    assert (done.returncode == 0, "works" in done.stdout) == (works, works)
    assert said in done.stdout and ("lock" in done.stdout) == (code == 71)


# A Python whose venv module makes a pip and, by `pip install uv==...`, a uv; both note how they are called.
PYTHON = """#!/bin/sh
case "$*" in
  "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  *"pip config get"*) echo "$MIRROR";;
  *"pip install"*uv==*) echo "pip uv" >> calls
    [ "$UV_ENDS" = absent ] && exit 1
    printf '#!/bin/sh\necho "uv $* from $UV_DEFAULT_INDEX" >> calls\nexit $UV_ENDS\n' > .venv/bin/uv
    chmod +x .venv/bin/uv;;
  *"pip install"*) echo "pip $*" >> calls; exit "$PIP_ENDS";;
esac
"""


@pytest.mark.parametrize(
    ("uv", "pip", "mirror", "called"),
    [
        ("0", "1", "", ["pip uv", "uv https://pypi.org/simple"]),
        ("0", "1", "https://mirror.example/simple", ["pip uv", "uv https://mirror.example/simple"]),
        ("2", "0", "", ["pip uv", "uv https://pypi.org/simple", "pip"]),
        ("absent", "0", "", ["pip uv", "pip"]),
        ("absent", "1", "", ["pip uv", "pip"]),
    ],
)
def test_the_environment_is_installed_by_uv_or_else_by_pip(tmp_path, uv, pip, mirror, called):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "UV_ENDS": uv, "PIP_ENDS": pip, "MIRROR": mirror}
    command = ["make", "-C", tmp_path, "environment", f"PYTHON={tmp_path / 'python'}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [" ".join((line.split()[0], *line.split()[-1:])) for line in calls] == [
        call if " " in call else f"{call} requirements.txt" for call in called
    ]
    works = uv == "0" or pip == "0"
    assert (done.returncode == 0, (tmp_path / ".venv/installed.txt").exists()) == (works, works)
    assert ("pip installs them" in done.stdout) == (uv != "0")


def epochs_done(folder):
    """Epochs in a run's checkpoint."""
    path = folder / "checkpoint.pt"
    return len(torch.load(path, weights_only=True)["state"]["done"]["history"]) if path.exists() else 0


@pytest.mark.slow
def test_after_a_kill_make_goes_on_by_itself(finished, tmp_path):
    """The killed Snakemake leaves its lock and half a run behind; its jobs end with it."""
    if not (ROOT / ".venv" / "installed.txt").exists():
        pytest.skip("no .venv here: make environment")
    for name in ("Snakefile", "Makefile", "requirements.txt", "config", "workflow", "envs", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    make = ["make", "-C", str(tmp_path), "--assume-old=.venv/installed.txt", "CONFIG=tests/config/tiny.yaml"]
    process = subprocess.Popen(make, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 300
    while not list(tmp_path.glob("results/tiny/logs/train_network_*.log")) and time.time() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    assert process.poll() is None
    family = psutil.Process(process.pid).children(recursive=True)
    (snakemake,) = [member for member in family if any(part.endswith("bin/snakemake") for part in member.cmdline())]
    jobs = [member for member in family if ".snakemake/scripts" in " ".join(member.cmdline())]
    assert jobs
    snakemake.kill()
    assert process.wait() != 0
    assert list(tmp_path.glob(".snakemake/locks/*")), "a killed run leaves its lock behind"
    assert not psutil.wait_procs(jobs, timeout=20)[1], "a job goes on without its Snakemake"
    assert not (tmp_path / "results/figures/fig4.pdf").exists()
    again = subprocess.run(make, capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "results/figures/fig4.pdf" in again.stdout
    for name in ("results/tables/scores.csv", "results/tiny/runs/mobilenet-seed_0/history.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()
