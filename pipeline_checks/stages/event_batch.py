"""Change events as they are decoded, collected by the schema they came with, and made into one Arrow table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_checks.model import events
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.connect_schema import ConnectField
from pipeline_checks.stages.event_values import convert
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import pyarrow

PLACEHOLDER = "__debezium_unavailable_value"
"""What Debezium writes for a value that Postgres keeps out of line and did not log, since it did not change."""
_PLACEHOLDERS: tuple[Any, ...] = (
    PLACEHOLDER,
    "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",  # as bytes
    [PLACEHOLDER],
)


@dataclass
class EventGroup:
    """Events that came with one schema, column by column. ``image`` is the row after the change, over its key.

    ``table`` has the rows instead, where they were read at once; ``image`` is empty then.
    """

    fields: tuple[ConnectField, ...] = ()
    partition: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    op: list[str] = field(default_factory=list)
    tx_id: list[int | None] = field(default_factory=list)
    lsn: list[int | None] = field(default_factory=list)
    snapshot: list[bool] = field(default_factory=list)
    commit_us: list[int | None] = field(default_factory=list)
    connector_us: list[int | None] = field(default_factory=list)
    append_ms: list[int] = field(default_factory=list)
    image: list[Mapping[str, Any] | None] = field(default_factory=list)
    table: pyarrow.Table | None = None


@dataclass(frozen=True)
class Malformed:
    """A record that could not be understood, by its place; the bytes stay in the topic."""

    partition: int
    offset: int
    bytes: int | None
    error: str

    def to_json(self) -> dict[str, Any]:
        """Return ``{"partition", "offset", "bytes", "error"}``."""
        return {"partition": self.partition, "offset": self.offset, "bytes": self.bytes, "error": self.error}


@dataclass
class EventTable:
    """Events as an Arrow table in order of partition and offset, with what was noticed on the way.

    ``unavailable`` are the events (partition, offset) by column whose value Debezium could not tell, ``unconvertible``
    those whose value has no place in the promised type. Both stand as NULL.
    """

    table: pyarrow.Table
    malformed: list[Malformed] = field(default_factory=list)
    unavailable: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    unconvertible: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


def event_schema(columns: Mapping[str, LogicalType]) -> pyarrow.Schema:
    """Return the Arrow schema of the event table: the columns of ``model.events`` and those of the row."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    own = [
        (events.PARTITION, pa.int32()),
        (events.OFFSET, pa.int64()),
        (events.OP, pa.string()),
        (events.TX_ID, pa.int64()),
        (events.LSN, pa.int64()),
        (events.SNAPSHOT, pa.bool_()),
        (events.COMMIT_TIME, instant),
        (events.CONNECTOR_TIME, instant),
        (events.APPEND_TIME, instant),
    ]
    return pa.schema([*own, *((name, to_arrow(type_)) for name, type_ in columns.items())])


def build_table(
    groups: Sequence[EventGroup],
    malformed: Sequence[Malformed],
    columns: Mapping[str, LogicalType],
    key: Sequence[str] = (),
) -> EventTable:
    """Return one table of all events, its rows typed by ``columns``.

    An event whose ``key`` has no place in its type is malformed: it is about no row that could be named.
    """
    import pyarrow as pa

    schema = event_schema(columns)
    result = EventTable(schema.empty_table(), list(malformed))
    for group in groups:
        if group.table is None:
            _refuse_keys(group, columns, key, result)
    tables = [_group_table(g, schema, columns, result) for g in groups if g.offset]
    if tables:
        order = [(events.PARTITION, "ascending"), (events.OFFSET, "ascending")]
        result.table = pa.concat_tables(tables).sort_by(order).combine_chunks()
    return result


def _group_table(
    group: EventGroup, schema: pyarrow.Schema, columns: Mapping[str, LogicalType], result: EventTable
) -> pyarrow.Table:
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    arrays = [
        pa.array(group.partition, pa.int32()),
        pa.array(group.offset, pa.int64()),
        pa.array(group.op, pa.string()),
        pa.array(group.tx_id, pa.int64()),
        pa.array(group.lsn, pa.int64()),
        pa.array(group.snapshot, pa.bool_()),
        pa.array(group.commit_us, pa.int64()).cast(instant),
        pa.array(group.connector_us, pa.int64()).cast(instant),
        pa.array([ms * 1000 for ms in group.append_ms], pa.int64()).cast(instant),
    ]
    written = {f.name: f for f in group.fields}
    for name, type_ in columns.items():
        if group.table is not None:
            arrays.append(group.table.column(name).cast(to_arrow(type_)))
            continue
        values = [None if image is None else image.get(name) for image in group.image]
        values = _without_placeholders(name, values, group, result)
        source = written.get(name)
        encoding, scale = (None, 0) if source is None else (source.encoding, source.scale)
        converted = convert(values, type_, encoding, scale)
        if converted.unconvertible:
            places = ((group.partition[i], group.offset[i]) for i in converted.unconvertible)
            result.unconvertible.setdefault(name, []).extend(places)
        arrays.append(converted.array)
    return pa.Table.from_arrays(arrays, schema=schema)


def _refuse_keys(group: EventGroup, columns: Mapping[str, LogicalType], key: Sequence[str], result: EventTable) -> None:
    """Make malformed events of those whose key is of another type than promised."""
    written = {f.name: f for f in group.fields}
    for name in (k for k in key if k in columns):
        values = [None if image is None else image.get(name) for image in group.image]
        source = written.get(name)
        for i in convert(values, columns[name], None if source is None else source.encoding).unconvertible:
            if group.op[i] != events.MALFORMED:
                error = f"the key column {name!r} is not of type {columns[name]}: {values[i]!r}"
                result.malformed.append(Malformed(group.partition[i], group.offset[i], None, error))
                group.op[i] = events.MALFORMED
                group.tx_id[i] = group.lsn[i] = group.commit_us[i] = group.connector_us[i] = None
                group.snapshot[i] = False
            group.image[i] = None


def _without_placeholders(name: str, values: list[Any], group: EventGroup, result: EventTable) -> list[Any]:
    if not any(placeholder in values for placeholder in _PLACEHOLDERS):
        return values
    places = [i for i, value in enumerate(values) if value in _PLACEHOLDERS]
    result.unavailable.setdefault(name, []).extend((group.partition[i], group.offset[i]) for i in places)
    values = list(values)
    for i in places:
        values[i] = None
    return values
