"""Measure how fast YOHO and its rivals segment the same file, with random weights and in turns (claim C8)."""

import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from threadpoolctl import threadpool_limits

from yoho import job
from yoho.benchmarks.rival import save_random, speeds_in_turns
from yoho.figures.tables import write_results
from yoho.provenance import device_name
from yoho.segmenting.segmenter import Segmenter


def measure_rival(table, *, networks, event_labels, audio, repeats, seed, threads):
    with tempfile.TemporaryDirectory() as folder:
        path, segmenters, shared = Path(folder, "noise.wav"), {}, {}
        for number, (label, own) in enumerate(networks.items()):
            run = Path(folder, str(number))
            run.mkdir()
            save_random(run, own, event_labels, seed)
            decoding = "averaged" if "averaged" in own["settings"]["decoding"] else "bins"
            found = segmenters[label] = Segmenter.load(run, decoding=decoding, device="cpu", threads=threads)
            shared[label] = {"window_s": own["windows"]["length"], "hop_s": found.hop, "decoding": decoding}
        rate = next(iter(segmenters.values())).sample_rate
        samples = np.random.default_rng(seed).normal(0, 0.1, round(audio * rate))
        soundfile.write(path, samples, rate, "PCM_16")
        with threadpool_limits(1):  # Each thread computes alone.
            rows = speeds_in_turns(segmenters, path, audio, repeats)
    device = {"device": device_name(torch.device("cpu")), "threads": threads, "audio_s": audio}
    rows = [row | shared[row["network"]] | device for row in rows]
    write_results(table, rows, "%.5g", title="Speed of YOHO and its rivals")


if __name__ == "__main__":
    job.start(snakemake)
    measure_rival(snakemake.output.table, threads=snakemake.threads, **job.params(snakemake))
