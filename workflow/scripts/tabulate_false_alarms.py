"""Tabulate false alarms: events that each network finds in silence, noise, room tone and sounds of other classes."""

from pathlib import Path

from yoho import job
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.recordings.background import KINDS, TESTED, make_background
from yoho.recordings.splits import BACKGROUND, background_kind
from yoho.scoring.false_alarms import false_alarms
from yoho.segmenting.tested import tested_segmenter


def tabulate_false_alarms(files, table, threads, *, labels, names, **background):
    """labels: of the networks of each dataset, in the order of the files; names: see `tested_segmenter`."""
    tables = [read_table(path) for path in files.recordings]
    heard = []
    for number, recordings in enumerate(tables if files.ear else ()):
        classes = files.classes[number] if files.classes else None
        segmenter = tested_segmenter(Path(files.ear[0]).parent, classes, names, threads=threads)
        heard.append(("untrained ear", segmenter, recordings))
    for number, path in enumerate(files.runs):
        segmenter = tested_segmenter(Path(path).parent, threads=threads)
        heard.append((labels[number % len(labels)], segmenter, tables[number // len(labels)]))
    results = {}
    for label, segmenter, recordings in job.progress(heard, desc="networks"):
        for kind, duration, events in in_background(segmenter, **background):
            results.setdefault((label, kind), []).append((duration, events))
        for kind, duration, events in in_recordings(segmenter, recordings[recordings["split"] == "test"]):
            results.setdefault((label, kind), []).append((duration, events))
    rows = [{"network": label, "kind": kind} | false_alarms(of_kind) for (label, kind), of_kind in results.items()]
    write_results(table, rows, "%.5g")


def in_background(segmenter, *, sample_rate, recordings, duration, level, seed):
    """Yield (kind, duration, events found) for recordings of background; level: see `make_background`."""
    for position, kind in enumerate(KINDS):
        for index in range(recordings):
            samples = make_background(kind, (seed, position, index, TESTED), duration, level, sample_rate)
            yield kind, duration, segmenter(samples, sample_rate)


def in_recordings(segmenter, recordings):
    """Yield the same for recordings: of classes, without the events of their own class, and one's own background."""
    quiet = recordings["event_label"] == BACKGROUND
    own = quiet & (background_kind(recordings) == "own")
    for kind, rows in {"other classes": recordings[~quiet], "own": recordings[own]}.items():
        for row in rows.drop_duplicates("path").itertuples():
            duration, events = segmenter.file(row.path)
            yield kind, duration, events[events["event_label"] != row.event_label]


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_false_alarms(snakemake.input, snakemake.output[0], snakemake.threads, **job.params(snakemake))
