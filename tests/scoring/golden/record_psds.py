"""Record PSD-ROCs and PSDS of sed_scores_eval in psds.npz; README.md says how to run it."""

import sys
from pathlib import Path

import numpy as np
from sed_scores_eval.base_modules.scores import create_score_dataframe
from sed_scores_eval.intersection_based import psds

SCENARIOS = {
    "1": {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "alpha_st": 1.0},
    "2": {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3, "alpha_ct": 0.5, "alpha_st": 1.0},
    "mixed": {"dtc_threshold": 0.5, "gtc_threshold": 0.6, "cttc_threshold": 0.2, "alpha_ct": 1.0, "alpha_st": 0.0},
}


def random_case(seed, files=4, classes=3, cells=240, step=0.25, noise=0.6):
    """Scores that follow random events, and noise: scores of each file (cells, classes), events, step, s."""
    rng = np.random.default_rng(seed)
    scores, events = [], []
    for file in range(files):
        length = cells - 7 * file
        clear = np.zeros((length, classes))
        for label in range(classes):
            onset = 0.0
            while (onset := onset + rng.uniform(3, 60)) < length * step - 1:
                offset = round(min(onset + rng.uniform(0.5, 6), length * step), 3)
                events.append((file, round(onset, 3), offset, label))
                clear[int(onset / step) : int(np.ceil(offset / step)), label] = rng.uniform(0.3, 1)
                onset = offset
        noisy = clear + noise * rng.random(clear.shape)
        scores.append(np.float64(np.float16(np.apply_along_axis(np.convolve, 0, noisy, np.ones(3) / 3, "same"))))
    return scores, events, step


def cases():
    """Yield name, scores, events and step of every case."""
    scores, events, step = random_case(0)
    yield "random", scores, events, step
    yield "difficult", *random_case(1, files=6, classes=4, noise=1.3)
    yield "noise", *random_case(1, noise=3.0)
    yield "ties", [np.round(part * 4) / 4 for part in scores], events, step
    yield "constant", [np.full_like(part, 0.5) for part in scores], events, step
    yield "nothing_found", [np.zeros_like(part) for part in scores], events, step
    yield "no_true_event_of_a_class", scores, [event for event in events if event[3] != 1], step
    yield "no_true_event_in_a_file", scores, [event for event in events if event[0] != 2], step
    found = [np.zeros_like(part) for part in scores]
    whole = [(file, 0.0, len(part) * step, file % 2) for file, part in enumerate(scores)]
    whole += [(file, 0.0, step * 8, 2) for file in range(len(scores))]
    whole += [(file, (len(part) - 8) * step, len(part) * step, 2) for file, part in enumerate(scores)]
    for file, onset, offset, label in whole:
        found[file][round(onset / step) : round(offset / step), label] = 0.875
    yield "all_found", found, whole, step
    yield "events_touch_the_ends", scores, whole, step
    yield "one_class", [part[:, :1] for part in scores], [event for event in events if event[3] == 0], step
    again = [0, 0, 3, 2]
    repeated = [(new, *event[1:]) for new, file in enumerate(again) for event in events if event[0] == file]
    yield "resampled", [scores[file] for file in again], repeated, step
    if len(sys.argv) > 1:
        yield "trained", *trained_case(*sys.argv[1:])


def trained_case(presence, table):
    """The averaged presence of a trained network, every twentieth cell of 0.01 s, and the true events of its mixes."""
    kept = np.load(presence)
    names = sorted({key.partition("|")[0] for key in kept})
    rows = [line.split("\t") for line in Path(table).read_text().splitlines()[1:]]
    labels = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]
    scores = [np.float64(np.float16(kept[f"{name}|scores"][10::20])) for name in names]
    step, events = 0.2, []
    for name, onset, offset, label in rows:
        file = names.index(name)
        end = min(float(offset), len(scores[file]) * step)
        if float(onset) < end:
            events.append((file, float(onset), end, labels.index(label)))
    return scores, merged(events), step


def merged(events):
    """Events of one file and class that touch, joined."""
    joined = []
    for event in sorted(events, key=lambda event: (event[0], event[3], event[1])):
        last = joined[-1] if joined else (None,) * 4
        if (last[0], last[3]) == (event[0], event[3]) and event[1] <= last[2] + 1.5e-6:
            joined[-1] = (last[0], last[1], max(last[2], event[2]), last[3])
        else:
            joined.append(event)
    return joined


def record(scores, events, step):
    """What sed_scores_eval gives for the classes that have true events, {scenario/what: array}; it refuses others."""
    labels = sorted({int(event[3]) for event in events})
    classes = [f"c{label}" for label in labels]
    frames, truth, durations = {}, {}, {}
    for file, part in enumerate(scores):
        name = f"f{file}"
        frames[name] = create_score_dataframe(part[:, labels], np.arange(len(part) + 1) * step, classes)
        truth[name] = [(onset, offset, f"c{label:g}") for own, onset, offset, label in events if own == file]
        durations[name] = len(part) * step
    found = {}
    for scenario, settings in SCENARIOS.items():
        if len(classes) == 1 and settings.get("alpha_ct"):
            continue  # It has no other class, and the mean of no cross-trigger rates is nan there.
        value, single, (rates, false_rates), curves = psds(frames, truth, durations, **settings)
        found[f"{scenario}/psds"] = np.array([value, *(single[name] for name in classes)])
        found[f"{scenario}/roc"] = np.array([false_rates, rates])
        for label, name in zip(labels, classes):
            found[f"{scenario}/roc_{label}"] = np.array([curves[name][1], curves[name][0]])
    return found


if __name__ == "__main__":
    kept = {}
    for name, scores, events, step in cases():
        events = np.array(events, float).reshape(-1, 4)
        inputs = {"scores": np.concatenate(scores).astype(np.float16), "cells": np.array(list(map(len, scores)))}
        assert (np.concatenate(scores) == inputs["scores"]).all()
        found = record(scores, events, step)
        kept |= {f"{name}/{key}": value for key, value in (inputs | {"events": events, "step": step} | found).items()}
        print(name, *(f"{key} {value[0]:.6f}" for key, value in found.items() if key.endswith("psds")))
    np.savez_compressed(Path(__file__).with_name("psds.npz"), **kept)
