# Reads the user's audio, or nothing; makes results/{dataset}/recordings.tsv and, where audio is made or
# unpacked, results/{dataset}/recordings/.


rule collect_recordings:
    """Make or find the recordings, one class each, and deal them to the splits (paper 4.1)."""
    input:
        lambda wildcards: source_files(dataset(wildcards)),
    output:
        table="results/{dataset}/recordings.tsv",
        audio=directory("results/{dataset}/recordings"),
    log:
        "results/{dataset}/logs/collect_recordings.log",
    benchmark:
        "results/{dataset}/benchmarks/collect_recordings.tsv"
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        source=lambda wildcards: dataset(wildcards)["source"],
        settings=lambda wildcards: dataset(wildcards)["recordings"],
        event_labels=labels,
        code=code_digest("collect_recordings"),
    script:
        "../scripts/collect_recordings.py"
