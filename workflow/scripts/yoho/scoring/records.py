"""Records: one small file for each finished run, with all that the claims need of it.

A record is a .zip file that holds `run.json`, `history.csv` and `tallies.tsv`. Its bytes depend on its content alone.
This module imports pandas inside functions, because Snakemake reads records while it parses the rules.
"""

import io
import json
import zipfile
from contextlib import contextmanager
from typing import NamedTuple

from yoho import InputError
from yoho.files import write_whole

KEYS = ["recording", "recording_label", "event_label"]  # of the rows of tallies
BY_CLASS = ["true_positives", "references", "predictions"]  # the sums that a record keeps for single classes
NEEDED = {"run", "settings", "test"}  # what every record says about its run; settings are a dict
# The definition of the tallies and of the scores in the history. Raise it when the same outputs give others: then the
# records that were made before do not count any more.
TALLIES = 1
DIGITS = "%.4g"  # of losses and of errors of times


class Record(NamedTuple):
    """A finished run: about (a dict), the history of its training, and its tallies, from `recording_tallies`."""

    about: dict
    history: object  # a DataFrame with a row for every epoch
    tallies: object  # a DataFrame


def write_record(path, about, history, tallies):
    """Write the record of a run; about: what `Record` holds, in types of JSON, and at least NEEDED."""
    parts = {
        "run.json": json.dumps(about, indent=2) + "\n",
        "history.csv": history.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
        "tallies.tsv": compact(tallies).to_csv(sep="\t", index=False, float_format=DIGITS, lineterminator="\n"),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in parts.items():
            # A ZipInfo has the time 1980-01-01. Of the methods of zipfile, bzip2 makes these tables smallest.
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_BZIP2, compresslevel=9)
    write_whole(path, content.getvalue())


def read_record(path):
    """Read a `Record`. Sums of single classes other than BY_CLASS are nan, because records do not keep them.

    Raises InputError, naming the file, if it is not the record of a run.
    """

    from yoho.events import read_table

    about = read_about(path)
    with opened(path) as archive:
        history = read_table(io.BytesIO(archive.read("history.csv")), sep=",")
        tallies = full(read_table(io.BytesIO(archive.read("tallies.tsv"))))
    return Record(about, history, tallies)


def read_about(path):
    """Read what a record says about its run, a dict, with Python's standard library alone; errors as `read_record`."""
    with opened(path) as archive:
        about = json.loads(archive.read("run.json"))
        if not isinstance(about, dict) or NEEDED - about.keys() or not isinstance(about["settings"], dict):
            raise ValueError(f"run.json does not give {', '.join(sorted(NEEDED))}")
        return about


@contextmanager
def opened(path):
    """The record as a zip file; errors in it become an InputError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, OSError, EOFError, KeyError, ValueError) as error:
        raise InputError(f"{path}: is not the record of a run ({error}); remove it, or make it again") from error


def compact(tallies):
    """Tallies with one row for each recording and one column for each kind and class, named `kind:class`."""
    overall, *event_labels = tallies["event_label"].unique()
    wide = tallies.set_index(KEYS).unstack("event_label")
    kept = [(kind, overall) for kind in wide.columns.unique(0)]
    kept += [(kind, label) for label in event_labels for kind in BY_CLASS]
    wide = wide[kept].convert_dtypes()  # so that counts are written as whole numbers
    return wide.set_axis([":".join(pair) for pair in kept], axis=1).reset_index()


def full(wide):
    """The tallies that `compact` made `wide`."""
    import pandas as pd

    wide = wide.set_index(KEYS[:2])
    wide.columns = pd.MultiIndex.from_tuples([name.split(":", 1) for name in wide], names=[None, KEYS[2]])
    kinds, event_labels = wide.columns.unique(0), wide.columns.unique(1)
    wide = wide.reindex(columns=pd.MultiIndex.from_product([kinds, event_labels], names=wide.columns.names))
    tallies = wide.astype(float).stack("event_label", future_stack=True)
    return tallies.reset_index()
