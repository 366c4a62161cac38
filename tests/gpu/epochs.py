"""How many epochs fit into the minutes that are left. For tests/gpu/run.sh:

    python tests/gpu/epochs.py setting KEY.KEY CONFIG...          # a setting of merged configs
    python tests/gpu/epochs.py watch TIMES COMMAND...             # run a round; write down when each epoch ends
    python tests/gpu/epochs.py next TIMES DONE SPENT LEFT MOST    # epochs to train to in the next round; 0: none fits

A round trains every network to one number of epochs. TIMES has a line for each epoch: the run, and when it ended (s).
DONE: epochs that every network has had; SPENT, LEFT: seconds, that the last round took and until the end; MOST: epochs
of the config.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

import yaml

# Shares by which a round may cost more than its forecast: what comes before and after the epochs, and the epochs.
OVERHEAD, EPOCHS = 1.2, 1.05


def setting(keys, *configs):
    """The value of a key ("training.epochs") in the last config that has it."""
    found = None
    for config in configs:
        value = yaml.safe_load(Path(config).read_text())
        for key in keys.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        found = found if value is None else value
    return found


def watch(file, *command):
    """Run a command, and append a line to a file whenever a checkpoint in results/ beside that file is replaced."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # of a time limit: the command gets it too, and is waited for
    start, seen = time.time(), {}
    with open(file, "w", buffering=1) as times, subprocess.Popen(command) as process:
        ended = False
        while not ended:
            ended = process.poll() is not None  # asked first: the last epoch is not missed
            for path in Path(file).parent.glob("results/*/runs/*/checkpoint.pt"):
                with suppress(FileNotFoundError):  # one that is refused is moved away
                    moment = path.stat().st_mtime
                    if moment > seen.get(path, start):
                        seen[path] = moment
                        times.write(f"{path.parent.name}\t{moment:.3f}\n")
            time.sleep(0.1)
    return process.returncode


def next_epochs(times, done, spent, left, most, at_once):
    """Epochs that the networks can have had after one more round; 0 where not one more fits.

    times: {run: times at which an epoch of it ended, s}; done: epochs of each network; spent: s, of the last round,
    which trained as many epochs as `times` holds; left: s; at_once: networks that are trained at the same time.
    """
    lengths = [median(b - a for a, b in zip(ends, ends[1:])) for ends in times.values() if len(ends) > 1]
    if not lengths:
        return 0
    epoch = max(max(lengths), sum(lengths) / at_once)
    overhead = max(spent - epoch * max(map(len, times.values())), 0)
    more = int((left - OVERHEAD * overhead) / (EPOCHS * epoch))
    return 0 if more < 1 or done >= most else min(done + more, most)


def read_times(file):
    times = {}
    for line in Path(file).read_text().splitlines():
        run, moment = line.split("\t")
        times.setdefault(run, []).append(float(moment))
    return times


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    if task == "setting":
        print(setting(*arguments))
    elif task == "watch":
        sys.exit(watch(*arguments))
    else:
        times, *numbers = arguments
        times = read_times(times)
        at_once = min(len(times), len(os.sched_getaffinity(0))) or 1
        print(next_epochs(times, *map(int, numbers), at_once=at_once))
