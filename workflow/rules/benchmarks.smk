# Measures training (results/tables/throughput.csv) and segmenting (results/tables/segmenting.csv) on the configured
# dataset, and counts the operators of a training step (results/tables/operators.csv). Measures YOHO and its rivals for
# the claims (results/tables/rival.csv). None of these is part of `all`.


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


def competitors(wildcards):
    """The networks whose speed claim C8 compares, with all that segmenting needs: {label: settings}."""
    found = {}
    for arm in (arm for role, arm in runs.arms().items() if role in ("baseline", *runs.rivals())):
        name = next(iter(arm["runs"].values()))
        own = {"settings": runs.named[name].settings, "windows": runs.windows(name)}
        found[arm["label"]] = own | {"segmenting": runs.segmenting(name), "front_end": runs.front_end(name)}
    return found


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
        networks=competitors,
        event_labels=shown_labels,
        audio=config["benchmarks"]["rival"]["audio"],
        repeats=config["benchmarks"]["rival"]["repeats"],
        seed=config["claims"]["seed"],
        code=code_digest("measure_rival"),
    script:
        "../scripts/measure_rival.py"
