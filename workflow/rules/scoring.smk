# Puts the test scores of the configured dataset's runs into results/tables/scores.csv, and those of several datasets,
# pooled, into results/tables/pooled.csv, which is not part of `all`. Neither is results/figures/psd_roc.pdf.


rule tabulate_scores:
    """Put the test scores of the configured dataset's runs into one table."""
    input:
        scores=of_runs("test_scores.json", "networks", "mask"),
        psds=of_runs("psds.csv", "networks", "mask"),
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


rule score_psds:
    """Compute the PSDS and the PSD-ROCs of a run from its outputs for the test windows."""
    input:
        outputs="results/{dataset}/runs/{run}/test_outputs.npz",
        windows=windows_of("test", "windows.tsv"),
        events="results/{dataset}/mixes/test/events.tsv",
    output:
        psds="results/{dataset}/runs/{run}/psds.csv",
        roc="results/{dataset}/runs/{run}/psd_roc.csv",
    log:
        "results/{dataset}/logs/score_psds_{run}.log",
    wildcard_constraints:
        dataset=BASES,
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
    params:
        event_labels=labels,
        length=config["windows"]["length"],
        decoding=lambda wildcards: runs.named[wildcards.run].settings["decoding"] | {"averaged": None},
        averaged=lambda wildcards: runs.averaged(wildcards.run),
        thresholds=config["decoding"]["thresholds"],
        scoring=config["scoring"]["psds"],
        resampling=claim_settings("level", "replicates", "seed"),
        code=code_digest("score_psds"),
    script:
        "../scripts/score_psds.py"


rule psd_roc:
    """Draw the PSD-ROCs of the networks, and put the PSDS of all runs into the table of scores."""
    input:
        multiext("results/figures/psd_roc", ".pdf", ".png"),
        "results/tables/scores.csv",
        "results/provenance.json",


rule draw_psd_roc:
    """Draw the effective true positive rate of the networks over their effective false positive rate."""
    input:
        of_runs("psd_roc.csv", "networks"),
    output:
        "results/figures/psd_roc.pdf",
        report(
            "results/figures/psd_roc.png",
            caption="../report/psd_roc.rst",
            category="Figures",
            subcategory="Networks",
            labels={"result": "PSD-ROC: all thresholds"},
        ),
    log:
        "results/figures/logs/draw_psd_roc.log",
    conda:
        "../../envs/plot.yaml"
    params:
        runs=runs.studies["networks"],
        code=code_digest("draw_psd_roc"),
    script:
        "../scripts/draw_psd_roc.py"


rule pooled:
    """Make the table of scores that are pooled over several datasets, such as the rotations of a cross-validation."""
    input:
        "results/tables/pooled.csv",
        "results/provenance.json",


rule score_ear:
    """Segment the test mixes of a dataset with the untrained ear, and score the events."""
    input:
        ear=EAR,
        classes=lambda wildcards: ear_classes(wildcards.base),
        audio="results/{base}/mixes/test/audio",
        events="results/{base}/mixes/test/events.tsv",
        plan="results/{base}/mixes/test/plan.tsv",
        recordings="results/{base}/recordings.tsv",
    output:
        test_events="results/{base}/ear/test_events.tsv",
        test_scores="results/{base}/ear/test_scores.json",
        test_recordings="results/{base}/ear/test_recordings.tsv",
    log:
        "results/{base}/logs/score_ear.log",
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        names=lambda wildcards: ear_names(config, wildcards.base),
        scoring=SCORING,
        code=code_digest("score_ear"),
    script:
        "../scripts/score_ear.py"


rule tabulate_pooled:
    """Pool the test scores of the networks, and of the untrained ear, over the datasets of `scoring.pooled`."""
    input:
        events=expand("results/{base}/mixes/test/events.tsv", base=POOLED),
        plans=expand("results/{base}/mixes/test/plan.tsv", base=POOLED),
        predictions=[f"results/{base}/{folder}/test_events.tsv" for folder, base in pooled_places()],
        tallies=[f"results/{base}/{folder}/test_recordings.tsv" for folder, base in pooled_places()],
    output:
        table="results/tables/pooled.csv",
        page=report(
            "results/tables/pooled.html",
            caption="../report/pooled.rst",
            category="Tables",
            labels={"result": "Test scores, pooled"},
        ),
    log:
        "results/tables/logs/tabulate_pooled.log",
    conda:
        "../../envs/train.yaml"
    params:
        datasets=POOLED,
        networks=pooled_networks(),
        event_labels=shown_labels,
        scoring=SCORING,
        claims=claim_settings("level", "replicates", "seed"),
        code=code_digest("tabulate_pooled"),
    script:
        "../scripts/tabulate_pooled.py"
