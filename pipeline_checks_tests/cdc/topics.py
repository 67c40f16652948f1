"""An independent reader of the captured tables' topics: by ``assign()``, from the beginning, each record kept once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline

TOPIC = "debezium.public.{table}"
OLD_KEY = "__debezium.oldkey"
TOMBSTONE, MALFORMED = "tombstone", "malformed"
Place = tuple[int, int]
"""Partition and offset."""


@dataclass(frozen=True)
class Record:
    """One record as a committed reader gets it.

    ``op`` is Debezium's letter, ``tombstone`` or ``malformed``; ``row`` the row image (of a delete the key alone);
    ``old_key`` the key before a change of key.
    """

    partition: int
    offset: int
    appended_ms: int
    op: str
    key: int | None
    row: Mapping[str, Any] | None
    source: Mapping[str, Any]
    handled_ms: int | None
    old_key: int | None
    value: bytes | None

    @property
    def place(self) -> Place:
        """Partition and offset."""
        return self.partition, self.offset

    @property
    def lsn(self) -> int:
        """The change's place in the log of Postgres."""
        return int(self.source["lsn"])


class TopicReader:
    """The records of one table's topic, as far as ``read`` has been called."""

    def __init__(self, table: str, key: str) -> None:
        self.name = TOPIC.format(table=table)
        self._key = key
        self._next: dict[int, int] = {}
        self._records: dict[Place, Record] = {}

    def read(self, seconds: float = 60) -> None:
        """Read on to the end as it is now."""
        consumer = Consumer(
            {
                "bootstrap.servers": setting("KAFKA_BOOTSTRAP_SERVERS"),
                "group.id": "independent-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 20,
                "reconnect.backoff.max.ms": 200,
                "log_level": 2,
            }
        )
        try:
            open_ = set(consumer.list_topics(self.name, timeout=10).topics[self.name].partitions)
            consumer.assign([TopicPartition(self.name, p, self._next.get(p, 0)) for p in sorted(open_)])
            deadline = Deadline(seconds)
            while open_ and not deadline.passed:
                for message in consumer.consume(2000, timeout=0.2):
                    if message.error():
                        open_.discard(message.partition())
                    else:
                        self._take(message)
            assert not open_, f"{self.name} was not read to its end within {seconds} s"
        finally:
            consumer.close()

    def records(self, starts: Mapping[int, int] | None = None) -> dict[Place, Record]:
        """Return the records, those behind what ``ends`` returned before, in the order of partition and offset."""
        chosen = [p for p, r in self._records.items() if starts is None or r.offset >= starts.get(r.partition, 0)]
        return {place: self._records[place] for place in sorted(chosen)}

    def ends(self, before: int | None = None) -> dict[int, int]:
        """Return the offset behind the last record by partition, of those of changes before an LSN when given."""
        if before is None:
            return dict(self._next)
        found: dict[int, int] = {}
        for (partition, offset), record in self._records.items():
            if record.source.get("lsn", 0) < before:
                found[partition] = max(found.get(partition, 0), offset + 1)
        return found

    def _take(self, message: Any) -> None:
        place = message.partition(), message.offset()
        self._next[place[0]] = place[1] + 1
        self._records[place] = self._record(message)

    def _record(self, message: Any) -> Record:
        value, appended = message.value(), message.timestamp()[1]
        place = message.partition(), message.offset(), appended
        if value is None:
            key = json.loads(message.key())[self._key]
            return Record(*place, TOMBSTONE, key, None, {}, None, None, None)
        try:
            payload = json.loads(value)["payload"]
            op, source = payload["op"], payload["source"]
            row = payload["before"] if op == "d" else payload["after"]
            key, handled = row[self._key], payload["ts_ms"]
        except (ValueError, KeyError, TypeError):
            return Record(*place, MALFORMED, None, None, {}, None, None, value)
        old = dict(message.headers() or ()).get(OLD_KEY)
        image = {self._key: key} if op == "d" else row
        old_key = json.loads(old)[self._key] if old and op == "c" else None
        return Record(*place, op, key, image, source, handled, old_key, value)


def operations(records: Iterable[Record]) -> dict[int, list[str]]:
    """Return the operations of each key in order, tombstones among them."""
    found: dict[int, list[str]] = {}
    for record in records:
        if record.key is not None:
            found.setdefault(record.key, []).append(record.op)
    return found
