"""What the writers of both lake formats have in common: the batch's identity, and rows brought into a table's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from pipeline_checks.pipelines.cdc.flow.covers import Covers


@dataclass(frozen=True)
class BatchId:
    """Which batch of which streaming query a commit belongs to. A new checkpoint begins a new query."""

    query: str
    number: int


class Target(Protocol):
    """One table of one lake format."""

    covers: Covers
    """Next offsets that the newest commit says it covers."""

    def open(self) -> None:
        """Open the table, creating it when absent, and read what it covers. Called again after a failed commit."""
        ...

    def schema(self) -> pa.Schema:
        """Return the table's columns."""
        ...

    def add_columns(self, columns: Mapping[str, pa.DataType]) -> None:
        """Add columns behind the others; rows that are there hold NULL."""
        ...

    def advance(self, covers: Covers, batch: BatchId) -> None:
        """Commit nothing but that the table covers more."""
        ...

    def maintain(self) -> str | None:
        """Do one small piece of maintenance when one is due; returns its name."""
        ...


class LogTarget(Target, Protocol):
    """A change log."""

    def append(self, rows: pa.Table, covers: Covers, batch: BatchId) -> None:
        """Commit the rows together with what the table then covers."""
        ...

    def gone(self) -> list[tuple[int | None, str, int]]:
        """Return key, operation letter and LSN of each delete and truncate in the log."""
        ...

    def before(self, wanted: list[tuple[int, int]], names: list[str]) -> dict[tuple[int, int], dict[str, Any]]:
        """Return for each key and LSN the named values of the key's last row before that LSN."""
        ...


class StateTarget(Target, Protocol):
    """A current state."""

    def apply(
        self, upserts: pa.Table, deletes: pa.Table, truncated: int | None, covers: Covers, batch: BatchId
    ) -> None:
        """Commit a batch: rows below the LSN ``truncated`` go, keys in ``deletes`` go, ``upserts`` replace or add.

        A row with a higher (``_source_lsn``, ``_offset``) than a change stays as it is.
        """
        ...

    def rows_of(self, keys: list[int], names: list[str]) -> dict[int, dict[str, Any]]:
        """Return the named values and ``_source_lsn`` of those of the keys that are there."""
        ...


def conformed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows with exactly the columns of ``schema``, in its order; columns they lack are NULL."""
    columns = []
    for field in schema:
        if field.name in rows.column_names:
            column = rows.column(field.name)
            columns.append(column if column.type == field.type else column.cast(field.type))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=schema)


def last_before(
    rows: list[dict[str, Any]], key: str, wanted: list[tuple[int, int]], names: list[str]
) -> dict[tuple[int, int], dict[str, Any]]:
    """Return for each key and LSN the named values of the newest of the rows before it."""
    result: dict[tuple[int, int], dict[str, Any]] = {}
    by_key: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda r: (r["_source_lsn"], r["_offset"])):
        by_key.setdefault(row[key], []).append(row)
    for want in wanted:
        older = [row for row in by_key.get(want[0], ()) if row["_source_lsn"] < want[1]]
        if older:
            result[want] = {name: older[-1].get(name) for name in names}
    return result
