"""The data files of a lake table: in which of them rows of given keys stand, and whether they are as logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_checks.clients.lake import storage_options
from pipeline_checks.model.errors import TerminalError

_LOCAL = "file://"


def refuse_damaged(sizes: Iterable[tuple[str, int]], root: str, what: str) -> None:
    """Raise TerminalError when a data file in the file system is gone, or has not the size that the log tells.

    What a log says of the rows of such a file is true of no row. Files of an object store are not asked for: it stores
    them whole or not at all, and a question for each costs more than reading some.

    Parameters
    ----------
    sizes:
        Paths, absolute or below ``root``, and sizes in bytes.
    root:
        Where the table lies, as a path or URI.
    what:
        What is being done, for the message.
    """
    folder = _path(root)
    if "://" in folder:
        return
    for name, size in sizes:
        file = Path(folder, _path(name))
        try:
            there = file.stat().st_size
            if there == size:
                continue
            found = f"has {there:,} bytes"
        except OSError as problem:
            found = f"cannot be read ({problem.strerror})"
        raise TerminalError(
            f"{what}: the data file {file.name} {found}; the log of the table tells {size:,} bytes.",
            next_step="Bring the file back from a backup, or let the table be written anew.",
            file=str(file),
        )


def files_holding(files: Iterable[str], root: str, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]:
    """Return for each value the Parquet files that have it in the column, by their paths below the table's ``root``.

    Rows that a deletion vector or delete file takes out of a file stand in it all the same.
    """
    import polars as pl

    options = storage_options(root)
    found: dict[Any, list[str]] = {}
    for file in files:
        name = _path(file).removeprefix(_path(root)).lstrip("/")
        rows = pl.scan_parquet(file, storage_options=options or None, missing_columns="insert")
        held = rows.filter(pl.col(column).is_in(list(values))).select(column).unique().collect()
        for value in held.get_column(column).to_list():
            found.setdefault(value, []).append(name)
    return {value: tuple(sorted(names)) for value, names in found.items()}


def _path(uri: str) -> str:
    """The path that the URI of a local file names; other URIs as they are."""
    return uri.removeprefix(_LOCAL).removeprefix("file:")
