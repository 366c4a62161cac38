"""One trained network: its settings, and a short stable name, from an entry of a study and a seed."""

from typing import NamedTuple

from datasets import DATA_KEYS, column_of

# Differences that do not change weights: how outputs are decoded, and which windows the validation loss uses.
AFTER_TRAINING = ("decode", "hop")

# Backbones whose pretrained weights are those of results/ear: see `yoho.networks.backbones.Backbone.from_ear`.
EAR_BACKBONES = ("yamnet",)

# Backbones without pretrained weights.
UNTRAINED_BACKBONES = ("mobilenet", "vggish", "vggish_linear", "crnn")

# Backbones by the time that their training takes for a window, see config/README.md, "How long it takes".
# Any other takes about as long as EfficientNet.
SLOWEST_FIRST = ("vggish_linear", "vggish", "efficientnet", "crnn", "mobilenet", "yamnet")

# Backbones that no neck follows, so that a mask has a single place: see `yoho.networks.backbones.Backbone.neck`.
NECKLESS_BACKBONES = ("vggish", "vggish_linear", "crnn")

# Backbones that classify frames: see `yoho.networks.backbones.Backbone.by_frame`.
FRAME_BACKBONES = ("crnn",)

# A placebo of the audit is trained with this number added to its seed.
PLACEBO = 1000

# Short names of settings in the names of runs.
SHORT = {"learning_rate": "lr", "batch_size": "batch", "weight_decay": "decay", "ema_decay": "ema"}


class Run(NamedTuple):
    """One trained network.

    name: the name of its folder, which lists only settings that differ from `training`, the dataset and the described
    reading. settings: the settings of its job: network, training, decoding, seed (of its weights and of their
    training). columns: {difference: described or released}. front_end: the name of its front end. seed: that of its
    study, with which a dataset may draw training data anew. windows: the name of its windows in `windows.others`, None
    for the usual ones.
    """

    name: str
    settings: dict
    columns: dict
    front_end: str
    seed: int
    windows: str | None

    @property
    def from_ear(self):
        """Whether the run starts from the weights of results/ear."""
        return self.settings["network"]["backbone"] in EAR_BACKBONES and self.settings["training"]["pretrained"]

    @property
    def scored(self):
        """The windows on which the run is scored, as a key of `windows.hop`."""
        return "averaged" if "averaged" in self.settings["decoding"] else "score"

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
    windows = entry.get("windows")
    other = config["windows"]["others"].get(windows, {})
    backbone = reading["vggish"] if entry["backbone"] == "vggish" else entry["backbone"]
    changed = {"augmentation": training["augmentation"] | reading["augmentation"]}
    changed |= {key: reading[key] for key in ("input", "l2")}
    if reading["start"] == "random":
        changed |= {"pretrained": False, "frozen": "none"}
    settings = {
        "network": {"backbone": backbone, "mask": entry["mask"], "masking": reading["masking"]},
        "training": training | own | changed,
        "decoding": decoding_settings(config, columns) | other.get("decoding", {}),
        "seed": seed + (PLACEBO if "placebo" in entry else 0),
    }
    parts = [entry["backbone"]] + ([f"mask_{entry['mask']}"] if entry["mask"] != "none" else [])
    parts += [front] if front != config["windows"]["front_end"] else []
    parts += [windows] if windows else []
    parts += [f"{SHORT.get(key, key)}_{value}" for key, value in sorted(own.items())]
    parts += [f"{key}_{column}" for key, column in differing_columns(config, entry, columns).items()]
    parts += ["placebo"] if "placebo" in entry else []
    return Run("-".join([*parts, f"seed_{seed}"]), settings, columns, front, seed, windows)


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
    plain = {key: value for key, value in entry.items() if key not in ("reading", "placebo")}
    return {"described": plain | dict.fromkeys(released_keys(config, entry), "described"), "released": entry}


def study_runs(study):
    """The entries of a study: as listed, or every mask of each cell with the cell's training settings."""
    entries = []
    for cell in study.get("cells", []):
        training = {key: value for key, value in cell.items() if key not in ("masks", "seeds")}
        label = ", ".join(f"{SHORT.get(key, key)} {value}" for key, value in training.items())
        own = training | {"backbone": study["backbone"], "seeds": cell.get("seeds", study["seeds"])}
        entries += [{"label": f"{label}, mask {mask}", "mask": mask} | own for mask in cell["masks"]]
    return [*entries, *study.get("runs", [])]
