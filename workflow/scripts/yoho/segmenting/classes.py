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


def regrouped(description, classes, asked="asked"):
    """The description of a network as one for other classes, which `Groups` makes of its outputs.

    description: the content of its `model.json`; classes: {event_label: names of classes of the network}. Each of the
    ear's stands for its descendants too. A tuned threshold is that of the first. asked: the key of the ear's threshold,
    "asked" or "queries".
    """
    groups = [members(description, names) for names in classes.values()]
    changed = {"event_labels": list(classes), "descendants": {}, "left_out": [], "groups": groups}
    if "thresholds" in description:
        changed["thresholds"] = {
            label: description["thresholds"][next(iter(names))] for label, names in classes.items()
        }
    return description | changed | {"decoding": description["decoding"] | description.get(asked, {})}


class Groups:
    """Makes the outputs of a network those of one for other classes: each has the outputs of its most present sound.

    groups: for each class, the numbers of the network's classes for which it stands, None to leave them as they are;
    raised: what is added to the logit of the presence of each of the network's classes, (sounds,), None for nothing.
    """

    def __init__(self, groups, raised=None):
        import numpy as np

        self.groups, self.raised = groups, None if raised is None else np.asarray(raised)

    def __call__(self, outputs):
        """Outputs (windows, bins, 3 * classes), float32, for outputs (windows, bins, 3 * sounds)."""
        import numpy as np

        outputs = outputs.reshape(*outputs.shape[:2], -1, 3)  # [presence, start, end] of each sound
        if self.raised is not None:
            sure = outputs[..., 0].clip(1e-30, 1 - 2.0**-24).astype(float)
            outputs = outputs.copy()
            outputs[..., 0] = 1 / (1 + np.exp(-(np.log(sure / (1 - sure)) + self.raised)))
        if self.groups is not None:
            outputs = np.stack([most_present(outputs[:, :, group]) for group in self.groups], axis=2)
        return outputs.reshape(*outputs.shape[:2], -1)


def most_present(outputs):
    """Outputs (windows, bins, 3) of the sound that is most present in each bin; outputs: (windows, bins, sounds, 3)."""
    import numpy as np

    first = outputs[..., 0].argmax(axis=2)
    return np.take_along_axis(outputs, first[..., None, None], axis=2)[:, :, 0]


def members(description, names):
    """The numbers of a network's classes for which names of classes stand: these and their descendants."""
    labels, descendants = description["event_labels"], description.get("descendants", {})
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
