"""Lake tables as Spark reads them: metadata as always, from the log; rows as they lie in Spark, at the same version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.spark_catalogs import named_table
from pipeline_checks.clients.spark_connect import translated
from pipeline_checks.clients.spark_rows import SparkRows, quoted
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import Measure, Measured, RowMeasure
from pipeline_checks.model.position import Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import Reached, StageReader
from pipeline_checks.stages.commits import Commit
from pipeline_checks.stages.delta import DeltaTable
from pipeline_checks.stages.iceberg import IcebergTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from pipeline_checks.stages.delta_pinned import PinnedDelta
    from pipeline_checks.stages.iceberg_pinned import PinnedIceberg

Sessions = Callable[[], "SparkSession"]
"""Gives the session, opened at the first call."""


def in_spark(reader: StageReader, sessions: Sessions) -> StageReader:
    """Return a stage whose rows are read by Spark, where it is a lake table; any other stage as it is."""
    return SparkReader(reader, sessions) if isinstance(reader.declaration, DeltaTable | IcebergTable) else reader


class SparkReader:
    """A lake table whose newest position is told by its own metadata, and whose rows are read by Spark."""

    def __init__(self, reader: StageReader, sessions: Sessions) -> None:
        self.declaration = reader.declaration
        self._reader = reader
        self._sessions = sessions

    def reached(self) -> Reached:
        """Return the newest position and what it covers."""
        return self._reader.reached()

    def at(self, position: Position) -> SparkPinned:
        """Return the table at a position."""
        pinned: Any = self._reader.at(position)
        declared, sessions = self.declaration, self._sessions
        if isinstance(declared, DeltaTable):
            uri = declared.uri()
            what = f"reading the Delta table {uri} in Spark"
            return SparkPinned(pinned, lambda: _delta(sessions(), uri, pinned), what)
        assert isinstance(declared, IcebergTable)
        what = f"reading the Iceberg table {declared.table} in Spark"
        return SparkPinned(pinned, lambda: _iceberg(sessions(), declared, pinned), what)

    def close(self) -> None:
        """Give back connections."""
        self._reader.close()


class SparkPinned:
    """A lake table at one version: what the log tells comes from there, rows from Spark."""

    def __init__(self, pinned: PinnedDelta | PinnedIceberg, frame: Callable[[], DataFrame], what: str) -> None:
        self.position = pinned.position
        self._pinned = pinned
        self._make = frame
        self._what = f"{what} at {pinned.position.value()}"

    @cached_property
    def _frame(self) -> DataFrame:
        with translated(self._what):
            return self._make()

    def schema(self) -> Schema:
        """Return the columns."""
        return self._pinned.schema()

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return what the log tells; of a table with a feature that only Spark reads, what needs no rows."""
        try:
            return self._pinned.answer(measures)
        except TerminalError as refused:
            if "feature" not in refused.data:
                raise
        told = frozenset(m for m in measures if not isinstance(m, RowMeasure))
        return self._pinned.answer(told) if told else {}

    def rows(self, columns: Sequence[str] | None = None) -> SparkRows:
        """Return the rows as they lie in Spark."""
        return SparkRows(self._frame, self._what, columns)

    def rows_outside(self, columns: Sequence[str], key: str, ranges: Sequence[tuple[int, int]]) -> SparkRows:
        """Return the rows whose integer key is NULL or in none of some ranges, both ends inclusive."""

        functions = self.rows().functions
        column = functions.col(quoted(key))
        outside = functions.lit(True)
        for low, high in ranges:
            outside = outside & ~column.between(low, high)
        return SparkRows(self._frame.where(column.isNull() | outside), self._what, columns)

    def commits(self) -> Iterator[Commit]:
        """Yield the commits that led here, newest first."""
        return self._pinned.commits()

    def files_of(self, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]:
        """Return the data files in which values of a column stand."""
        return self._pinned.files_of(column, values)


def _delta(session: SparkSession, uri: str, pinned: PinnedDelta) -> DataFrame:
    reader = session.read.format("delta").option("versionAsOf", pinned.position.version)
    return reader.load(_path(uri))


def _iceberg(session: SparkSession, declared: IcebergTable, pinned: PinnedIceberg) -> DataFrame:
    name = named_table(session, declared.catalog.name, declared.catalog.url, declared.catalog.warehouse, declared.table)
    snapshot = pinned.position.snapshot_id
    if snapshot is None:
        return session.read.table(name).limit(0)
    frame = session.read.option("versionAsOf", str(snapshot)).table(name)
    then, now = pinned.columns_then(), {field.name: str(field.id) for field in pinned.schema().fields}
    return frame if then == now else _with_newest_columns(frame, then, now, session.read.table(name))


def _with_newest_columns(
    frame: DataFrame, then: Mapping[str, str], now: Mapping[str, str], newest: DataFrame
) -> DataFrame:
    """Return the rows with the columns as they were altered after the snapshot: Spark gives those of then."""
    names = {identity: name for name, identity in then.items()}
    types = {field.name: field.dataType.simpleString() for field in newest.schema.fields}
    selected = []
    for name, identity in now.items():
        held = quoted(names[identity]) if identity in names else "NULL"
        selected.append(f"CAST({held} AS {types[name]}) AS {quoted(name)}")
    return frame.selectExpr(*selected)


def _path(uri: str) -> str:
    """The place as Hadoop names it."""
    if "://" not in uri:
        return Path(uri).absolute().as_uri()
    return f"s3a://{uri.removeprefix('s3://')}" if uri.startswith("s3://") else uri
