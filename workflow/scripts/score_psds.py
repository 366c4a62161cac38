"""Compute the PSDS and the PSD-ROCs of runs, from their outputs for the test windows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from yoho import job
from yoho.events import merge_events, read_table
from yoho.scoring.presence import averaged_presence
from yoho.scoring.psds import Scenario, Truth, changes, curves, detections, interval, listed_detections, psds
from yoho.windows.targets import Decoder

EFFECTIVE = "effective"


def score_psds(files, made, *, runs, **settings):
    """Score runs one after another. files and made hold a path for each run; runs: the decodings of each."""
    for outputs, windows, psds_file, roc, own in zip(
        files.outputs, files.windows, made.psds, made.roc, runs, strict=True
    ):
        inputs = SimpleNamespace(outputs=outputs, windows=windows, events=files.events)
        score_run(inputs, SimpleNamespace(psds=psds_file, roc=roc), **own, **settings)


def score_run(files, made, *, event_labels, length, decoding, averaged, thresholds, scoring, resampling):
    """Write two tables with a row for each decoding and scenario, and for each corner of a curve.

    decoding: settings of the paper's decoding, `bins`, which is scored at the listed thresholds; averaged: those of the
    averaged one, which is scored at all thresholds; scoring: `scoring.psds` of the config; resampling: level,
    replicates and seed of the intervals over resampled mixes.
    """
    outputs, windows = np.load(files.outputs)["outputs"], read_table(files.windows)
    decoder = Decoder(event_labels, length, **decoding)
    names, edges, scores = zip(*averaged_presence(replace(decoder, averaged=averaged), outputs, windows))

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
    truth = Truth(*numbered(read_table(files.events)), np.array([end[-1] for end in edges]), len(event_labels))
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
    pd.DataFrame(rows).to_csv(made.psds, index=False, float_format="%.9g")
    pd.concat(corners).to_csv(made.roc, index=False, float_format="%.9g")


if __name__ == "__main__":
    job.start(snakemake)
    score_psds(snakemake.input, snakemake.output, **job.params(snakemake))
