"""The trained networks that the studies of a config need, each under a short stable name."""

from typing import NamedTuple

from datasets import DATA_KEYS, column_of, scored_windows

# Differences that do not change weights: how outputs are decoded, and which windows the validation loss uses.
AFTER_TRAINING = ("decode", "hop")

# Backbones whose pretrained weights are those of results/ear: see `yoho.networks.backbones.Backbone.from_ear`.
EAR_BACKBONES = ("yamnet",)

# Backbones without pretrained weights.
UNTRAINED_BACKBONES = ("mobilenet", "vggish", "vggish_linear")

# Short names of settings in the names of runs.
SHORT = {"learning_rate": "lr", "batch_size": "batch", "weight_decay": "decay"}


class Run(NamedTuple):
    """One trained network.

    name: the name of its folder, which lists only settings that differ from `training`, the dataset and the described
    reading. settings: the settings of its job: network, training, decoding, seed. columns: {difference: described or
    released}. front_end: the name of its front end.
    """

    name: str
    settings: dict
    columns: dict
    front_end: str

    @property
    def from_ear(self):
        """Whether the run starts from the weights of results/ear."""
        return self.settings["network"]["backbone"] in EAR_BACKBONES and self.settings["training"]["pretrained"]

    @property
    def images(self):
        """Name of the arrays from which the run learns: features, or the maps of a backbone that is wholly frozen.

        `yoho.training.fit.learns_on_maps` has the same condition.
        """
        on_maps = self.from_ear and self.settings["training"]["frozen"] == "backbone"
        return f"maps_{self.settings['network']['backbone']}" if on_maps else "features"


def make_run(config, entry, seed):
    """The Run for an entry of a study and one seed."""
    training, columns = config["training"], run_columns(config, entry)
    reading = {key: config["readings"][column][key] for key, column in columns.items()}
    own = {key: value for key, value in entry.items() if key in training and key not in columns}
    own = {key: value for key, value in own.items() if value != training[key]}
    front = entry.get("front_end", config["windows"]["front_end"])
    backbone = reading["vggish"] if entry["backbone"] == "vggish" else entry["backbone"]
    changed = {"augmentation": training["augmentation"] | reading["augmentation"]}
    changed |= {key: reading[key] for key in ("input", "l2")}
    if reading["start"] == "random":
        changed |= {"pretrained": False, "frozen": "none"}
    settings = {
        "network": {"backbone": backbone, "mask": entry["mask"], "masking": reading["masking"]},
        "training": training | own | changed,
        "decoding": decoding_settings(config, columns),
        "seed": seed,
    }
    parts = [entry["backbone"]] + ([f"mask_{entry['mask']}"] if entry["mask"] != "none" else [])
    parts += [front] if front != config["windows"]["front_end"] else []
    parts += [f"{SHORT.get(key, key)}_{value}" for key, value in sorted(own.items())]
    parts += [f"{key}_{column}" for key, column in differing_columns(config, entry, columns).items()]
    return Run("-".join([*parts, f"seed_{seed}"]), settings, columns, front)


def run_columns(config, entry):
    """The reading of each difference: the run's own, else the dataset's if it concerns the data, else described."""
    dataset, columns = config["datasets"][config["dataset"]], {}
    for key in config["readings"]["described"]:
        usual = column_of(dataset, key) if key in DATA_KEYS else "described"
        columns[key] = entry.get(key, entry.get("reading", usual))
    return columns


def differing_columns(config, entry, columns):
    """The readings that belong in a run's name: {difference, or "reading": described or released}."""
    usual = run_columns(config, {})
    differing = {key: column for key, column in columns.items() if column != usual[key]}
    if differing and "reading" in entry:
        others = {key: column for key, column in columns.items() if column != entry["reading"]}
        return {"reading": entry["reading"]} | others
    return differing


def decoding_settings(config, columns):
    """Settings for decoding the outputs of a run with these readings, with one threshold for all classes."""
    used = ("threshold", "merge_gap", *(["averaged"] if config["decoding"]["method"] == "averaged" else []))
    decoding = {key: config["decoding"][key] for key in used}
    return decoding | {"end_from": config["readings"][columns["decode"]]["decode"]}


def released_keys(config, entry):
    """The differences for which the entry of a run itself says released."""
    return [key for key in config["readings"]["described"] if entry.get(key, entry.get("reading")) == "released"]


def audit_sides(config, entry):
    """A run of the audit with its released keys as described, and as it is: {reading: entry}."""
    plain = {key: value for key, value in entry.items() if key != "reading"}
    return {"described": plain | dict.fromkeys(released_keys(config, entry), "described"), "released": entry}


def study_runs(study):
    """The entries of a study: as listed, or every mask of each cell with the cell's training settings."""
    if "runs" in study:
        return study["runs"]
    entries = []
    for cell in study["cells"]:
        training = {key: value for key, value in cell.items() if key != "masks"}
        label = ", ".join(f"{SHORT.get(key, key)} {value}" for key, value in training.items())
        entries += [
            {"label": f"{label}, mask {mask}", "backbone": study["backbone"], "mask": mask} | training
            for mask in cell["masks"]
        ]
    return entries


