# Measures how well words find sounds: `referring` scores the queries of workflow/resources/queries.csv with the
# untrained ear. `referring_held_out` scores those of queries_held_out.csv. Neither is part of `all`.

# A threshold of the ear for each score: first that of queries, then others.
QUERY_THRESHOLDS = list(dict.fromkeys([config["ear"]["decoding"]["queries"], *config["referring"]["thresholds"]]))
REFERRING = ("results/tables/referring{}.csv", "results/figures/referring{}.pdf", "results/figures/referring{}.png")


wildcard_constraints:
    held_out="(_held_out)?",


rule referring:
    """Make table and figure of how well queries in words find the sounds of the test mixes."""
    input:
        [path.format("") for path in REFERRING],
        "results/provenance.json",


rule referring_held_out:
    """Make the same for the queries that were held out."""
    input:
        [path.format("_held_out") for path in REFERRING],
        "results/provenance.json",


rule map_queries:
    """Find the classes of the ear for which each query stands."""
    input:
        ear=EAR,
        queries=f"{workflow.basedir}/workflow/resources/queries{{held_out}}.csv",
    output:
        "results/ear/queries{held_out}.json",
    log:
        "results/ear/logs/map_queries{held_out}.log",
    conda:
        "../../envs/train.yaml"
    params:
        event_labels=lambda wildcards: list(dict.fromkeys(label for base in HEARD for label in ear_names(config, base))),
        settings=MAPPING,
        code=code_digest("map_queries"),
    script:
        "../scripts/map_queries.py"


rule score_referring:
    """Segment the test mixes of a dataset with the untrained ear by all queries at once, at each threshold."""
    input:
        ear=EAR,
        classes=lambda wildcards: ear_classes(wildcards.base),
        answers="results/ear/queries{held_out}.json",
        audio="results/{base}/mixes/test/audio",
        plan="results/{base}/mixes/test/plan.tsv",
    output:
        "results/{base}/ear/queries{held_out}_events.tsv",
    log:
        "results/{base}/logs/score_referring{held_out}.log",
    conda:
        "../../envs/train.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        thresholds=QUERY_THRESHOLDS,
        code=code_digest("score_referring"),
    script:
        "../scripts/score_referring.py"


rule tabulate_referring:
    """Score the events of all queries against the sounds that they mean, and against controls."""
    input:
        answers="results/ear/queries{held_out}.json",
        found=expand("results/{base}/ear/queries{{held_out}}_events.tsv", base=HEARD),
        fixed=expand("results/{base}/ear/test_events.tsv", base=HEARD),
        events=expand("results/{base}/mixes/test/events.tsv", base=HEARD),
        plans=expand("results/{base}/mixes/test/plan.tsv", base=HEARD),
        recordings=[f"results/{recordings_of(config, base)}/recordings.tsv" for base in HEARD],
    output:
        table="results/tables/referring{held_out}.csv",
        page=report(
            "results/tables/referring{held_out}.html",
            caption="../report/referring_table.rst",
            category="Tables",
            labels={"result": "Queries in words{held_out}"},
        ),
    log:
        "results/tables/logs/tabulate_referring{held_out}.log",
    conda:
        "../../envs/train.yaml"
    params:
        datasets=HEARD,
        thresholds=QUERY_THRESHOLDS,
        scoring=SCORING,
        claims=claim_settings("level", "replicates", "seed"),
        code=code_digest("tabulate_referring"),
    script:
        "../scripts/tabulate_referring.py"


rule draw_referring:
    """Draw how well queries find what they mean, by kind of phrasing and class, and their false alarms."""
    input:
        "results/tables/referring{held_out}.csv",
    output:
        "results/figures/referring{held_out}.pdf",
        report(
            "results/figures/referring{held_out}.png",
            caption="../report/referring.rst",
            category="Figures",
            subcategory="Queries in words",
            labels={"result": "Queries in words{held_out}"},
        ),
    log:
        "results/figures/logs/draw_referring{held_out}.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=code_digest("draw_referring"),
    script:
        "../scripts/draw_referring.py"


rule tabulate_sounddescs:
    """Classify descriptions of recordings by their words alone, in several ways."""
    input:
        ear=EAR,
        descriptions=lambda wildcards: config["referring"]["sounddescs"] or [],
    output:
        "results/tables/sounddescs.csv",
    log:
        "results/tables/logs/tabulate_sounddescs.log",
    conda:
        "../../envs/train.yaml"
    params:
        names=config["ear"]["names"],
        seed=config["claims"]["seed"],
        code=code_digest("tabulate_sounddescs"),
    script:
        "../scripts/tabulate_sounddescs.py"
