# Cuts the mixes of a dataset into windows, in results/{dataset}/windows/{split}/{use}/. This folder holds the targets,
# and a folder of features for each front end. {use} is a key of `windows.hop`. For the windows of `windows.others`,
# their name follows, as in train_frames.


rule make_windows:
    """Cut the mixes of a split into windows, with their targets (paper 4.2)."""
    input:
        plan=lambda wildcards: f"results/{mixes_of(wildcards.dataset)}/mixes/{wildcards.split}/plan.tsv",
        events=lambda wildcards: f"results/{mixes_of(wildcards.dataset)}/mixes/{wildcards.split}/events.tsv",
    output:
        targets="results/{dataset}/windows/{split}/{use}/targets.npy",
        windows="results/{dataset}/windows/{split}/{use}/windows.tsv",
    log:
        "results/{dataset}/logs/make_windows_{split}_{use}.log",
    priority: in_order
    conda:
        "../../envs/audio.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        event_labels=labels,
        hop=window_setting("hop"),
        length=window_setting("length"),
        bins=window_setting("bins"),
        targets=reading("targets"),
        code=code_digest("make_windows"),
    script:
        "../scripts/make_windows.py"


rule make_features:
    """Make the images of a split's windows with one front end (paper 4.2)."""
    input:
        windows="results/{dataset}/windows/{split}/{use}/windows.tsv",
        audio=lambda wildcards: f"results/{mixes_of(wildcards.dataset)}/mixes/{wildcards.split}/audio",
    output:
        "results/{dataset}/windows/{split}/{use}/{front_end}/features.npy",
    log:
        "results/{dataset}/logs/make_features_{split}_{use}_{front_end}.log",
    benchmark:
        "results/{dataset}/benchmarks/make_features_{split}_{use}_{front_end}.tsv"
    wildcard_constraints:
        dataset=DATA,
    priority: in_order
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        front_end=lambda wildcards: config["windows"]["front_ends"][wildcards.front_end],
        length=window_setting("length"),
        code=code_digest("make_features"),
    script:
        "../scripts/make_features.py"


use rule make_features as make_features_of_seed with:
    output:
        temp("results/{dataset}/windows/{split}/{use}/{front_end}/features.npy"),
    wildcard_constraints:
        dataset=DATA_OF_SEED,
    threads: 1
