"""What sort of records a topic has, told from some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pipeline_checks.introspection.found import FoundColumn
from pipeline_checks.model.fields import BOOLEAN, DOUBLE, LONG, NULL, STRING, FieldType, type_of, union
from pipeline_checks.model.logical_type import LogicalType

ENVELOPES, FLATTENED, JSON, AVRO, OTHER = "envelopes", "flattened", "json", "avro", "other"
_FLATTENED_MARKS: Final = ("__op", "__deleted", "__lsn", "__source_lsn", "__table")
_OF_TRANSACTIONS: Final = frozenset({"status", "id", "event_count"})
_OF_CONNECT: Final = (b"connector-", b"task-", b"commit-", b"target-state-", b"session-key", b"status-", b'["')
_AVRO_HEADER: Final = 5
_TYPES: Final = {LONG: "int64", DOUBLE: "float64", BOOLEAN: "bool", STRING: "string", NULL: "string"}


@dataclass(frozen=True)
class Sample:
    """Records of one topic: pairs of key and value."""

    records: Sequence[tuple[bytes | None, bytes | None]]

    @property
    def values(self) -> list[bytes]:
        """The values that are there."""
        return [value for _, value in self.records if value]


@dataclass(frozen=True)
class Told:
    """What records tell: ``format`` is one of the words above; ``reason`` why they are no rows of anybody's."""

    format: str
    reason: str = ""
    columns: Mapping[str, FoundColumn] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    of_table: tuple[str, str, str] | None = None
    schema_id: int | None = None


def tell(sample: Sample) -> Told:
    """Return what sort of records these are."""
    from pipeline_checks.stages.embedded_json import EmbeddedJson

    if any(key is not None and key.startswith(_OF_CONNECT) for key, _ in sample.records):
        return Told(OTHER, "Kafka Connect keeps its own state in it")
    values = sample.values
    if not values:
        return Told(OTHER, "it has no record with a value, so nothing tells its format")
    if all(len(value) > _AVRO_HEADER and value[0] == 0 for value in values):
        return Told(AVRO, schema_id=int.from_bytes(values[-1][1:_AVRO_HEADER], "big"))
    parser, payloads, schema = EmbeddedJson(), [], None
    for value in values:
        try:
            found, payload = parser.parse(value)
        except ValueError:
            return Told(OTHER, "its records are neither JSON nor Avro in Confluent's form")
        if not isinstance(payload, dict):
            return Told(OTHER, "its records are no JSON objects")
        payloads.append(payload)
        schema = found or schema
    return _of_objects(payloads, schema, _key(sample))


def _of_objects(payloads: Sequence[dict[str, Any]], schema: Any, keyed: Mapping[str, FoundColumn]) -> Told:
    from pipeline_checks.stages.connect_schema import read_fields

    newest = payloads[-1]
    if all(isinstance(p.get("source"), dict) and "op" in p for p in payloads):
        source = newest["source"]
        of = (str(source.get("db", "")), str(source.get("schema", "")), str(source.get("table", "")))
        columns = _of_schema(read_fields(schema, "after")) or _inferred(
            [p["after"] for p in payloads if p.get("after")]
        )
        return Told(ENVELOPES, columns={**keyed, **columns}, key=tuple(keyed), of_table=of)
    if newest.keys() >= _OF_TRANSACTIONS:
        return Told(OTHER, "Debezium tells in it of transactions")
    if newest.keys() == {"ts_ms"}:
        return Told(OTHER, "Debezium's heartbeats")
    columns = _of_schema(read_fields(schema)) or _inferred(payloads)
    rows = {name: column for name, column in {**keyed, **columns}.items() if not name.startswith("__")}
    if any(mark in newest for mark in _FLATTENED_MARKS):
        return Told(FLATTENED, columns=rows, key=tuple(keyed))
    return Told(JSON, columns=rows, key=tuple(keyed))


def _key(sample: Sample) -> dict[str, FoundColumn]:
    """The fields of the records' keys, where all keys are JSON objects."""
    from pipeline_checks.stages.connect_schema import read_fields
    from pipeline_checks.stages.embedded_json import EmbeddedJson

    parser, schema = EmbeddedJson(), None
    payloads: list[dict[str, Any]] = []
    for key, _ in sample.records:
        try:
            schema, payload = parser.parse(key) if key else (None, None)
        except ValueError:
            return {}
        if not isinstance(payload, dict) or not payload:
            return {}
        payloads.append(payload)
    return _of_schema(read_fields(schema)) or _inferred(payloads)


def _of_schema(fields: Iterable[Any]) -> dict[str, FoundColumn]:
    return {f.name: FoundColumn(f.type, f.nullable) for f in fields}


def _inferred(objects: Sequence[Mapping[str, Any]]) -> dict[str, FoundColumn]:
    """Columns by the values of JSON objects; NULL is allowed in all, since others may follow."""
    names = list(dict.fromkeys(name for one in objects for name in one))
    return {name: FoundColumn(_type([one.get(name) for one in objects])) for name in names}


def _type(values: Sequence[Any]) -> LogicalType:
    found: FieldType = union(type_of(v) for v in values)
    if found.name not in _TYPES:
        return LogicalType("json")
    if found.name == STRING:
        return _of_texts([v for v in values if v is not None])
    return LogicalType(_TYPES[found.name])


def _of_texts(texts: Sequence[str]) -> LogicalType:
    """Text, or an instant where every text is one with its zone: others may stand for a moment of any place."""
    try:
        instants = [datetime.fromisoformat(text) for text in texts if len(text) > len("2026-01-01")]
    except ValueError:
        return LogicalType("string")
    zoned = len(instants) == len(texts) and all(i.tzinfo is not None for i in instants)
    return LogicalType("timestamptz", 6) if zoned and texts else LogicalType("string")
