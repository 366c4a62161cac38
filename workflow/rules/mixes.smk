# Makes results/{dataset}/mixes/{split}/ from the recordings of the dataset. `measure_levels` adds the levels of classes
# in test mixes with overlapping sounds, which are no part of `all`.
from datasets import stretch_settings


rule make_mixes:
    """Draw the mixes of a split and write their audio and true events (paper 4.1)."""
    input:
        recordings=lambda wildcards: f"results/{recordings_of(config, wildcards.dataset)}/recordings.tsv",
        audio=lambda wildcards: f"results/{recordings_of(config, wildcards.dataset)}/recordings",
    output:
        plan="results/{dataset}/mixes/{split}/plan.tsv",
        events="results/{dataset}/mixes/{split}/events.tsv",
        audio=directory("results/{dataset}/mixes/{split}/audio"),
    log:
        "results/{dataset}/logs/make_mixes_{split}.log",
    benchmark:
        "results/{dataset}/benchmarks/make_mixes_{split}.tsv"
    wildcard_constraints:
        dataset=DATA,
    priority: in_order
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        mixes=lambda wildcards: dataset(wildcards)["mixes"][wildcards.split],
        seed=mixes_seed,
        sample_rate=config["mixes"]["sample_rate"],
        mixing={key: value for key, value in config["mixes"].items() if key != "sample_rate"},
        pool=reading("pool"),
        one_size=lambda wildcards: "-pool_" in wildcards.dataset,
        pool_seed=lambda wildcards: [mixes_seed(wildcards)] if seed_of(wildcards.dataset) is not None else None,
        slices=reading("slices"),
        draw=reading("draw"),
        background=lambda wildcards: stretch_settings(dataset(wildcards)),
        overlap=lambda wildcards: dataset(wildcards).get("overlap"),
        code=code_digest("make_mixes"),
    script:
        "../scripts/make_mixes.py"


use rule make_mixes as make_mixes_of_seed with:
    output:
        plan="results/{dataset}/mixes/{split}/plan.tsv",
        events="results/{dataset}/mixes/{split}/events.tsv",
        audio=temp(directory("results/{dataset}/mixes/{split}/audio")),
    wildcard_constraints:
        dataset=DATA_OF_SEED,
    threads: 1


rule measure_levels:
    """Mix the test mixes with overlapping sounds again, and measure how loud each class is in every segment."""
    input:
        plan="results/{base}/mixes/test/plan.tsv",
        audio=lambda wildcards: f"results/{recordings_of(config, wildcards.base)}/recordings",
    output:
        "results/{base}/mixes/test/levels.tsv",
    log:
        "results/{base}/logs/measure_levels.log",
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        sample_rate=config["mixes"]["sample_rate"],
        gain=lambda wildcards: config["datasets"][wildcards.base]["overlap"]["gain"],
        resolution=config["scoring"]["resolution"],
        code=code_digest("measure_levels"),
    script:
        "../scripts/measure_levels.py"
