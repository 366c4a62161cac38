# Makes results/tables/{audit,mask_study,front_ends,search,power,claims}.csv, results/figures/{audit,mask_study}.*,
# results/figures/front_ends.* and results/claims.md from the runs of the audit, the mask study, the front ends, the
# search and the claims, and keeps records of finished runs. None of these is part of `all`.
from yoho.provenance import commit


rule audit:
    """Make a table and a figure of the effect of each difference between the readings."""
    input:
        "results/tables/audit.csv",
        multiext("results/figures/audit", ".pdf", ".png"),
        "results/provenance.json",


rule mask_study:
    """Make a table and a figure of every run of the mask study; Figure 6 is a part of this study."""
    input:
        "results/tables/mask_study.csv",
        multiext("results/figures/mask_study", ".pdf", ".png"),
        "results/provenance.json",


rule front_ends:
    """Make a table and a figure of the scores of YOHO on images of several front ends, and of their cost."""
    input:
        "results/tables/front_ends.csv",
        multiext("results/figures/front_ends", ".pdf", ".png"),
        "results/provenance.json",


rule claims:
    """Make the verdicts on all claims of the paper."""
    input:
        "results/claims.md",
        "results/tables/claims.csv",
        "results/tables/power.csv",
        "results/provenance.json",


rule study:
    """Train the runs of the claims that have no kept record, seed by seed, and keep a record of each."""
    input:
        claimed(lambda wildcards: listed("study", runs.study())),


rule search:
    """Train the claims' networks at every learning rate of the search, and tabulate their validation scores."""
    input:
        claimed(lambda wildcards: listed("search", runs.of("search")), runs.unlabelled),
        "results/tables/search.csv",
        "results/provenance.json",


rule keep_record:
    """Keep the record of a finished run in the folder of records, before another training starts."""
    input:
        f"results/{DATASET}/runs/{{run}}/record.zip",
    output:
        f"{RECORDS}/{{run}}.zip",
    log:
        "results/tables/logs/keep_record_{run}.log",
    wildcard_constraints:
        run="|".join(re.escape(run) for run in runs.named if run not in runs.kept) if RECORDS else "(?!)",
    priority: 1
    localrule: True
    conda:
        "../../envs/plot.yaml"
    shell:
        "cp {input} {output}.part 2> {log} && mv {output}.part {output}"


rule tabulate_audit:
    """Score both sides of every difference on the same test mixes."""
    input:
        outputs=of_runs("test_outputs.npz", "audit"),
        windows=f"results/{DATASET}/windows/test/{SCORED}/windows.tsv",
        targets=f"results/{DATASET}/windows/test/{SCORED}/targets.npy",
        plan=f"results/{DATASET}/mixes/test/plan.tsv",
        recordings=f"results/{recordings_of(config, DATASET)}/recordings.tsv",
        events=f"results/{DATASET}/mixes/test/events.tsv",
    output:
        table="results/tables/audit.csv",
        page=report(
            "results/tables/audit.html",
            caption="../report/audit_table.rst",
            category="Studies",
            subcategory="Audit",
            labels={"result": "Audit: table"},
        ),
    log:
        "results/tables/logs/tabulate_audit.log",
    conda:
        "../../envs/train.yaml"
    params:
        audit={"runs": runs.of("audit"), "pairs": runs.audit},
        claims=claim_settings("level", "replicates", "seed"),
        event_labels=shown_labels,
        window_length=config["windows"]["length"],
        scoring=SCORING,
        code=code_digest("tabulate_audit"),
    script:
        "../scripts/tabulate_audit.py"


rule draw_audit:
    """Draw the effects that the audit found."""
    input:
        "results/tables/audit.csv",
    output:
        "results/figures/audit.pdf",
        report(
            "results/figures/audit.png",
            caption="../report/audit.rst",
            category="Studies",
            subcategory="Audit",
            labels={"result": "Audit: figure"},
        ),
    log:
        "results/figures/logs/draw_audit.log",
    conda:
        "../../envs/plot.yaml"
    params:
        level=config["claims"]["level"],
        code=code_digest("draw_audit"),
    script:
        "../scripts/draw_audit.py"


rule tabulate_mask_study:
    """Tabulate F1, data loss and learning curve of every run of the mask study (paper 4.3.3)."""
    input:
        records("mask_study"),
    output:
        table="results/tables/mask_study.csv",
        page=report(
            "results/tables/mask_study.html",
            caption="../report/mask_study_table.rst",
            category="Studies",
            subcategory="Mask study",
            labels={"result": "Mask study: table"},
        ),
    log:
        "results/tables/logs/tabulate_mask_study.log",
    conda:
        "../../envs/train.yaml"
    params:
        runs=[runs.summary(run) for run in runs.of("mask_study")],
        bins=config["windows"]["bins"],
        code=code_digest("tabulate_mask_study"),
    script:
        "../scripts/tabulate_mask_study.py"


