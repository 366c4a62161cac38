"""Tabulate false alarms: the events that each network finds in silence, noise and room tone."""

from pathlib import Path

from yoho import job
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.recordings.background import KINDS, TESTED, make_background
from yoho.recordings.splits import BACKGROUND, background_kind
from yoho.scoring.false_alarms import false_alarms
from yoho.segmenting.segmenter import Segmenter


def tabulate_false_alarms(files, table, threads, *, labels, sample_rate, recordings, duration, level, seed):
    networks = {
        label: Segmenter.load(Path(description).parent, device="cpu", threads=threads)
        for label, description in zip(labels, files.runs)
    }
    listed = read_table(files.recordings)
    listed = listed[(listed["event_label"] == BACKGROUND) & (listed["split"] == "test")]
    own = listed.loc[background_kind(listed) == "own", "path"]
    results = {(label, kind): [] for label in networks for kind in [*KINDS, *(["own"] if len(own) else [])]}
    for position, kind in enumerate(job.progress(KINDS, desc="kinds of background")):
        for index in range(recordings):
            samples = make_background(kind, (seed, position, index, TESTED), duration, level, sample_rate)
            for label, segmenter in networks.items():
                results[label, kind].append((duration, segmenter(samples, sample_rate)))
    for path in own:
        for label, segmenter in networks.items():
            results[label, "own"].append(segmenter.file(path))
    rows = [{"network": label, "kind": kind} | false_alarms(of_kind) for (label, kind), of_kind in results.items()]
    write_results(table, rows, "%.5g")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_false_alarms(snakemake.input, snakemake.output[0], snakemake.threads, **job.params(snakemake))
