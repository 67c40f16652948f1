"""An Iceberg table at one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pipeline_checks.clients.lake import storage_options, translated
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Measure, Measured, RowCount, StageSchema
from pipeline_checks.model.position import SnapshotPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.commits import Commit
from pipeline_checks.stages.iceberg_files import SnapshotFiles, files_of_snapshot
from pipeline_checks.stages.iceberg_history import newest_first
from pipeline_checks.stages.iceberg_statistics import IcebergStatistics
from pipeline_checks.stages.lake_files import files_holding, refuse_damaged
from pipeline_checks.stages.lake_statistics import columns_of, proved

if TYPE_CHECKING:
    import polars
    import pyiceberg.schema
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

    from pipeline_checks.stages.commits import LoadProperties
    from pipeline_checks.stages.iceberg_loads import IcebergLoads

_PLANNER = "POLARS_ICEBERG_PLANNER"
_TYPES = {
    "boolean": "bool",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "string",
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "timestamp_ns": "timestamp(9)",
    "timestamptz_ns": "timestamptz(9)",
    "binary": "bytes",
    "variant": "json",
}


class PinnedIceberg:
    """Answers about one snapshot; its metadata stays loaded, so that it can be read after others came."""

    def __init__(self, name: str, table: Table, position: SnapshotPosition, covers_name: str | None) -> None:
        self.position = position
        self._name = name
        self._table = table
        self._covers_name = covers_name
        self._known_files: SnapshotFiles | None = None
        self._loads: IcebergLoads | None = None

    @property
    def table(self) -> Table:
        """The table, whose metadata was loaded when it was pinned."""
        return self._table

    def loads(self, names: LoadProperties, ingestion: str) -> IcebergLoads:
        """Return which files the rows are of, for a table whose snapshots say so under these names of properties."""
        if self._loads is None:
            from pipeline_checks.stages.iceberg_loads import IcebergLoads

            self._loads = IcebergLoads(self, names, ingestion)
        return self._loads

    @property
    def _what(self) -> str:
        return f"reading the Iceberg table {self._name} at snapshot {self.position.snapshot_id}"

    @property
    def _scanned(self) -> int | None:
        """The snapshot to name in a scan: none for the newest one, which is read with the table's newest columns."""
        current = self._table.metadata.current_snapshot_id
        return None if self.position.snapshot_id == current else self.position.snapshot_id

    def schema(self) -> Schema:
        """Return the columns; their ids are field ids, which a rename does not change.

        As with Delta, movers write tables whose columns all take NULL.
        """
        fields = []
        for field in self._schema().fields:
            fields.append(
                SchemaField(field.name, _logical_type(field.field_type), not field.required, str(field.field_id))
            )
        return Schema(tuple(fields), enforces_nullability=False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema, row count, ``Facts("commits")`` and what the statistics of the manifests prove.

        The commits are a list of mappings, oldest first (``Commit.facts``); ``Facts("summaries")`` has the
        ``properties`` of each instead. Nulls, extremes and ranges are told where
        no row is deleted beside its file, or where the statistics prove that no row breaks the promise.
        """
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, RowCount):
                answers[measure] = exact(self._count())
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers | self._proved(measures)

    def rows(self, columns: Sequence[str] | None = None) -> polars.LazyFrame:
        """Return the rows as a lazy frame; raises TerminalError when a column is not there or is not read rightly."""
        import os

        os.environ.setdefault(_PLANNER, "pyiceberg")  # polars otherwise warns that its own planner is not installed
        import polars

        names = [f.name for f in self._schema().fields]
        missing = [c for c in columns or () if c not in names]
        if missing:
            raise TerminalError(
                f"the Iceberg table {self._name} has no column {missing[0]!r}.",
                next_step=f"Its columns are: {', '.join(names)}.",
            )
        options = storage_options(self._table.location())
        with translated(self._what):
            self._files().refuse_unreadable(self._what)
            frame = polars.scan_iceberg(
                self._table,
                snapshot_id=self._scanned,
                storage_options=options or None,
                reader_override=self._only_reader(columns),
            )
            return frame if columns is None else frame.select(list(dict.fromkeys(columns)))

    def files_of(self, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]:
        """Return the data files in which values of a column stand, as far as they were written under that name."""
        from pyiceberg.expressions import In

        with translated(self._what):
            scan = self._table.scan(row_filter=In(term=column, literals=set(values)), snapshot_id=self._scanned)
            files = [task.file.file_path for task in scan.plan_files()]
            return files_holding(files, self._table.location(), column, values)

    def columns_then(self) -> dict[str, str]:
        """Return the columns as the snapshot was written, with their field ids; they may have been altered since."""
        snapshot = None if self.position.snapshot_id is None else self._table.snapshot_by_id(self.position.snapshot_id)
        written = None if snapshot is None else snapshot.schema_id
        schema = self._table.schema() if written is None else self._table.schemas()[written]
        return {field.name: str(field.field_id) for field in schema.fields}

    def _schema(self) -> pyiceberg.schema.Schema:
        if self._scanned is not None:
            snapshot = self._table.snapshot_by_id(self._scanned)
            if snapshot is not None and snapshot.schema_id is not None:
                return self._table.schemas()[snapshot.schema_id]
        return self._table.schema()

    def _count(self) -> int:
        """Rows by the summary, which is exact without delete files; otherwise what a scan of the manifests counts."""
        if self.position.snapshot_id is None:
            return 0
        with translated(self._what):
            snapshot = self._table.snapshot_by_id(self.position.snapshot_id)
            properties = {} if snapshot is None or snapshot.summary is None else snapshot.summary.additional_properties
            self._refuse_damaged()
            if properties.get("total-delete-files") == "0" and "total-records" in properties:
                return int(properties["total-records"])
            self._files().refuse_unreadable(self._what)
            return self._table.scan(snapshot_id=self.position.snapshot_id).count()

    def _files(self) -> SnapshotFiles:
        if self._known_files is None:
            self._known_files = files_of_snapshot(self._table, self.position.snapshot_id)
        return self._known_files

    def _refuse_damaged(self) -> None:
        sizes = ((f.file_path, f.file_size_in_bytes) for f in self._files().data)
        refuse_damaged(sizes, self._table.location(), self._what)

    def _proved(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        asked = columns_of(measures)
        if not asked:
            return {}
        fields = {f.name: (f.field_id, f.field_type) for f in self._schema().fields if f.name in asked}
        fields = {name: field for name, field in fields.items() if field[1].is_primitive}
        with translated(self._what):
            files = self._files()
            files.refuse_unreadable(self._what)
            self._refuse_damaged()
            statistics = IcebergStatistics(files.data, fields, counts_rows=not files.deletes)
            return proved(measures, {name: _logical_type(type_) for name, (_, type_) in fields.items()}, statistics.of)

    def _only_reader(self, columns: Sequence[str] | None) -> Literal["native"] | None:
        """The reader that polars must use; None where it may fall back to pyiceberg's.

        That one makes an empty list of a NULL list of structs. Raises TerminalError where the other cannot read it.
        """
        lists = [f.name for f in self._schema().fields if columns is None or f.name in columns]
        lists = [name for name in lists if _has_list_of_structs(self._schema().find_type(name))]
        if not lists:
            return None
        if not self._files().all_parquet:
            raise TerminalError(
                f"{self._what}: the column {lists[0]!r}, a list of structs, is in files that are not Parquet, "
                "of which NULL cannot be told from an empty list.",
                next_step="Rewrite the data files as Parquet, or list the column under `ignore` of the stage.",
                feature="list of structs",
            )
        return "native"

    def commits(self) -> Iterator[Commit]:
        """Yield the commits that led here, newest first, as far as the table still has them."""
        return newest_first(self._table, self.position.snapshot_id, self._covers_name)

    def _facts(self, topic: str) -> Any:
        if topic == "commits":
            return [c.facts() for c in reversed(list(self.commits()))]
        if topic == "summaries":
            return [
                {"version": c.version, "is_first": c.is_first, "properties": self._properties(c.version)}
                for c in reversed(list(self.commits()))
            ]
        raise ConfigurationError(
            f"an Iceberg table tells nothing of {topic!r}.", next_step="It tells: commits, summaries."
        )

    def _properties(self, snapshot_id: int) -> dict[str, str]:
        snapshot = self._table.snapshot_by_id(snapshot_id)
        return {} if snapshot is None or snapshot.summary is None else dict(snapshot.summary.additional_properties)


def _has_list_of_structs(type_: IcebergType) -> bool:
    text = str(type_)
    return "list<struct" in text or "list<list" in text or "list<map" in text


def _logical_type(type_: Any) -> LogicalType:
    name = str(type_)
    if name.startswith("decimal"):
        return LogicalType.parse(name)
    if name in _TYPES:
        return LogicalType.parse(_TYPES[name])
    if name.startswith("fixed"):
        return LogicalType("bytes")
    kind = name.partition("<")[0]
    return LogicalType({"list": "array", "struct": "struct", "map": "map"}.get(kind, "string"))
