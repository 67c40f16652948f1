"""Writing the Delta tables with delta-rs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from pipeline_checks.pipelines.cdc.flow import covers as covering
from pipeline_checks.pipelines.cdc.flow.covers import Covers
from pipeline_checks.pipelines.cdc.flow.lake_types import plain_schema
from pipeline_checks.pipelines.cdc.flow.sink import BatchId, conformed, last_before

_CONFIGURATION: Final = {
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 6 hours",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
    "delta.enableExpiredLogCleanup": "true",
}
_WRITER: Final = WriterProperties(compression="SNAPPY")
_VACUUM_AFTER: Final = 600
"""Commits after which files no longer referred to are removed."""
_RETENTION_HOURS: Final = 1


class DeltaTarget:
    """One Delta table, held open.

    Parameters
    ----------
    uri:
        Folder or URL of the table.
    topic:
        The topic whose offsets its commits cover.
    columns:
        The columns it is created with when absent.
    """

    partition_by: Sequence[str] = ()
    configuration: Mapping[str, str] = {}

    def __init__(
        self, uri: str, topic: str, columns: pa.Schema, storage_options: Mapping[str, str] | None = None
    ) -> None:
        self.uri = uri
        self.topic = topic
        self.covers: Covers = covering.nothing()
        self._columns = columns
        self._storage = dict(storage_options or {}) or None
        self._open_table: DeltaTable | None = None
        self._commits = 0

    @property
    def table(self) -> DeltaTable:
        """The open table."""
        assert self._open_table is not None, "open() comes first"
        return self._open_table

    def open(self) -> None:
        try:
            table = DeltaTable(self.uri, storage_options=self._storage)
        except TableNotFoundError:
            table = DeltaTable.create(
                self.uri,
                schema=self._columns,
                mode="ignore",
                partition_by=list(self.partition_by) or None,
                configuration={**_CONFIGURATION, **self.configuration},
                storage_options=self._storage,
                commit_properties=CommitProperties(
                    custom_metadata={"userMetadata": covering.metadata({self.topic: covering.nothing()})}
                ),
            )
        self._open_table = table
        found = self._said()
        self.covers = covering.advanced(covering.nothing(), found.get(self.topic, {}))

    def _said(self) -> covering.TopicCovers:
        for limit in (20, None):
            history = self.table.history(limit)
            found = covering.newest(commit.get("userMetadata") for commit in history)
            if found is not None:
                return found
        return self.counted()

    def counted(self) -> covering.TopicCovers:
        """Return what the rows themselves show to be covered, for a table whose history says nothing (any more)."""
        return {}

    def schema(self) -> pa.Schema:
        return plain_schema(pa.schema(self.table.schema().to_arrow()))

    def add_columns(self, columns: Mapping[str, pa.DataType]) -> None:
        fields = [Field.from_arrow(pa.field(name, kind)) for name, kind in columns.items()]
        self.table.update_incremental()
        self.table.alter.add_columns(fields, commit_properties=self._properties(self.covers, maintenance="add_columns"))

    def advance(self, covers: Covers, batch: BatchId) -> None:
        self.table.update_incremental()
        self._empty_commit(covers, batch)
        self._done(covers)

    def _empty_commit(self, covers: Covers, batch: BatchId) -> None:
        self.table.create_write_transaction(
            [],
            "append",
            self.table.schema(),
            partition_by=list(self.partition_by) or None,
            commit_properties=self._properties(covers, batch),
        )

    def _properties(
        self, covers: Covers, batch: BatchId | None = None, maintenance: str | None = None
    ) -> CommitProperties:
        # The application id holds the query's id: after a deleted checkpoint a new query begins at batch 0 again.
        application = [Transaction(f"{batch.query}/{self.topic}", batch.number)] if batch else None
        text = covering.metadata({self.topic: covers}, maintenance)
        return CommitProperties(custom_metadata={"userMetadata": text}, app_transactions=application)

    def _done(self, covers: Covers) -> None:
        self.covers = covers
        self._commits += 1

    def maintain(self) -> str | None:
        if self._commits % _VACUUM_AFTER == _VACUUM_AFTER - 1:
            self._commits += 1
            self.table.vacuum(
                retention_hours=_RETENTION_HOURS,
                dry_run=False,
                enforce_retention_duration=False,
                commit_properties=self._properties(self.covers, maintenance="vacuum"),
            )
            return "vacuum"
        return None

    def _read(self, columns: Sequence[str], predicate: str | None = None) -> pa.Table:
        """Return rows of the table as it is now; columns it does not have are left out."""
        known = set(self.schema().names)
        reader = self.table.scan(columns=[c for c in columns if c in known], predicate=predicate)
        return pa.RecordBatchReader.from_stream(reader).read_all()


class DeltaLog(DeltaTarget):
    """A change log in Delta."""

    partition_by = ("_source_commit_date",)
    compact_after: int = 60
    """Commits after which small files are put together."""

    def __init__(
        self, uri: str, topic: str, columns: pa.Schema, key: str, storage_options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(uri, topic, columns, storage_options)
        self.key = key

    def counted(self) -> covering.TopicCovers:
        rows = self._read(["_partition", "_offset"])
        if rows.num_rows == 0:
            return {}
        last = rows.group_by("_partition").aggregate([("_offset", "max")])
        return {self.topic: {r["_partition"]: r["_offset_max"] + 1 for r in last.to_pylist()}}

    def append(self, rows: pa.Table, covers: Covers, batch: BatchId) -> None:
        write_deltalake(
            self.table,
            conformed(rows, self.schema()),
            mode="append",
            writer_properties=_WRITER,
            commit_properties=self._properties(covers, batch),
        )
        self._done(covers)

    def gone(self) -> list[tuple[int | None, str, int]]:
        rows = self._read([self.key, "_cdc_operation", "_source_lsn"], "_cdc_operation IN ('DELETE', 'TRUNCATE')")
        return [(r[self.key], r["_cdc_operation"][0].lower(), r["_source_lsn"]) for r in rows.to_pylist()]

    def before(self, wanted: list[tuple[int, int]], names: list[str]) -> dict[tuple[int, int], dict[str, Any]]:
        keys = ", ".join(str(k) for k in sorted({k for k, _ in wanted}))
        predicate = f"{self.key} IN ({keys}) AND _cdc_operation <> 'DELETE'"
        rows = self._read([self.key, "_source_lsn", "_offset", *names], predicate).to_pylist()
        return last_before(rows, self.key, wanted, names)

    def maintain(self) -> str | None:
        if self._commits % self.compact_after == self.compact_after - 1:
            self._commits += 1
            self.table.optimize.compact(commit_properties=self._properties(self.covers, maintenance="compaction"))
            return "compaction"
        return super().maintain()


class DeltaState(DeltaTarget):
    """A current state in Delta, merged by key, with its change data feed on."""

    configuration = {"delta.enableChangeDataFeed": "true"}

    def __init__(
        self, uri: str, topic: str, columns: pa.Schema, key: str, storage_options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(uri, topic, columns, storage_options)
        self.key = key

    def apply(
        self, upserts: pa.Table, deletes: pa.Table, truncated: int | None, covers: Covers, batch: BatchId
    ) -> None:
        self.table.update_incremental()
        if truncated is not None:
            # A commit of its own. It repeats the covers that hold until the rest is there: a crash between the two
            # brings the truncate again, which then finds nothing to do.
            self.table.delete(f"_source_lsn < {truncated}", commit_properties=self._properties(self.covers))
        version = self.table.version()
        if upserts.num_rows + deletes.num_rows:
            self._merge(upserts, deletes, covers, batch)
        if self.table.version() == version:  # a merge that finds nothing to change makes no commit
            self._empty_commit(covers, batch)
        self._done(covers)

    def _merge(self, upserts: pa.Table, deletes: pa.Table, covers: Covers, batch: BatchId) -> None:
        schema = self.schema()
        rows = pa.concat_tables([conformed(upserts, schema), conformed(deletes, schema)])
        flags = pa.array([False] * upserts.num_rows + [True] * deletes.num_rows, pa.bool_())
        source = rows.append_column("__deleted", flags)
        newer = (
            "(s._source_lsn > coalesce(t._source_lsn, -1) OR "
            "(s._source_lsn = t._source_lsn AND s._offset >= coalesce(t._offset, -1)))"
        )
        (
            self.table.merge(
                source,
                f"t.{self.key} = s.{self.key}",
                source_alias="s",
                target_alias="t",
                writer_properties=_WRITER,
                commit_properties=self._properties(covers, batch),
            )
            .when_matched_delete(f"s.__deleted AND {newer}")
            .when_matched_update_all(f"NOT s.__deleted AND {newer}", except_cols=["__deleted"])
            .when_not_matched_insert_all("NOT s.__deleted", except_cols=["__deleted"])
            .execute()
        )

    def rows_of(self, keys: list[int], names: list[str]) -> dict[int, dict[str, Any]]:
        predicate = f"{self.key} IN ({', '.join(map(str, keys))})"
        rows = self._read([self.key, "_source_lsn", *names], predicate).to_pylist()
        return {row[self.key]: row for row in rows}
