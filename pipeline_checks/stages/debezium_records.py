"""Records of a Debezium topic as change events: envelopes with and without embedded schema, and flattened records.

A flattened record (``ExtractNewRecordState``) carries less: without a transaction id an event cannot be said to belong
to a cut, without a commit time it has no latency, and truncates are not told. What is missing stands as NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import CREATE, DELETE, MALFORMED, READ, TOMBSTONE, TRUNCATE, UPDATE
from pipeline_checks.stages.connect_schema import ConnectField, read_fields
from pipeline_checks.stages.embedded_json import EmbeddedJson
from pipeline_checks.stages.event_batch import EventGroup, Malformed

if TYPE_CHECKING:
    from confluent_kafka import Message

_OPERATIONS = frozenset({CREATE, UPDATE, DELETE, READ, TRUNCATE})
_FLATTENED_MARKS = ("__op", "__deleted", "__lsn", "__source_lsn", "__table", "__db")
_LIMIT = 2**63 // 1000
"""Bound of ids, LSNs and times, so that milliseconds still fit into 64 bits as microseconds."""
OLD_KEY_HEADER = "__debezium.oldkey"


class DebeziumRecords:
    """Decodes records. Events are grouped by the schema they came with; ``newest`` is the newest schema seen."""

    def __init__(self, key: Sequence[str]) -> None:
        self._key = tuple(key)
        self._keys, self._values = EmbeddedJson(), EmbeddedJson()
        self._groups: dict[int, EventGroup] = {}
        self._schemas: dict[int, tuple[object, tuple[ConnectField, ...]]] = {}
        self.malformed: list[Malformed] = []
        self.newest: tuple[ConnectField, ...] = ()
        self.key_fields: tuple[ConnectField, ...] = ()
        self.newest_image: Mapping[str, Any] | None = None
        self.old_keys: dict[tuple[int, int], Mapping[str, Any]] = {}
        """The key before the change, by (partition, offset), of rows whose key was changed."""
        self._newest_at: tuple[int, int] = (-1, -1)

    def take(self) -> tuple[list[EventGroup], list[Malformed]]:
        """Return what has been decoded since the last call."""
        groups, malformed = list(self._groups.values()), self.malformed
        self._groups, self.malformed = {}, []
        return groups, malformed

    def add(self, messages: Iterable[Message]) -> None:
        """Decode records. None of them raises: what cannot be understood is a malformed event."""
        for message in messages:
            self.add_record(
                message.partition() or 0,
                message.offset() or 0,
                message.key(),
                message.value(),
                message.timestamp()[1],
                message.headers,
            )

    def add_record(
        self,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        append_ms: int,
        headers: Any = None,
    ) -> None:
        """Decode one record; ``headers`` returns its headers when called."""
        try:
            named = self._parse_key(key)
            if value is None:
                self._append(self._group(None, None), partition, offset, TOMBSTONE, {}, named, append_ms)
                return
            schema, payload = self._values.parse(value)
            if not isinstance(payload, dict):
                raise ValueError("the value is not a JSON object")
            if isinstance(payload.get("source"), dict) and "op" in payload:
                self._envelope(partition, offset, schema, payload, named, append_ms)
                if headers is not None and payload["op"] == CREATE:
                    self._note_old_key(partition, offset, headers())
            elif any(mark in payload for mark in _FLATTENED_MARKS):
                self._flattened(partition, offset, schema, payload, named, append_ms)
            else:
                raise ValueError("the value is neither a Debezium envelope nor a flattened record")
        except (ValueError, TypeError, AttributeError, OverflowError) as problem:
            self._append(self._group(None, None), partition, offset, MALFORMED, {}, None, append_ms)
            error = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
            self.malformed.append(Malformed(partition, offset, len(value or key or b""), error))

    def _parse_key(self, key: bytes | None) -> Mapping[str, Any]:
        if key is None:
            return {}
        schema, payload = self._keys.parse(key)
        if payload is None:
            return {}
        if not isinstance(payload, dict):
            raise ValueError("the key is not a JSON object")
        if schema is not None and not self.key_fields:
            self.key_fields = read_fields(schema)
        return payload

    def _envelope(
        self,
        partition: int,
        offset: int,
        schema: dict[str, Any] | None,
        payload: dict[str, Any],
        key: Mapping[str, Any],
        append_ms: int,
    ) -> None:
        op, source, after = payload["op"], payload["source"], payload.get("after")
        if op not in _OPERATIONS:
            raise ValueError(f"the operation {op!r} is none of a row")
        if op == TRUNCATE:
            image: Mapping[str, Any] | None = None
        elif op == DELETE:
            before = payload.get("before") or {}
            image = {**{k: before.get(k) for k in self._key}, **key}
        else:
            if not isinstance(after, dict):
                raise ValueError(f"operation {op!r} without the row after it")
            image = {**key, **after}
        if image is not None:
            self._require_key(image)
        facts = {
            "tx_id": _number(source, "txId"),
            "lsn": _number(source, "lsn"),
            "snapshot": source.get("snapshot") not in (None, False, "false"),
            "commit_us": _microseconds(source),
            "connector_us": _microseconds(payload),
        }
        if facts["lsn"] is None:
            raise ValueError("the source's LSN is missing")
        group = self._group(schema, "after")
        self._append(group, partition, offset, op, facts, image, append_ms)
        if op not in (DELETE, TRUNCATE):
            self._see(group.fields, after, facts["lsn"], offset)

    def _flattened(
        self,
        partition: int,
        offset: int,
        schema: dict[str, Any] | None,
        payload: dict[str, Any],
        key: Mapping[str, Any],
        append_ms: int,
    ) -> None:
        deleted = str(payload.get("__deleted", "false")).lower() == "true"
        op = payload.get("__op") or (DELETE if deleted else UPDATE)
        if op not in _OPERATIONS:
            raise ValueError(f"the operation {op!r} is none of a row")
        row = {k: v for k, v in payload.items() if not k.startswith("__")}
        image = {**{k: row.get(k) for k in self._key}, **key} if op == DELETE else {**key, **row}
        self._require_key(image)
        commit_ms, handled_ms = _number(payload, "__source_ts_ms"), _number(payload, "__ts_ms")
        facts = {
            "tx_id": _number(payload, "__txId", "__source_txId"),
            "lsn": _number(payload, "__lsn", "__source_lsn"),
            "snapshot": op == READ,
            "commit_us": None if commit_ms is None else commit_ms * 1000,
            "connector_us": None if handled_ms is None else handled_ms * 1000,
        }
        group = self._group(schema, None)
        self._append(group, partition, offset, op, facts, image, append_ms)
        if op != DELETE:
            self._see(group.fields, row, facts["lsn"], offset)

    def _require_key(self, image: Mapping[str, Any]) -> None:
        for name in self._key:
            if image.get(name) is None:
                raise ValueError(f"the key column {name!r} is missing")

    def _see(self, fields: tuple[ConnectField, ...], row: Any, lsn: int | None, offset: int) -> None:
        """Remember the newest row and its schema: offsets of several partitions have no common order, LSNs do."""
        at = (lsn or 0, offset)
        if at >= self._newest_at:
            self._newest_at, self.newest, self.newest_image = at, fields, row

    def _note_old_key(self, partition: int, offset: int, headers: Sequence[tuple[str, bytes]] | None) -> None:
        for name, value in headers or ():
            if name == OLD_KEY_HEADER and value:
                self.old_keys[partition, offset] = EmbeddedJson().parse(value)[1]

    def _group(self, schema: dict[str, Any] | None, inside: str | None) -> EventGroup:
        identity = id(schema)
        if identity not in self._groups:
            if identity not in self._schemas:  # the schema is kept beside, so that its id stays its own
                self._schemas[identity] = (schema, read_fields(schema, inside))
            self._groups[identity] = EventGroup(self._schemas[identity][1])
        return self._groups[identity]

    @staticmethod
    def _append(
        group: EventGroup,
        partition: int,
        offset: int,
        op: str,
        facts: Mapping[str, Any],
        image: Mapping[str, Any] | None,
        append_ms: int,
    ) -> None:
        group.partition.append(partition)
        group.offset.append(offset)
        group.op.append(op)
        group.tx_id.append(facts.get("tx_id"))
        group.lsn.append(facts.get("lsn"))
        group.snapshot.append(bool(facts.get("snapshot", False)))
        group.commit_us.append(facts.get("commit_us"))
        group.connector_us.append(facts.get("connector_us"))
        group.append_ms.append(append_ms)
        group.image.append(image)


def _microseconds(block: Mapping[str, Any]) -> int | None:
    microseconds = _number(block, "ts_us")
    if microseconds is not None:
        return microseconds
    milliseconds = _number(block, "ts_ms")
    return None if milliseconds is None else milliseconds * 1000


def _number(block: Mapping[str, Any], *names: str) -> int | None:
    """The first of the fields that is there; raises ValueError when it is no whole number of 64 bits."""
    for name in names:
        value = block.get(name)
        if value is not None:
            if not isinstance(value, int) or not -_LIMIT <= value < _LIMIT:
                raise ValueError(f"{name} is not a whole number: {value!r}")
            return value
    return None
