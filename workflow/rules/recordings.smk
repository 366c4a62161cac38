# Makes results/{base}/recordings.tsv from recordings that are generated, downloaded or the user's own. The folder
# results/{base}/downloads/ holds downloaded files; Snakemake never deletes it. results/{base}/manifest.tsv lists these
# files. Generated or unpacked audio lies in results/{base}/recordings/. Two more rules make a table and a figure of the
# configured dataset.
from datasets import collect_settings, fetch_settings, recording_files, source_files
from user_files import state_of


rule dataset:
    """Make the table and the figure of the configured dataset."""
    input:
        "results/tables/dataset.csv",
        multiext("results/figures/dataset", ".pdf", ".png"),


rule fetch_recordings:
    """Download recordings, and list those that arrived in a manifest (paper 4.1)."""
    output:
        "results/{base}/manifest.tsv",
    log:
        "results/{base}/logs/fetch_recordings.log",
    wildcard_constraints:
        base="|".join(re.escape(name) for name in config["datasets"] if fetch_settings(config, name)) or "(?!)",
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        # The limit is the same for every attempt, because files that have arrived are kept.
        runtime=1440,
    params:
        source=lambda wildcards: config["datasets"][wildcards.base]["source"],
        settings=lambda wildcards: fetch_settings(config, wildcards.base),
        files=lambda wildcards: state_of(source_files(config["datasets"][wildcards.base])),
        # These settings do not change the manifest. Snakemake reruns no job for a param that depends on `threads`.
        web=lambda wildcards, threads: {
            key: value for key, value in config["recordings"]["downloads"].items() if key != "unpacked"
        },
        code=lambda wildcards: source_digest("fetch_recordings", wildcards.base),
    script:
        "../scripts/fetch_recordings.py"


rule collect_recordings:
    """Generate or find the recordings, each with one class, and divide them among the splits (paper 4.1)."""
    input:
        lambda wildcards: f"results/{wildcards.pool}/manifest.tsv" if fetch_settings(config, wildcards.pool) else [],
    output:
        table="results/{pool}/recordings.tsv",
        audio=directory("results/{pool}/recordings"),
    log:
        "results/{pool}/logs/collect_recordings.log",
    benchmark:
        "results/{pool}/benchmarks/collect_recordings.tsv"
    wildcard_constraints:
        pool=BASES,
    priority: in_order
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        source=lambda wildcards: dataset_settings(config, wildcards.pool)["source"],
        settings=lambda wildcards: collect_settings(config, wildcards.pool)["settings"],
        listening=lambda wildcards: collect_settings(config, wildcards.pool)["listening"],
        splitting=lambda wildcards: collect_settings(config, wildcards.pool)["splitting"],
        background=lambda wildcards: collect_settings(config, wildcards.pool)["background"],
        event_labels=lambda wildcards: event_labels(dataset_settings(config, wildcards.pool)),
        files=lambda wildcards: state_of(recording_files(config, wildcards.pool)),
        code=lambda wildcards: source_digest("collect_recordings", wildcards.pool),
    script:
        "../scripts/collect_recordings.py"


use rule collect_recordings as collect_recordings_of_seed with:
    output:
        table="results/{pool}/recordings.tsv",
        audio=temp(directory("results/{pool}/recordings")),
    wildcard_constraints:
        pool=f"(?:{BASES}){OF_SEED}",
    threads: 1


rule tabulate_dataset:
    """Tabulate recordings, groups, clips and hours of each class and split."""
    input:
        f"results/{recordings_of(config, DATASET)}/recordings.tsv",
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
            "longest": config["mixes"]["longest_clip"],
            "shortest": config["mixes"]["shortest_clip"],
            "slices": read_as(config, config["datasets"][DATASET])["slices"],
        },
        event_labels=shown_labels,
        code=code_digest("tabulate_dataset"),
    script:
        "../scripts/tabulate_dataset.py"


rule draw_dataset:
    """Draw recordings, groups, clips and hours of each class and split."""
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
