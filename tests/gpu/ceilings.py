"""Describe a machine in JSON, with the most operations and bytes per second that it reaches.

    PYTHONPATH=workflow/scripts python tests/gpu/ceilings.py ceilings.json [--device cpu]

Other rates of the machine can be compared with these. On a CPU, which serves as a rehearsal, the sizes are small.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path
from statistics import median

import torch

from yoho.provenance import device_name, versions

TURNS = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    arguments = parser.parse_args()
    found = machine(arguments.device) | ceilings(torch.device(arguments.device))
    arguments.file.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def machine(device):
    found = {
        "cpu": device_name(torch.device("cpu")),
        "cores": torch.multiprocessing.cpu_count(),
        "versions": versions() | {"torch": str(torch.__version__)},
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= {
            "gpu": properties.name,
            "gpu_memory": properties.total_memory,  # bytes
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "nvidia_smi": output_of("nvidia-smi"),
        }
    return found


def output_of(*command):
    """The lines that a program prints, or its error."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)


def ceilings(device):
    gpu = device.type == "cuda"
    size, copied = (8192, 2**30) if gpu else (512, 2**24)  # rows and columns; bytes
    rates = {}
    for kind in (torch.bfloat16, torch.float32):
        one, other = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
        rate = 2 * size**3 / seconds(lambda one=one, other=other: one @ other, device)
        rates[f"matrix_product_{str(kind).removeprefix('torch.')}"] = rate / 1e12  # 10^12 operations per second
    here = torch.ones(copied, dtype=torch.uint8)
    there, target = here.to(device), torch.empty_like(here, device=device)
    # Bytes read and bytes written both count.
    rates["copy_on_device"] = 2 * copied / seconds(lambda: target.copy_(there), device) / 1e9  # GB/s
    if gpu:
        rates["copy_to_device_pageable"] = copied / seconds(lambda: target.copy_(here), device) / 1e9
        pinned = here.pin_memory()
        rates["copy_to_device_pinned"] = copied / seconds(lambda: target.copy_(pinned), device) / 1e9
    return {"device": device.type, "tera_operations_and_gb_per_s": rates}


def seconds(action, device):
    """Median time of an action; the first call does not count."""
    times = []
    for _ in range(TURNS + 1):
        start = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return median(times[1:])


if __name__ == "__main__":
    main()
