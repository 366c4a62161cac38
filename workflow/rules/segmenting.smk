# Makes the audio examples of the report, which are part of `all`, and results/tables/false_alarms.csv, which counts
# events that networks find where they do not sound. The user's audio is segmented by archives.smk.
# The datasets whose networks are tested for false alarms, and whether the untrained ear is tested beside them.
HEARD = POOLED or [DATASET]
EAR_TESTED = any(runs.named[run].from_ear for run in SHOWN.values()) and not list(nameless(config, DATASET))


rule tabulate_false_alarms:
    """Count false alarms: events that each network finds in silence, noise, room tone and sounds of other classes."""
    input:
        runs=expand("results/{dataset}/runs/{run}/model.json", dataset=HEARD, run=SHOWN.values()),
        networks=expand("results/{dataset}/runs/{run}/network.onnx", dataset=HEARD, run=SHOWN.values()),
        recordings=[f"results/{recordings_of(config, base)}/recordings.tsv" for base in HEARD],
        # Besides networks that start from it, the untrained ear is tested too, if it knows the classes.
        ear=EAR if EAR_TESTED else [],
        classes=[ear_classes(base) for base in HEARD] if EAR_TESTED else [],
    output:
        "results/tables/false_alarms.csv",
    log:
        "results/tables/logs/tabulate_false_alarms.log",
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        labels=lambda wildcards: list(SHOWN),
        names=lambda wildcards: ear_names(config, DATASET) if EAR_TESTED else None,
        sample_rate=config["mixes"]["sample_rate"],
        recordings=config["segmenting"]["false_alarms"]["recordings"],
        duration=config["segmenting"]["false_alarms"]["duration"],
        level=config["segmenting"]["false_alarms"]["level"],
        seed=config["segmenting"]["false_alarms"]["seed"],
        code=code_digest("tabulate_false_alarms"),
    script:
        "../scripts/tabulate_false_alarms.py"


rule show_mix:
    """Make a page that plays a test mix, with its true events and the events that each network found."""
    input:
        audio=f"results/{DATASET}/mixes/test/audio",
        events=f"results/{DATASET}/mixes/test/events.tsv",
        predictions=expand("results/{dataset}/runs/{run}/test_events.tsv", dataset=DATASET, run=SHOWN.values()),
    output:
        report(
            "results/figures/examples/{mix}.html",
            caption="../report/example.rst",
            category="Dataset",
            subcategory="Audio examples",
            labels={"result": "Mix {mix}"},
        ),
    log:
        "results/figures/logs/show_{mix}.log",
    conda:
        "../../envs/segment.yaml"
    params:
        runs=SHOWN,
        event_labels=shown_labels,
        code=code_digest("show_mix"),
    script:
        "../scripts/show_mix.py"
