# Reads the user's audio, or fetches recordings, or neither; makes results/{base}/recordings.tsv; of recordings that are
# fetched results/{base}/manifest.tsv and downloads/, which is kept whatever happens; where audio is made or unpacked,
# results/{base}/recordings/. Also what the configured dataset holds, as a table and a figure.
from settings import collect_settings, fetch_settings, is_fetched, recording_files


rule dataset:
    """What the configured dataset holds."""
    input:
        "results/tables/dataset.csv",
        multiext("results/figures/dataset", ".pdf", ".png"),


rule fetch_recordings:
    """Fetch recordings that lie elsewhere, and list what arrived (paper 4.1)."""
    input:
        lambda wildcards: source_files(config["datasets"][wildcards.base]),
    output:
        "results/{base}/manifest.tsv",
    log:
        "results/{base}/logs/fetch_recordings.log",
    wildcard_constraints:
        base="|".join(re.escape(name) for name, entry in config["datasets"].items() if is_fetched(entry)) or "(?!)",
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        # Not more with every attempt: what has arrived is kept.
        runtime=1440,
    params:
        source=lambda wildcards: config["datasets"][wildcards.base]["source"],
        settings=lambda wildcards: fetch_settings(config, wildcards.base),
        # Snakemake runs nothing anew for what is worked out from `threads`: manners change no manifest.
        web=lambda wildcards, threads: {key: value for key, value in config["downloads"].items() if key != "unpacked"},
        code=code_digest("fetch_recordings"),
    script:
        "../scripts/fetch_recordings.py"


rule collect_recordings:
    """Make or find the recordings, one class each, and deal them to the splits (paper 4.1)."""
    input:
        lambda wildcards: recording_files(config, wildcards.base),
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
        settings=lambda wildcards: collect_settings(config, wildcards.base)["settings"],
        listening=lambda wildcards: collect_settings(config, wildcards.base)["listening"],
        splitting=lambda wildcards: collect_settings(config, wildcards.base)["splitting"],
        background=lambda wildcards: collect_settings(config, wildcards.base)["background"],
        event_labels=lambda wildcards: event_labels(config["datasets"][wildcards.base]),
        code=code_digest("collect_recordings"),
    script:
        "../scripts/collect_recordings.py"


rule tabulate_dataset:
    """Recordings, groups, segments and hours of each class and split."""
    input:
        f"results/{DATASET}/recordings.tsv",
    output:
        table="results/tables/dataset.csv",
        page=report(
            "results/tables/dataset.html",
            caption="../report/dataset_table.rst",
            category="Dataset",
            subcategory="Recordings",
            labels={"result": "Recordings: table"},
        ),
    log:
        "results/tables/logs/tabulate_dataset.log",
    conda:
        "../../envs/audio.yaml"
    params:
        dataset=DATASET,
        cutting={
            "longest": config["mixing"]["longest_segment"],
            "shortest": config["mixing"]["shortest_segment"],
            "slices": read_as(config, config["datasets"][DATASET])["slices"],
        },
        event_labels=shown_labels,
        code=code_digest("tabulate_dataset"),
    script:
        "../scripts/tabulate_dataset.py"


rule draw_dataset:
    """The same as a figure."""
    input:
        "results/tables/dataset.csv",
    output:
        "results/figures/dataset.pdf",
        report(
            "results/figures/dataset.png",
            caption="../report/dataset.rst",
            category="Dataset",
            subcategory="Recordings",
            labels={"result": "Recordings: figure"},
        ),
    log:
        "results/figures/logs/draw_dataset.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=code_digest("draw_dataset"),
    script:
        "../scripts/draw_dataset.py"
