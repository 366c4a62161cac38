"""Make the ear, a network that segments audio before any training, in results/ear/."""

from pathlib import Path

from yoho import InputError, job
from yoho.networks.making import make_ear

if __name__ == "__main__":
    job.start(snakemake)
    params = job.params(snakemake)
    folder = Path(snakemake.output.weights).parent
    try:
        make_ear(folder, params["path"], params["downloads"], job.say, params["settings"])
    except InputError as error:
        todo = "add config/three-networks.yaml to --configfile"
        raise InputError(f"{error}; or train the paper's networks, which need no ear: {todo}") from error
