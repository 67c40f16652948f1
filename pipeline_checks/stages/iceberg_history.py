"""The snapshots of an Iceberg table that led to one of them, as commits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline_checks.model.position import SnapshotPosition
from pipeline_checks.stages.commits import MAINTENANCE, RETAINED_COMMITS, Commit, parse_covers

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

_REWRITE = "replace"
"""The operation of a snapshot that holds the same rows in other files."""
_CHANGES = ("added-data-files", "deleted-data-files", "added-delete-files", "removed-delete-files")
_COUNTED = "total-data-files"


def newest_first(table: Table, snapshot_id: int | None, covers_name: str | None) -> Iterator[Commit]:
    """Yield the commits from a snapshot back through its parents, as far as they have not been expired.

    Other branches are not told. What a snapshot covers stands in its summary under ``covers_name``; of several
    snapshots made in one transaction only the last should carry it, since those before it hold half of the change.
    """
    found = None if snapshot_id is None else table.snapshot_by_id(snapshot_id)
    for _ in range(RETAINED_COMMITS):
        if found is None:
            return
        yield _commit(found, covers_name)
        found = None if found.parent_snapshot_id is None else table.snapshot_by_id(found.parent_snapshot_id)


def position_of(snapshot: Snapshot | None) -> SnapshotPosition:
    """Return the position of a snapshot; a table that has none yet stands before its first."""
    if snapshot is None:
        return SnapshotPosition(None, 0)
    return SnapshotPosition(snapshot.snapshot_id, snapshot.sequence_number or 0)


def _commit(snapshot: Snapshot, covers_name: str | None) -> Commit:
    summary = snapshot.summary
    properties = {} if summary is None else summary.additional_properties
    operation = "" if summary is None else summary.operation.value
    maintenance = properties.get(MAINTENANCE)
    return Commit(
        version=snapshot.snapshot_id,
        position=position_of(snapshot),
        timestamp=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
        operation=operation,
        covers=parse_covers(properties.get(covers_name)) if covers_name else None,
        maintenance=maintenance,
        changes_data=operation != _REWRITE and maintenance is None and _changed_files(properties),
        is_first=snapshot.parent_snapshot_id is None,
    )


def _changed_files(properties: dict[str, str]) -> bool:
    """Whether files came or went; a writer that counts nothing is taken to have changed something."""
    return _COUNTED not in properties or any(int(properties.get(name, 0)) for name in _CHANGES)
