"""Tables of a hadoop catalog in the object store, written without Spark: of a catalog in memory, and numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.memory import InMemoryCatalog

from pipeline_checks.clients.lake import iceberg_properties
from pipeline_checks.clients.object_store import ObjectStore

TYPES = {
    "id": pa.int64(),
    "timestamp": pa.string(),
    "user_id": pa.string(),
    "event_type": pa.string(),
    "value": pa.float64(),
    "region": pa.string(),
    "metadata": pa.struct([("browser", pa.string()), ("device", pa.string()), ("version", pa.string())]),
}


class HadoopTable:
    """One table, ``namespace.name`` below the folder ``place`` of a bucket."""

    def __init__(self, store: ObjectStore, bucket: str, place: str, identifier: str, ingestion: str) -> None:
        self._store, self._bucket = store, bucket
        self._folder = f"{place}/{identifier.replace('.', '/')}/metadata"
        self._identifier = identifier
        self._ingestion = ingestion
        self.warehouse = f"s3a://{bucket}/{place}"
        self._catalog = InMemoryCatalog("test", warehouse=self.warehouse, **iceberg_properties(self.warehouse))
        self._catalog.create_namespace(identifier.partition(".")[0])
        self._number = 0
        self.table: Any = None

    def create(self, fields: Sequence[str]) -> HadoopTable:
        """Make the table with some of the fields."""
        location = f"{self.warehouse}/{self._identifier.replace('.', '/')}"
        schema = pa.schema([(name, TYPES[name]) for name in fields])
        self.table = self._catalog.create_table(self._identifier, schema, location)
        self._publish()
        return self

    @property
    def uuid(self) -> str:
        """The table's identity."""
        return str(self.table.metadata.table_uuid)

    def add(self, rows: Sequence[Mapping[str, Any]], path: str | None, etag: str = "", run: str = "run-1") -> int:
        """Append rows as those of a file, or of nothing when there is no path; return the snapshot's id."""
        told = (
            {"source-path": path, "source-etag": etag, "ingestion-id": self._ingestion, "run-id": run} if path else {}
        )
        names = [f.name for f in self.table.schema().fields]
        table = pa.Table.from_pylist(
            [{n: row.get(n) for n in names} for row in rows], schema=pa.schema([(n, TYPES[n]) for n in names])
        )
        self.table.append(table, snapshot_properties=told)
        self._publish()
        return int(self.table.metadata.current_snapshot_id)

    def add_as(self, rows: Sequence[Mapping[str, Any]], ingestion: str, path: str, etag: str) -> None:
        """Append rows as another ingestion does."""
        mine, self._ingestion = self._ingestion, ingestion
        try:
            self.add(rows, path, etag)
        finally:
            self._ingestion = mine

    def widen(self, *fields: str) -> None:
        """Add fields."""

        with self.table.update_schema() as update:
            update.union_by_name(pa.schema([(name, TYPES[name]) for name in fields]))
        self._publish()

    def drop_field(self, field: str) -> None:
        """Drop a field."""
        with self.table.update_schema(allow_incompatible_changes=True) as update:
            update.delete_column(field)
        self._publish()

    def delete(self, condition: str) -> None:
        """Delete rows, as someone who says nothing of files."""
        self.table.delete(condition)
        self._publish()

    def _publish(self) -> None:
        """Write the newest metadata under the next number, as a hadoop catalog does, and the hint behind it."""
        self._number += 1
        with self.table.io.new_input(self.table.metadata_location).open() as stream:
            content = stream.read()
        self._store.write(self._bucket, f"{self._folder}/v{self._number}.metadata.json", content)
        self._store.write(self._bucket, f"{self._folder}/version-hint.text", str(self._number).encode())
