"""The studies of a config: the runs that each figure and table needs, and the records of those that are finished."""

from functools import cached_property
from pathlib import Path

from datasets import APART, DATA_KEYS, column_of, portable, scored_windows, source_of
from runs import (
    AFTER_TRAINING,
    EAR_BACKBONES,
    SLOWEST_FIRST,
    audit_sides,
    decoding_settings,
    make_run,
    run_columns,
    study_runs,
)
from yoho import InputError
from yoho.claims.history import value_at
from yoho.provenance import digest
from yoho.scoring.records import TALLIES, read_about

# Settings of training that depend on the machine. A record counts whatever they were.
MACHINE = ("precision", "device", "deterministic", "graph", "compile", "kept")

# Settings that records made before them lack, by their keys joined by dots: the value that stands for what the code did
# then. A record without any other key of the config does not count.
ADDED = {"run.training.ema_decay": 0}

# The networks of the claims that `studies.networks` must have. The others are derived from them.
ROLES = ("baseline", "vggish", "proposed")


class Runs:
    """All runs of a config.

    named: {name: Run}; studies: {study: list of (label, name)}; audit: a row for each difference and seed, with label,
    seed, and the runs and decodings of both readings.
    """

    def __init__(self, config):
        self.config, self.named, self.audit = config, {}, []
        self.studies = {
            study: [pair for run in study_runs(settings) for pair in self.add_seeds(run["label"], run, settings)]
            for study, settings in config["studies"].items()
            if study not in ("audit", "search")
        }
        self.studies["claims"] = [
            pair
            for role, run in self.claimed().items()
            for pair in self.add_seeds(role, run, config["studies"]["networks"])
        ]
        self.studies["search"] = self.add_search()
        audit = config["studies"]["audit"]
        entries = [(run, seed) for run in audit["runs"] for seed in run.get("seeds", audit["seeds"])]
        self.studies["audit"] = [side for entry in entries for side in self.add_pair(*entry)]

    # ---- studies -----------------------------------------------------------------------------------------------------

    def add(self, entry, seed):
        """Add a run, and return its name."""
        run = make_run(self.config, entry, seed)
        return self.named.setdefault(run.name, run).name

    def add_seeds(self, label, entry, study):
        """Add a run for each of its seeds, or else of its study's: pairs (label, name)."""
        return [(label, self.add(entry, seed)) for seed in entry.get("seeds", study["seeds"])]

    def add_pair(self, entry, seed):
        """Add a run of the audit, and the same run with its released keys as described: two pairs (label, name)."""
        row = {"label": entry["label"], "seed": seed}
        for side, own in audit_sides(self.config, entry).items():
            row[side] = self.add(own | dict.fromkeys(AFTER_TRAINING, "described"), seed)
            row[f"{side}_decoding"] = decoding_settings(self.config, run_columns(self.config, own))
        self.audit.append(row)
        return [(row["label"], row["described"]), (row["label"], row["released"])]

    def claimed(self):
        """The networks that the claims compare: {role: entry}, in the order of training; empty if a label is unknown.

        The roles are those of `claims.networks`. If no run has the label of a derived one, its entry is that of the
        network from which it differs in a single setting.
        """
        labels = self.config["claims"]["networks"]
        labelled = {run["label"]: run for run in self.config["studies"]["networks"]["runs"]}
        if any(labels[role] not in labelled for role in ROLES):
            return {}
        entries = {role: labelled[labels[role]] for role in ROLES}
        derived = {
            "unmasked": entries["proposed"] | {"mask": "none"},
            "vggish_released": entries["vggish"] | {"vggish": "released"},
        }
        entries |= {role: labelled.get(labels[role], entry) for role, entry in derived.items()}
        return {role: entries[role] for role in ("baseline", "proposed", "unmasked", "vggish", "vggish_released")}

    def add_search(self):
        """Add the claims' networks with every learning rate of the search: pairs (label, name).

        The proposed network without its mask takes the rate of that with it.
        """
        search, labels = self.config["studies"]["search"], self.config["claims"]["networks"]
        own = {key: value for key, value in search.items() if key in self.config["training"]}
        return [
            (labels[role], self.add(entry | own | {"learning_rate": rate}, seed))
            for role, entry in self.claimed().items()
            if role != "unmasked"
            for rate in search["learning_rates"]
            for seed in search["seeds"]
        ]

    def of(self, *studies):
        """Names of the runs of one or more studies, each name once."""
        return list(dict.fromkeys(name for study in studies for _, name in self.studies[study]))

    def longest_first(self):
        """Names of all runs in the order of training: the longest first, so that no core idles while it ends."""
        order = {backbone: place for place, backbone in enumerate(SLOWEST_FIRST)}
        usual = order["efficientnet"]
        return sorted(self.named, key=lambda name: order.get(self.network(name)["backbone"], usual))

    # ---- claims ------------------------------------------------------------------------------------------------------

    def arm(self, label, names):
        """Networks of one setting: {"label", "runs": {seed: name}}, in the order of the seeds."""
        return {"label": label, "runs": dict(sorted((self.named[name].seed, name) for name in names))}

    def arms(self):
        """The networks that the claims compare, {role: `arm`}."""
        labels, runs = self.config["claims"]["networks"], {}
        for role, name in self.studies["claims"]:
            runs.setdefault(role, []).append(name)
        return {role: self.arm(labels[role], names) for role, names in runs.items()}

    def unlabelled(self):
        """Yield a line for each network of the claims whose label no run has."""
        labels, known = self.config["claims"]["networks"], {label for label, _ in self.studies["networks"]}
        for role in ROLES:
            if labels[role] not in known:
                yield f"claims.networks.{role}: no run of studies.networks has the label {labels[role]!r}; add this run"

    def undecidable(self):
        """Yield a line for each reason why the runs of this config cannot decide the claims, whatever their scores."""
        yield from self.unlabelled()
        arms, networks = self.arms(), {}
        for role, arm in arms.items():
            run = self.named[next(iter(arm["runs"].values()))]
            mask = run.settings["network"]["mask"]
            if role in ("proposed", "unmasked") and (mask == "none") == (role == "proposed"):
                wrong = "has no mask" if mask == "none" else f"has the mask {mask}"
                yield f"claims.networks.{role}: {arm['label']!r} {wrong}; name another run of studies.networks"
            what = repr((run.settings | {"seed": None}, [run.columns[key] for key in DATA_KEYS]))
            if (first := networks.setdefault(what, role)) != role:
                yield f"claims.networks: {first} and {role} are the same network, {arm['label']!r}; name another run"
        for claim, seeds in self.claim_seeds().items():
            if arms and not seeds and self.config["claims"]["missing"] == "train":
                study = "mask_study" if claim == "C5" else "networks"
                yield f"studies.{study}: the networks that {claim} compares share no seed; give them the same seeds"

    def sizes(self):
        """Rows of results/tables/networks.csv that the claims compare: {role: backbone, mask, masking}."""
        return {
            role: list(self.network(next(iter(arm["runs"].values()))).values()) for role, arm in self.arms().items()
        }

    def mask_cells(self):
        """The pairs of the mask study: a label, and the `arm` with a mask and that without."""
        study, cells, runs = self.config["studies"]["mask_study"], [], {}
        for label, run in self.studies["mask_study"]:
            runs.setdefault(label, []).append(run)
        for cell in study["cells"]:
            labels = {entry["mask"]: entry["label"] for entry in study_runs(study | {"cells": [cell]})}
            arms = {mask: self.arm(label, runs[label]) for mask, label in labels.items()}
            plain = arms.pop("none")
            cells += [{"label": arm["label"], "masked": arm, "plain": plain} for arm in arms.values()]
        return cells

    def claim_seeds(self):
        """Number of seeds behind each claim whose power is computed: of several pairs, those that all of them have."""
        arms, cells = self.arms(), self.mask_cells()

        def shared(*compared):
            return len(set.intersection(*(set(arm["runs"]) for arm in compared)))

        compared = {
            "C1": ("proposed", "baseline"),
            "C6": ("proposed", "unmasked"),
            "C7": ("proposed", "baseline", "vggish", "vggish_released"),
        }
        found = {claim: shared(*(arms[role] for role in roles)) if arms else 0 for claim, roles in compared.items()}
        return found | {"C5": shared(*(cell[side] for cell in cells for side in ("masked", "plain")))}

    # ---- records -----------------------------------------------------------------------------------------------------

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
        hop = {use: config["windows"]["hop"][use] for use in ("train", scored_windows(config))}
        return {
            "run": run.settings | {"training": training},
            "readings": {key: config["readings"][column][key] for key, column in run.columns.items()},
            "dataset": {key: value for key, value in portable(dataset).items() if value not in (None, False)},
            "mixes": config["mixes"],
            "windows": {"length": config["windows"]["length"], "bins": config["windows"]["bins"], "hop": hop},
            "front_end": self.front_end(name),
            "scoring": {key: value for key, value in config["scoring"].items() if key not in APART},
        }

    def grid(self):
        """The settings that the scores of the claims' runs depend on: {keys of the config, joined by slashes: value}.

        Settings of other datasets, front ends and studies, and those of the machine, are left out.
        """
        config, front_end = self.config, self.config["windows"]["front_end"]
        paths = ["dataset", f"datasets/{config['dataset']}", "mixes", "readings", f"windows/front_ends/{front_end}"]
        paths += [f"windows/{key}" for key in ("length", "bins", "hop", "front_end")]
        paths += [f"studies/{study}" for study in ("networks", "mask_study")]
        for section, others in (("training", MACHINE), ("decoding", ("thresholds",)), ("scoring", APART)):
            paths += [f"{section}/{key}" for key in config[section] if key not in others]
        return {path: value_at(config, path) for path in paths}

    # ---- one run -----------------------------------------------------------------------------------------------------

    def counted(self):
        """The networks that results/tables/networks.csv counts: {backbone: start and front end of its first run}."""
        found = {}
        # Images of several front ends have the same shape, so their study adds no row.
        for name in self.of(*(study for study in self.studies if study != "front_ends")):
            run = self.named[name]
            front_end = {key: value for key, value in self.front_end(name).items() if key != "name"}
            own = {"pretrained": run.settings["training"]["pretrained"], "front_end": front_end}
            found.setdefault(run.settings["network"]["backbone"], own)
        return dict(sorted(found.items()))

    def measured(self):
        """The networks of Figures 4 and 5 that fit the images of `windows.front_end`: {label: settings}."""
        windows = self.config["windows"]
        unfit = set(EAR_BACKBONES) - {windows["front_ends"][windows["front_end"]]["kind"]}
        settings = {label: self.named[run].settings for label, run in self.studies["networks"]}
        return {label: own for label, own in settings.items() if own["network"]["backbone"] not in unfit}

    def of_front_ends(self):
        """The runs of the study of front ends: a list of {label, run, seed, front_end}."""
        named = [(label, name, self.named[name]) for label, name in self.studies["front_ends"]]
        return [
            {"label": label, "run": name, "seed": run.seed, "front_end": run.front_end} for label, name, run in named
        ]

    def summary(self, name):
        """The settings in which the runs of a table differ."""
        settings = self.named[name].settings
        training = {key: settings["training"][key] for key in ("learning_rate", "schedule", "epochs")}
        return {"run": name, **settings["network"], **training, "seed": settings["seed"]}

    def network(self, name):
        """The backbone, mask and masking of a run's network."""
        return self.named[name].settings["network"]

    def front_end(self, name):
        """The name and the settings of a run's front end."""
        own = self.named[name].front_end
        return {"name": own, **self.config["windows"]["front_ends"][own]}

    def decodings(self, name):
        """Settings of both decodings of a run: {"decoding": by bins, "averaged": its own, or else the config's}."""
        own = self.named[name].settings["decoding"]
        averaged = own.get("averaged") or self.config["decoding"]["averaged"]
        return {"decoding": own | {"averaged": None}, "averaged": averaged}

    def training_data(self, dataset, name):
        """The dataset, or the variant of it, on which a run trains."""
        entry, run = self.config["datasets"][dataset], self.named[name]
        switches = [f"seed_{run.seed}"] if entry.get("anew") else []
        switches += [f"{key}_{run.columns[key]}" for key in DATA_KEYS if run.columns[key] != column_of(entry, key)]
        return "-".join([dataset, *switches])

    def drawn_anew(self, dataset):
        """What each training seed of a dataset draws for itself: True for recordings and mixes, "mixes", or False."""
        entry = self.config["datasets"][dataset]
        if not entry.get("anew"):
            return False
        return True if source_of(entry).anew(entry["recordings"], 0) else "mixes"

    def held_out(self, name):
        """The windows on which a run's validation loss is computed, as a key of `windows.hop`."""
        use = self.config["readings"][self.named[name].columns["hop"]]["hop"]
        return scored_windows(self.config) if use == "score" else use


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