rule draw_mask_study:
    """Draw F1 over the epochs for every cell and position; Figure 6 is the cell with learning rate 0.0001, constant."""
    input:
        records("mask_study"),
    output:
        "results/figures/mask_study.pdf",
        report(
            "results/figures/mask_study.png",
            caption="../report/mask_study.rst",
            category="Studies",
            subcategory="Mask study",
            labels={"result": "Mask study: figure"},
        ),
    log:
        "results/figures/logs/draw_mask_study.log",
    conda:
        "../../envs/plot.yaml"
    params:
        runs=runs.studies["mask_study"],
        code=code_digest("draw_mask_study"),
    script:
        "../scripts/draw_mask_study.py"


rule tabulate_front_ends:
    """Compare the scores of YOHO on images of several front ends, on the same seeds and test recordings."""
    input:
        records=of_runs("record.zip", "front_ends"),
        psds=f"results/{DATASET}/psds/front_ends.csv",
        costs="results/tables/front_end_costs.csv",
    output:
        table="results/tables/front_ends.csv",
        page=report(
            "results/tables/front_ends.html",
            caption="../report/front_ends_table.rst",
            category="Studies",
            subcategory="Front ends",
            labels={"result": "Front ends: table"},
        ),
    log:
        "results/tables/logs/tabulate_front_ends.log",
    conda:
        "../../envs/train.yaml"
    params:
        runs=runs.of_front_ends(),
        claims=claim_settings("level", "replicates", "seed"),
        collar=config["scoring"]["collar"],
        code=code_digest("tabulate_front_ends"),
    script:
        "../scripts/tabulate_front_ends.py"


rule draw_front_ends:
    """Draw the scores and the cost of the front ends."""
    input:
        "results/tables/front_ends.csv",
    output:
        "results/figures/front_ends.pdf",
        report(
            "results/figures/front_ends.png",
            caption="../report/front_ends.rst",
            category="Studies",
            subcategory="Front ends",
            labels={"result": "Front ends: figure"},
        ),
    log:
        "results/figures/logs/draw_front_ends.log",
    conda:
        "../../envs/plot.yaml"
    params:
        level=config["claims"]["level"],
        code=code_digest("draw_front_ends"),
    script:
        "../scripts/draw_front_ends.py"


rule tabulate_power:
    """Compute the power of the configured seeds, and the deviations between those that have a kept record.

    The power depends on the config alone and can be read before any result.
    """
    input:
        claimed(lambda wildcards: [path for run, path in runs.kept.items() if run in runs.of("claims", "mask_study")]),
    output:
        table="results/tables/power.csv",
        page=report(
            "results/tables/power.html",
            caption="../report/power.rst",
            category="Claims",
            labels={"result": "What the seeds can decide"},
        ),
    log:
        "results/tables/logs/tabulate_power.log",
    conda:
        "../../envs/train.yaml"
    params:
        arms=runs.arms(),
        cells=runs.mask_cells(),
        claims=config["claims"],
        seeds=runs.claim_seeds(),
        code=code_digest("tabulate_power"),
    script:
        "../scripts/tabulate_power.py"


rule decide_claims:
    """Decide every claim of the paper on the configured dataset."""
    input:
        records=claimed(records("claims", "mask_study")),
        networks="results/tables/networks.csv",
        power="results/tables/power.csv",
        speeds="results/tables/rival.csv" if runs.rivals() else [],
        plan=[] if config["claims"]["test"] else f"results/{DATASET}/mixes/test/plan.tsv",
        events=[] if config["claims"]["test"] else f"results/{DATASET}/mixes/test/events.tsv",
    output:
        table="results/tables/claims.csv",
        page="results/claims.md",
        html=report(
            "results/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"result": "Verdicts on the paper's claims"},
        ),
    log:
        "results/tables/logs/decide_claims.log",
    conda:
        "../../envs/train.yaml"
    params:
        arms=runs.arms(),
        networks=runs.sizes(),
        cells=runs.mask_cells(),
        claims=config["claims"],
        dataset=DATASET,
        source=config["datasets"][DATASET]["source"],
        bins=config["windows"]["bins"],
        data=source_of(config["datasets"][DATASET]).sounds,
        # In the order in which Snakemake merges them: its own list begins with the last.
        configs=[str(Path(path).resolve()) for path in [workflow.configfiles[-1], *workflow.overwrite_configfiles]],
        test=config["claims"]["test"],
        grid=runs.grid(),
        refused=runs.refused,
        # The page shows the history of the repository, so it is made again after each commit.
        code=f"{code_digest('decide_claims')} {commit()}",
    script:
        "../scripts/decide_claims.py"


rule tabulate_search:
    """Tabulate the validation scores of the search's runs after their last epoch."""
    input:
        claimed(records("search"), runs.unlabelled),
    output:
        table="results/tables/search.csv",
        page=report(
            "results/tables/search.html",
            caption="../report/search.rst",
            category="Studies",
            subcategory="Search",
            labels={"result": "Search of learning rates"},
        ),
    log:
        "results/tables/logs/tabulate_search.log",
    conda:
        "../../envs/plot.yaml"
    params:
        runs=[{"label": label} | runs.summary(run) for label, run in runs.studies["search"]],
        code=code_digest("tabulate_search"),
    script:
        "../scripts/tabulate_search.py"
