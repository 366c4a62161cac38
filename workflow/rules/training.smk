# Makes results/{dataset}/runs/{run}/ from the windows of the dataset: curves, weights, test outputs and scores. Runs
# whose whole backbone is YAMNet's, frozen, share the feature maps in results/{dataset}/windows/{split}/{use}/.


rule make_maps:
    """Compute the feature maps of a frozen backbone, once for all epochs of all runs."""
    input:
        features="results/{dataset}/windows/{split}/{use}/{front_end}/features.npy",
        ear="results/ear/weights.safetensors",
    output:
        "results/{dataset}/windows/{split}/{use}/{front_end}/maps_{backbone}.npy",
    log:
        "results/{dataset}/logs/make_maps_{split}_{use}_{front_end}_{backbone}.log",
    benchmark:
        "results/{dataset}/benchmarks/make_maps_{split}_{use}_{front_end}_{backbone}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        backbone=lambda wildcards: wildcards.backbone,
        code=code_digest("make_maps"),
    script:
        "../scripts/make_maps.py"


rule train_network:
    """Train one network, keep its curve and its weights, and score them on the test split (Figures 4-6).

    The checkpoint lies beside the outputs. It is not declared as an output, because Snakemake deletes outputs when a
    job starts.
    """
    input:
        train_features=run_windows("train", "{front_end}/{images}.npy"),
        train_targets=run_windows("train", "targets.npy"),
        valid_features=run_windows("valid", "{front_end}/{images}.npy"),
        valid_targets=run_windows("valid", "targets.npy"),
        valid_windows=run_windows("valid", "windows.tsv"),
        train_windows=run_windows("train", "windows.tsv"),
        train_plan=mixes_of_run("train", "plan.tsv"),
        valid_events=mixes_of_run("valid", "events.tsv"),
        held_out_features=run_windows("held_out", "{front_end}/{images}.npy"),
        held_out_targets=run_windows("held_out", "targets.npy"),
        test_features=run_windows("test", "{front_end}/features.npy"),
        test_targets=run_windows("test", "targets.npy"),
        test_windows=run_windows("test", "windows.tsv"),
        test_events="results/{dataset}/mixes/test/events.tsv",
        test_plan="results/{dataset}/mixes/test/plan.tsv",
        recordings=recordings_table,
        # The pretrained weights of YAMNet, for the runs that start from them.
        ear=lambda wildcards: "results/ear/weights.safetensors" if runs.named[wildcards.run].from_ear else [],
    output:
        history="results/{dataset}/runs/{run}/history.csv",
        classwise="results/{dataset}/runs/{run}/classwise.csv",
        weights="results/{dataset}/runs/{run}/weights.safetensors",
        description="results/{dataset}/runs/{run}/model.json",
        network="results/{dataset}/runs/{run}/network.onnx",
        test_outputs="results/{dataset}/runs/{run}/test_outputs.npz",
        test_events="results/{dataset}/runs/{run}/test_events.tsv",
        test_scores="results/{dataset}/runs/{run}/test_scores.json",
        test_recordings="results/{dataset}/runs/{run}/test_recordings.tsv",
        record="results/{dataset}/runs/{run}/record.zip",
    log:
        "results/{dataset}/logs/train_network_{run}.log",
    benchmark:
        "results/{dataset}/benchmarks/train_network_{run}.tsv"
    wildcard_constraints:
        dataset=BASES,
    priority: in_order
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        # The limit is the same for every attempt, because the next attempt resumes from the checkpoint.
        runtime=1440,
    params:
        event_labels=labels,
        settings=lambda wildcards: runs.named[wildcards.run].settings,
        windows=lambda wildcards: runs.windows(wildcards.run),
        front_end=lambda wildcards: runs.front_end(wildcards.run),
        scoring=SCORING,
        candidates=config["decoding"]["thresholds"],
        segmenting=lambda wildcards: runs.segmenting(wildcards.run),
        data=card_data,
        recorded=lambda wildcards: {
            "settings": runs.recorded(wildcards.run),
            "anew": runs.drawn_anew(wildcards.dataset),
            "test": config["claims"]["test"] if wildcards.dataset == DATASET else None,
        },
        code=code_digest("train_network"),
        training_code=code_digest(*WEIGHTS),
    script:
        "../scripts/train_network.py"
