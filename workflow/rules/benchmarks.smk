# Reads the training windows and mixes of the configured dataset; makes results/tables/throughput.csv. Also
# what a training step asks of a GPU, as results/tables/operators.csv, which reads no data. Neither is in `all`.


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


rule count_operators:
    """Operators, arithmetic and bytes of a training step, and the most windows per second that a card allows."""
    output:
        "results/tables/operators.csv",
    log:
        "results/tables/logs/count_operators.log",
    conda:
        "../../envs/train.yaml"
    params:
        networks={label: runs.named[run] for label, run in runs.studies["networks"]},
        classes=len(event_labels(config["datasets"][DATASET])),
        windows=config["windows"],
        features=config["features"],
        sample_rate=config["mixing"]["sample_rate"],
        batch_size=config["throughput"]["batch_size"],
        card=config["throughput"]["card"],
        code=code_digest("count_operators"),
    script:
        "../scripts/count_operators.py"
