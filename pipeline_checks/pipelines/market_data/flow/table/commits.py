"""Commits to the table: each is one snapshot that says which offsets it covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import Table

from pipeline_checks.clients import iceberg_expiry
from pipeline_checks.clients.iceberg_commits import commit_files, write_files
from pipeline_checks.pipelines.market_data.flow.table.covers import MAINTENANCE
from pipeline_checks.pipelines.market_data.flow.table.definition import ORDER_COLUMNS

if TYPE_CHECKING:
    pass

RETENTION: Final = timedelta(minutes=15)
"""How long a snapshot can still be read."""
_SMALL: Final = 16 * 2**20
"""A data file of fewer bytes counts as small."""


def append(table: Table, rows: pa.Table, properties: dict[str, str]) -> None:
    """Add rows in one snapshot; without rows the snapshot only says what its properties say.

    Raises pyiceberg's CommitFailedException when somebody else has committed since the table was loaded.
    """
    commit_files(table, write_files(table, _ordered(rows)), [], properties)


def compact(table: Table, properties: dict[str, str]) -> bool:
    """Write small files of one day anew as few large ones, in the table's order; whether there was anything to do."""
    days: dict[Any, list[Any]] = {}
    for task in table.scan().plan_files():
        if task.file.file_size_in_bytes < _SMALL and not task.delete_files:
            days.setdefault(task.file.partition[0], []).append(task)
    small = [t for tasks in days.values() if len(tasks) > 1 for t in tasks]
    if not small:
        return False
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    rows = scan.to_table(tasks=small)
    files = write_files(table, _ordered(rows))
    commit_files(table, files, [t.file for t in small], properties | {MAINTENANCE: "compaction"})
    return True


def expire(table: Table, now: datetime | None = None, retention: timedelta = RETENTION) -> int:
    """Expire snapshots older than ``retention`` but the current one, with the files that only they held.

    Returns how many.
    """
    return iceberg_expiry.expire(table, (now or datetime.now(UTC)) - retention)


def _ordered(rows: pa.Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in ORDER_COLUMNS])
