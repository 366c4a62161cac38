# Reads results/{dataset}/recordings.tsv; makes results/{dataset}/mixes/{split}/.


rule make_mixes:
    """Draw the mixes of a split and write their audio and true events (paper 4.1)."""
    input:
        recordings="results/{dataset}/recordings.tsv",
        audio="results/{dataset}/recordings",
    output:
        plan="results/{dataset}/mixes/{split}/plan.tsv",
        events="results/{dataset}/mixes/{split}/events.tsv",
        audio=directory("results/{dataset}/mixes/{split}/audio"),
    log:
        "results/{dataset}/logs/make_mixes_{split}.log",
    benchmark:
        "results/{dataset}/benchmarks/make_mixes_{split}.tsv"
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        mixes=lambda wildcards: dataset(wildcards)["mixes"][wildcards.split],
        seed=lambda wildcards: dataset(wildcards)["mixes"]["seed"],
        sample_rate=config["mixing"]["sample_rate"],
        duration=config["mixing"]["duration"],
        longest_segment=config["mixing"]["longest_segment"],
        shortest_segment=config["mixing"]["shortest_segment"],
        code=code_digest("make_mixes"),
    script:
        "../scripts/make_mixes.py"
