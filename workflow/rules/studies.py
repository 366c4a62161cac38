"""The studies of a config: the runs that each figure and table needs."""

from datasets import DATA_KEYS, column_of, segmenting_settings, source_of, window_settings
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

# The networks of the claims that `studies.networks` must have. The others are derived from them.
ROLES = ("baseline", "vggish", "proposed")


class Studies:
    """All runs of a config, by study.

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
            for study, entries in (("networks", self.claimed()), ("rival", self.rivals()))
            for role, run in entries.items()
            for pair in self.add_seeds(role, run, config["studies"][study])
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

    def rivals(self):
        """The networks with which claim C8 compares the baseline: {role: entry}; empty if no claim has its networks."""
        labels = self.config["claims"]["C8"]["networks"] if self.claimed() else {}
        labelled = {run["label"]: run for run in self.config["studies"]["rival"]["runs"]}
        return {role: labelled[label] for role, label in labels.items() if label in labelled}

    def labels(self):
        """The labels of the networks of all claims: {role: label}."""
        return self.config["claims"]["networks"] | self.config["claims"]["C8"]["networks"]

    def add_search(self):
        """Add the claims' networks and their rivals with every learning rate of the search: pairs (label, name).

        The proposed network without its mask takes the rate of that with it.
        """
        search, labels = self.config["studies"]["search"], self.labels()
        own = {key: value for key, value in search.items() if key in self.config["training"]}
        return [
            (labels[role], self.add(entry | own | {"learning_rate": rate}, seed))
            for role, entry in (self.claimed() | self.rivals()).items()
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
        labels, runs = self.labels(), {}
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
        rivals, runs = self.rivals(), self.config["studies"]["rival"]["runs"]
        for role, label in self.config["claims"]["C8"]["networks"].items():
            if runs and role not in rivals:
                yield f"claims.C8.networks.{role}: no run of studies.rival has the label {label!r}; add this run"
        arms, networks = self.arms(), {}
        for role, arm in arms.items():
            run = self.named[next(iter(arm["runs"].values()))]
            mask = run.settings["network"]["mask"]
            if role in ("proposed", "unmasked") and (mask == "none") == (role == "proposed"):
                wrong = "has no mask" if mask == "none" else f"has the mask {mask}"
                yield f"claims.networks.{role}: {arm['label']!r} {wrong}; name another run of studies.networks"
            what = repr((run.settings | {"seed": None}, run.windows, [run.columns[key] for key in DATA_KEYS]))
            if (first := networks.setdefault(what, role)) != role:
                yield f"claims.networks: {first} and {role} are the same network, {arm['label']!r}; name another run"
        for claim, seeds in self.claim_seeds().items():
            if arms and not seeds and self.config["claims"]["missing"] == "train":
                study = {"C5": "mask_study", "C8": "rival"}.get(claim, "networks")
                yield f"studies.{study}: the networks that {claim} compares share no seed; give them the same seeds"

    def sizes(self):
        """Rows of results/tables/networks.csv that the claims compare: {role: backbone, mask, masking}."""
        arms = {role: arm for role, arm in self.arms().items() if role not in self.rivals()}
        return {role: list(self.network(next(iter(arm["runs"].values()))).values()) for role, arm in arms.items()}

    def competitors(self):
        """The networks whose speed claim C8 compares, with all that segmenting needs: {label: settings}."""
        found = {}
        for arm in (arm for role, arm in self.arms().items() if role in ("baseline", *self.rivals())):
            name = next(iter(arm["runs"].values()))
            own = {"settings": self.named[name].settings, "windows": self.windows(name)}
            found[arm["label"]] = own | {"segmenting": self.segmenting(name), "front_end": self.front_end(name)}
        return found

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
        """Number of seeds behind each claim that compares pairs of networks: those that all of its networks have."""
        arms, cells = self.arms(), self.mask_cells()

        def shared(*compared):
            return len(set.intersection(*(set(arm["runs"]) for arm in compared)))

        compared = {
            "C1": ("proposed", "baseline"),
            "C6": ("proposed", "unmasked"),
            "C7": ("proposed", "baseline", "vggish", "vggish_released"),
        }
        compared |= {"C8": ("baseline", *self.rivals())} if self.rivals() else {}
        found = {claim: shared(*(arms[role] for role in roles)) if arms else 0 for claim, roles in compared.items()}
        return found | {"C5": shared(*(cell[side] for cell in cells for side in ("masked", "plain")))}

    # ---- one run -----------------------------------------------------------------------------------------------------

    def counted(self):
        """The networks that results/tables/networks.csv counts: {backbone: settings of its first run}."""
        found, rivals = {}, [("claims", role) for role in self.rivals()]
        # Images of several front ends have the same shape, the search has the networks of the claims, and no claim is
        # about the size of a rival.
        counting = {
            study: pairs for study, pairs in self.studies.items() if study not in ("front_ends", "rival", "search")
        }
        for name in [
            name for study, pairs in counting.items() for label, name in pairs if (study, label) not in rivals
        ]:
            run = self.named[name]
            front_end = {key: value for key, value in self.front_end(name).items() if key != "name"}
            own = {"pretrained": run.settings["training"]["pretrained"], "front_end": front_end}
            found.setdefault(run.settings["network"]["backbone"], own | {"windows": self.windows(name)})
        return dict(sorted(found.items()))

    def measured(self):
        """The networks of Figures 4 and 5 that fit the usual images of `windows.front_end`: {label: settings}."""
        windows = self.config["windows"]
        unfit = set(EAR_BACKBONES) - {windows["front_ends"][windows["front_end"]]["kind"]}
        networks = {label: self.named[run] for label, run in self.studies["networks"]}
        settings = {label: run.settings for label, run in networks.items() if run.windows is None}
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
        """Both decodings of a run: length of its windows, "decoding" by bins, "averaged": its own, or the config's."""
        own = self.named[name].settings["decoding"]
        averaged = own.get("averaged") or self.config["decoding"]["averaged"]
        return {"length": self.windows(name)["length"], "decoding": own | {"averaged": None}, "averaged": averaged}

    def windows(self, name):
        """Length, bins and hops of a run's windows."""
        return window_settings(self.config, self.named[name].windows)

    def segmenting(self, name):
        """Settings for segmenting audio with a run, which averages as it was scored, if it was scored by averages."""
        decoding = self.named[name].settings["decoding"]
        return segmenting_settings(self.config) | {key: decoding[key] for key in ("averaged",) if key in decoding}

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
        return self.named[name].scored if use == "score" else use
