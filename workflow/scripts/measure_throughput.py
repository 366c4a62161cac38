"""Measure the speed of training, inference and front end as ratios to plain code for the same work."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from yoho import job
from yoho.benchmarks import throughput
from yoho.events import read_table
from yoho.figures.tables import write_results
from yoho.networks.device import choose_device
from yoho.networks.sizes import window_sizes
from yoho.provenance import device_name
from yoho.windows.cutting import window_onsets
from yoho.windows.front_ends import LogMel, build_front_end

COLUMNS = ["stage", "network", "hop", "device", "threads", "runs", "precision", "plain_windows_per_s", "windows_per_s"]
COLUMNS += ["ratio", "ratio_low", "ratio_high", "share_of_peak", "max_difference_db"]
MATRIX = {"cpu": 2048, "cuda": 8192}  # rows and columns of the matrices whose product gives a device's peak
MIXES = 2  # The front end is measured on the windows of so many mixes.


def measure_throughput(files, table, *, networks, device, windows, front_end, benchmarks):
    chosen, rows, peaks = choose_device(**device), [], {}
    with tempfile.TemporaryDirectory() as folder:
        arrays = [np.load(path, mmap_mode="r") for path in (files.features, files.targets)]
        throughput.write_windows(Path(folder), *arrays, benchmarks["windows"][chosen.type])
        sizes = window_sizes(*(array.shape[1:] for array in arrays)) | {"pretrained": False}
        for label, run in job.progress(networks.items(), desc="networks"):
            workload = throughput.Workload(run["network"] | sizes, Path(folder), run["training"], benchmarks)
            for row in network_rows(workload, chosen):
                rows.append({"network": label, "device": device_name(chosen)} | row)
                kind = row["precision"], row["threads"]
                reached = throughput.peak(chosen, *kind, MATRIX[chosen.type], benchmarks["repeats"])
                peaks[kind] = max(reached, peaks.get(kind, 0))
                write(rows, peaks, table)
    plan = read_table(files.plan).groupby("filename", sort=False)["offset"].max().iloc[:MIXES]
    front_end = build_front_end(**front_end)
    for hop in windows["hop"].values() if isinstance(front_end, LogMel) else ():  # librosa has no other kind
        onsets = {Path(files.audio, name): window_onsets(end, windows["length"], hop) for name, end in plan.items()}
        call = front_end, onsets, windows["length"], benchmarks["repeats"]
        # The front end runs in its own process with one thread, as when windows are made.
        (row,) = job.spread(throughput.measure_front_end, [call], 1, f"windows, hop {hop} s")
        rows.append({"hop": hop, "device": device_name(torch.device("cpu"))} | row)
        write(rows, peaks, table)


def write(rows, peaks, table):
    """Write the rows so far, so that an interrupted measurement leaves a table."""
    measured = pd.DataFrame(rows).reindex(columns=[*COLUMNS, "operations"])
    most = [peaks.get((row.precision, row.threads)) for row in measured.itertuples()]
    measured["share_of_peak"] = measured["windows_per_s"] * measured["operations"] / np.array(most, float)
    write_results(table, measured[COLUMNS], "%.4g")


def network_rows(workload, device):
    """Yield the rows of a network: of one training, then of several at once."""
    rows = throughput.measure_network(workload, device)
    first = next(rows)
    yield first
    yield from rows
    for runs in workload.benchmarks["at_once"]:
        yield first | together(runs, workload)


def together(runs, workload):
    """Compare trainings at once, each in its own process, with a single one that has the threads of all."""
    with tempfile.TemporaryDirectory() as meeting:
        calls = [(number, meeting, runs, workload) for number in range(runs)]
        spread = job.spread(throughput.train_together, calls, runs, f"{runs} trainings at once")
        rates = np.array(list(spread))
    threads = runs * workload.benchmarks["threads"]
    row = {"stage": "trainings at once", "runs": runs, "threads": threads}
    return row | throughput.compare(rates[:, 1].sum(0), rates[0, 0])


if __name__ == "__main__":
    job.start(snakemake)
    measure_throughput(snakemake.input, snakemake.output[0], **job.params(snakemake))
