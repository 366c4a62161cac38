"""The classes that are reported: those that are asked for, the most specific ones, or those that sound longest."""

import unicodedata
from difflib import get_close_matches

from yoho import InputError

# Snakemake reads this module in an environment that may lack the packages of the jobs, so functions import them.

LISTED = 20  # A message lists all classes of a network that has no more.
SIMILAR = 5  # classes that a message names otherwise


def known_names(asked, known):
    """The names of the asked classes as a network writes them.

    Upper and lower case do not matter, nor how accents are written (see `composed`).
    Raises InputError for a class that the network does not know, with the names that it knows or the most similar ones.
    """
    spelled = {composed(name.casefold()): name for name in known} | {name: name for name in known}
    found = {name: spelled.get(name, spelled.get(composed(name.casefold()))) for name in asked}
    for name, spelling in found.items():
        if spelling is None and len(known) <= LISTED:
            raise InputError(f"class {name}: not known; the network knows {', '.join(known)}")
        if spelling is None:
            raise InputError(f"class {name}: not known; similar classes are {'; '.join(similar(name, known))}")
    return list(dict.fromkeys(found.values()))


def composed(name):
    """The name with every accent as a part of its letter. Some file systems and keyboards separate the two."""
    return unicodedata.normalize("NFC", name)


def similar(name, known):
    """The names, of those that are known, that contain a name or resemble it most."""
    spelled, name = {other.casefold(): other for other in known}, name.casefold()
    containing = [other for other in spelled if name in other]
    resembling = get_close_matches(name, spelled, SIMILAR, cutoff=0)
    return [spelled[other] for other in dict.fromkeys(containing + resembling)][:SIMILAR]


def regrouped(description, classes):
    """The description of the ear as a network for other classes, which `Groups` makes of its outputs.

    description: the content of its `model.json`; classes: {event_label: [names of sounds of AudioSet]}, of which each
    stands for its descendants too.
    """
    groups = [members(description, names) for names in classes.values()]
    changed = {"event_labels": list(classes), "descendants": {}, "left_out": [], "groups": groups}
    return description | changed | {"decoding": description["decoding"] | description["asked"]}


class Groups:
    """Makes the outputs of the ear those of a network for other classes: each is as present as its most present sound.

    groups: for each class, the numbers of its sounds, None if each sound is a class; raised: what is added to the logit
    of each sound's presence, (sounds,), None for nothing.
    """

    def __init__(self, groups, raised=None):
        self.groups, self.raised = groups, raised

    def __call__(self, outputs):
        """Outputs (windows, bins, 3 * classes), float32, for outputs (windows, bins, 3 * sounds)."""
        import numpy as np

        presence = outputs[..., ::3]
        if self.raised is not None:
            sure = presence.clip(1e-30, 1 - 2.0**-24).astype(float)
            presence = 1 / (1 + np.exp(-(np.log(sure / (1 - sure)) + self.raised)))
        if self.groups is not None:
            presence = np.stack([presence[..., group].max(axis=-1) for group in self.groups], axis=-1)
        # In the ear's outputs, a class that sounds in a bin sounds from its start, 0, to its end, 1.
        parts = [presence, np.zeros_like(presence), np.ones_like(presence)]
        return np.stack(parts, axis=-1, dtype=np.float32).reshape(*presence.shape[:2], -1)


def members(description, names):
    """The numbers of the ear's classes for which names of sounds stand: these sounds and their descendants."""
    labels, descendants = description["event_labels"], description["descendants"]
    wanted = (kind for name in known_names(names, labels) for kind in (name, *descendants.get(name, ())))
    return [labels.index(name) for name in dict.fromkeys(wanted)]


class Specific:
    """Leaves the most specific of the classes that sound: "Vehicle" is hidden where "Car", a kind of it, sounds.

    event_labels: the classes; descendants: {event_label: [the classes that are kinds of it]}.
    """

    def __init__(self, event_labels, descendants):
        import numpy as np

        place = {label: number for number, label in enumerate(event_labels)}
        self.general = [place[label] for label in descendants]
        self.kinds = np.zeros((len(place), len(descendants)), np.float32)  # 1 where the first is a kind of the second
        for column, labels in enumerate(descendants.values()):
            self.kinds[[place[label] for label in labels], column] = 1

    def __call__(self, sounds):
        """Whether each class sounds and no descendant of it does; sounds: (..., classes), bool."""
        left = sounds.copy()
        left[..., self.general] &= sounds.astype("float32") @ self.kinds == 0
        return left


def longest(events, count):
    """The events of the `count` classes that sound longest; each second counts as much as the score of its event."""
    seconds = (events["offset"] - events["onset"]) * events["score"]
    first = seconds.groupby(events["event_label"]).sum().nlargest(count).index
    return events[events["event_label"].isin(first)].reset_index(drop=True)
