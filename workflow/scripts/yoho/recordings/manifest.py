"""Manifests: what was fetched, from where, when."""

import pandas as pd

from yoho import InputError

MANIFEST = ["id", "event_label", "group", "duration", "address", "licence", "retrieved", "sha256", "size", "file"]


def read_manifest(path):
    """A manifest, all of it text. Raises InputError where the file is none."""
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a manifest ({str(error).strip()})") from error
    if missing := set(MANIFEST) - set(table.columns):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; a manifest.tsv has them")
    return table
