"""Records that are plain JSON objects, as events that each add a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import CREATE, MALFORMED, TOMBSTONE
from pipeline_checks.stages.connect_schema import ConnectField, read_fields
from pipeline_checks.stages.embedded_json import EmbeddedJson
from pipeline_checks.stages.event_batch import EventGroup, Malformed
from pipeline_checks.stages.message_schema import MessageJudge

if TYPE_CHECKING:
    from confluent_kafka import Message


class JsonRecords:
    """Decodes records; see ``DebeziumRecords`` for the other format."""

    def __init__(self, key: Sequence[str], judge: MessageJudge | None = None) -> None:
        """``judge`` is shown every message."""
        self._key = tuple(key)
        self.judge = judge
        self._keys, self._values = EmbeddedJson(), EmbeddedJson()
        self._groups: dict[int, EventGroup] = {}
        self._schemas: dict[int, tuple[object, tuple[ConnectField, ...]]] = {}
        self._malformed: list[Malformed] = []
        self.newest: tuple[ConnectField, ...] = ()
        self.newest_image: Mapping[str, Any] | None = None
        self.key_fields: tuple[ConnectField, ...] = ()
        self.old_keys: dict[tuple[int, int], Mapping[str, Any]] = {}
        self._newest_at = -1

    def take(self) -> tuple[list[EventGroup], list[Malformed]]:
        """Return what has been decoded since the last call."""
        groups, malformed = list(self._groups.values()), self._malformed
        self._groups, self._malformed = {}, []
        return groups, malformed

    def add(self, messages: Iterable[Message]) -> None:
        """Decode records."""
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
