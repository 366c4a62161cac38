"""Make the ear, a network that segments audio before any training, in results/ear/."""

from pathlib import Path

from yoho import job
from yoho.networks.making import make_ear

if __name__ == "__main__":
    job.start(snakemake)
    params = job.params(snakemake)
    make_ear(Path(snakemake.output.weights).parent, params["path"], params["downloads"], job.say, params["settings"])