class Runs:
    """All runs of a config.

    named: {name: Run}; studies: {study: list of (label, name)}; audit: a row for each difference and seed, with label,
    seed, and the runs and decodings of both readings.
    """

    def __init__(self, config):
        self.config, self.named, self.audit = config, {}, []
        self.studies = {
            study: [(run["label"], self.add(run, seed)) for run in study_runs(settings) for seed in settings["seeds"]]
            for study, settings in config["studies"].items()
            if study != "audit"
        }
        self.studies["claims"] = self.add_claims()
        audit = config["studies"]["audit"]
        entries = [(run, seed) for run in audit["runs"] for seed in audit["seeds"]]
        self.studies["audit"] = [side for entry in entries for side in self.add_pair(*entry)]

    def add(self, entry, seed):
        """Add a run, and return its name."""
        run = make_run(self.config, entry, seed)
        return self.named.setdefault(run.name, run).name

    def add_pair(self, entry, seed):
        """Add a run of the audit, and the same run with its released keys as described: two pairs (label, name)."""
        row = {"label": entry["label"], "seed": seed}
        for side, own in audit_sides(self.config, entry).items():
            row[side] = self.add(own | dict.fromkeys(AFTER_TRAINING, "described"), seed)
            row[f"{side}_decoding"] = decoding_settings(self.config, run_columns(self.config, own))
        self.audit.append(row)
        return [(row["label"], row["described"]), (row["label"], row["released"])]

    def add_claims(self):
        """Add the networks that the claims compare: list of (role, name); empty if a label is unknown.

        The roles are those of `claims.networks`, and with the released L2 penalised_baseline and penalised_proposed.
        """
        study, labels = self.config["studies"]["networks"], self.config["claims"]["networks"]
        labelled = {run["label"]: run for run in study["runs"]}
        if any(labels[role] not in labelled for role in ("baseline", "vggish", "proposed")):
            return []
        entries = {role: labelled[labels[role]] for role in ("baseline", "vggish", "proposed")}
        entries["unmasked"] = entries["proposed"] | {"mask": "none"}
        entries |= {f"penalised_{role}": entries[role] | {"l2": "released"} for role in ("baseline", "proposed")}
        return [(role, self.add(run, seed)) for role, run in entries.items() for seed in study["seeds"]]

    def arms(self):
        """The networks that the claims compare: {role: label and runs, one run per seed}."""
        labels, arms = self.config["claims"]["networks"], {}
        for role, run in self.studies["claims"]:
            plain = role.removeprefix("penalised_")
            label = labels[role] if role in labels else f"{labels[plain]} with L2"
            arms.setdefault(role, {"label": label, "runs": []})["runs"].append(run)
        return arms

    def sizes(self):
        """Rows of results/tables/networks.csv that the claims compare: {role: backbone, mask, masking}."""
        return {role: list(self.network(arm["runs"][0]).values()) for role, arm in self.arms().items()}

    def counted(self):
        """The networks that results/tables/networks.csv counts: {backbone: start and front end of its first run}."""
        found = {}
        for name, run in self.named.items():
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

    def mask_cells(self):
        """The pairs of the mask study: a label, and label and runs with a mask and without."""
        study, cells, runs = self.config["studies"]["mask_study"], [], {}
        for label, run in self.studies["mask_study"]:
            runs.setdefault(label, []).append(run)
        for cell in study["cells"]:
            arms = {entry["mask"]: entry["label"] for entry in study_runs(study | {"cells": [cell]})}
            plain = arms.pop("none")
            for label in arms.values():
                arm = {"label": label, "runs": runs[label]}
                cells.append({"label": label, "masked": arm, "plain": {"label": plain, "runs": runs[plain]}})
        return cells

    def claim_seeds(self):
        """Number of seeds behind each claim that tests an equivalence."""
        networks, mask = (len(self.config["studies"][study]["seeds"]) for study in ("networks", "mask_study"))
        return {"C1": networks, "C5": mask, "C6": networks}

    def summary(self, name):
        """The settings in which the runs of a table differ."""
        settings = self.named[name].settings
        training = {key: settings["training"][key] for key in ("learning_rate", "schedule", "epochs")}
        return {"run": name, **settings["network"], **training, "seed": settings["seed"]}

    def of(self, *studies):
        """Names of the runs of one or more studies, each name once."""
        return list(dict.fromkeys(name for study in studies for _, name in self.studies[study]))

    def network(self, name):
        """The backbone, mask and masking of a run's network."""
        return self.named[name].settings["network"]

    def front_end(self, name):
        """The name and the settings of a run's front end."""
        own = self.named[name].front_end
        return {"name": own, **self.config["windows"]["front_ends"][own]}

    def training_data(self, dataset, name):
        """The dataset, or the variant of it, on which a run trains."""
        entry, columns = self.config["datasets"][dataset], self.named[name].columns
        switches = [f"{key}_{columns[key]}" for key in DATA_KEYS if columns[key] != column_of(entry, key)]
        return "-".join([dataset, *switches])

    def held_out(self, name):
        """The windows on which a run's validation loss is computed, as a key of `windows.hop`."""
        use = self.config["readings"][self.named[name].columns["hop"]]["hop"]
        return scored_windows(self.config) if use == "score" else use
