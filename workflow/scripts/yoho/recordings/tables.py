"""Tables that others wrote."""

import pandas as pd

from yoho import InputError


def read_foreign_table(path, columns, kind, sep=","):
    """A table, all of it text. Raises InputError if it cannot be read or lacks one of `columns`.

    kind: what the file should be, "a manifest" say.
    """
    try:
        table = pd.read_csv(path, sep=sep, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as {kind} ({str(error).strip()})") from error
    if missing := set(columns) - set(table.columns):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; {kind} has them")
    return table
