"""Commits to an Iceberg table of data files that are written already: one snapshot each, with properties of ours."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _OverwriteFiles, _SnapshotProducer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table.metadata import TableMetadata


class _Transaction(Transaction):
    """A transaction that copies the table's metadata once a change, not at every look at it.

    The copy grows with the number of snapshots; looked at some seventeen times a commit it was most of its time.
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
    """Replaces data files, and leaves out manifests in which nothing lives any more.

    pyiceberg carries the manifest of an overwrite's removed files on for ever and reads all of them at each commit.
    """

    def _existing_manifests(self) -> list[ManifestFile]:
        return [m for m in super()._existing_manifests() if m.has_added_files() or m.has_existing_files()]


def write_files(table: Table, rows: pa.Table) -> list[DataFile]:
    """Write rows as data files of the table that no snapshot knows yet; none without rows."""
    if rows.num_rows == 0:
        return []
    named = {"table_metadata": table.metadata, "df": rows, "io": table.io}
    return list(_dataframe_to_data_files(**named, write_uuid=uuid.uuid4(), counter=itertools.count(0)))


def commit_files(
    table: Table, added: Sequence[DataFile], removed: Sequence[DataFile], properties: Mapping[str, str]
) -> None:
    """Commit one snapshot with data files added and removed; with neither it only says what its properties say.

    Raises pyiceberg's CommitFailedException when somebody else has committed since the table was loaded.
    """
    with _Transaction(table) as transaction:
        producer: _SnapshotProducer[Any]
        if removed:
            producer = _Replace(Operation.OVERWRITE, transaction, table.io, snapshot_properties=dict(properties))
            producer.delete_by_predicate(AlwaysTrue())  # else no manifest of an unpartitioned table is looked into
        else:
            producer = transaction.update_snapshot(snapshot_properties=dict(properties)).merge_append()
        with producer:
            for file in removed:
                producer.delete_data_file(file)
            for file in added:
                producer.append_data_file(file)
