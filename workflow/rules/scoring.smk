# Puts the test scores of the configured dataset's runs into results/tables/scores.csv, and those of several datasets,
# pooled, into results/tables/pooled.csv. Draws PSD-ROCs in results/figures/psd_roc.*, and scores networks on
# overlapping sounds in results/tables/overlap.csv and results/figures/overlap.*. Only the first of these is part of
# `all`.

# The studies whose runs the table of scores shows.
TABULATED = [study for study in ("networks", "mask") if runs.of(study)]


rule tabulate_scores:
    """Put the test scores of the configured dataset's runs into one table."""
    input:
        scores=of_runs("test_scores.json", *TABULATED),
        psds=expand("results/{dataset}/psds/{study}.csv", dataset=DATASET, study=TABULATED),
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
        studies={study: runs.studies[study] for study in TABULATED},
        code=code_digest("tabulate_scores"),
    script:
        "../scripts/tabulate_scores.py"


rule score_psds:
    """Compute the PSDS and the PSD-ROCs of all runs of a study, some seconds for each."""
    input:
        outputs=lambda wildcards: of_runs("test_outputs.npz", wildcards.study),
        windows=lambda wildcards: [table_of_test_windows(run) for run in runs.of(wildcards.study)],
        events=f"results/{DATASET}/mixes/test/events.tsv",
    output:
        psds=f"results/{DATASET}/psds/{{study}}.csv",
        roc=f"results/{DATASET}/psds/{{study}}_roc.csv",
    log:
        f"results/{DATASET}/logs/score_psds_{{study}}.log",
    wildcard_constraints:
        study="|".join(runs.studies),
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        runs=lambda wildcards: {run: runs.decodings(run) for run in runs.of(wildcards.study)},
        event_labels=shown_labels,
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
        f"results/{DATASET}/psds/networks_roc.csv",
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


rule overlap:
    """Make a table and a figure of scores by the number of sounds at once and by the difference of their levels."""
    input:
        "results/tables/overlap.csv",
        multiext("results/figures/overlap", ".pdf", ".png"),
        "results/provenance.json",


rule score_ear:
    """Segment the test mixes of a dataset with the untrained ear, and score the events."""
    input:
        network=EAR,
        classes=lambda wildcards: ear_classes(wildcards.base),
        audio="results/{base}/mixes/test/audio",
        events="results/{base}/mixes/test/events.tsv",
        plan="results/{base}/mixes/test/plan.tsv",
        recordings=recordings_table,
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
        code=code_digest("score_segmenting"),
    script:
        "../scripts/score_segmenting.py"


use rule score_ear as score_elsewhere with:
    """Segment the test mixes of a dataset with a run of any dataset, and score the events."""
    input:
        network=multiext("results/{trained}/runs/{run}/", "model.json", "network.onnx", "weights.safetensors"),
        classes=[],
        audio="results/{base}/mixes/test/audio",
        events="results/{base}/mixes/test/events.tsv",
        plan="results/{base}/mixes/test/plan.tsv",
        recordings=recordings_table,
    output:
        test_events="results/{base}/elsewhere/{trained}/{run}/test_events.tsv",
        test_scores="results/{base}/elsewhere/{trained}/{run}/test_scores.json",
        test_recordings="results/{base}/elsewhere/{trained}/{run}/test_recordings.tsv",
    log:
        "results/{base}/logs/score_elsewhere_{trained}_{run}.log",
    wildcard_constraints:
        trained=BASES,
    params:
        names=None,
        scoring=SCORING,
        code=code_digest("score_segmenting"),


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


rule tabulate_overlap:
    """Score networks that are trained with and without overlap on the same overlapping test mixes."""
    input:
        unpack(overlapping),
    output:
        table="results/tables/overlap.csv",
        page=report(
            "results/tables/overlap.html",
            caption="../report/overlap_table.rst",
            category="Studies",
            subcategory="Overlap",
            labels={"result": "Overlapping sounds: table"},
        ),
    log:
        "results/tables/logs/tabulate_overlap.log",
    conda:
        "../../envs/train.yaml"
    params:
        networks=lambda wildcards: overlap_networks(),
        event_labels=lambda wildcards: event_labels(config["datasets"][config["scoring"]["overlap"]["tested"]]),
        resolution=config["scoring"]["resolution"],
        edges=config["scoring"]["overlap"]["levels"],
        claims=claim_settings("level", "replicates", "seed"),
        code=code_digest("tabulate_overlap"),
    script:
        "../scripts/tabulate_overlap.py"


rule draw_overlap:
    """Draw the scores of overlapping sounds."""
    input:
        "results/tables/overlap.csv",
    output:
        "results/figures/overlap.pdf",
        report(
            "results/figures/overlap.png",
            caption="../report/overlap.rst",
            category="Studies",
            subcategory="Overlap",
            labels={"result": "Overlapping sounds: figure"},
        ),
    log:
        "results/figures/logs/draw_overlap.log",
    conda:
        "../../envs/plot.yaml"
    params:
        level=config["claims"]["level"],
        code=code_digest("draw_overlap"),
    script:
        "../scripts/draw_overlap.py"
