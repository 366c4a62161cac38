"""Segment audio files: find when classes sound, with a trained network.

This is a command (`segment_audio.py --help`) and the script of the rule `segment`.
"""

from yoho.segmenting.start import start

if __name__ == "__main__" and "snakemake" not in globals():
    start()  # ends the process

from yoho import InputError, job
from yoho.segmenting.choice import choose_network
from yoho.segmenting.command import Options, segment_files
from yoho.segmenting.finding import find_audio
from yoho.segmenting.queries import Queries


def segment_audio(audio, folder, threads, *, weights, form, page, queries=(), referring=None):
    run, reason = (weights, "as the config says") if weights else choose_network("results")
    job.say(f"network: {run} ({reason})")
    queries = Queries.of(queries, referring) if queries else None
    options = Options(str(run), form, output=folder, page=page, queries=queries, jobs=threads, cores=threads)
    segmented, failed = segment_files(find_audio([audio]), options)
    if not segmented:
        raise InputError("no file could be segmented")
    job.say(f"{segmented} segmented, {failed} failed: {folder}")


if __name__ == "__main__":
    job.start(snakemake)
    params = {name: snakemake.params[name] for name in ("audio", "weights", "form", "page", "queries", "referring")}
    segment_audio(folder=snakemake.output[0], threads=snakemake.threads, **params)
