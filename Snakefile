# Audio segmentation with YOHO networks: from recordings to Figures 4-6. See README.md.
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/recordings.smk"
include: "workflow/rules/mixes.smk"
include: "workflow/rules/windows.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/scoring.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/segmenting.smk"
include: "workflow/rules/archives.smk"
include: "workflow/rules/referring.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/benchmarks.smk"


lock_at_work(workflow)


onstart:
    stop_at_sigterm(workflow.scheduler)
    watch_archives(
        f"results/segments/{place}" for place in (audio_places(config["audio"]) if config.get("audio") else [])
    )


rule all:
    """Make Figures 4-6, tables and audio examples of the configured dataset. Figure 6 needs a mask study."""
    default_target: True
    input:
        expand("results/figures/fig{number}.{format}", number=FIGURES, format=["pdf", "png"]),
        "results/tables/scores.csv",
        "results/tables/networks.csv",
        "results/tables/dataset.csv",
        multiext("results/figures/dataset", ".pdf", ".png"),
        expand("results/figures/examples/test-{number:04d}.html", number=range(EXAMPLES)),
        "results/provenance.json",
