"""Tabulate the dataset: recordings, groups, clips and hours of each class and split."""

from yoho import job
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.mixes.clips import describe_dataset


def tabulate_dataset(recordings, table, *, dataset, cutting, event_labels):
    described = describe_dataset(read_table(recordings), **cutting, event_labels=event_labels)
    described.insert(0, "dataset", dataset)
    write_results(table, described, "%.4f", title="Recordings")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_dataset(snakemake.input[0], snakemake.output.table, **job.params(snakemake))
