"""An Iceberg table at one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.lake import storage_options, translated
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Measure, Measured, RowCount, StageSchema
from pipeline_checks.model.position import SnapshotPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.iceberg_history import newest_first
from pipeline_checks.stages.lake_files import files_holding

if TYPE_CHECKING:
    import polars
    import pyiceberg.schema
    from pyiceberg.table import Table

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
        """Return schema, row count and ``Facts("commits")``: a list of mappings, oldest first (``Commit.facts``)."""
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, RowCount):
                answers[measure] = exact(self._count())
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> polars.LazyFrame:
        """Return the rows as a lazy frame; raises TerminalError when a column is not there."""
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
            frame = polars.scan_iceberg(self._table, snapshot_id=self._scanned, storage_options=options or None)
            return frame if columns is None else frame.select(list(dict.fromkeys(columns)))

    def files_of(self, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]:
        """Return the data files in which values of a column stand, as far as they were written under that name."""
        from pyiceberg.expressions import In

        with translated(self._what):
            scan = self._table.scan(row_filter=In(term=column, literals=set(values)), snapshot_id=self._scanned)
            files = [task.file.file_path for task in scan.plan_files()]
            return files_holding(files, self._table.location(), column, values)

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
            if properties.get("total-delete-files") == "0" and "total-records" in properties:
                return int(properties["total-records"])
            return self._table.scan(snapshot_id=self.position.snapshot_id).count()

    def _facts(self, topic: str) -> Any:
        if topic == "commits":
            commits = list(newest_first(self._table, self.position.snapshot_id, self._covers_name))
            return [c.facts() for c in reversed(commits)]
        raise ConfigurationError(f"an Iceberg table tells nothing of {topic!r}.", next_step="It tells: commits.")


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
