"""Records that are plain JSON objects, as events that each add a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import CREATE, MALFORMED, TOMBSTONE
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.connect_schema import ConnectField, read_fields
from pipeline_checks.stages.embedded_json import EmbeddedJson
from pipeline_checks.stages.event_batch import EventGroup, Malformed
from pipeline_checks.stages.json_columns import decode, is_plain
from pipeline_checks.stages.message_schema import MessageJudge

if TYPE_CHECKING:
    import pyarrow
    from confluent_kafka import Message

_AT_ONCE = 50_000
"""How many records are collected to be read together."""


@dataclass
class _Waiting:
    """Records that are collected to be read together."""

    partition: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    append_ms: list[int] = field(default_factory=list)

    def add(self, messages: Iterable[Message]) -> None:
        """Collect records."""
        for m in messages:
            self.partition.append(m.partition() or 0)
            self.offset.append(m.offset() or 0)
            self.keys.append(m.key())
            self.values.append(m.value())
            self.append_ms.append(m.timestamp()[1])

    def record(self, i: int) -> tuple[int, int, bytes | None, bytes | None, int]:
        """Return one of them."""
        return self.partition[i], self.offset[i], self.keys[i], self.values[i], self.append_ms[i]

    def of(self, column: list[int], places: Sequence[int]) -> list[int]:
        """Return some of the values of a column."""
        return column if len(places) == len(column) else [column[i] for i in places]


class JsonRecords:
    """Decodes records; see ``DebeziumRecords`` for the other format."""

    def __init__(
        self,
        key: Sequence[str],
        judge: MessageJudge | None = None,
        columns: Mapping[str, LogicalType] | None = None,
    ) -> None:
        """``judge`` is shown every message. ``columns`` are those that the rows will have, where they are promised."""
        self._key = tuple(key)
        self.judge = judge
        self._columns = dict(columns or {})
        self._reads_at_once = is_plain(self._columns) and set(self._key) <= self._columns.keys()
        self._waiting = _Waiting()
        self._begun: list[tuple[_Waiting, Future[tuple[pyarrow.Table, Sequence[int]]]]] = []
        self._reader: ThreadPoolExecutor | None = None
        self._keys, self._values = EmbeddedJson(), EmbeddedJson()
        self._groups: dict[int, EventGroup] = {}
        self._at_once: list[EventGroup] = []
        self._schemas: dict[int, tuple[object, tuple[ConnectField, ...]]] = {}
        self._malformed: list[Malformed] = []
        self.newest: tuple[ConnectField, ...] = ()
        self.newest_image: Mapping[str, Any] | None = None
        self.key_fields: tuple[ConnectField, ...] = ()
        self.old_keys: dict[tuple[int, int], Mapping[str, Any]] = {}
        self._newest_at = -1

    def take(self) -> tuple[list[EventGroup], list[Malformed]]:
        """Return what has been decoded since the last call."""
        self._read_waiting()
        groups, malformed = [*self._groups.values(), *self._at_once], self._malformed
        self._groups, self._malformed, self._at_once = {}, [], []
        return groups, malformed

    def add(self, messages: Iterable[Message]) -> None:
        """Decode records."""
        if self._reads_at_once:
            self._waiting.add(messages)
            if len(self._waiting.values) >= _AT_ONCE:
                self._begin_reading()
            return
        for m in messages:
            self.add_record(m.partition() or 0, m.offset() or 0, m.key(), m.value(), m.timestamp()[1])

    def add_record(self, partition: int, offset: int, key: bytes | None, value: bytes | None, append_ms: int) -> None:
        """Decode one record; what is no JSON object, or lacks a column of the key, is malformed."""
        named = self._parse_key(key)
        try:
            if value is None:
                self._append(self._group(None), partition, offset, TOMBSTONE, named, append_ms)
                self._unreadable(partition, offset, "there is no value")
                return
            schema, payload = self._parse(partition, offset, value)
            if not isinstance(payload, dict):
                raise ValueError("the value is not a JSON object")
            image = {**named, **payload}
            lacking = next((k for k in self._key if image.get(k) is None), None)
            if lacking is not None:
                raise ValueError(f"the key column {lacking!r} is missing")
            group = self._group(schema)
            self._append(group, partition, offset, CREATE, image, append_ms)
            if append_ms >= self._newest_at:
                self._newest_at, self.newest, self.newest_image = append_ms, group.fields, image
        except ValueError as problem:
            self._append(self._group(None), partition, offset, MALFORMED, None, append_ms)
            self._malformed.append(Malformed(partition, offset, len(value or b""), str(problem).splitlines()[0][:200]))

    def _begin_reading(self) -> None:
        """Read the records collected so far beside what is done next."""
        waiting, self._waiting = self._waiting, _Waiting()
        if waiting.values:
            if self._reader is None:
                self._reader = ThreadPoolExecutor(1)
            self._begun.append((waiting, self._reader.submit(self._together, waiting)))

    def _read_waiting(self) -> None:
        """Take what was read together, and read one by one what is not as expected."""
        self._begin_reading()
        begun, self._begun = self._begun, []
        if self._reader is not None:
            self._reader.shutdown()
            self._reader = None
        for waiting, future in begun:
            table, kept = future.result()
            self._keep(waiting, table, kept)
            left = sorted(set(range(len(waiting.values))).difference(kept)) if len(kept) < len(waiting.values) else ()
            for i in left:
                self.add_record(*waiting.record(i))
            if len(left) * 2 > len(waiting.values):
                self._reads_at_once = False  # it takes longer to see that first

    def _together(self, waiting: _Waiting) -> tuple[pyarrow.Table, Sequence[int]]:
        """Return those of the records that are rows and, where there is a schema, valid; and which these are."""
        import polars as pl

        values = [None if _is_object(k) else v for k, v in zip(waiting.keys, waiting.values, strict=True)]
        acceptor = None if self.judge is None else self.judge.acceptor(self._columns)
        if self.judge is not None and acceptor is None:
            values = []
        decoded = decode(values, self._columns, only=self.judge is not None)
        frame = pl.from_arrow(decoded.table)
        assert isinstance(frame, pl.DataFrame)
        certain = pl.Series([True]).new_from_index(0, frame.height)
        for name in self._key:
            certain &= frame.get_column(name).is_not_null()
        if acceptor is not None:
            certain &= acceptor.accepted(frame)
            for name in acceptor.optional if decoded.has_null else ():
                certain &= frame.get_column(name).is_not_null()
        if certain.all():
            return decoded.table, decoded.places
        places = certain.arg_true().to_list()
        return decoded.table.filter(certain.to_arrow()), [decoded.places[i] for i in places]

    def _keep(self, waiting: _Waiting, table: pyarrow.Table, kept: Sequence[int]) -> None:
        count = len(kept)
        if not count:
            return
        nothing: list[Any] = [None] * count
        appended = waiting.of(waiting.append_ms, kept)
        group = EventGroup(
            partition=waiting.of(waiting.partition, kept),
            offset=waiting.of(waiting.offset, kept),
            op=[CREATE] * count,
            tx_id=nothing,
            lsn=nothing,
            snapshot=[False] * count,
            commit_us=nothing,
            connector_us=nothing,
            append_ms=appended,
            table=table,
        )
        self._at_once.append(group)
        if self.judge is not None:
            self.judge.accept(count)
        newest = max(range(count), key=appended.__getitem__)
        if appended[newest] >= self._newest_at:
            self._newest_at, self.newest = appended[newest], ()
            self.newest_image = self._values.parse(waiting.values[kept[newest]] or b"{}")[1]

    def _parse(self, partition: int, offset: int, value: bytes) -> tuple[dict[str, Any] | None, Any]:
        try:
            schema, payload = self._values.parse(value)
        except ValueError as problem:
            self._unreadable(partition, offset, str(problem))
            raise
        if self.judge is not None:
            self.judge.look(partition, offset, payload)
        return schema, payload

    def _unreadable(self, partition: int, offset: int, reason: str) -> None:
        if self.judge is not None:
            self.judge.look_unreadable(partition, offset, reason)

    def _parse_key(self, key: bytes | None) -> Mapping[str, Any]:
        if key is None:
            return {}
        try:
            payload = self._keys.parse(key)[1]
        except ValueError:
            return {}  # a key of another format only chooses the partition
        return payload if isinstance(payload, dict) else {}

    def _group(self, schema: dict[str, Any] | None) -> EventGroup:
        identity = id(schema)
        if identity not in self._groups:
            if identity not in self._schemas:
                self._schemas[identity] = (schema, read_fields(schema))
            self._groups[identity] = EventGroup(self._schemas[identity][1])
        return self._groups[identity]

    @staticmethod
    def _append(
        group: EventGroup, partition: int, offset: int, op: str, image: Mapping[str, Any] | None, append_ms: int
    ) -> None:
        group.partition.append(partition)
        group.offset.append(offset)
        group.op.append(op)
        group.tx_id.append(None)
        group.lsn.append(None)
        group.snapshot.append(False)
        group.commit_us.append(None)
        group.connector_us.append(None)
        group.append_ms.append(append_ms)
        group.image.append(image)


def _is_object(key: bytes | str | None) -> bool:
    """Whether a key may be a JSON object, whose fields stand beside those of the value."""
    return key is not None and key[:1] in (b"{", "{")
