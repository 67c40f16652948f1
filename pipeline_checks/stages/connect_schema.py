"""Schemas that Kafka Connect embeds in JSON records, and how the values beside them are encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.schema import Schema, SchemaField


class Encoding(StrEnum):
    """How a JSON value stands for a value of a logical type."""

    PLAIN = "plain"
    DAYS = "days"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"
    TEXT = "text"
    UNSCALED = "unscaled"
    """base64 of the unscaled two's complement, the scale in the schema"""
    SCALED_STRUCT = "scaled_struct"
    """``{"scale": n, "value": base64}``"""
    BASE64 = "base64"


@dataclass(frozen=True)
class ConnectField:
    """One field of an embedded schema, with the logical type that its values have."""

    name: str
    type: LogicalType
    encoding: Encoding
    nullable: bool
    scale: int = 0


_TIMESTAMP, _INSTANT, _TIME = "timestamp", "timestamptz", "time"
_SEMANTIC: Mapping[str, tuple[str, Encoding]] = {
    "io.debezium.time.Date": ("date", Encoding.DAYS),
    "org.apache.kafka.connect.data.Date": ("date", Encoding.DAYS),
    "io.debezium.time.IsoDate": ("date", Encoding.TEXT),
    "io.debezium.time.Timestamp": ("timestamp(3)", Encoding.MILLISECONDS),
    "org.apache.kafka.connect.data.Timestamp": ("timestamp(3)", Encoding.MILLISECONDS),
    "io.debezium.time.MicroTimestamp": ("timestamp(6)", Encoding.MICROSECONDS),
    "io.debezium.time.NanoTimestamp": ("timestamp(9)", Encoding.NANOSECONDS),
    "io.debezium.time.IsoTimestamp": ("timestamp(6)", Encoding.TEXT),
    "io.debezium.time.ZonedTimestamp": ("timestamptz(6)", Encoding.TEXT),
    "io.debezium.time.Time": ("time(3)", Encoding.MILLISECONDS),
    "org.apache.kafka.connect.data.Time": ("time(3)", Encoding.MILLISECONDS),
    "io.debezium.time.MicroTime": ("time(6)", Encoding.MICROSECONDS),
    "io.debezium.time.NanoTime": ("time(9)", Encoding.NANOSECONDS),
    "io.debezium.time.IsoTime": ("time(6)", Encoding.TEXT),
    "io.debezium.time.ZonedTime": ("string", Encoding.TEXT),
    "io.debezium.time.MicroDuration": ("interval", Encoding.PLAIN),
    "io.debezium.time.Interval": ("interval", Encoding.TEXT),
    "io.debezium.data.Uuid": ("uuid", Encoding.TEXT),
    "io.debezium.data.Json": ("json", Encoding.TEXT),
    "io.debezium.data.VariableScaleDecimal": ("decimal", Encoding.SCALED_STRUCT),
}
_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_PRECISION_PARAMETER = "connect.decimal.precision"
_PLAIN: Mapping[str, str] = {
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "float": "float32",
    "float32": "float32",
    "double": "float64",
    "float64": "float64",
    "boolean": "bool",
    "string": "string",
    "array": "array",
    "struct": "struct",
    "map": "map",
}
_WRITTEN_AS_TEXT = frozenset({"decimal", "json", "uuid", "interval", "timestamp", "timestamptz", "date", "time"})
"""Types whose values a text holds without loss."""


def read_fields(schema: Mapping[str, Any] | None, inside: str | None = None) -> tuple[ConnectField, ...]:
    """Return the fields of an embedded struct schema, or of its field ``inside`` (``after`` of an envelope)."""
    if not schema:
        return ()
    fields: Sequence[Mapping[str, Any]] = schema.get("fields") or ()
    if inside is not None:
        return read_fields(next((f for f in fields if f.get("field") == inside), None))
    return tuple(_field(f) for f in fields)


def _field(field: Mapping[str, Any]) -> ConnectField:
    name, nullable = str(field.get("field")), bool(field.get("optional", False))
    semantic, parameters = str(field.get("name") or ""), field.get("parameters") or {}
    if semantic == _DECIMAL:
        scale = int(parameters.get("scale", 0))
        precision = parameters.get(_PRECISION_PARAMETER)
        type_ = LogicalType("decimal") if precision is None else LogicalType("decimal", int(precision), scale)
        return ConnectField(name, type_, Encoding.UNSCALED, nullable, scale)
    if semantic in _SEMANTIC:
        text, encoding = _SEMANTIC[semantic]
        return ConnectField(name, LogicalType.parse(text), encoding, nullable)
    connect_type = str(field.get("type"))
    if connect_type == "bytes":
        return ConnectField(name, LogicalType("bytes"), Encoding.BASE64, nullable)
    return ConnectField(name, LogicalType(_PLAIN.get(connect_type, "string")), Encoding.PLAIN, nullable)


def as_schema(fields: Sequence[ConnectField], contract: Contract, ignored_prefix: str = "__") -> Schema:
    """Return the schema of a topic's rows.

    Where the record holds the promised type in another faithful form (a decimal as text, an instant as ISO text) the
    promised type is reported. A topic rejects no NULL, so nullability is not enforced.
    """
    found = [f for f in fields if not f.name.startswith(ignored_prefix)]
    return Schema(
        tuple(SchemaField(f.name, reported_type(f, contract), f.nullable) for f in found), enforces_nullability=False
    )


def reported_type(field: ConnectField, contract: Contract) -> LogicalType:
    """Return the promised type where the field holds it faithfully, else the field's own."""
    promised = contract.columns.get(field.name)
    if promised is None or promised.type == field.type:
        return field.type
    wanted = promised.type
    if field.encoding in (Encoding.TEXT, Encoding.PLAIN) and field.type.name == "string":
        return wanted if wanted.name in _WRITTEN_AS_TEXT else field.type
    if field.type.family != wanted.family:
        return field.type
    if field.type.name == "decimal" and field.type.precision is None:
        return wanted  # the record does not tell precision and scale
    if field.encoding is Encoding.TEXT and wanted.name in _WRITTEN_AS_TEXT:
        return wanted
    timed = field.type.name in (_TIMESTAMP, _INSTANT, _TIME)
    return wanted if timed and wanted.fits_into(field.type) else field.type
