"""Keep the curves of trainings that go on, in one table. For tests/gpu/run.sh:

    python tests/gpu/curves.py RESULTS CURVES COMMAND...

CURVES is written anew whenever a checkpoint under RESULTS has changed while the command runs: a row for each run and
epoch, as in history.csv. A training that is cut short writes no history.csv, but it leaves these rows.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pandas as pd
import torch


def main(results, curves, *command):
    """Run the command; its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # The command gets it too, and is waited for.
    with subprocess.Popen(command) as process:
        seen, running = {}, True
        while running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
                running = False  # The checkpoints are looked at once more.
            found = {path: path.stat().st_mtime_ns for path in sorted(Path(results).glob("*/runs/*/checkpoint.pt"))}
            if found != seen:
                seen = found
                try:
                    write(found, Path(curves))
                except Exception as error:  # whatever it is, the training goes on
                    print(f"{curves}: not written ({error!r})", flush=True)
    return process.returncode


def write(checkpoints, curves):
    """Replace the table by the histories in some checkpoints."""
    histories = {}
    for path in checkpoints:
        state = torch.load(path, weights_only=True, mmap=True, map_location="cpu")["state"]
        histories[path.parent.name] = pd.DataFrame(state["done"]["history"])
    part = curves.with_suffix(".part")
    pd.concat(histories, names=["run"]).droplevel(1).to_csv(part, float_format="%.9g")
    part.replace(curves)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
