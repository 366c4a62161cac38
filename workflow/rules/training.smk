# Reads results/{dataset}/windows/; makes results/{dataset}/runs/{run}/ (curves and weights) and
# results/tables/networks.csv.


rule train_network:
    """Train one network and keep its curve and its best weights (Figures 4-6)."""
    input:
        train_features="results/{dataset}/windows/train/train/features.npy",
        train_targets="results/{dataset}/windows/train/train/targets.npy",
        valid_features="results/{dataset}/windows/valid/score/features.npy",
        valid_targets="results/{dataset}/windows/valid/score/targets.npy",
        valid_windows="results/{dataset}/windows/valid/score/windows.tsv",
        valid_events="results/{dataset}/mixes/valid/events.tsv",
    output:
        history="results/{dataset}/runs/{run}/history.csv",
        classwise="results/{dataset}/runs/{run}/classwise.csv",
        weights="results/{dataset}/runs/{run}/weights.safetensors",
        description="results/{dataset}/runs/{run}/model.json",
    log:
        "results/{dataset}/logs/train_network_{run}.log",
    benchmark:
        "results/{dataset}/benchmarks/train_network_{run}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        event_labels=labels,
        settings=lambda wildcards: runs.named[wildcards.run],
        windows=config["windows"],
        features=config["features"],
        sample_rate=config["mixing"]["sample_rate"],
        decoding=config["decoding"],
        resolution=config["scoring"]["resolution"],
        code=code_digest("train_network"),
    script:
        "../scripts/train_network.py"


rule count_networks:
    """Count parameters and multiply-accumulates of every network that the registry can build (claim of paper 4.4.2)."""
    output:
        "results/tables/networks.csv",
    log:
        "results/tables/logs/count_networks.log",
    conda:
        "../../envs/train.yaml"
    params:
        classes=len(event_labels(config["datasets"][DATASET])),
        windows=config["windows"],
        features=config["features"],
        sample_rate=config["mixing"]["sample_rate"],
        code=code_digest("count_networks"),
    script:
        "../scripts/count_networks.py"
