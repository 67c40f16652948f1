"""In which data files of a lake table rows of given keys stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline_checks.clients.lake import storage_options

_LOCAL = "file://"


def files_holding(files: Iterable[str], root: str, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]:
    """Return for each value the Parquet files that have it in the column, by their paths below the table's ``root``.

    Rows that a deletion vector or delete file takes out of a file stand in it all the same.
    """
    import polars as pl

    options = storage_options(root)
    found: dict[Any, list[str]] = {}
    for file in files:
        name = file.removeprefix(_LOCAL).removeprefix(root.removeprefix(_LOCAL)).lstrip("/")
        rows = pl.scan_parquet(file, storage_options=options or None, missing_columns="insert")
        held = rows.filter(pl.col(column).is_in(list(values))).select(column).unique().collect()
        for value in held.get_column(column).to_list():
            found.setdefault(value, []).append(name)
    return {value: tuple(sorted(names)) for value, names in found.items()}
