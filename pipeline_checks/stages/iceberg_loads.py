"""What each snapshot of an Iceberg table says of the file whose rows it added, and the rows that are left of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.lake import translated
from pipeline_checks.model.fields import BOOLEAN, DOUBLE, LIST, LONG, STRING, FieldType, struct_of
from pipeline_checks.model.loading import LoadedTable, TableLoad, normal_path

if TYPE_CHECKING:
    import pyarrow
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.types import IcebergType

    from pipeline_checks.stages.commits import LoadProperties
    from pipeline_checks.stages.iceberg_pinned import PinnedIceberg

_REWRITE = "replace"
_NAMES = {"int": LONG, "long": LONG, "float": DOUBLE, "double": DOUBLE, "string": STRING, "boolean": BOOLEAN}


class IcebergLoads:
    """The loads that led to the snapshot at which a table is pinned."""

    def __init__(self, pinned: PinnedIceberg, names: LoadProperties, ingestion: str) -> None:
        self._pinned = pinned
        self._names = names
        self._ingestion = ingestion
        self._told: LoadedTable | None = None
        self._held: list[Any] | None = None

    @property
    def _table(self) -> Table:
        return self._pinned.table

    def table(self) -> LoadedTable:
        """Return what the table tells; ``other_rows`` are those that other ingestions have added."""
        if self._told is None:
            with translated("reading the snapshots of the table"):
                self._told = self._read()
        return self._told

    def rows(self) -> pyarrow.Table:
        """Return the rows, without those that other ingestions have added."""
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.io.pyarrow import ArrowScan

        snapshot = self._pinned.position.snapshot_id
        others = self._others(self.table().loads)
        with translated("reading the rows of the table"):
            schema = self._table.schema()
            scan = ArrowScan(self._table.metadata, self._table.io, schema, AlwaysTrue())
            tasks = [] if snapshot is None else self._table.scan(snapshot_id=snapshot).plan_files()
            mine = {e.data_file.file_path for e in self._data() if e.snapshot_id not in others}
            return scan.to_table([task for task in tasks if task.file.file_path in mine])

    def _read(self) -> LoadedTable:
        lineage = list(_lineage(self._table, self._pinned.position.snapshot_id))[::-1]
        left: dict[int, int] = {}
        rewritten = any(_operation(s) == _REWRITE for s in lineage)
        entries = self._data()
        for entry in entries:
            left[entry.snapshot_id] = left.get(entry.snapshot_id, 0) + entry.data_file.record_count
        loads = tuple(self._load(s, left, rewritten) for s in lineage if _adds(s))
        others = self._others(loads)
        return LoadedTable(
            uuid=str(self._table.metadata.table_uuid),
            rows=self._count(sum(left.values())),
            fields={f.name: _field_type(f.field_type) for f in self._table.schema().fields},
            loads=loads,
            other_rows=sum(rows for by, rows in left.items() if by in others),
        )

    def _load(self, snapshot: Snapshot, left: Mapping[int, int], rewritten: bool) -> TableLoad:
        told = _properties(snapshot)
        path = told.get(self._names.path)
        return TableLoad(
            snapshot_id=snapshot.snapshot_id,
            committed_at=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
            added_records=int(told.get("added-records", 0)),
            # Rows that were moved into other files are theirs then: which snapshot added them is not known any more.
            is_live=rewritten or left.get(snapshot.snapshot_id, 0) > 0,
            ingestion_id=told.get(self._names.ingestion),
            run_id=told.get(self._names.run),
            path=None if path is None else normal_path(path),
            etag=told.get(self._names.etag, "").strip('"') or None,
        )

    def _others(self, loads: tuple[TableLoad, ...]) -> Set[int]:
        return {one.snapshot_id for one in loads if one.ingestion_id not in (None, self._ingestion)}

    def _count(self, in_files: int) -> int:
        """The rows, of which delete files may have taken some out."""
        if len(self._entries()) == len(self._data()):
            return in_files
        return self._table.scan(snapshot_id=self._pinned.position.snapshot_id).count()

    def _data(self) -> list[Any]:
        from pyiceberg.manifest import DataFileContent

        return [e for e in self._entries() if e.data_file.content == DataFileContent.DATA]

    def _entries(self) -> list[Any]:
        """The live files of the snapshot, each with the snapshot that added it."""
        if self._held is None:
            wanted = self._pinned.position.snapshot_id
            snapshot = None if wanted is None else self._table.snapshot_by_id(wanted)
            self._held = [
                entry
                for manifest in ([] if snapshot is None else snapshot.manifests(self._table.io))
                for entry in manifest.fetch_manifest_entry(self._table.io, discard_deleted=True)
            ]
        return self._held


def _lineage(table: Table, snapshot_id: int | None) -> Iterator[Snapshot]:
    found = None if snapshot_id is None else table.snapshot_by_id(snapshot_id)
    while found is not None:
        yield found
        found = None if found.parent_snapshot_id is None else table.snapshot_by_id(found.parent_snapshot_id)


def _properties(snapshot: Snapshot) -> dict[str, str]:
    return {} if snapshot.summary is None else dict(snapshot.summary.additional_properties)


def _operation(snapshot: Snapshot) -> str:
    return "" if snapshot.summary is None else str(snapshot.summary.operation.value)


def _adds(snapshot: Snapshot) -> bool:
    return _operation(snapshot) != _REWRITE and int(_properties(snapshot).get("added-records", 0)) > 0


def _field_type(type_: IcebergType) -> FieldType:
    from pyiceberg.types import ListType, StructType

    if isinstance(type_, StructType):
        return struct_of({f.name: _field_type(f.field_type) for f in type_.fields})
    if isinstance(type_, ListType):
        return FieldType(LIST, element=_field_type(type_.element_type))
    return FieldType(_NAMES.get(str(type_), str(type_)))
