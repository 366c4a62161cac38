# Measures training (results/tables/throughput.csv), segmenting (results/tables/segmenting.csv) and front ends
# (results/tables/front_end_costs.csv) on the configured dataset. Counts the operators of a training step
# (results/tables/operators.csv). Measures YOHO and its rivals for the claims (results/tables/rival.csv).
# None of these is part of `all`.

# The front ends whose cost is measured, each once.
STUDIED_FRONT_ENDS = dict.fromkeys(run["front_end"] for run in runs.of_front_ends())


rule measure_throughput:
    """Measure windows per second of training, inference and features, and of plain code for the same work."""
    input:
        features=f"results/{DATASET}/windows/train/train/{config['windows']['front_end']}/features.npy",
        targets=f"results/{DATASET}/windows/train/train/targets.npy",
        plan=f"results/{mixes_of(DATASET)}/mixes/train/plan.tsv",
        audio=f"results/{mixes_of(DATASET)}/mixes/train/audio",
    output:
        "results/tables/throughput.csv",
    log:
        "results/tables/logs/measure_throughput.log",
    conda:
        "../../envs/train.yaml"
    threads: config["benchmarks"]["threads"] * max(config["benchmarks"]["at_once"], default=1)
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        networks=runs.measured(),
        device={"name": config["training"]["device"], "deterministic": config["training"]["deterministic"]},
        windows=WINDOWS,
        front_end=config["windows"]["front_ends"][config["windows"]["front_end"]],
        benchmarks={key: value for key, value in config["benchmarks"].items() if key != "audio"},
        code=code_digest("measure_throughput"),
    script:
        "../scripts/measure_throughput.py"


rule count_operators:
    """Count operators, arithmetic and bytes of a training step; derive the highest rate that a GPU allows."""
    output:
        "results/tables/operators.csv",
    log:
        "results/tables/logs/count_operators.log",
    conda:
        "../../envs/train.yaml"
    params:
        networks=runs.measured(),
        classes=len(event_labels(config["datasets"][DATASET])),
        windows=WINDOWS,
        front_end=config["windows"]["front_ends"][config["windows"]["front_end"]],
        batch_size=config["benchmarks"]["batch_size"],
        code=code_digest("count_operators"),
    script:
        "../scripts/count_operators.py"


rule measure_segmenting:
    """Measure how many times faster than real time each network segments a file, and whether the fast path agrees."""
    input:
        runs=[*expand("results/{dataset}/runs/{run}/model.json", dataset=DATASET, run=SHOWN.values()), EAR[0]],
        networks=[*expand("results/{dataset}/runs/{run}/network.onnx", dataset=DATASET, run=SHOWN.values()), EAR[-1]],
        audio=f"results/{mixes_of(DATASET)}/mixes/test/audio",
    output:
        "results/tables/segmenting.csv",
    log:
        "results/tables/logs/measure_segmenting.log",
    conda:
        "../../envs/train.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        labels=lambda wildcards: [*SHOWN, "the ear"],
        audio=config["benchmarks"]["audio"],
        repeats=config["benchmarks"]["repeats"],
        code=code_digest("measure_segmenting", "segment_audio"),
    script:
        "../scripts/measure_segmenting.py"


rule measure_front_ends:
    """Measure how long each front end takes to make the image of a window."""
    input:
        audio=f"results/{mixes_of(DATASET)}/mixes/test/audio",
    output:
        "results/tables/front_end_costs.csv",
    log:
        "results/tables/logs/measure_front_ends.log",
    conda:
        "../../envs/train.yaml"
    params:
        front_ends={name: config["windows"]["front_ends"][name] for name in STUDIED_FRONT_ENDS},
        length=config["windows"]["length"],
        hop=config["windows"]["hop"][SCORED],
        repeats=config["benchmarks"]["repeats"],
        code=code_digest("measure_front_ends"),
    script:
        "../scripts/measure_front_ends.py"


rule measure_rival:
    """Measure in turns how fast YOHO and its rivals segment the same file, with random weights (claim C8)."""
    output:
        table="results/tables/rival.csv",
        page=report(
            "results/tables/rival.html",
            caption="../report/rival.rst",
            category="Claims",
            labels={"result": "Speed of YOHO and its rivals"},
        ),
    log:
        "results/tables/logs/measure_rival.log",
    conda:
        "../../envs/train.yaml"
    threads: config["benchmarks"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        networks=lambda wildcards: runs.competitors(),
        event_labels=shown_labels,
        audio=config["benchmarks"]["rival"]["audio"],
        repeats=config["benchmarks"]["rival"]["repeats"],
        seed=config["claims"]["seed"],
        code=code_digest("measure_rival"),
    script:
        "../scripts/measure_rival.py"
