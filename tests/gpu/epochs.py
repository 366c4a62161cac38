"""Compute how many epochs fit into the remaining time. For tests/gpu/run.sh:

    python tests/gpu/epochs.py setting KEY.KEY CONFIG...    # a setting of merged configs
    python tests/gpu/epochs.py next ROUNDS LEFT MOST        # epochs to reach in the next round, or 0 if no more fit

A round trains every network to the same number of epochs. The file ROUNDS has a line for each round: this number and
the seconds that the round took. LEFT: remaining seconds; MOST: epochs of the config.
"""

import sys
from pathlib import Path

import yaml

USED = 0.9  # of the remaining time, since rounds differ in speed


def setting(keys, *configs):
    """The value of a key ("training.epochs") in the last config that has it."""
    found = None
    for config in configs:
        value = yaml.safe_load(Path(config).read_text())
        for key in keys.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        found = found if value is None else value
    return found


def next_epochs(rounds, left, most):
    """Epochs that every network can reach in one more round; 0 if no more epoch fits.

    rounds: [(epochs reached, seconds taken)]; left: remaining seconds.
    A round takes a fixed time and a time for each epoch. After one round, all of its time is attributed to the epochs,
    which overestimates theirs. Two rounds separate the two times.
    """
    reached = [0] + [epochs for epochs, _ in rounds]
    trained = [after - before for before, after in zip(reached, reached[1:])]
    took = [max(seconds, 1) for _, seconds in rounds]
    each, fixed = took[-1] / trained[-1], 0.0
    if len(rounds) > 1:
        more, longer = trained[-1] - trained[-2], took[-1] - took[-2]
        if more * longer > 0:  # The round with more epochs took longer.
            each = min(each, longer / more)
            fixed = took[-1] - each * trained[-1]
    epochs = min(reached[-1] + int((USED * left - fixed) / each), most)
    return epochs if epochs > reached[-1] else 0


def main(task, *arguments):
    if task == "setting":
        return setting(*arguments)
    file, left, most = arguments
    rounds = [tuple(map(int, line.split())) for line in Path(file).read_text().splitlines()]
    return next_epochs(rounds, int(left), int(most))


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
