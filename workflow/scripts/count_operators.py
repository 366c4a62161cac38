"""Count the operators, the arithmetic and the bytes of a training step, and the most windows per second they allow."""

import pandas as pd
import torch

from yoho import job
from yoho.benchmarks.operators import least_seconds, step_operators
from yoho.networks.network import Network
from yoho.training.step import choose_precision
from yoho.windows.front_ends import LogMel

PARTS = ("forward", "backward", "optimiser")


def count_operators(table, *, networks, classes, windows, features, sample_rate, batch_size, card):
    steps = LogMel(sample_rate, **features).frames(windows["length"])
    sizes = {"frames": steps, "n_mels": features["n_mels"], "bins": windows["bins"], "classes": classes}
    rows = []
    for label, run in job.progress(networks.items(), desc="networks"):
        description = run["network"] | sizes | {"pretrained": False}
        precision = choose_precision(Network(**description), torch.device("cuda"), run["training"]["precision"])
        settings = run["training"] | {"precision": precision, "batch_size": batch_size}
        operators = step_operators(description, settings)
        for part in (*PARTS, "step"):
            of_part = [one for one in operators if part in (one.part, "step")]
            rows.append(
                {"network": label, "batch_size": batch_size, "precision": precision, "part": part}
                | summary(of_part, batch_size, card)
            )
    pd.DataFrame(rows).to_csv(table, index=False, float_format="%.4g")


def summary(operators, windows, card):
    """Columns that describe some operators on a batch of windows: arithmetic and bytes are per window."""
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
