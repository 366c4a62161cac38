# Helpers of the rule files - the checked config, the runs of its studies, file names - and nothing else.
import re

from settings import Runs, check_config, code_digest, event_labels, source_files

check_config(config)

DATASET = config["dataset"]
runs = Runs(config)


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    split="train|valid|test",
    use="train|score",
    run="|".join(map(re.escape, runs.named)),


def dataset(wildcards):
    """Settings of the dataset that a path names."""
    return config["datasets"][wildcards.dataset]


def labels(wildcards):
    """Classes of the dataset that a path names."""
    return event_labels(dataset(wildcards))


def of_runs(file, *studies):
    """A file of every run that some studies of the configured dataset need."""
    return expand("results/{dataset}/runs/{run}/{file}", dataset=DATASET, run=runs.of(*studies), file=file)
