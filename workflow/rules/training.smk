# Reads results/{dataset}/windows/; makes results/{dataset}/runs/{run}/ (curves, weights, test scores),
# results/tables/scores.csv and results/tables/networks.csv; network.onnx of a run where it is asked for.
from settings import segmenting_settings


rule train_network:
    """Train one network, keep its curve and its best weights, and score them on the test split (Figures 4-6).

    A checkpoint lies beside the outputs, and is none of them: Snakemake deletes those when a job starts.
    """
    input:
        train_features=windows_of("train", "features.npy"),
        train_targets=windows_of("train", "targets.npy"),
        valid_features=windows_of("valid", "features.npy"),
        valid_targets=windows_of("valid", "targets.npy"),
        valid_windows=windows_of("valid", "windows.tsv"),
        valid_events=lambda wildcards: (
            f"results/{mixes_of(runs.training_data(wildcards.dataset, wildcards.run))}/mixes/valid/events.tsv"
        ),
        held_out_features=windows_of("held_out", "features.npy"),
        held_out_targets=windows_of("held_out", "targets.npy"),
        test_features=f"results/{{dataset}}/windows/test/{SCORED}/features.npy",
        test_targets=f"results/{{dataset}}/windows/test/{SCORED}/targets.npy",
        test_windows=f"results/{{dataset}}/windows/test/{SCORED}/windows.tsv",
        test_events="results/{dataset}/mixes/test/events.tsv",
        test_plan="results/{dataset}/mixes/test/plan.tsv",
        recordings="results/{dataset}/recordings.tsv",
    output:
        history="results/{dataset}/runs/{run}/history.csv",
        classwise="results/{dataset}/runs/{run}/classwise.csv",
        weights="results/{dataset}/runs/{run}/weights.safetensors",
        description="results/{dataset}/runs/{run}/model.json",
        test_outputs="results/{dataset}/runs/{run}/test_outputs.npz",
        test_events="results/{dataset}/runs/{run}/test_events.tsv",
        test_scores="results/{dataset}/runs/{run}/test_scores.json",
        test_recordings="results/{dataset}/runs/{run}/test_recordings.tsv",
    log:
        "results/{dataset}/logs/train_network_{run}.log",
    benchmark:
        "results/{dataset}/benchmarks/train_network_{run}.tsv"
    wildcard_constraints:
        dataset=BASES,
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        # Not more with every attempt: the next one goes on from the checkpoint.
        runtime=1440,
    params:
        event_labels=labels,
        settings=lambda wildcards: runs.named[wildcards.run],
        windows=config["windows"],
        features=config["features"],
        sample_rate=config["mixing"]["sample_rate"],
        scoring=config["scoring"],
        candidates=config["decoding"]["thresholds"],
        segmenting=segmenting_settings(config),
        data=lambda wildcards: {
            "dataset": wildcards.dataset,
            "trained_on": runs.training_data(wildcards.dataset, wildcards.run),
            **{
                key: portable(dataset(wildcards)[key])
                for key in ("source", "mixes", "background")
                if dataset(wildcards).get(key)
            },
        },
        code=code_digest("train_network"),
        training_code=code_digest(*WEIGHTS),
    script:
        "../scripts/train_network.py"


rule export_network:
    """Export a trained network, from waveform to outputs, its log-mel included, for other programs: one ONNX file."""
    input:
        weights="results/{dataset}/runs/{run}/weights.safetensors",
        description="results/{dataset}/runs/{run}/model.json",
    output:
        "results/{dataset}/runs/{run}/network.onnx",
    log:
        "results/{dataset}/logs/export_network_{run}.log",
    wildcard_constraints:
        dataset=BASES,
    conda:
        "../../envs/train.yaml"
    params:
        code=code_digest("export_network"),
    script:
        "../scripts/export_network.py"


rule tabulate_scores:
    """Put the test scores of the configured dataset's runs into one table."""
    input:
        of_runs("test_scores.json", "networks", "mask"),
    output:
        table="results/tables/scores.csv",
        page=report(
            "results/tables/scores.html",
            caption="../report/scores.rst",
            category="Tables",
            labels={"result": "Test scores"},
        ),
    log:
        "results/tables/logs/tabulate_scores.log",
    conda:
        "../../envs/plot.yaml"
    params:
        dataset=DATASET,
        studies={study: runs.studies[study] for study in ("networks", "mask")},
        code=code_digest("tabulate_scores"),
    script:
        "../scripts/tabulate_scores.py"


rule count_networks:
    """Count parameters and multiply-accumulates of the paper's networks and of the config's own (claim of 4.4.2)."""
    output:
        table="results/tables/networks.csv",
        page=report(
            "results/tables/networks.html",
            caption="../report/networks.rst",
            category="Tables",
            labels={"result": "Sizes of the networks"},
        ),
    log:
        "results/tables/logs/count_networks.log",
    conda:
        "../../envs/train.yaml"
    params:
        backbones=sorted({run["network"]["backbone"] for run in runs.named.values()}),
        classes=len(event_labels(config["datasets"][DATASET])),
        windows=config["windows"],
        features=config["features"],
        sample_rate=config["mixing"]["sample_rate"],
        code=code_digest("count_networks"),
    script:
        "../scripts/count_networks.py"
