"""Commits to the table: each is one snapshot that says which offsets it covers."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import ExpireSnapshots, _OverwriteFiles, _SnapshotProducer

from pipeline_checks.pipelines.market_data.flow.table.covers import MAINTENANCE
from pipeline_checks.pipelines.market_data.flow.table.definition import ORDER_COLUMNS

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

RETENTION: Final = timedelta(minutes=15)
"""How long a snapshot can still be read."""
_SMALL: Final = 16 * 2**20
"""A data file of fewer bytes counts as small."""


class _Transaction(Transaction):
    """A transaction that copies the table's metadata once a change, not at every look at it.

    The copy grows with the number of snapshots, and it is looked at many times a commit.
    """

    _seen: tuple[int, TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        if not self._updates:
            return self._table.metadata
        if self._seen is None or self._seen[0] != len(self._updates):
            self._seen = (len(self._updates), super().table_metadata)
        return self._seen[1]


class _Replace(_OverwriteFiles):
    """Replaces data files, and leaves out manifests in which nothing lives any more."""

    def _existing_manifests(self) -> list[ManifestFile]:
        return [m for m in super()._existing_manifests() if m.has_added_files() or m.has_existing_files()]


def append(table: Table, rows: pa.Table, properties: dict[str, str]) -> None:
    """Add rows in one snapshot; without rows the snapshot only says what its properties say.

    Raises pyiceberg's CommitFailedException when somebody else has committed since the table was loaded.
    """
    _commit(table, _files_of(table, rows), [], properties)


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
    _commit(table, _files_of(table, rows), [t.file for t in small], properties | {MAINTENANCE: "compaction"})
    return True


def expire(table: Table, now: datetime | None = None, retention: timedelta = RETENTION) -> int:
    """Expire snapshots older than ``retention`` but the current one, with the files that only they held.

    Returns how many.
    """
    limit = int(((now or datetime.now(UTC)) - retention).timestamp() * 1000)
    current = table.metadata.current_snapshot_id
    old = [s for s in table.metadata.snapshots if s.timestamp_ms < limit and s.snapshot_id != current]
    if not old:
        return 0
    gone = {s.snapshot_id for s in old}
    kept = [s for s in table.metadata.snapshots if s.snapshot_id not in gone]
    with table.transaction() as transaction:
        ExpireSnapshots(transaction).by_ids(sorted(gone)).commit()
    _remove_files(table.io, old, kept)
    return len(old)


def _files_of(table: Table, rows: pa.Table) -> list[DataFile]:
    if rows.num_rows == 0:
        return []
    ordered = rows.sort_by([(name, "ascending") for name in ORDER_COLUMNS])
    made = _dataframe_to_data_files(
        table_metadata=table.metadata, df=ordered, io=table.io, write_uuid=uuid.uuid4(), counter=itertools.count(0)
    )
    return list(made)


def _commit(table: Table, added: Sequence[DataFile], removed: Sequence[DataFile], properties: dict[str, str]) -> None:
    with _Transaction(table) as transaction:
        producer: _SnapshotProducer[Any]
        if removed:
            producer = _Replace(Operation.OVERWRITE, transaction, table.io, snapshot_properties=properties)
            producer.delete_by_predicate(AlwaysTrue())
        else:
            producer = transaction.update_snapshot(snapshot_properties=properties).merge_append()
        with producer:
            for file in removed:
                producer.delete_data_file(file)
            for file in added:
                producer.append_data_file(file)


def _remove_files(io: FileIO, expired: list[Snapshot], kept: list[Snapshot]) -> None:
    """Remove what expired snapshots referred to and no kept one does. A file that is gone already is no error."""
    held = {m.manifest_path: m for s in kept for m in s.manifests(io)}
    doomed = {m.manifest_path: m for s in expired for m in s.manifests(io) if m.manifest_path not in held}
    candidates: set[str] = set()
    for manifest in doomed.values():
        candidates |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(io, discard_deleted=False)}
    if candidates:
        for manifest in held.values():
            candidates -= {e.data_file.file_path for e in manifest.fetch_manifest_entry(io, discard_deleted=True)}
    lists = {s.manifest_list for s in expired if s.manifest_list}
    for path in (*candidates, *doomed, *lists):
        try:
            io.delete(path)
        except OSError:
            continue
