# Cuts the mixes of a dataset into windows, in results/{dataset}/windows/{split}/{use}/. This folder holds the targets,
# and a folder of features for every front end that at least one run needs.


rule make_windows:
    """Cut the mixes of a split into windows: features and targets (paper 4.2)."""
    input:
        plan=lambda wildcards: f"results/{mixes_of(wildcards.dataset)}/mixes/{wildcards.split}/plan.tsv",
        events=lambda wildcards: f"results/{mixes_of(wildcards.dataset)}/mixes/{wildcards.split}/events.tsv",
        audio=lambda wildcards: f"results/{mixes_of(wildcards.dataset)}/mixes/{wildcards.split}/audio",
    output:
        features=[f"results/{{dataset}}/windows/{{split}}/{{use}}/{name}/features.npy" for name in FRONT_ENDS],
        targets="results/{dataset}/windows/{split}/{use}/targets.npy",
        windows="results/{dataset}/windows/{split}/{use}/windows.tsv",
    log:
        "results/{dataset}/logs/make_windows_{split}_{use}.log",
    benchmark:
        "results/{dataset}/benchmarks/make_windows_{split}_{use}.tsv"
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        event_labels=labels,
        hop=lambda wildcards: config["windows"]["hop"][wildcards.use],
        length=config["windows"]["length"],
        bins=config["windows"]["bins"],
        front_ends={name: config["windows"]["front_ends"][name] for name in FRONT_ENDS},
        targets=reading("targets"),
        code=code_digest("make_windows"),
    script:
        "../scripts/make_windows.py"
