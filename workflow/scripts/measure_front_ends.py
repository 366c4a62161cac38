"""Measure on one core how long each front end takes to make the images of one mix, in turns, and how large they are."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from yoho import job
from yoho.audio import read_audio, resampled
from yoho.benchmarks.throughput import duration
from yoho.figures.tables import write_results
from yoho.windows.cutting import first_samples, window_onsets
from yoho.windows.front_ends import build_front_end


def measure_front_ends(files, table, *, front_ends, length, hop, repeats):
    samples, sample_rate = read_audio(min(Path(files.audio).glob("*.flac")))
    seconds = len(samples) / sample_rate
    onsets, cpu = window_onsets(seconds, length, hop), torch.device("cpu")
    calls, rows = {}, []
    for name, settings in front_ends.items():
        own = build_front_end(**settings)
        sound = np.concatenate(list(resampled([samples], sample_rate, own.sample_rate)))
        first = first_samples(onsets, own.sample_rate)
        calls[name] = partial(own.images, sound, first, own.size(length), "single")
        rows.append({"front_end": name, "frames": own.frames(length), "bands": own.n_mels})
    with threadpool_limits(1):
        # The first turn warms up and does not count.
        taken = [[duration(call, cpu) for call in calls.values()] for _ in range(repeats + 1)][1:]
    for row, took in zip(rows, np.median(taken, axis=0)):
        row |= {"image_kb": 4 * row["frames"] * row["bands"] / 1000, "ms_per_window": 1000 * took / len(onsets)}
        row |= {"times_real_time": seconds / took, "windows": len(onsets), "turns": repeats}
    write_results(table, rows, "%.5g")


if __name__ == "__main__":
    job.start(snakemake)
    measure_front_ends(snakemake.input, snakemake.output[0], **job.params(snakemake))
