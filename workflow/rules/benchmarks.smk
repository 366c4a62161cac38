# Reads the training windows and mixes of the configured dataset; makes results/tables/throughput.csv, not in `all`.


rule measure_throughput:
    """Windows per second of training, inference and features, against plain code for the same work."""
    input:
        features=f"results/{DATASET}/windows/train/train/features.npy",
        targets=f"results/{DATASET}/windows/train/train/targets.npy",
        plan=f"results/{mixes_of(DATASET)}/mixes/train/plan.tsv",
        audio=f"results/{mixes_of(DATASET)}/mixes/train/audio",
    output:
        "results/tables/throughput.csv",
    log:
        "results/tables/logs/measure_throughput.log",
    conda:
        "../../envs/train.yaml"
    threads: config["throughput"]["threads"] * max(config["throughput"]["at_once"], default=1)
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        networks={label: runs.named[run] for label, run in runs.studies["networks"]},
        device={"name": config["training"]["device"], "deterministic": config["training"]["deterministic"]},
        windows=config["windows"],
        features=config["features"],
        sample_rate=config["mixing"]["sample_rate"],
        throughput=config["throughput"],
        code=code_digest("measure_throughput"),
    script:
        "../scripts/measure_throughput.py"
