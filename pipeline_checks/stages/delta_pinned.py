"""A Delta table at one version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pipeline_checks.clients.lake import open_delta, translated
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Measure, Measured, RowCount, StageSchema
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.commits import Commit
from pipeline_checks.stages.delta_features import refuse_columns, refuse_unreadable
from pipeline_checks.stages.delta_log import DeltaLog
from pipeline_checks.stages.delta_statistics import DeltaStatistics
from pipeline_checks.stages.lake_files import files_holding, refuse_damaged
from pipeline_checks.stages.lake_statistics import columns_of, proved

if TYPE_CHECKING:
    import deltalake
    import pyarrow

    from pipeline_checks.values.buckets import BucketPlan

_FIELD_ID = "delta.columnMapping.id"
_NAME_IN_FILES = "delta.columnMapping.physicalName"
_MAPPING = "delta.columnMapping.mode"
_PRIMITIVES = {
    "byte": "int8",
    "short": "int16",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool",
    "binary": "bytes",
    "string": "string",
    "date": "date",
    "timestamp": "timestamptz",
    "timestamp_ntz": "timestamp",
    "variant": "json",
}


class PinnedDelta:
    """Answers about one version: schema, count and what statistics prove from the log, rows by delta-rs' scan.

    The scan is the reader that is right with deletion vectors and column mapping and refuses what it does not know;
    lists of Parquet files and ``to_pyarrow_*`` are silently wrong there.
    """

    def __init__(
        self, uri: str, position: VersionPosition, log: DeltaLog, opened: deltalake.DeltaTable | None = None
    ) -> None:
        self.position = position
        self._uri = uri
        self._log = log
        self._opened = opened
        self._actions: pyarrow.Table | None = None
        self._deleted: int | None = None

    @property
    def _what(self) -> str:
        return f"reading the Delta table {self._uri} at version {self.position.version}"

    def _table(self) -> deltalake.DeltaTable:
        if self._opened is None:
            self._opened = open_delta(self._uri, self.position.version)
        return self._opened

    def schema(self) -> Schema:
        """Return the columns; ids are known where the table maps its columns.

        Movers write lake tables whose columns all take NULL, so that a column can come and go; whether there are NULLs
        is judged by the data.
        """
        with translated(self._what):
            fields = self._table().schema().fields
        return Schema(tuple(_schema_field(f) for f in fields), enforces_nullability=False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema, row count (where the log has it), ``Facts("commits")`` and what the statistics prove.

        The commits are a list of mappings, oldest first, as ``Commit.facts`` makes them. Nulls, extremes and ranges
        are told where the statistics are exact, or where they prove that no row breaks the promise.
        """
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, RowCount):
                count = self._count()
                if count is not None:
                    answers[measure] = exact(count)
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers | self._proved(measures)

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.RecordBatchReader:
        """Return the rows as a stream of batches; raises TerminalError for what the reader does not read rightly."""
        return self._scanned(columns, None)

    def rows_outside(
        self, columns: Sequence[str], key: str, ranges: Sequence[tuple[int, int]]
    ) -> pyarrow.RecordBatchReader:
        """Return the rows whose integer key is NULL or in none of some ranges, both ends inclusive.

        Files whose statistics show no such key are not read.
        """
        name = _quoted(key)
        outside = " AND ".join(f"({name} < {low} OR {name} > {high})" for low, high in ranges)
        return self._scanned(columns, f"{name} IS NULL OR ({outside})" if ranges else None)

    def rows_of_buckets(
        self, columns: Sequence[str], key: str, plan: BucketPlan, buckets: Sequence[int]
    ) -> pyarrow.RecordBatchReader:
        """Return the rows of some buckets of an integer key, and those whose key is NULL or in no bucket of the plan.

        The other columns of other rows are not decoded.
        """
        bucket = f"(CAST({_quoted(key)} AS BIGINT) >> {plan.shift})"
        wanted = [f"{bucket} IS NULL", f"{bucket} < {plan.least}", f"{bucket} >= {plan.least + plan.count}"]
        if buckets:
            wanted.append(f"{bucket} IN ({', '.join(str(plan.least + b) for b in buckets)})")
        return self._scanned(columns, " OR ".join(wanted))

    def _scanned(self, columns: Sequence[str] | None, predicate: str | None) -> pyarrow.RecordBatchReader:
        import pyarrow as pa

        with translated(self._what):
            refuse_unreadable(self._table(), self._what)
            refuse_columns(self._table(), columns, self._what)
            scan = self._table().scan(columns=None if columns is None else list(columns), predicate=predicate)
            reader = pa.RecordBatchReader.from_stream(scan)
        return pa.RecordBatchReader.from_batches(reader.schema, self._batches(reader))

    def files_of(self, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]:
        """Return the data files in which values of a column stand; empty where the files name columns otherwise."""
        table = self._table()
        if self._maps_columns():
            return {}
        with translated(self._what):
            return files_holding(table.file_uris(), table.table_uri, column, values)

    def _batches(self, reader: pyarrow.RecordBatchReader) -> Iterator[pyarrow.RecordBatch]:
        with translated(self._what):
            yield from reader

    def commits(self) -> Iterator[Commit]:
        """Yield the commits that led here, newest first, as far as the log still has them."""
        return self._log.newest_first(self.position.version)

    def _facts(self, topic: str) -> Any:
        if topic == "commits":
            return [c.facts() for c in reversed(list(self.commits()))]
        raise ConfigurationError(f"a Delta table tells nothing of {topic!r}.", next_step="It tells: commits.")

    def _count(self) -> int | None:
        """Rows by the statistics of the log less those its deletion vectors mark; None where these do not tell."""
        from pyarrow import compute

        with translated(self._what):
            refuse_unreadable(self._table(), self._what)
            files = self._files()
            if files.num_rows == 0:
                return 0
            if "num_records" not in files.column_names or files.column("num_records").null_count:
                return None
            self._refuse_damaged()
            return int(compute.sum(files.column("num_records")).as_py()) - self._deleted_rows()

    def _refuse_damaged(self) -> None:
        paths, sizes = (self._files().column(name).to_pylist() for name in ("path", "size_bytes"))
        named = ((unquote(path), size) for path, size in zip(paths, sizes, strict=True))  # as URIs in the log
        refuse_damaged(named, self._table().table_uri, self._what)

    def _proved(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        asked = columns_of(measures)
        if not asked:
            return {}
        with translated(self._what):
            refuse_unreadable(self._table(), self._what)
            self._refuse_damaged()
            fields = [f for f in self._table().schema().fields if f.name in asked]
            types = {f.name: _logical_type(f.type) for f in fields}
            names = {f.name: self._name_in_files(f) for f in fields}
            statistics = DeltaStatistics(self._files(), types, names, counts_rows=self._deleted_rows() == 0)
            return proved(measures, types, statistics.of)

    def _name_in_files(self, field: deltalake.Field) -> str:
        return str((field.metadata or {}).get(_NAME_IN_FILES, field.name)) if self._maps_columns() else field.name

    def _files(self) -> pyarrow.Table:
        """The add actions of the live files."""
        import pyarrow as pa

        if self._actions is None:
            self._actions = pa.table(self._table().get_add_actions())
        return self._actions

    def _deleted_rows(self) -> int:
        """How many rows of the files deletion vectors mark."""
        import pyarrow as pa
        from pyarrow import compute

        if self._deleted is None:
            self._deleted = 0
            if "deletionVectors" in (self._table().protocol().reader_features or ()):
                for batch in pa.RecordBatchReader.from_stream(self._table().deletion_vectors()):
                    keep = batch.column("selection_vector").flatten()
                    self._deleted += len(keep) - (compute.sum(keep).as_py() or 0)
        return self._deleted

    def _maps_columns(self) -> bool:
        return bool(self._table().metadata().configuration.get(_MAPPING, "none") != "none")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _schema_field(field: deltalake.Field) -> SchemaField:
    identity = (field.metadata or {}).get(_FIELD_ID)
    return SchemaField(
        field.name, _logical_type(field.type), field.nullable, None if identity is None else str(identity)
    )


def _logical_type(type_: Any) -> LogicalType:
    """Return the logical type of a Delta type. Timestamps of Delta have microseconds."""
    name = str(getattr(type_, "type", type_))
    if name.startswith("decimal"):
        return LogicalType.parse(name)
    if name in _PRIMITIVES:
        return LogicalType.parse(_PRIMITIVES[name])
    return LogicalType(name if name in ("array", "struct", "map") else "string")
