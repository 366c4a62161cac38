"""Export a trained network with its front end to an ONNX file."""

from pathlib import Path

from yoho import job
from yoho.networks.export import export_from_waveform


def export_network(files, target):
    export_from_waveform(Path(files.weights).parent, target)


if __name__ == "__main__":
    job.start(snakemake)
    export_network(snakemake.input, snakemake.output[0])
