"""Reading tables from outside the workflow."""

import pandas as pd

from yoho import InputError


def read_foreign_table(path, columns, kind, sep=","):
    """Read a table as text. Raises InputError, which names its `kind`, if it is unreadable or lacks a column."""
    try:
        table = pd.read_csv(path, sep=sep, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as {kind} ({str(error).strip()})") from error
    if missing := set(columns) - set(table.columns):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}, which {kind} must have")
    return table
