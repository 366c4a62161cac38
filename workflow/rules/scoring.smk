# Puts the test scores of the configured dataset's runs into results/tables/scores.csv.


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
