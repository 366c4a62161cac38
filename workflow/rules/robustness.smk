# Measures what users' files cost: `robustness` degrades the test mixes in each way of `robustness.conditions`, and
# scores the events that the untrained ear and each network find in them. It is not part of `all`.
CONDITIONS = config["robustness"]["conditions"]
EAR_HEARS = not list(nameless(config, DATASET))  # whether the untrained ear knows the classes


wildcard_constraints:
    condition="|".join(CONDITIONS),


rule robustness:
    """Make table and figure of the F1 of every network on test mixes that are degraded as users' files may be."""
    input:
        "results/tables/robustness.csv",
        multiext("results/figures/robustness", ".pdf", ".png"),
        "results/provenance.json",


rule degrade_mixes:
    """Degrade the test mixes of a dataset in one way."""
    input:
        audio="results/{base}/mixes/test/audio",
        plan="results/{base}/mixes/test/plan.tsv",
        events="results/{base}/mixes/test/events.tsv",
    output:
        audio=temp(directory("results/{base}/robustness/{condition}/audio")),
        plan="results/{base}/robustness/{condition}/plan.tsv",
        events="results/{base}/robustness/{condition}/events.tsv",
    log:
        "results/{base}/logs/degrade_mixes_{condition}.log",
    conda:
        "../../envs/audio.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        condition=lambda wildcards: CONDITIONS[wildcards.condition],
        seed=config["robustness"]["seed"],
        code=code_digest("degrade_mixes"),
    script:
        "../scripts/degrade_mixes.py"


rule score_robustness:
    """Segment the degraded mixes with the untrained ear and with every network, and score the events."""
    input:
        audio="results/{base}/robustness/{condition}/audio",
        plan="results/{base}/robustness/{condition}/plan.tsv",
        events="results/{base}/robustness/{condition}/events.tsv",
        recordings=recordings_table,
        runs=expand("results/{{base}}/runs/{run}/model.json", run=SHOWN.values()),
        networks=expand("results/{{base}}/runs/{run}/network.onnx", run=SHOWN.values()),
        ear=EAR if EAR_HEARS else [],
        classes=lambda wildcards: ear_classes(wildcards.base) if EAR_HEARS else [],
    output:
        scores="results/{base}/robustness/{condition}/scores.tsv",
        tallies="results/{base}/robustness/{condition}/test_recordings.tsv",
    log:
        "results/{base}/logs/score_robustness_{condition}.log",
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        labels=lambda wildcards: list(SHOWN),
        names=lambda wildcards: ear_names(config, wildcards.base) if EAR_HEARS else None,
        scoring=SCORING,
        code=code_digest("score_robustness"),
    script:
        "../scripts/score_robustness.py"


rule tabulate_robustness:
    """Put the scores of every network under every condition into one table, with intervals over recordings."""
    input:
        scores=expand("results/{dataset}/robustness/{condition}/scores.tsv", dataset=DATASET, condition=CONDITIONS),
        tallies=expand(
            "results/{dataset}/robustness/{condition}/test_recordings.tsv", dataset=DATASET, condition=CONDITIONS
        ),
    output:
        table="results/tables/robustness.csv",
        page=report(
            "results/tables/robustness.html",
            caption="../report/robustness_table.rst",
            category="Tables",
            labels={"result": "Robustness"},
        ),
    log:
        "results/tables/logs/tabulate_robustness.log",
    conda:
        "../../envs/train.yaml"
    params:
        conditions=list(CONDITIONS),
        claims=claim_settings("level", "replicates", "seed"),
        code=code_digest("tabulate_robustness"),
    script:
        "../scripts/tabulate_robustness.py"


rule draw_robustness:
    """Draw the F1 of every network under every condition."""
    input:
        "results/tables/robustness.csv",
    output:
        "results/figures/robustness.pdf",
        report(
            "results/figures/robustness.png",
            caption="../report/robustness.rst",
            category="Figures",
            subcategory="Robustness",
            labels={"result": "Robustness"},
        ),
    log:
        "results/figures/logs/draw_robustness.log",
    conda:
        "../../envs/plot.yaml"
    params:
        level=config["claims"]["level"],
        code=code_digest("draw_robustness"),
    script:
        "../scripts/draw_robustness.py"
