"""Measure the speed, the stages, the start-up and the memory of segmenting, and compare it with its plain reference."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from threadpoolctl import threadpool_limits

from yoho import job
from yoho.audio import read_audio
from yoho.benchmarks.realtime import agreement, measure_file
from yoho.figures.tables import write_results
from yoho.provenance import device_name
from yoho.segmenting.segmenter import DECODINGS, Segmenter

SCRIPT = Path(__file__).with_name("segment_audio.py")
PART = 120  # s of audio for the plain path, which takes longer
FILES = 8  # files of PART seconds in one call
LONG = 7200  # s of audio with which the memory for PART seconds is compared


def measure_segmenting(files, table, *, labels, audio, repeats, threads):
    paths = sorted(Path(files.audio).glob("*.flac"))
    rows, shared = [], {"device": device_name(torch.device("cpu")), "threads": threads}
    with tempfile.TemporaryDirectory() as folder:
        lengths = {"whole": audio, "part": min(audio, PART), "long": min(60 * audio, LONG), "blink": 1}
        sounds = {name: Path(folder, f"{name}.wav") for name in lengths}
        for name, length in lengths.items():
            write_repeated(sounds[name], paths, length)
        copies = [Path(folder, f"copy-{number}.wav") for number in range(FILES)]
        for copy in copies:
            copy.hardlink_to(sounds["part"])
        measured = [(*each, decoding) for each in zip(labels, files.runs) for decoding in DECODINGS]
        for label, description, decoding in job.progress(measured, desc="networks"):
            run = Path(description).parent
            fast, plain = (
                Segmenter.load(run, decoding=decoding, device=device, threads=threads)
                for device in ("cpu", "reference")
            )
            row = {"network": label, "decoding": decoding} | shared | {"audio_s": audio}
            with threadpool_limits(1):  # In both paths, each thread computes alone.
                row |= measure_file(fast, sounds["whole"], plain, sounds["part"], repeats)
            row |= agreement(fast, plain, (read_audio(path)[0] for path in paths))
            started = [run_command(run, [sounds["blink"]], decoding, 1, threads) for _ in range(repeats)]
            row["start_up_s"] = np.median([seconds for seconds, _ in started])
            took, _ = run_command(run, copies, decoding, threads, threads)
            row["files_times_real_time"] = FILES * lengths["part"] / took
            for name in ("part", "long"):
                row[f"memory_{name}_mb"] = run_command(run, [sounds[name]], decoding, 1, threads)[1]
            rows.append(row)
            write_results(table, rows, "%.5g")


def write_repeated(path, sources, length):
    """Write a 16-bit mono .wav file of a length in seconds: the audio of some files, repeated as often as needed."""
    tape, sample_rate = zip(*(read_audio(source) for source in sources))
    tape = np.concatenate(tape)
    with soundfile.SoundFile(path, "w", sample_rate[0], 1, "PCM_16") as file:
        left = round(length * sample_rate[0])
        while left > 0:
            file.write(tape[:left])
            left -= len(tape[:left])


# A small process starts the command and prints its peak memory: the system also counts the memory of the process that
# becomes the command.
STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)
"""


def run_command(run, paths, decoding, jobs, cores):
    """Seconds of the command, with its start, for some files in `jobs` processes, and the peak MB of the largest."""
    command = [sys.executable, "-c", STARTER, sys.executable, SCRIPT, *paths, "--weights", run]
    command += ["--output", paths[0].parent / "events", "--decoding", decoding, "--jobs", str(jobs)]
    env = os.environ | {"LOKY_MAX_CPU_COUNT": str(cores)}  # the limit that joblib's cpu_count obeys
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=sys.stderr, env=env, text=True)
    return time.perf_counter() - start, float(done.stdout)


if __name__ == "__main__":
    job.start(snakemake)
    measure_segmenting(snakemake.input, snakemake.output[0], threads=snakemake.threads, **job.params(snakemake))
