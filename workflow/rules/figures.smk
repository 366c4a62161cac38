# Draws results/figures/ from the curves of the configured dataset's runs, and records where all results come from.


rule draw_fig4:
    """Draw Figure 4: F1, training loss and validation loss of the three networks over the epochs."""
    input:
        of_runs("history.csv", "networks"),
    output:
        "results/figures/fig4.pdf",
        report(
            "results/figures/fig4.png",
            caption="../report/fig4.rst",
            category="Figures",
            subcategory="Networks",
            labels={"result": "Figure 4: F1 and losses"},
        ),
    log:
        "results/figures/logs/draw_fig4.log",
    conda:
        "../../envs/plot.yaml"
    params:
        runs=runs.studies["networks"],
        code=code_digest("draw_fig4"),
    script:
        "../scripts/draw_fig4.py"


rule draw_fig5:
    """Draw Figure 5: class-wise precision, recall and F1 of the three networks over the first epochs."""
    input:
        of_runs("classwise.csv", "networks"),
    output:
        "results/figures/fig5.pdf",
        report(
            "results/figures/fig5.png",
            caption="../report/fig5.rst",
            category="Figures",
            subcategory="Networks",
            labels={"result": "Figure 5: class by class"},
        ),
    log:
        "results/figures/logs/draw_fig5.log",
    conda:
        "../../envs/plot.yaml"
    params:
        runs=runs.studies["networks"],
        epochs=config["figures"]["classwise_epochs"],
        code=code_digest("draw_fig5"),
    script:
        "../scripts/draw_fig5.py"


rule draw_fig6:
    """Draw Figure 6: F1 with and without the masking block over the epochs."""
    input:
        of_runs("history.csv", "mask"),
    output:
        "results/figures/fig6.pdf",
        report(
            "results/figures/fig6.png",
            caption="../report/fig6.rst",
            category="Figures",
            subcategory="Mask",
            labels={"result": "Figure 6: with and without the mask"},
        ),
    log:
        "results/figures/logs/draw_fig6.log",
    conda:
        "../../envs/plot.yaml"
    params:
        runs=runs.studies["mask"],
        code=code_digest("draw_fig6"),
    script:
        "../scripts/draw_fig6.py"


rule record_provenance:
    """Record the config without the folders of paths, the commit of the code and the versions of all packages.

    After every change of config or code, this file is made again, so that it describes all results that are up to date.
    """
    output:
        file="results/provenance.json",
        page=report(
            "results/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"result": "Config, commit, versions"},
        ),
    log:
        "results/tables/logs/record_provenance.log",
    conda:
        "../../envs/train.yaml"
    params:
        config=portable(config),
        code=all_code(),
    script:
        "../scripts/record_provenance.py"
