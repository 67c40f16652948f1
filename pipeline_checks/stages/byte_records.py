"""Records whose value is not looked into, as events that each add a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.model import events
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.stages.connect_schema import ConnectField
from pipeline_checks.stages.event_batch import EventGroup, EventTable, Malformed, event_schema

if TYPE_CHECKING:
    from confluent_kafka import Message

VALUE: Final = "value"
"""bytes: the value of the record"""


class ByteRecords:
    """Hands out the bytes of records; none of them is malformed."""

    def __init__(self) -> None:
        self.newest: tuple[ConnectField, ...] = ()
        self.newest_image: Mapping[str, Any] | None = None
        self.key_fields: tuple[ConnectField, ...] = ()
        self.old_keys: dict[tuple[int, int], Mapping[str, Any]] = {}
        self._rows: list[tuple[int, int, bytes | None, int]] = []

    def add(self, messages: Iterable[Message]) -> None:
        """Keep records."""
        for message in messages:
            self.add_record(
                message.partition() or 0, message.offset() or 0, _bytes(message.value()), message.timestamp()[1]
            )

    def add_record(self, partition: int, offset: int, value: bytes | None, append_ms: int) -> None:
        """Keep one record."""
        self._rows.append((partition, offset, value, append_ms))

    def take(self) -> tuple[list[EventGroup], list[Malformed]]:
        """Forget what was kept; ``table`` is what hands it out."""
        self._rows = []
        return [], []

    def columns(self) -> dict[str, LogicalType]:
        """Return the one column."""
        return {VALUE: LogicalType("bytes")}

    def schema(self) -> Schema:
        """Return the one column."""
        return Schema((SchemaField(VALUE, LogicalType("bytes"), True),), enforces_nullability=False)

    def table(self, columns: Mapping[str, LogicalType], key: Sequence[str]) -> EventTable:
        """Return what has been kept since the last call, in order of partition and offset."""
        import pyarrow as pa

        schema = event_schema(columns)
        partitions, offsets, values, appended = zip(*self._rows, strict=True) if self._rows else ((), (), (), ())
        self._rows = []
        told = {
            events.PARTITION: pa.array(partitions, pa.int32()),
            events.OFFSET: pa.array(offsets, pa.int64()),
            events.OP: pa.array([events.TOMBSTONE if v is None else events.CREATE for v in values], pa.string()),
            events.SNAPSHOT: pa.array([False] * len(values), pa.bool_()),
            events.APPEND_TIME: pa.array([ms * 1000 for ms in appended], pa.timestamp("us", "UTC")),
            VALUE: pa.array(values, pa.binary()),
        }
        arrays = [told[f.name] if f.name in told else pa.nulls(len(values), f.type) for f in schema]
        order = [(events.PARTITION, "ascending"), (events.OFFSET, "ascending")]
        return EventTable(pa.Table.from_arrays(arrays, schema=schema).sort_by(order).combine_chunks())


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
