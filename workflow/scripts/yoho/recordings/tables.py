"""Reading tables that the workflow did not write, or that the user may have changed."""

import pandas as pd

from yoho import InputError


def read_foreign_table(path, columns, kind, sep=","):
    """Read a table as text. Raises InputError if it cannot be read or lacks one of `columns`.

    kind: what the file should be, for example "a manifest".
    """
    try:
        table = pd.read_csv(path, sep=sep, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as {kind} ({str(error).strip()})") from error
    if missing := set(columns) - set(table.columns):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}, which {kind} must have")
    return table
