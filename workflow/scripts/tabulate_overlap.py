"""Score networks on overlapping sounds: by the number of sounds at once, and by the difference of their levels."""

from itertools import islice

import numpy as np

from yoho import job
from yoho.claims.statistics import estimated, interval
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.scoring.overlap import Scene
from yoho.scoring.tallies import field_recordings


def tabulate_overlap(files, table, *, networks, event_labels, resolution, edges, claims):
    """Write a row for each network and group of segments; see `Scene.groups`.

    networks: (label, dataset of its training, folders of its seeds); files.predictions: the events of all of them, in
    this order. The intervals have the coverage 1 - 2 `claims.level`, and cover other seeds and other field recordings.
    """
    plan = field_recordings(read_table(files.plan), read_table(files.recordings))
    scene = Scene(plan, read_table(files.events), read_table(files.levels), event_labels, resolution, edges)
    groups, strata, predictions = scene.groups(), scene.recordings.to_numpy(), iter(files.predictions)
    rows = []
    for label, dataset, folders in networks:
        seeds = [scene.tallies(read_table(path), groups) for path in islice(predictions, len(folders))]
        for group, sums in zip(groups, np.stack(seeds, axis=1)):  # (seeds, recordings, 4)
            estimate = estimated(sums, group.score, strata, claims)
            low, high = interval(estimate, 1 - 2 * claims["level"])
            about = dict.fromkeys(("kind", "sounds", "level_from", "level_to")) | group.about
            sizes = {"segments": int(group.chosen.any(axis=1).sum()), "recordings": int(sums[0].any(axis=1).sum())}
            score = {"seeds": len(folders), "value": estimate.value, "low": low, "high": high}
            rows.append({"network": label, "dataset": dataset} | about | sizes | score)
    write_results(table, rows, "%.6g", title="Scores of overlapping sounds")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_overlap(snakemake.input, snakemake.output.table, **job.params(snakemake))
