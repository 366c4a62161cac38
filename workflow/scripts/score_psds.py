"""Compute the PSDS and the PSD-ROCs of runs, from their outputs for the test windows."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import merge_events, read_table
from yoho.scoring.presence import averaged_presence
from yoho.scoring.psds import Scenario, Truth, changes, curves, detections, interval, listed_detections, psds
from yoho.windows.targets import Decoder

EFFECTIVE = "effective"


def score_psds(files, made, threads, *, runs, **settings):
    """Write two tables: a row for each run, decoding and scenario, and one for each corner of the curves.

    files: outputs and windows of each run; runs: {run: its decodings, and the length of its windows}.
    """
    paths = zip(files.outputs, files.windows, runs.values(), strict=True)
    calls = [(outputs, windows, files.events, own) for outputs, windows, own in paths]
    tables = zip(*job.spread(partial(score_run, **settings), calls, threads, "runs"))
    for path, own in zip((made.psds, made.roc), tables):
        table = pd.concat(dict(zip(runs, own)), names=["run"]).reset_index("run")
        table.to_csv(path, index=False, float_format="%.9g")


def score_run(outputs, windows, events, decodings, *, event_labels, thresholds, scoring, resampling):
    """The scores of a run and the corners of its curves, two tables; the first three are paths.

    decodings: `length` of the windows, s; `decoding`, settings of the paper's decoding, `bins`, which is scored at the
    listed thresholds; `averaged`, those of the averaged one, which is scored at all thresholds. scoring: `scoring.psds`
    of the config; resampling: level, replicates and seed of the intervals over resampled mixes.
    """
    outputs, windows, reference = np.load(outputs)["outputs"], read_table(windows), read_table(events)
    decoder = Decoder(event_labels, decodings["length"], **decodings["decoding"])
    names, edges, scores = zip(*averaged_presence(replace(decoder, averaged=decodings["averaged"]), outputs, windows))

    def numbered(events):
        """The number of each event's file and class, its onset and its offset; touching events are merged."""
        events = merge_events(events)
        numbers = (
            pd.Index(names).get_indexer(events["filename"]),
            pd.Index(event_labels).get_indexer(events["event_label"]),
        )
        return *numbers, events["onset"].to_numpy(float), events["offset"].to_numpy(float)

    thresholds = sorted(thresholds)
    events = [numbered(replace(decoder, threshold=threshold).events(outputs, windows)) for threshold in thresholds]
    found = {"averaged": detections(zip(edges, scores)), "bins": listed_detections(events, thresholds)}
    truth = Truth(*numbered(reference), np.array([end[-1] for end in edges]), len(event_labels))
    rows, corners = [], []
    for name, own in found.items():
        for number, settings in enumerate(scoring["scenarios"], 1):
            scenario = Scenario(**settings, e_max=scoring["e_max"])
            counts, rng = changes(own, truth, scenario), np.random.default_rng(resampling["seed"])
            low, high = interval(counts, scenario, rng, resampling["replicates"], resampling["level"])
            place = {"decoding": name, "scenario": number}
            rows.append(place | {"psds": psds(counts, scenario), "low": low, "high": high})
            for label, (reach, rates) in zip([EFFECTIVE, *event_labels], curves(counts, scenario)):
                columns = {"false_positives_per_hour": reach, "true_positive_rate": rates}
                corners.append(pd.DataFrame(place | {"event_label": label} | columns))
    return pd.DataFrame(rows), pd.concat(corners)


if __name__ == "__main__":
    job.start(snakemake)
    score_psds(snakemake.input, snakemake.output, snakemake.threads, **job.params(snakemake))
