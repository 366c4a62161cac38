# Reads the test mixes of the configured dataset and the events found in them; makes what only the report needs:
# results/figures/examples/ and results/provenance.*.


rule show_mix:
    """A test mix to listen to, above its true events and those that each network found."""
    input:
        audio=f"results/{DATASET}/mixes/test/audio",
        events=f"results/{DATASET}/mixes/test/events.tsv",
        found=expand("results/{dataset}/runs/{run}/test_events.tsv", dataset=DATASET, run=SHOWN.values()),
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
        "../../envs/audio.yaml"
    params:
        runs=SHOWN,
        event_labels=shown_labels,
        code=code_digest("show_mix"),
    script:
        "../scripts/show_mix.py"


rule record_provenance:
    """Write down what the results come from: the whole config, the code's commit, the versions of all packages.

    Made anew with every change of config or code, so that it holds for all results that are up to date.
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
        code=[code_digest(script.stem) for script in sorted(SCRIPTS.glob("*.py"))],
    script:
        "../scripts/record_provenance.py"
