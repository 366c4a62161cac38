# Reads results/{dataset}/windows/; makes results/{dataset}/runs/{run}/ (curves and weights) and
# results/tables/networks.csv.


rule train_network:
    """Train one network and keep its curve and its best weights (Figures 4-6)."""
    input:
        train_features=windows_of("train", "features.npy"),
        train_targets=windows_of("train", "targets.npy"),
        valid_features=windows_of("valid", "features.npy"),
        valid_targets=windows_of("valid", "targets.npy"),
        valid_windows=windows_of("valid", "windows.tsv"),
        valid_events=lambda wildcards: (
            f"results/{mixes_of(runs.training_data(wildcards.dataset, wildcards.run))}/mixes/valid/events.tsv"
        ),
        held_out_features=windows_of("held_out", "features.npy"),
        held_out_targets=windows_of("held_out", "targets.npy"),
    output:
        history="results/{dataset}/runs/{run}/history.csv",
        classwise="results/{dataset}/runs/{run}/classwise.csv",
        weights="results/{dataset}/runs/{run}/weights.safetensors",
        description="results/{dataset}/runs/{run}/model.json",
    log:
        "results/{dataset}/logs/train_network_{run}.log",
    benchmark:
        "results/{dataset}/benchmarks/train_network_{run}.tsv"
    wildcard_constraints:
        dataset=BASES,
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
