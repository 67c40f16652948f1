"""Writing the Iceberg tables with pyiceberg: one snapshot a commit, so that none shows half of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.transforms import IdentityTransform

from pipeline_checks.clients.iceberg_commits import commit_files, write_files
from pipeline_checks.clients.iceberg_expiry import expire
from pipeline_checks.pipelines.cdc.flow import covers as covering
from pipeline_checks.pipelines.cdc.flow.covers import COVERS, MAINTENANCE, Covers
from pipeline_checks.pipelines.cdc.flow.iceberg_types import iceberg_type
from pipeline_checks.pipelines.cdc.flow.lake_types import plain_schema
from pipeline_checks.pipelines.cdc.flow.sink import BatchId, conformed, last_before

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import FileScanTask, Table

_PROPERTIES: Final = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "5",
    "write.parquet.compression-codec": "snappy",
    "write.target-file-size-bytes": str(64 * 2**20),
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "30",
    # A conflict must come back to the writer: only it can leave out what another process has covered meanwhile.
    "commit.retry.num-retries": "0",
}
_EXPIRE_AFTER: Final = 100
"""Commits after which old snapshots are expired."""
_RETENTION: Final = timedelta(minutes=15)
"""How long a snapshot can still be read."""


class IcebergTarget:
    """One Iceberg table, held open.

    Parameters
    ----------
    identifier:
        Namespace and name.
    topic:
        The topic whose offsets its commits cover.
    columns:
        The columns it is created with when absent.
    """

    partition_by: str | None = None

    def __init__(self, catalog: Catalog, identifier: str, topic: str, columns: pa.Schema) -> None:
        self.catalog = catalog
        self.identifier = identifier
        self.topic = topic
        self.covers: Covers = covering.nothing()
        self._columns = columns
        self._open_table: Table | None = None
        self._commits = 0

    @property
    def table(self) -> Table:
        """The open table."""
        assert self._open_table is not None, "open() comes first"
        return self._open_table

    def open(self) -> None:
        from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

        try:
            self._open_table = self.catalog.load_table(self.identifier)
        except NoSuchTableError:
            try:
                self._open_table = self.catalog.create_table(self.identifier, self._columns, properties=_PROPERTIES)
            except TableAlreadyExistsError:
                self._open_table = self.catalog.load_table(self.identifier)
        if self.partition_by and self.table.spec().is_unpartitioned():
            with self.table.update_spec() as spec:
                spec.add_field(self.partition_by, IdentityTransform(), self.partition_by)
        found = self._said()
        self.covers = covering.advanced(covering.nothing(), found.get(self.topic, {}))

    def _said(self) -> covering.TopicCovers:
        newest_first = sorted(self.table.metadata.snapshots, key=lambda s: s.sequence_number or 0, reverse=True)
        for snapshot in newest_first:
            properties = snapshot.summary.additional_properties if snapshot.summary else {}
            found = covering.from_text(properties.get(COVERS))
            if found is not None:
                return found
        return self.counted() if self.table.metadata.current_snapshot_id is not None else {}

    def counted(self) -> covering.TopicCovers:
        """Return what the rows themselves show to be covered, for a table whose snapshots say nothing."""
        return {}

    def schema(self) -> pa.Schema:
        return plain_schema(schema_to_pyarrow(self.table.schema(), include_field_ids=False))

    def add_columns(self, columns: Mapping[str, pa.DataType]) -> None:
        with self.table.update_schema() as update:
            for name, kind in columns.items():
                update.add_column(name, iceberg_type(kind))

    def advance(self, covers: Covers, batch: BatchId) -> None:
        commit_files(self.table, [], [], self._said_by(covers, batch))
        self._done(covers)

    def _said_by(self, covers: Covers, batch: BatchId | None = None, maintenance: str | None = None) -> dict[str, str]:
        properties = {COVERS: covering.to_text({self.topic: covers})}
        if batch is not None:
            properties |= {"query": batch.query, "batch": str(batch.number)}
        if maintenance is not None:
            properties[MAINTENANCE] = maintenance
        return properties

    def _done(self, covers: Covers) -> None:
        self.covers = covers
        self._commits += 1

    def _read_files(self, tasks: Sequence[FileScanTask], columns: Sequence[str] | None = None) -> pa.Table:
        schema = self.table.schema()
        projected = schema if columns is None else schema.select(*columns)
        scan = ArrowScan(self.table.metadata, self.table.io, projected, AlwaysTrue())
        rows = scan.to_table(tasks=tasks)
        return conformed(rows, plain_schema(rows.schema))

    def _read(self, columns: Sequence[str], row_filter: str | BooleanExpression) -> pa.Table:
        """Return rows of the table as it is now; columns it does not have are left out."""
        known = set(self.table.schema().column_names)
        rows = self.table.scan(row_filter, selected_fields=tuple(c for c in columns if c in known)).to_arrow()
        return conformed(rows, plain_schema(rows.schema))

    def maintain(self) -> str | None:
        if self._commits % _EXPIRE_AFTER == _EXPIRE_AFTER - 1:
            self._commits += 1
            return "expiry" if expire(self.table, datetime.now(UTC) - _RETENTION) else None
        return None


class IcebergLog(IcebergTarget):
    """A change log in Iceberg."""

    partition_by = "_source_commit_date"
    compact_after: int = 60
    """Commits after which small files are put together."""

    def __init__(self, catalog: Catalog, identifier: str, topic: str, columns: pa.Schema, key: str) -> None:
        super().__init__(catalog, identifier, topic, columns)
        self.key = key

    def counted(self) -> covering.TopicCovers:
        rows = self._read(["_partition", "_offset"], AlwaysTrue())
        last = rows.group_by("_partition").aggregate([("_offset", "max")])
        return {self.topic: {r["_partition"]: r["_offset_max"] + 1 for r in last.to_pylist()}}

    def append(self, rows: pa.Table, covers: Covers, batch: BatchId) -> None:
        commit_files(
            self.table, write_files(self.table, conformed(rows, self.schema())), [], self._said_by(covers, batch)
        )
        self._done(covers)

    def gone(self) -> list[tuple[int | None, str, int]]:
        rows = self._read([self.key, "_cdc_operation", "_source_lsn"], "_cdc_operation IN ('DELETE', 'TRUNCATE')")
        return [(r[self.key], r["_cdc_operation"][0].lower(), r["_source_lsn"]) for r in rows.to_pylist()]

    def before(self, wanted: list[tuple[int, int]], names: list[str]) -> dict[tuple[int, int], dict[str, Any]]:
        keys = ", ".join(str(k) for k in sorted({k for k, _ in wanted}))
        row_filter = f"{self.key} IN ({keys}) AND _cdc_operation != 'DELETE'"
        rows = self._read([self.key, "_source_lsn", "_offset", *names], row_filter).to_pylist()
        return last_before(rows, self.key, wanted, names)

    def maintain(self) -> str | None:
        if self._commits % self.compact_after == self.compact_after - 1:
            self._commits += 1
            return "compaction" if self._compact() else None
        return super().maintain()

    def _compact(self) -> bool:
        """Write the small files anew as few large ones."""
        limit = int(_PROPERTIES["write.target-file-size-bytes"]) // 4
        small = [t for t in self.table.scan().plan_files() if t.file.file_size_in_bytes < limit and not t.delete_files]
        if len(small) < 2:
            return False
        files = write_files(self.table, conformed(self._read_files(small), self.schema()))
        said = self._said_by(self.covers, maintenance="compaction")
        commit_files(self.table, files, [t.file for t in small], said)
        return True
