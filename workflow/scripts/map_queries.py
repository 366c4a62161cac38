"""Find the classes of the ear for which each query of a table stands."""

import json
from pathlib import Path

import pandas as pd

from yoho import InputError, job
from yoho.events import read_table
from yoho.networks.run_folder import read_description
from yoho.referring.mapping import Mapper


def map_queries(files, target, *, event_labels, settings):
    """Write a list of queries, each with its event_label, its kind and its classes, {name: similarity}.

    A query that is refused has no classes. The queries are those that mean one of the event_labels. For comparison, the
    own name of a class follows without a kind if the table lacks it.
    """
    folder = Path(files.ear[0]).parent
    description = read_description(folder)
    mapper = Mapper(description["event_labels"], description["descriptions"], (), settings, folder)
    table = read_table(files.queries, sep=",")
    table = table[table["event_label"].isin(event_labels)]
    if table.empty:
        labels = ", ".join(event_labels)
        raise InputError(
            f"{files.queries}: no query means a class of the datasets ({labels}); add config/rotations.yaml"
        )
    labels = table["event_label"].drop_duplicates()
    names = pd.DataFrame({"query": labels.str.replace("_", " "), "event_label": labels, "kind": ""})
    table = pd.concat([table, names[~names["query"].isin(table["query"])]])
    rows = [row | {"classes": classes_of(row["query"], mapper)} for row in table.to_dict("records")]
    Path(target).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def classes_of(query, mapper):
    """The classes for which a query stands, {name: similarity}; none if the query is refused."""
    try:
        return mapper(query)
    except InputError as refused:
        print(refused)
        return {}


if __name__ == "__main__":
    job.start(snakemake)
    map_queries(snakemake.input, snakemake.output[0], **job.params(snakemake))
