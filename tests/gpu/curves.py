"""Save the curves of running trainings in one table. For tests/gpu/run.sh:

    python tests/gpu/curves.py RESULTS CURVES COMMAND...

While the command runs, CURVES is rewritten whenever a checkpoint under RESULTS changes. It has a row for each run and
epoch, as in history.csv, which an interrupted training does not write.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pandas as pd
import torch


def main(results, curves, *command):
    """Run the command; returns its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # The command gets the signal too and ends by itself.
    with subprocess.Popen(command) as process:
        seen, running = {}, True
        while running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
                running = False  # Look at the checkpoints once more.
            found = {path: path.stat().st_mtime_ns for path in sorted(Path(results).glob("*/runs/*/checkpoint.pt"))}
            if found != seen:
                seen = found
                try:
                    write(found, Path(curves))
                except Exception as error:  # No error here may stop the training.
                    print(f"{curves}: not written ({error!r})", flush=True)
    return process.returncode


def write(checkpoints, curves):
    """Replace the table by the histories of these checkpoints."""
    histories = {}
    for path in checkpoints:
        state = torch.load(path, weights_only=True, mmap=True, map_location="cpu")["state"]
        histories[path.parent.name] = pd.DataFrame(state["done"]["history"])
    part = curves.with_suffix(".part")
    pd.concat(histories, names=["run"]).droplevel(1).to_csv(part, float_format="%.9g")
    part.replace(curves)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
