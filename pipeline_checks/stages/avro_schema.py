"""Avro schemas: the fields of a record with their logical types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.schema import Schema, SchemaField

_PRIMITIVE = {
    "boolean": "bool",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "bytes": "bytes",
    "string": "string",
    "null": "string",
}
_LOGICAL = {
    ("int", "date"): "date",
    ("int", "time-millis"): "time(3)",
    ("long", "time-micros"): "time(6)",
    ("long", "timestamp-millis"): "timestamptz(3)",
    ("long", "timestamp-micros"): "timestamptz(6)",
    ("long", "timestamp-nanos"): "timestamptz(9)",
    ("long", "local-timestamp-millis"): "timestamp(3)",
    ("long", "local-timestamp-micros"): "timestamp(6)",
    ("long", "local-timestamp-nanos"): "timestamp(9)",
    ("string", "uuid"): "uuid",
}
"""Avro type and its logical type. Source: Apache Avro 1.12 specification, "Logical Types"."""
_NESTED = {"array": "array", "map": "map", "record": "struct", "error": "struct"}
_DOCUMENTS = frozenset({"array", "map", "struct", "json"})


@dataclass(frozen=True)
class AvroType:
    """One type of a schema: ``kind`` is Avro's word, ``written`` the schema itself, names resolved one level."""

    kind: str
    written: Mapping[str, Any]
    logical: LogicalType


@dataclass(frozen=True)
class AvroField:
    """One field. ``branches`` are those of its union in order, None for null; a single one where it is no union."""

    name: str
    branches: tuple[AvroType | None, ...]
    is_union: bool

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""
        return None in self.branches

    @property
    def type(self) -> LogicalType:
        """Its logical type: that of its one branch that is not null, else a document."""
        held = [b for b in self.branches if b is not None]
        return held[0].logical if len(held) == 1 else LogicalType("json")


def fields_of(schema: Any) -> tuple[AvroField, ...]:
    """Return the fields of a record's schema; raises ValueError when it is no record."""
    named: dict[str, Mapping[str, Any]] = {}
    _collect(schema, named)
    if not isinstance(schema, Mapping) or schema.get("type") != "record":
        raise ValueError("the schema is not that of a record")
    return tuple(_field(f, named) for f in schema["fields"])


def reported_schema(schema: Any, contract: Contract) -> Schema:
    """Return the columns of records with this schema. Avro takes no null where the schema has none.

    Where a nested value stands for the promised type as JSON text, the promised type is reported.
    """
    return Schema(tuple(SchemaField(f.name, _reported(f, contract), f.nullable) for f in fields_of(schema)))


def _reported(field: AvroField, contract: Contract) -> LogicalType:
    promised = contract.columns.get(field.name)
    if promised is not None and field.type.name in _DOCUMENTS and promised.type.name in ("string", "json", "array"):
        return promised.type
    return field.type


def _field(field: Mapping[str, Any], named: Mapping[str, Mapping[str, Any]]) -> AvroField:
    written = field["type"]
    branches: Sequence[Any] = written if isinstance(written, list) else [written]
    return AvroField(
        str(field["name"]),
        tuple(None if _name(b) == "null" else _type(b, named) for b in branches),
        isinstance(written, list),
    )


def _type(written: Any, named: Mapping[str, Mapping[str, Any]]) -> AvroType:
    described: Mapping[str, Any] = written if isinstance(written, Mapping) else {"type": written}
    kind = described["type"]
    if isinstance(kind, Mapping | list):  # a type written inside of another's description
        return _type(kind, named)
    if kind in named:
        described = named[kind]
        kind = str(described["type"])
    return AvroType(str(kind), described, _logical(str(kind), described))


def _logical(kind: str, described: Mapping[str, Any]) -> LogicalType:
    logical = described.get("logicalType")
    if logical == "decimal" and kind in ("bytes", "fixed"):
        return LogicalType("decimal", int(described["precision"]), int(described.get("scale", 0)))
    if (kind, logical) in _LOGICAL:
        return LogicalType.parse(_LOGICAL[kind, str(logical)])
    if kind in _NESTED:
        return LogicalType(_NESTED[kind])
    if kind == "enum":
        return LogicalType("string")
    return LogicalType("bytes" if kind == "fixed" else _PRIMITIVE.get(kind, "json"))


def _name(written: Any) -> Any:
    return written.get("type") if isinstance(written, Mapping) else written


def _collect(written: Any, named: dict[str, Mapping[str, Any]], namespace: str = "") -> None:
    """Note every named type, under its own name and its full one."""
    if isinstance(written, list):
        for branch in written:
            _collect(branch, named, namespace)
    elif isinstance(written, Mapping):
        kind, name = written.get("type"), written.get("name")
        space = str(written.get("namespace") or namespace)
        if kind in ("record", "error", "enum", "fixed") and name:
            named[str(name)] = named[f"{space}.{name}" if space else str(name)] = written
        for field in written.get("fields") or ():
            _collect(field["type"], named, space)
        for part in ("items", "values"):
            if part in written:
                _collect(written[part], named, space)
        if isinstance(kind, Mapping | list):
            _collect(kind, named, space)
