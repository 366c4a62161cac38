# Reads the user's audio (config: audio) and a trained network; makes results/segments/. Also how fast that is, as
# results/tables/segmenting.csv, and what networks find where nothing sounds, as results/tables/false_alarms.csv. None of it is in `all`.
from settings import trained_networks


rule segment:
    """What sounds when in audio of the user's: a file of events and a page for each file."""
    input:
        audio_to_segment,
    output:
        directory("results/segments"),
    log:
        "results/segments.log",
    conda:
        "../../envs/segment.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        weights=lambda wildcards: config.get("weights"),
        form=config["segmenting"]["form"],
        page=config["segmenting"]["page"],
        networks=trained_networks(config.get("weights")),
        code=code_digest("segment_audio"),
    script:
        "../scripts/segment_audio.py"


rule measure_segmenting:
    """How many times faster than real time each network segments a file, and whether the fast path decides alike."""
    input:
        runs=expand("results/{dataset}/runs/{run}/model.json", dataset=DATASET, run=SHOWN.values()),
        weights=expand("results/{dataset}/runs/{run}/weights.safetensors", dataset=DATASET, run=SHOWN.values()),
        audio=f"results/{mixes_of(DATASET)}/mixes/test/audio",
    output:
        "results/tables/segmenting.csv",
    log:
        "results/tables/logs/measure_segmenting.log",
    conda:
        "../../envs/segment.yaml"
    threads: config["throughput"]["audio"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        labels=lambda wildcards: list(SHOWN),
        audio=config["throughput"]["audio"],
        repeats=config["throughput"]["repeats"],
        code=code_digest("measure_segmenting"),
    script:
        "../scripts/measure_segmenting.py"


rule tabulate_false_alarms:
    """False alarms: what each network finds in silence, noise and room tone, where no class sounds."""
    input:
        runs=expand("results/{dataset}/runs/{run}/model.json", dataset=DATASET, run=SHOWN.values()),
        weights=expand("results/{dataset}/runs/{run}/weights.safetensors", dataset=DATASET, run=SHOWN.values()),
        recordings=f"results/{DATASET}/recordings.tsv",
    output:
        "results/tables/false_alarms.csv",
    log:
        "results/tables/logs/tabulate_false_alarms.log",
    conda:
        "../../envs/segment.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        labels=list(SHOWN),
        sample_rate=config["mixing"]["sample_rate"],
        recordings=config["false_alarms"]["recordings"],
        duration=config["false_alarms"]["duration"],
        level=config["false_alarms"]["level"],
        seed=config["false_alarms"]["seed"],
        code=code_digest("tabulate_false_alarms"),
    script:
        "../scripts/tabulate_false_alarms.py"
