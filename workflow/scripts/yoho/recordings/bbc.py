"""The paper's own recordings as a source: six classes of BBC Sound Effects, found by a search and then fetched."""

import os
import re
from pathlib import Path

from yoho.recordings.source import Source, class_labels, not_found, repeated

AFTER_FETCHING = ("trim_db", "splits", "seed")  # settings of later steps


def mistakes(where, recordings, made):
    """See `Source`."""
    for key, kind in (("manifest", "manifest.tsv"), ("catalogue", "table")):
        if recordings[key] and not os.path.exists(recordings[key]):
            yield not_found(f"{where}.{key}", kind, recordings[key])
    if recordings["manifest"] and Path(recordings["manifest"]).resolve() == made.resolve():
        yield f"{where}.manifest: {recordings['manifest']} is overwritten by fetching; keep the manifest elsewhere"
    if repeated(class_labels(recordings)):
        yield f"{where}.classes: an event_label occurs twice"
    for rule in (rule for entry in recordings["classes"] for rule in entry["rules"]):
        try:
            re.compile(rule.get("pattern", ""))
        except re.error as error:
            yield f"{where}.classes: {rule['pattern']!r} is not a regular expression ({error})"


def files(recordings):
    """The kept manifest and the catalogue of discs, if the settings name them."""
    given = [Path(recordings[key]) for key in SOURCE.paths if recordings[key]]
    return [str(path) for path in given if os.path.isfile(path)]


def fetch_settings(recordings, shared):
    """See `Source`."""
    return {key: value for key, value in recordings.items() if key not in AFTER_FETCHING} | {"bad": shared["bad"]}


def fetch(folder, web, progress, say, **settings):
    """See `fetch_selection`."""
    from yoho.recordings.bbc_library import fetch_selection

    return fetch_selection(settings, folder, web, progress, say)


def collect(folder, spread, *, path):
    """List a manifest's recordings, whose files are in `downloads/` beside it: recording, path, event_label, group."""
    from yoho.recordings.manifest import read_manifest

    table = read_manifest(path)
    paths = [str(Path(path).parent / "downloads" / name) for name in table["file"]]
    return table[["id", "event_label", "group"]].rename(columns={"id": "recording"}).assign(path=paths)


SOURCE = Source(
    event_labels=class_labels,
    mistakes=mistakes,
    files=files,
    paths=("manifest", "catalogue"),
    fetch_settings=fetch_settings,
    collect_settings=lambda recordings, folder, shared: {"path": f"{folder}/manifest.tsv"},
    origin="a collection's recordings",
    licence="RemArc (https://sound-effects.bbcrewind.co.uk/licensing): non-commercial, personal or for research or "
    "education; credit: bbc.co.uk - (c) copyright [year] BBC. It does not mention weights: treat them as bound to the "
    "same use, and ask the BBC before publishing them",
    limit="Trained on one library of sound effects: it may recognise recordings of other origin less well.",
)
