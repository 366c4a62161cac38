"""The runs of a config, and the records of those that are finished."""

from functools import cached_property
from pathlib import Path

from studies import Studies

from datasets import APART, portable, scoring_settings
from yoho import InputError
from yoho.claims.history import value_at
from yoho.provenance import digest
from yoho.scoring.records import TALLIES, read_about

# Settings of training that depend on the machine. A record counts whatever they were.
MACHINE = ("precision", "device", "deterministic", "graph", "compile", "kept")

# Settings that records made before them lack, by their keys joined by dots: the value that stands for what the code did
# then. A record without any other key of the config does not count.
ADDED = {"run.training.ema_decay": 0, "run.training.loss": "yoho"}


class Runs(Studies):
    """All runs of a config, and which of the claims' runs have a record that counts."""

    def study(self):
        """Names of the runs behind the claims, seed by seed; in each seed, first those of C1, C2 and C6."""
        return sorted(self.of("claims", "mask_study"), key=lambda name: self.named[name].seed)

    @cached_property
    def kept(self):
        """The kept records that count, {name of the run: path}."""
        folder = self.config["claims"]["records"]
        paths = {name: f"{folder}/{name}.zip" for name in self.of("claims", "mask_study", "search")} if folder else {}
        return {name: path for name, path in paths.items() if Path(path).exists() and not self.objection(name, path)}

    @cached_property
    def refused(self):
        """The kept records of the claims' runs that do not count, {name of the run: why}."""
        folder = self.config["claims"]["records"]
        paths = {name: f"{folder}/{name}.zip" for name in self.study() if name not in self.kept} if folder else {}
        return {name: self.objection(name, path) for name, path in paths.items() if Path(path).exists()}

    @cached_property
    def test(self):
        """The sha256 of the test mixes' plan and true events on which records must rest; None if it is unknown yet."""
        mixes = Path("results", self.config["dataset"], "mixes", "test")
        files = [mixes / "plan.tsv", mixes / "events.tsv"]
        there = all(file.exists() for file in files)
        return self.config["claims"]["test"] or (digest(files) if there else None)

    def objection(self, name, path):
        """Why the record of a run does not count: what is not as the config has it; empty if it counts."""
        try:
            about = read_about(path)
        except InputError as error:
            return str(error)
        found = differences(about["settings"], self.recorded(name))
        others = {"name of the run": about["run"] != name, "test mixes": self.test not in (None, about["test"])}
        others["definition of the tallies"] = about.get("tallies", 1) != TALLIES
        return ", ".join(found + [what for what, other in others.items() if other])

    def recorded(self, name):
        """The settings by which the record of a run counts: all that shape its scores, except code and machine."""
        config, run = self.config, self.named[name]
        dataset = config["datasets"][config["dataset"]]
        training = {key: value for key, value in run.settings["training"].items() if key not in MACHINE}
        windows = self.windows(name)
        hop = {use: windows["hop"][use] for use in ("train", run.scored)}
        return {
            "run": run.settings | {"training": training},
            "readings": {key: config["readings"][column][key] for key, column in run.columns.items()},
            "dataset": {key: value for key, value in portable(dataset).items() if value not in (None, False)},
            "mixes": config["mixes"],
            "windows": windows | {"hop": hop},
            "front_end": self.front_end(name),
            "scoring": scoring_settings(config),
        }

    def grid(self):
        """The settings that the scores of the claims' runs depend on: {keys of the config, joined by slashes: value}.

        Settings of other datasets, front ends and studies, and those of the machine, are left out.
        """
        config, front_end = self.config, self.config["windows"]["front_end"]
        paths = ["dataset", f"datasets/{config['dataset']}", "mixes", "readings", f"windows/front_ends/{front_end}"]
        paths += [f"windows/{key}" for key in ("length", "bins", "hop", "front_end")]
        paths += [f"studies/{study}" for study in ("networks", "mask_study")]
        # Before the loss became a setting, every run had that of the paper.
        usual = ("loss",) if config["training"]["loss"] == ADDED["run.training.loss"] else ()
        for section, others in (("training", MACHINE + usual), ("decoding", ("thresholds",)), ("scoring", APART)):
            paths += [f"{section}/{key}" for key in config[section] if key not in others]
        return {path: value_at(config, path) for path in paths}


def differences(record, config, prefix=""):
    """The keys, joined by dots, in which a record's settings are not those of the config: see ADDED."""
    found = []
    for key in sorted(record.keys() | config.keys()):
        name = f"{prefix}{key}"
        one, other = record.get(key, ADDED.get(name)), config.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found += differences(one, other, f"{name}.")
        elif one != other:
            found.append(name)
    return found
