# Counts the parameters and operations of the networks (results/tables/networks.csv), and exports a trained network as
# waveform.onnx, for other programs, on demand. Makes results/ear/, a network that segments audio before any training;
# its folder downloads/ holds the published files, and Snakemake never deletes it.
from yoho.networks.making import AUDIOSET, digest, ear_settings


rule count_networks:
    """Count parameters and multiply-accumulates of the networks of the paper and of the config (claim of 4.4.2)."""
    output:
        table="results/tables/networks.csv",
        page=report(
            "results/tables/networks.html",
            caption="../report/networks.rst",
            category="Tables",
            labels={"result": "Sizes of the networks"},
        ),
    log:
        "results/tables/logs/count_networks.log",
    conda:
        "../../envs/train.yaml"
    params:
        networks=runs.counted(),
        classes=len(event_labels(config["datasets"][DATASET])),
        windows=WINDOWS,
        front_end=config["windows"]["front_ends"][config["windows"]["front_end"]],
        released_l2=config["readings"]["released"]["l2"],
        seed=config["claims"]["seed"],
        code=code_digest("count_networks"),
    script:
        "../scripts/count_networks.py"


rule export_network:
    """Export a trained network or the ear, with its front end, as one ONNX file for other programs."""
    input:
        weights="results/{network}/weights.safetensors",
        description="results/{network}/model.json",
    output:
        "results/{network}/waveform.onnx",
    log:
        "results/{network}/export_network.log",
    wildcard_constraints:
        network=f"ear|(?:{BASES})/runs/[^/]+",
    conda:
        "../../envs/train.yaml"
    params:
        code=code_digest("export_network"),
    script:
        "../scripts/export_network.py"


rule make_ear:
    """Make the ear, a network for the 521 sounds of AudioSet, from YAMNet's published weights, fetched once."""
    output:
        weights="results/ear/weights.safetensors",
        description="results/ear/model.json",
        network="results/ear/network.onnx",
    log:
        "results/ear/logs/make_ear.log",
    conda:
        "../../envs/segment.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=ear_settings(config),
        classes=digest(AUDIOSET),
        # These settings do not change the ear. Snakemake reruns no job for a param that depends on `threads`.
        path=lambda wildcards, threads: config["ear"]["path"],
        downloads=lambda wildcards, threads: config["recordings"]["downloads"],
        code=code_digest("make_ear"),
    script:
        "../scripts/make_ear.py"


rule calibrate_ear:
    """Calibrate the ear on recordings of a dataset: from which raw output on each sound of AudioSet is present.

    workflow/resources/audioset.csv is such a table. The ear has that one unless `ear.calibration.own` is true.
    """
    input:
        ear=EAR,
        recordings=recordings_table,
        audio=lambda wildcards: f"results/{recordings_of(config, wildcards.base)}/recordings",
    output:
        "results/{base}/ear/audioset_{splits}.csv",
    log:
        "results/{base}/logs/calibrate_ear_{splits}.log",
    wildcard_constraints:
        splits="train|all",
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        names=lambda wildcards: ear_names(config, wildcards.base),
        splits=lambda wildcards: ["train"] if wildcards.splits == "train" else ["train", "valid", "test"],
        background=config["ear"]["calibration"]["background"],
        sample_rate=config["mixes"]["sample_rate"],
        settings={key: config["ear"]["calibration"][key] for key in ("quantile", "lowest")},
        code=code_digest("calibrate_ear"),
    script:
        "../scripts/calibrate_ear.py"
