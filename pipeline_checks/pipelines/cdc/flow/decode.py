"""Debezium's JSON envelopes into events with typed rows. What cannot be understood becomes a malformed record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import pyarrow as pa

from pipeline_checks.pipelines.cdc.flow.lake_types import Normaliser, convert, field_type, inferred_type

UNAVAILABLE: Final = "__debezium_unavailable_value"
"""What Debezium puts in place of an unchanged value that Postgres keeps out of line (TOAST)."""
_UNAVAILABLE_FORMS: Final = (UNAVAILABLE, "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")
_UNAVAILABLE_BYTES: Final = tuple(form.encode() for form in _UNAVAILABLE_FORMS)
OLD_KEY: Final = "__debezium.oldkey"
"""The header with the key that a row had before its key was changed."""
_PAYLOAD: Final = b',"payload":'
_OPERATIONS: Final = frozenset("crudt")

Fields = dict[str, tuple[pa.DataType, Normaliser | None]]


@dataclass(frozen=True)
class Record:
    """One Kafka record as it left Spark. ``appended_us`` is its timestamp in microseconds since 1970."""

    partition: int
    offset: int
    appended_us: int
    key: bytes | None
    value: bytes | None
    headers: Iterable[Mapping[str, Any]] = ()


@dataclass(slots=True)
class Event:
    """One change. ``unavailable`` names the columns whose value it does not carry, ``old_key`` is the key before."""

    op: str
    key: int | None
    lsn: int
    tx_id: int | None
    snapshot: bool
    commit_us: int | None
    handled_ms: int | None
    partition: int
    offset: int
    appended_us: int
    old_key: int | None = None
    unavailable: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, bool, int]:
        """Where the event stands among the others of its table, whatever their partitions.

        LSNs of one key rise; a streamed event may share its LSN with the rows of the snapshot before it.
        """
        return (self.lsn, not self.snapshot, self.offset)


@dataclass(frozen=True)
class Malformed:
    """A record that could not be understood, with the reason."""

    record: Record
    reason: str


@dataclass
class TableBatch:
    """The records of one table in one batch, in the order of ``Event.order``.

    ``rows`` holds the source columns, one row an event; ``next_offsets`` the first offset behind the batch for each
    partition it has records of.
    """

    events: list[Event]
    rows: pa.Table
    malformed: list[Malformed] = field(default_factory=list)
    tombstones: int = 0
    next_offsets: dict[int, int] = field(default_factory=dict)


class _Refused(Exception):
    """The record is malformed for the reason given."""


class Decoder:
    """Decodes the records of one table.

    Parameters
    ----------
    key:
        Name of the primary key's column.
    columns:
        Name to type of the columns known so far. A column that an event brings is added to it with the type that the
        event's schema gives.
    """

    def __init__(self, key: str, columns: Mapping[str, pa.DataType]) -> None:
        self.key = key
        self.columns = dict(columns)
        self._schemas: dict[bytes, Fields] = {}

    def decode(self, records: Iterable[Record]) -> TableBatch:
        """Return the events of the records. Never raises for what a record holds."""
        found: list[tuple[Event, dict[str, Any], Record]] = []
        batch = TableBatch([], pa.table({}))
        for record in records:
            following = record.offset + 1
            batch.next_offsets[record.partition] = max(following, batch.next_offsets.get(record.partition, 0))
            if record.value is None:
                batch.tombstones += 1
                continue
            try:
                found.append((*self._event(record, record.value), record))
            except _Refused as refused:
                batch.malformed.append(Malformed(record, str(refused)))
        found.sort(key=lambda entry: entry[0].order)
        self._typed(batch, found)
        return batch

    def _typed(self, batch: TableBatch, found: list[tuple[Event, dict[str, Any], Record]]) -> None:
        """Fill the batch with the typed rows; events with a value that its column cannot hold become malformed."""
        while True:
            refused: dict[int, str] = {}
            arrays: dict[str, pa.Array] = {}
            for name, lake in self.columns.items():
                arrays[name], bad = convert([row.get(name) for _, row, _ in found], lake)
                refused |= {index: f"{name}: {reason}" for index, reason in bad.items()}
            if not refused:
                break
            batch.malformed += [Malformed(found[i][2], reason) for i, reason in sorted(refused.items())]
            found = [entry for index, entry in enumerate(found) if index not in refused]
        batch.events = [event for event, _, _ in found]
        batch.rows = pa.table(arrays)

    def _event(self, record: Record, value: bytes) -> tuple[Event, dict[str, Any]]:
        fields, payload = self._parse(value)
        op, source = payload.get("op"), payload.get("source")
        if op not in _OPERATIONS:
            raise _Refused("no operation among c, r, u, d, t")
        if not isinstance(source, dict) or type(source.get("lsn")) is not int:
            raise _Refused("no source position")
        row: dict[str, Any] = {}
        unavailable: tuple[str, ...] = ()
        key: int | None = None
        if op != "t":
            image = payload.get("before" if op == "d" else "after")
            if not isinstance(image, dict):
                raise _Refused("no row image")
            key = image.get(self.key)
            if type(key) is not int:
                raise _Refused(f"no {self.key}")
            if op == "d":
                row = {self.key: key}
            else:
                row = image
                start = max(value.find(_PAYLOAD), 0)  # the schema before it is long and the same every time
                if any(value.find(form, start) >= 0 for form in _UNAVAILABLE_BYTES):
                    unavailable = tuple(n for n, v in row.items() if v in _UNAVAILABLE_FORMS or v == [UNAVAILABLE])
                    row = {n: None if n in unavailable else v for n, v in row.items()}
                row = self._known(row, fields)
        commit_us = source.get("ts_us")
        if type(commit_us) is not int:
            commit_us = source["ts_ms"] * 1000 if type(source.get("ts_ms")) is int else None
        event = Event(
            op=op,
            key=key,
            lsn=source["lsn"],
            tx_id=source.get("txId"),
            snapshot=str(source.get("snapshot") or "false") != "false",
            commit_us=commit_us,
            handled_ms=payload.get("ts_ms"),
            partition=record.partition,
            offset=record.offset,
            appended_us=record.appended_us,
            old_key=self._old_key(record) if op == "c" else None,
            unavailable=unavailable,
        )
        return event, row

    def _parse(self, value: bytes) -> tuple[Fields | None, dict[str, Any]]:
        """Return the row's fields by the embedded schema, None without one, and the payload.

        The schema is the same text in nearly every record, so it is parsed once and found again by its bytes.
        """
        at = value.find(_PAYLOAD)
        if at > 0 and value.endswith(b"}") and value[:at] in self._schemas:
            try:
                payload = orjson.loads(memoryview(value)[at + len(_PAYLOAD) : -1])
            except orjson.JSONDecodeError:
                payload = None  # something stands behind the payload: read it as a whole
            if isinstance(payload, dict):
                return self._schemas[value[:at]], payload
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise _Refused("not JSON") from error
        if not isinstance(document, dict):
            raise _Refused("not a JSON object")
        if "payload" not in document:
            return None, document
        payload, schema = document["payload"], document.get("schema")
        if not isinstance(payload, dict):
            raise _Refused("no payload")
        if not isinstance(schema, dict):
            return None, payload
        fields = self._fields(schema)
        if at > 0:
            self._schemas[value[:at]] = fields
        return fields, payload

    def _fields(self, schema: dict[str, Any]) -> Fields:
        try:
            after = next(f for f in schema["fields"] if f.get("field") == "after")
            return {f["field"]: field_type(f) for f in after["fields"]}
        except (KeyError, StopIteration, TypeError, AttributeError, ValueError) as error:
            raise _Refused("the embedded schema describes no row") from error

    def _known(self, row: dict[str, Any], fields: Fields | None) -> dict[str, Any]:
        """Remember columns not seen before, and bring values into the form that their types take."""
        for name, value in row.items():
            lake, normalise = (fields or {}).get(name) or (None, None)
            if name not in self.columns:
                if lake is None and value is None:
                    continue
                self.columns[name] = lake if lake is not None else inferred_type(value)
            if normalise is not None and value is not None:
                try:
                    row[name] = normalise(value)
                except (TypeError, ValueError, OverflowError) as error:
                    raise _Refused(f"{name}: {type(value).__name__} is not what the schema says") from error
        return row

    def _old_key(self, record: Record) -> int | None:
        """Return the key before a change of key, from the record's headers."""
        for header in record.headers or ():
            if header["key"] == OLD_KEY and header["value"]:
                try:
                    document = orjson.loads(header["value"])
                    old = document.get("payload", document)[self.key]
                except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
                    return None
                return old if type(old) is int else None
        return None
