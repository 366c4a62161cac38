# Reads the user's audio, or nothing; makes results/{base}/recordings.tsv and, where audio is made or
# unpacked, results/{base}/recordings/.


rule collect_recordings:
    """Make or find the recordings, one class each, and deal them to the splits (paper 4.1)."""
    input:
        lambda wildcards: source_files(config["datasets"][wildcards.base]),
    output:
        table="results/{base}/recordings.tsv",
        audio=directory("results/{base}/recordings"),
    log:
        "results/{base}/logs/collect_recordings.log",
    benchmark:
        "results/{base}/benchmarks/collect_recordings.tsv"
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        source=lambda wildcards: config["datasets"][wildcards.base]["source"],
        settings=lambda wildcards: config["datasets"][wildcards.base]["recordings"],
        event_labels=lambda wildcards: event_labels(config["datasets"][wildcards.base]),
        code=code_digest("collect_recordings"),
    script:
        "../scripts/collect_recordings.py"
