"""From words to classes: a query stands for the classes whose names and descriptions mean the same.

A class has the mean of the vectors of its name and of its description. Its similarity to a query is the product of
their vectors. A query stands for the most similar class and for those that are nearly as similar.
"""

import unicodedata
from functools import cached_property

import numpy as np

from yoho import InputError
from yoho.referring.encoder import load_encoder
from yoho.referring.grammar import PUNCTUATION, shown
from yoho.referring.vectors import kept_vectors

NEAREST = 3  # classes that a message names
SETTINGS = ("margin", "most", "lowest", "lowest_unknown", "doubtful", "ahead", "related")  # of the config's `referring`


class Mapper:
    """Finds the classes of a network for which a query stands.

    event_labels: the classes; descriptions: {event_label: text}, for those that have one; others: names of sounds.
    If the query means one of them much rather than a class, it is refused, unless that sound is related to a class;
    settings: {key of SETTINGS: value}; folder: the network's, which keeps the vectors of the classes, None: none does;
    say: prints a line.
    Raises InputError if it must compare words and the packages for this are not installed.
    """

    def __init__(self, event_labels, descriptions, others, settings, *, folder=None, say=lambda line: None):
        self.named = {spelled(label): label for label in event_labels}
        self.event_labels, self.descriptions, self.others = list(event_labels), descriptions, list(others)
        self.settings, self.folder, self.say = settings, folder, say

    @cached_property
    def encoder(self):
        """The `Encoder`."""
        return load_encoder()

    @cached_property
    def vectors(self):
        """Vectors of the classes and of the other sounds, (classes, 384) and (others, 384); related sounds have 0."""
        names = [label.replace("_", " ") for label in self.event_labels] + self.others
        texts = [self.descriptions.get(label, name) for label, name in zip(self.event_labels + self.others, names)]
        found = kept_vectors(self.encoder, names + texts, self.folder, self.say)
        own, others = np.split(found.reshape(2, len(names), -1).mean(axis=0), [len(self.event_labels)])
        others[(others @ own.T).max(axis=1) >= self.settings["related"]] = 0
        return own, others

    def __call__(self, query):
        """The classes for which a query stands, {event_label: similarity}, the most similar first.

        A query that is the name of a class stands for this class alone.
        Raises InputError, which names the nearest classes, if no class is similar enough.
        """
        if spelled(query) in self.named:
            return {self.named[spelled(query)]: 1.0}
        if self.encoder.is_long(query):
            raise InputError(f"query {shown(query)}: has more words than can be compared; use fewer")
        settings, (vector,) = self.settings, self.encoder([query])
        similarities, others = (vectors @ vector for vectors in self.vectors)
        order = np.argsort(-similarities, kind="stable")
        first, other = similarities[order[0]], others.max(initial=-1)
        lowest = settings["lowest_unknown"] if self.encoder.is_unknown(query) else settings["lowest"]
        if first < lowest or other > first + settings["ahead"]:
            near = [f"{self.event_labels[place]} ({similarities[place]:.2f})" for place in order[:NEAREST]]
            what = "no class means this"
            if other > first + settings["ahead"]:
                what = f"this rather means {self.others[others.argmax()]} ({other:.2f}), which is none of the classes"
            todo = "use other English words, or the name of a class"
            raise InputError(f"query {shown(query)}: {what}; the nearest classes are {'; '.join(near)}; {todo}")
        near = order[similarities[order] >= first - settings["margin"]][: settings["most"]]
        return {self.event_labels[place]: float(similarities[place]) for place in near}


def spelled(name):
    """A name in one spelling: case, underscores, how accents are written, and punctuation at the end do not matter."""
    words = name.replace("_", " ").replace("’", "'").split()
    return unicodedata.normalize("NFC", " ".join(words).casefold()).strip(PUNCTUATION)
