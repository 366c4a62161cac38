"""The record that describes a source of recordings.

Snakemake reads these records whenever it parses the rules, so this module and those of the sources import only the
standard library at their top. The jobs call two functions of a source's module, which import whatever they need:

collect(folder, spread, **settings)             returns a table of recordings; may write audio to `folder`;
                                                `spread(function, calls)` computes in parallel
fetch(folder, web, progress, say, **settings)   downloads to `folder` with a `yoho.downloads.web.Web` and returns a
                                                manifest (see `yoho.recordings.manifest`)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A source of recordings.

    Its functions take `recordings`, the settings of a dataset's recordings; some also take `shared`, the config's
    section `recordings`, which is common to all datasets.
    """

    # For the model card: the origin and licence of the training data, and a limit of the networks trained on them.
    origin: str
    licence: str
    limit: str
    # (recordings): the classes, in the order of the targets.
    event_labels: Callable[[dict], list]
    # (recordings, folder, shared): the settings of `collect`; folder: of the dataset's results.
    collect_settings: Callable[[dict, str, dict], dict]
    # (recordings, shared): the settings of `fetch`; None if nothing is fetched.
    fetch_settings: Callable[[dict, dict], dict | None] = lambda recordings, shared: None
    # (where, recordings, made): a line for each mistake that the schema cannot detect. where: the recordings' key in
    # the config; made: path of the manifest that fetching writes.
    mistakes: Callable[[str, dict, Path], Iterable] = lambda where, recordings, made: ()
    sounds: str = "recordings of real sounds"  # for the page of the verdicts
    # (recordings): the user's files that the dataset is made from; when one changes, the dataset is made anew.
    files: Callable[[dict], list] = lambda recordings: []
    # (recordings, seed): the settings of recordings for training that one training seed draws anew, all in the training
    # split; None if the source has no other recordings to draw.
    anew: Callable[[dict, int], dict | None] = lambda recordings, seed: None
    paths: tuple = ()  # the keys of the recordings' settings whose values are paths of the user
    # Whether each recording is examined for its length and silences after `collect`; this needs the setting `trim_db`.
    listens: bool = True
    splits: bool = True  # whether the recordings are then dealt to the splits; this needs the settings `splits`, `seed`


def class_labels(recordings):
    """The event labels of `classes`, a list of {event_label, ...}."""
    return [entry["event_label"] for entry in recordings["classes"]]


def repeated(values):
    """Whether a value occurs more than once."""
    values = list(values)
    return len(values) != len(set(values))


def not_found(key, kind, path):
    """The line about a key whose path does not exist; kind: what should be there."""
    return f"{key}: no such {kind}: {Path(path).resolve()}; set it to the path of the {kind}"
