# Reads results/{dataset}/runs/{run}/ and the test split; makes the runs' test files and results/tables/.


rule evaluate_network:
    """Score one network's best weights on the test split (paper 3.3)."""
    input:
        weights="results/{dataset}/runs/{run}/weights.safetensors",
        description="results/{dataset}/runs/{run}/model.json",
        features="results/{dataset}/windows/test/score/features.npy",
        targets="results/{dataset}/windows/test/score/targets.npy",
        windows="results/{dataset}/windows/test/score/windows.tsv",
        events="results/{dataset}/mixes/test/events.tsv",
        plan="results/{dataset}/mixes/test/plan.tsv",
        recordings="results/{dataset}/recordings.tsv",
    output:
        outputs="results/{dataset}/runs/{run}/test_outputs.npz",
        events="results/{dataset}/runs/{run}/test_events.tsv",
        scores="results/{dataset}/runs/{run}/test_scores.json",
        recordings="results/{dataset}/runs/{run}/test_recordings.tsv",
    log:
        "results/{dataset}/logs/evaluate_network_{run}.log",
    benchmark:
        "results/{dataset}/benchmarks/evaluate_network_{run}.tsv"
    wildcard_constraints:
        dataset=BASES,
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        decoding=lambda wildcards: runs.named[wildcards.run]["decoding"],
        scoring=config["scoring"],
        device=config["training"]["device"],
        code=code_digest("evaluate_network"),
    script:
        "../scripts/evaluate_network.py"


rule tabulate_scores:
    """Put the test scores of the configured dataset's runs into one table."""
    input:
        of_runs("test_scores.json", "networks", "mask"),
    output:
        "results/tables/scores.csv",
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
