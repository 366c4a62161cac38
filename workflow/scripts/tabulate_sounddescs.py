"""Tabulate how many descriptions of recordings are assigned to the right class by their words alone."""

from pathlib import Path

import numpy as np
import pandas as pd

from yoho import InputError, job
from yoho.figures.tables import write_results
from yoho.networks.run_folder import read_description
from yoho.recordings.manifest import read_foreign_table
from yoho.referring.encoder import load_encoder
from yoho.segmenting.classes import members

FOLDS = 5
COLUMNS = ["class", "description", "CDNumber"]


def tabulate_sounddescs(files, target, *, names, seed):
    """Write the share of right descriptions for each way of assigning them, of all and of each class.

    names: {class: its sounds of AudioSet}. The last two ways have training descriptions, in the folds of a
    cross-validation, in which neither a description nor, in the last one, a CD is in two folds.
    """
    if not files.descriptions:
        raise InputError("referring.sounddescs: null; name a table with the columns class, description and CDNumber")
    table = read_foreign_table(files.descriptions, COLUMNS, "a table of descriptions")
    classes = list(dict.fromkeys(table["class"]))
    right = table["class"].map(classes.index).to_numpy()
    encode, rng = load_encoder(), np.random.default_rng(seed)
    texts, places = np.unique(table["description"], return_inverse=True)
    vectors = encode(list(texts))[places]  # (descriptions, 384)
    ear = read_description(Path(files.ear[0]).parent)
    sounds = [np.array(ear["event_labels"])[members(ear, names.get(label, [label]))] for label in classes]
    by_name = [encode(list(of_class)) for of_class in sounds]
    described = [encode([ear["descriptions"].get(name, name) for name in of_class]) for of_class in sounds]
    both = [(one + other) / 2 for one, other in zip(by_name, described)]
    ways = {
        "name of the class": nearest(vectors, [encode([label]) for label in classes]),
        "names of its sounds": nearest(vectors, by_name),
        "names and descriptions of its sounds": nearest(vectors, both),
        "centroids": by_centroids(vectors, right, places, rng),
        "centroids, other CDs": by_centroids(vectors, right, pd.factorize(table["CDNumber"])[0], rng),
    }
    rows = []
    for way, found in ways.items():
        parts = {"all": found == right} | {label: (found == right)[table["class"] == label] for label in classes}
        rows += [
            {"way": way, "event_label": label, "descriptions": len(part), "accuracy": part.mean()}
            for label, part in parts.items()
        ]
    write_results(target, rows, "%.4f")


def nearest(vectors, classes):
    """The number of the class that has the vector most similar to each of `vectors`; classes: [(vectors, 384)]."""
    return np.stack([(vectors @ own.T).max(axis=1) for own in classes], axis=1).argmax(axis=1)


def by_centroids(vectors, right, groups, rng):
    """The number of the class with the nearest mean vector of the descriptions in other folds; groups: of the folds."""
    fold = rng.permutation(groups.max() + 1)[groups] % FOLDS
    found = np.zeros_like(right)
    for number in range(FOLDS):
        known, asked = fold != number, fold == number
        means = [vectors[known & (right == label)].mean(axis=0, keepdims=True) for label in range(right.max() + 1)]
        found[asked] = nearest(vectors[asked], [mean / np.linalg.norm(mean) for mean in means])
    return found


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_sounddescs(snakemake.input, snakemake.output[0], **job.params(snakemake))
