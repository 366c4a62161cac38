"""Make the summary page of an archive, and for each class a page that plays its most certain events."""

import json
from pathlib import Path

from yoho import job
from yoho.archives.excerpts import page_name, write_class_page
from yoho.archives.plan import PLAN, path_in, read_list
from yoho.archives.settings import SETTINGS, read_settings
from yoho.archives.summary import write_summary
from yoho.archives.tables import shown
from yoho.events import read_table
from yoho.segmenting.writing import FORMS


def show_archive(plan, certain, page, classes, *, audio, form):
    folder, classes = Path(page).parent, Path(classes)
    classes.mkdir(exist_ok=True)
    certain = read_table(certain, sep=",")
    certain["path"] = paths_of(certain, folder, audio)
    for label, rows in certain.groupby("event_label"):
        for fault in write_class_page(classes / page_name(label), label, rows):
            print(fault)
    name = Path(json.loads(Path(plan).read_text())["audio"]).resolve().name
    network = read_settings(folder / SETTINGS)["network"]
    write_summary(folder, name, network, FORMS[form].suffix)


def paths_of(certain, folder, audio):
    """The paths of the files of some events; the lists of their shards have the names as they are."""
    names, paths = set(certain["filename"]), {}
    for shard in certain["shard"].unique():
        entries = read_list(folder / PLAN / f"{shard}.jsonl")
        paths |= {name: path_in(audio, entry.name) for entry in entries if (name := shown(entry.name)) in names}
    return [paths[name] for name in certain["filename"]]


if __name__ == "__main__":
    job.start(snakemake)
    given = snakemake.input
    show_archive(given.plan, given.certain, *snakemake.output, **job.params(snakemake))
