# Segments the user's audio (config: audio), archives of thousands of files included, with a trained network or the ear,
# into results/segments/. A checkpoint lists an archive and splits it into shards, which are segmented one by one, each
# by a job that goes on where it was killed.
from datasets import trained_networks
from user_files import state_of_audio

ARCHIVE = "results/segments/{place}"
ARCHIVE_TABLES = [
    "events.parquet",
    "files.parquet",
    "failed.csv",
    "classes.csv",
    "calendar.csv",
    "certain.csv",
    "totals.json",
]


rule segment:
    """Segment the user's audio: tables of all events, a file of events for each audio file, and a summary page."""
    input:
        lambda wildcards: expand(
            f"{ARCHIVE}/{{file}}",
            place=audio_places(config.get("audio")),
            file=["plan.json", *ARCHIVE_TABLES, "index.html"],
        ),


checkpoint plan_archive:
    """Find the files of an archive, split them into shards, and choose the network."""
    input:
        ear_to_segment,
    output:
        f"{ARCHIVE}/plan.json",
    log:
        f"{ARCHIVE}/logs/plan_archive.log",
    conda:
        "../../envs/segment.yaml"
    resources:
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        audio=audio_of,
        files=lambda wildcards: state_of_audio(audio_of(wildcards)),
        weights=lambda wildcards: config.get("weights"),
        networks=trained_networks(config.get("weights")),
        shard=config["archives"]["shard"],
        segmenting=SEGMENTING,
        code=code_digest("plan_archive"),
    script:
        "../scripts/plan_archive.py"


rule segment_shard:
    """Segment the files of a shard that are not segmented yet."""
    input:
        # The checkpoint writes these files too, but only if they change, so that it lets only such shards run again.
        entries=f"{ARCHIVE}/plan/{{shard}}.jsonl",
        settings=f"{ARCHIVE}/settings.json",
    output:
        events=f"{ARCHIVE}/shards/{{shard}}.parquet",
        files=f"{ARCHIVE}/shards/{{shard}}.files.parquet",
    log:
        f"{ARCHIVE}/logs/{{shard}}.log",
    benchmark:
        f"{ARCHIVE}/logs/{{shard}}.tsv"
    conda:
        "../../envs/segment.yaml"
    threads: cores_of_shard
    resources:
        mem_mb=lambda wildcards, threads, attempt: (1500 + 500 * threads) * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        audio=audio_of,
        form=config["segmenting"]["form"],
        page=config["segmenting"]["page"],
        writing=code_digest("yoho.segmenting.writing", "yoho.segmenting.page", "yoho.archives.recorded"),
        code=code_digest("segment_shard"),
    script:
        "../scripts/segment_shard.py"


rule tabulate_archive:
    """Gather the events of all shards, and count what each class has."""
    input:
        plan=f"{ARCHIVE}/plan.json",
        events=lambda wildcards: shards_of(wildcards, "parquet"),
        files=lambda wildcards: shards_of(wildcards, "files.parquet"),
    output:
        multiext(f"{ARCHIVE}/", *ARCHIVE_TABLES),
    log:
        f"{ARCHIVE}/logs/tabulate_archive.log",
    conda:
        "../../envs/segment.yaml"
    resources:
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        certain=config["archives"]["certain"],
        code=code_digest("tabulate_archive"),
    script:
        "../scripts/tabulate_archive.py"


rule show_archive:
    """Make the summary page of an archive, and for each class a page that plays its most certain events."""
    input:
        multiext(f"{ARCHIVE}/", *ARCHIVE_TABLES),
        plan=f"{ARCHIVE}/plan.json",
        certain=f"{ARCHIVE}/certain.csv",
    output:
        f"{ARCHIVE}/index.html",
        directory(f"{ARCHIVE}/classes"),
    log:
        f"{ARCHIVE}/logs/show_archive.log",
    conda:
        "../../envs/segment.yaml"
    resources:
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        audio=audio_of,
        form=config["segmenting"]["form"],
        code=code_digest("show_archive"),
    script:
        "../scripts/show_archive.py"
