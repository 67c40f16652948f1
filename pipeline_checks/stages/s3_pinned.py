"""Objects of a store as a manifest has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.fields import FieldType, struct_of, type_of, union
from pipeline_checks.model.loading import SourceFile, Version
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Measure, Measured, RowCount
from pipeline_checks.model.position import FilesPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.columns import chosen

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.clients.object_store import ListedObject
    from pipeline_checks.stages.file_records import FileRecords
    from pipeline_checks.stages.s3_manifest import S3FilesReader

_LOGICAL = {
    "long": "int64",
    "double": "float64",
    "boolean": "bool",
    "struct": "struct",
    "list": "array",
}


class PinnedS3Files:
    """Answers about the objects of one manifest; an object that has become another meanwhile is refused."""

    def __init__(
        self, reader: S3FilesReader, position: FilesPosition, listed_at: datetime, objects: tuple[ListedObject, ...]
    ) -> None:
        self.position = position
        self.listed_at = listed_at
        self._reader = reader
        self._objects = {(reader.path_of(o.key), o.etag, o.size): o for o in objects}
        self._files: tuple[SourceFile, ...] | None = None
        self._held: pyarrow.Table | None = None

    def files(self) -> tuple[SourceFile, ...]:
        """Return the manifest with what stands in each file."""
        if self._files is None:
            self._files = self._reader.described(tuple(self._objects.values()))
        return self._files

    def versions(self) -> frozenset[Version]:
        """Return the versions of files that are there."""
        return frozenset(self._objects)

    def records(self, version: Version) -> FileRecords:
        """Return the records of one version of a file; raises TerminalError when it is another one by now."""
        return self._reader.records(self._objects[version])

    def schema(self) -> Schema:
        """Return the fields of all files together, and the columns that tell where a row stands."""
        names = (self._reader.declaration.source_file, self._reader.declaration.source_line)
        fields = [SchemaField(name, _logical(type_), nullable=True) for name, type_ in self._union().fields]
        types = (LogicalType("string"), LogicalType("int64"))
        where = [SchemaField(name, type_, nullable=False) for name, type_ in zip(names, types, strict=True)]
        return Schema((*fields, *where), enforces_nullability=False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return the number of records, and the facts ``files``: the manifest with the records of each file."""
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, RowCount):
                answers[measure] = exact(sum(f.records - f.malformed_total for f in self.files()))
            elif isinstance(measure, Facts):
                if measure.topic != "files":
                    raise ConfigurationError(
                        f"objects of a store tell nothing of {measure.topic!r}.", next_step="They tell: files."
                    )
                answers[measure] = exact([_fact(f) for f in self.files()])
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Return the records of all files with file and line; raises TerminalError for fields of mixed types."""
        import pyarrow as pa

        if self._held is None:
            file, line = self._reader.declaration.source_file, self._reader.declaration.source_line
            type_ = self._union()
            rows = [
                {**record, file: version[0], line: number}
                for version in self._objects
                for number, record in self.records(version).records
            ]
            types = [pa.field(name, _arrow(inner)) for name, inner in type_.fields]
            schema = pa.schema([*types, pa.field(file, pa.string()), pa.field(line, pa.int64())])
            try:
                self._held = pa.Table.from_pylist(rows, schema=schema)
            except pa.ArrowException as problem:
                raise TerminalError(
                    f"{self._reader.declaration.name}: the records cannot be held in one table: {problem}."
                ) from None
        return chosen(self._held, columns, f"the stage {self._reader.declaration.name}")

    def _union(self) -> FieldType:
        types = (type_of(record) for v in self._objects for _, record in self.records(v).records)
        return union((struct_of({}), *types))


def _fact(file: SourceFile) -> dict[str, Any]:
    return {
        "name": file.path,
        "etag": file.etag,
        "size": file.size,
        "modified": file.modified.isoformat(),
        "digest": file.digest,
        "lines": file.records,
        "malformed": file.malformed_total,
        "first_malformed": file.malformed[0] if file.malformed else None,
        "is_ended": True,
    }


def _logical(type_: FieldType) -> LogicalType:
    return LogicalType(_LOGICAL.get(type_.name, "string"))


def _arrow(type_: FieldType) -> Any:
    import pyarrow as pa

    if type_.name == "struct":
        return pa.struct([pa.field(name, _arrow(inner)) for name, inner in type_.fields])
    if type_.name == "list" and type_.element is not None:
        return pa.list_(_arrow(type_.element))
    return {"long": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}.get(type_.name, pa.string())
