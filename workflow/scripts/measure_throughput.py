"""Measure training, inference and features against plain code for the same work, as ratios in the same run."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from yoho import job
from yoho.benchmarks.throughput import compare, measure_features, measure_network, peak, train_together, write_windows
from yoho.events import read_table
from yoho.networks.device import choose_device, device_name
from yoho.windows.cutting import window_onsets
from yoho.windows.front_ends import LogMel

COLUMNS = ["stage", "network", "hop", "device", "threads", "runs", "precision", "plain_windows_per_s", "windows_per_s"]
COLUMNS += ["ratio", "ratio_low", "ratio_high", "share_of_peak", "max_difference_db"]


def measure_throughput(files, table, *, networks, device, windows, features, sample_rate, throughput):
    chosen, rows, peaks = choose_device(**device), [], {}
    with tempfile.TemporaryDirectory() as folder:
        arrays = [np.load(path, mmap_mode="r") for path in (files.features, files.targets)]
        write_windows(Path(folder), *arrays, throughput["windows"][chosen.type])
        (_, frames, n_mels), (_, bins, values) = (array.shape for array in arrays)
        sizes = {"pretrained": False, "classes": values // 3, "frames": frames, "n_mels": n_mels, "bins": bins}
        for label, run in job.progress(networks.items(), desc="networks"):
            call = (run["network"] | sizes, Path(folder), run["training"], throughput)
            for row in network_rows(call, chosen):
                rows.append({"network": label, "device": device_name(chosen)} | row)
                kind = row["precision"], row["threads"]
                reached = peak(chosen, *kind, throughput["matrix"][chosen.type], throughput["repeats"])
                peaks[kind] = max(reached, peaks.get(kind, 0))
                write(rows, peaks, table)
    plan = read_table(files.plan).groupby("filename", sort=False)["offset"].max().iloc[: throughput["mixes"]]
    length = windows["length"]
    for hop in windows["hop"].values():
        onsets = {Path(files.audio, name): window_onsets(end, length, hop) for name, end in plan.items()}
        calls = [(LogMel(sample_rate, **features), path, begins, length) for path, begins in onsets.items()]
        # In a process of its own with one thread, as the windows are made.
        (row,) = job.spread(measure_features, [(calls, throughput["repeats"])], 1, f"features, hop {hop} s")
        rows.append({"hop": hop, "device": device_name(torch.device("cpu"))} | row)
        write(rows, peaks, table)


def write(rows, peaks, table):
    """Write the rows that there are; a measurement that is cut short leaves those before it."""
    measured = pd.DataFrame(rows).reindex(columns=[*COLUMNS, "operations"])
    most = [peaks.get((row.precision, row.threads)) for row in measured.itertuples()]
    measured["share_of_peak"] = measured["windows_per_s"] * measured["operations"] / np.array(most, float)
    measured[COLUMNS].to_csv(table, index=False, float_format="%.4g")


def network_rows(call, device):
    """Yield the rows of a network: of one training, then of some at once."""
    rows = measure_network(*call, device)
    first = next(rows)
    yield first
    yield from rows
    for runs in call[-1]["at_once"]:
        yield first | together(runs, call)


def together(runs, call):
    """Some trainings at once, a process each, against one alone with as many threads as all of them together."""
    with tempfile.TemporaryDirectory() as meeting:
        calls = [(number, meeting, runs, *call) for number in range(runs)]
        rates = np.array(list(job.spread(train_together, calls, runs, f"{runs} trainings at once")))
    threads = runs * call[-1]["threads"]
    return {"stage": "trainings at once", "runs": runs, "threads": threads} | compare(rates[:, 1].sum(0), rates[0, 0])


if __name__ == "__main__":
    job.start(snakemake)
    measure_throughput(snakemake.input, snakemake.output[0], **job.params(snakemake))
