"""Count a training step's operators, arithmetic and bytes, and the most windows per second that they allow."""

import torch

from yoho import job
from yoho.benchmarks.operators import least_seconds, step_operators
from yoho.figures.tables import write_results
from yoho.networks.network import Network
from yoho.networks.sizes import window_sizes
from yoho.training.step import choose_precision
from yoho.windows.front_ends import build_front_end

PARTS = ("forward", "backward", "optimiser")

# An NVIDIA H100 in bfloat16: floating-point operations and bytes of memory, per second.
CARD = {"flops": 9.9e14, "bandwidth": 3.35e12}


def count_operators(table, *, networks, classes, windows, front_end, batch_size):
    front_end, rows = build_front_end(**front_end), []
    image = front_end.frames(windows["length"]), front_end.n_mels
    sizes = window_sizes(image, (windows["bins"], 3 * classes)) | {"pretrained": False}
    for label, run in job.progress(networks.items(), desc="networks"):
        arguments = run["network"] | sizes
        precision = choose_precision(Network(**arguments), torch.device("cuda"), run["training"]["precision"])
        settings = run["training"] | {"precision": precision, "batch_size": batch_size}
        operators = step_operators(arguments, settings)
        for part in (*PARTS, "step"):
            of_part = [one for one in operators if part in (one.part, "step")]
            rows.append(
                {"network": label, "batch_size": batch_size, "precision": precision, "part": part}
                | summary(of_part, batch_size, CARD)
            )
    write_results(table, rows, "%.4g")


def summary(operators, windows, card):
    """Columns that describe the operators for a batch of windows; arithmetic and bytes are per window."""
    flops, moved = sum(one.flops for one in operators), sum(one.moved for one in operators)
    kept = sum(one.moved for one in operators if not one.fusible)
    seconds = least_seconds(operators, card)
    return {
        "operators": len(operators),
        "fusible_operators": sum(one.fusible for one in operators),
        "gigaflops": flops / windows / 1e9,
        "megabytes": moved / windows / 1e6,
        "fused_megabytes": kept / windows / 1e6,
        "bound": "arithmetic" if flops / card["flops"] > moved / card["bandwidth"] else "memory",
    } | {f"{sense}_windows_per_s": round(windows / time) for sense, time in seconds.items()}


if __name__ == "__main__":
    job.start(snakemake)
    count_operators(snakemake.output[0], **job.params(snakemake))
