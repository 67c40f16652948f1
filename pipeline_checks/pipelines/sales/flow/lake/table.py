"""One Delta table, held open by its only writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from pipeline_checks.pipelines.sales.flow.columns import Column, arrow_schema
from pipeline_checks.pipelines.sales.flow.lake import covers as covering
from pipeline_checks.pipelines.sales.flow.lake.covers import Covers

if TYPE_CHECKING:
    import polars as pl

_CONFIGURATION: Final[dict[str, str | None]] = {
    # What was loaded before tells the loader which rows of later versions are to be loaded.
    "delta.enableChangeDataFeed": "true",
    "delta.checkpointInterval": "50",
}
_WRITER: Final = WriterProperties(compression="SNAPPY")
_COMPACT_AFTER: Final = 50


class LakeTable:
    """A table whose every commit says what it covers.

    Parameters
    ----------
    uri:
        Its folder.
    start:
        What a table covers that holds nothing yet: where its topic's partitions begin.
    key:
        What its rows are merged by; empty for a table that is only appended to.
    """

    def __init__(self, uri: str, columns: Sequence[Column], start: Covers, key: Sequence[str] = ()) -> None:
        self.uri = uri
        self.start = start
        self.schema = arrow_schema(columns)
        self.key = tuple(key)
        self.covers: Covers = {}
        self._commits = 0
        self._open: DeltaTable | None = None

    @property
    def table(self) -> DeltaTable:
        """The open table."""
        assert self._open is not None, "open() comes first"
        return self._open

    def open(self) -> None:
        """Open the table, creating it when it is absent, and learn what it covers."""
        try:
            self._open = DeltaTable(self.uri)
        except TableNotFoundError:
            self._open = DeltaTable.create(
                self.uri,
                schema=self.schema,
                mode="ignore",
                configuration=_CONFIGURATION,
                commit_properties=self._properties(self.start),
            )
        self.covers = covering.advanced(self.start, last_covers(self.table))

    def refresh(self) -> None:
        """Take note of commits of others."""
        self.table.update_incremental()

    def read(self, columns: Sequence[str] | None = None, predicate: str | None = None) -> pl.DataFrame:
        """Return rows of the table as it is now."""
        import polars as pl

        reader = self.table.scan(columns=list(columns) if columns else None, predicate=predicate)
        read = pl.from_arrow(pa.RecordBatchReader.from_stream(reader).read_all())
        assert isinstance(read, pl.DataFrame)
        return read

    def append(self, rows: pl.DataFrame, reached: Covers) -> None:
        """Add rows, none included, in a commit that covers ``reached``."""
        covers = covering.advanced(self.covers, reached)
        if rows.height:
            write_deltalake(
                self.table,
                self._arrow(rows),
                mode="append",
                writer_properties=_WRITER,
                commit_properties=self._properties(covers),
            )
        else:
            self._empty_commit(covers)
        self._done(covers)

    def merge(self, rows: pl.DataFrame, reached: Covers) -> None:
        """Put rows in the place of those of their keys, or beside the others, in one commit that covers ``reached``."""
        covers = covering.advanced(self.covers, reached)
        (
            self.table.merge(
                self._arrow(rows),
                " AND ".join(f"t.{k} = s.{k}" for k in self.key),
                source_alias="s",
                target_alias="t",
                writer_properties=_WRITER,
                commit_properties=self._properties(covers),
            )
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )
        self._done(covers)

    def maintain(self) -> None:
        """Put small files together when it is time."""
        if self._commits >= _COMPACT_AFTER:
            self._commits = 0
            self.table.optimize.compact(commit_properties=self._properties(self.covers, "compaction"))

    def _arrow(self, rows: pl.DataFrame) -> pa.Table:
        return rows.select(self.schema.names).to_arrow().cast(self.schema)

    def _empty_commit(self, covers: Covers) -> None:
        self.table.create_write_transaction(
            [], "append", self.table.schema(), commit_properties=self._properties(covers)
        )

    def _properties(self, covers: Covers, maintenance: str | None = None) -> CommitProperties:
        return CommitProperties(custom_metadata={"userMetadata": covering.metadata(covers, maintenance)})

    def _done(self, covers: Covers) -> None:
        self.covers = covers
        self._commits += 1


def last_covers(table: DeltaTable) -> Covers:
    """Return what the newest commit that says anything says."""
    for limit in (20, None):
        history: list[dict[str, Any]] = table.history(limit)
        for commit in history:
            found = covering.from_metadata(commit.get("userMetadata"))
            if found is not None:
                return found
    return {}
