"""Choosing columns of rows that are held as an Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    import pyarrow


def chosen(table: pyarrow.Table, columns: Sequence[str] | None, what: str) -> pyarrow.Table:
    """Return the named columns, each once, all when None; raises TerminalError saying that ``what`` lacks one."""
    if columns is None:
        return table
    unknown = [c for c in columns if c not in table.column_names]
    if unknown:
        raise TerminalError(f"{what} has no column {unknown[0]!r}.")
    return table.select(list(dict.fromkeys(columns)))
