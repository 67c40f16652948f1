"""An Iceberg table as a fault writes to it. It is taken back by pointing the catalog at the metadata of before."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.lake import iceberg_catalog, load_iceberg, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.lake_table import written_on
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.stages.iceberg import IcebergTable as Declaration

if TYPE_CHECKING:
    import pyarrow
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table


class DamagedIceberg:
    """One Iceberg table in a catalog that is a database."""

    def __init__(self, stage: Declaration) -> None:
        self._stage = stage

    def mark(self) -> dict[str, Any]:
        self._sql_catalog()
        table = self._open()
        return {"metadata": table.metadata_location, "snapshots": [str(s.snapshot_id) for s in table.snapshots()]}

    def restore(self, mark: Mapping[str, Any]) -> None:
        from pyiceberg.catalog.sql import IcebergTables
        from sqlalchemy import update
        from sqlalchemy.orm import Session

        catalog, now = self._sql_catalog(), self._open().metadata_location
        if now == mark["metadata"]:
            return
        if mark.get("made") is not None and now != mark["made"]:
            raise written_on(self._stage)
        *namespace, name = self._stage.table.split(".")
        with translated(f"restoring {self._stage.name}"), Session(catalog.engine) as session:
            session.execute(
                update(IcebergTables)
                .where(
                    IcebergTables.catalog_name == catalog.name,
                    IcebergTables.table_namespace == ".".join(namespace),
                    IcebergTables.table_name == name,
                    IcebergTables.metadata_location == now,
                )
                .values(metadata_location=mark["metadata"], previous_metadata_location=None)
            )
            session.commit()

    def rows(self) -> pyarrow.Table:
        return self._read(self._open(), None)

    def versions(self) -> Iterator[pyarrow.Table]:
        table = self._open()
        found = table.current_snapshot()
        while found is not None and found.parent_snapshot_id is not None:
            found = table.snapshot_by_id(found.parent_snapshot_id)
            if found is not None:
                yield self._read(table, found.snapshot_id)

    def replace(self, rows: pyarrow.Table, covers: OffsetsPosition | None) -> None:
        self._reshape(rows)
        self._commit(rows, covers, drop=True)

    def append(self, rows: pyarrow.Table, covers: OffsetsPosition | None) -> None:
        self._commit(rows, covers, drop=False)

    def advance(self, covers: OffsetsPosition) -> None:
        self._commit(None, covers, drop=False)

    def rename_column(self, name: str, to: str) -> None:
        with translated(f"altering {self._stage.name}"), self._open().update_schema() as update:
            update.rename_column(name, to)

    def commits_since(self, mark: Mapping[str, Any]) -> list[str]:
        known = set(mark["snapshots"])
        made = [s for s in self._open().snapshots() if str(s.snapshot_id) not in known]
        return [str(s.snapshot_id) for s in sorted(made, key=lambda s: s.sequence_number or 0)]

    def _open(self) -> Table:
        return load_iceberg(self._catalog(), self._stage.table)

    def _catalog(self) -> Catalog:
        given = self._stage.catalog
        return iceberg_catalog(given.name, resolve(given.url), resolve(given.warehouse))

    def _sql_catalog(self) -> Any:
        catalog = self._catalog()
        if not hasattr(catalog, "engine"):
            raise TerminalError(
                f"the catalog of {self._stage.name} is no database, so the table could not be taken back.",
                next_step="Damage a table in a catalog that is a database.",
            )
        return catalog

    def _read(self, table: Table, snapshot: int | None) -> pyarrow.Table:
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        with translated(f"reading {self._stage.name}"):
            rows = table.scan(snapshot_id=snapshot).to_arrow()
            if snapshot is not None:
                return rows
            return rows.cast(schema_to_pyarrow(table.schema(), include_field_ids=False))

    def _reshape(self, rows: pyarrow.Table) -> None:
        """Drop the columns that the rows do not have (or have in another type), and add those that they have more."""
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        table = self._open()
        held = schema_to_pyarrow(table.schema(), include_field_ids=False)
        gone = [f.name for f in held if f.name not in rows.schema.names or rows.schema.field(f.name).type != f.type]
        kept = {f.name for f in held if f.name not in gone}
        added = [f for f in rows.schema if f.name not in kept]
        if not gone and not added:
            return
        with translated(f"altering {self._stage.name}"):
            if gone:
                with table.update_schema(allow_incompatible_changes=True) as update:
                    for name in gone:
                        update.delete_column(name)
            if added:
                with table.update_schema() as update:
                    update.union_by_name(rows.schema.empty_table().select([f.name for f in added]).schema)

    def _commit(self, rows: pyarrow.Table | None, covers: OffsetsPosition | None, *, drop: bool) -> None:
        """Commit one snapshot: what others read is the whole of it or nothing."""
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.io.pyarrow import _dataframe_to_data_files
        from pyiceberg.table.snapshots import Operation
        from pyiceberg.table.update.snapshot import _OverwriteFiles

        table = self._open()
        properties = {} if covers is None else {self._stage.covers_name or "covers": json.dumps(covers.value())}
        with translated(f"writing to {self._stage.name}"):
            files: list[Any] = []
            if rows is not None and rows.num_rows:
                named: Any = {"table_metadata": table.metadata, "df": rows, "io": table.io}
                files = list(_dataframe_to_data_files(**named, write_uuid=uuid.uuid4(), counter=itertools.count(0)))
            old = [t.file for t in table.scan().plan_files()] if drop else []
            with table.transaction() as transaction:
                producer: Any
                if old:
                    producer = _OverwriteFiles(
                        Operation.OVERWRITE, transaction, table.io, snapshot_properties=properties
                    )
                    producer.delete_by_predicate(AlwaysTrue())
                else:
                    producer = transaction.update_snapshot(snapshot_properties=properties).fast_append()
                with producer:
                    for file in old:
                        producer.delete_data_file(file)
                    for file in files:
                        producer.append_data_file(file)
