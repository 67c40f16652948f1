"""The raw records of a topic: read as they are, written by a stranger, removed up to an offset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.clients import kafka
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.topic_log import TopicLog

Headers = list[tuple[str, str | bytes | None]]
_FLUSH_SECONDS = 10.0


@dataclass(frozen=True)
class RawRecord:
    """One record as its bytes."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def payload(self) -> dict[str, Any]:
        """The envelope, without its schema; empty when the value is none."""
        try:
            document = json.loads(self.value or b"")
        except ValueError:
            return {}
        found = document.get("payload", document) if isinstance(document, dict) else {}
        return found if isinstance(found, dict) else {}

    def with_payload(self, payload: Mapping[str, Any]) -> bytes:
        """Return the value with another payload under the same schema."""
        document = json.loads(self.value or b"")
        changed = {**document, "payload": payload} if "payload" in document else dict(payload)
        return json.dumps(changed).encode()


class TopicRecords:
    """The records of the topic of a stage."""

    def __init__(self, stage: StageDeclaration) -> None:
        brokers, topic = getattr(stage, "brokers", None), getattr(stage, "topic", None)
        if brokers is None or topic is None:
            raise TerminalError(f"{stage.name} is no topic.", next_step="Name a stage of a topic.")
        self.bootstrap = resolve(brokers)
        self.topic = str(topic)

    def all(self) -> list[RawRecord]:
        """Return every record that is there, by partition and offset."""
        log = TopicLog(self.bootstrap, self.topic)
        try:
            low, high = log.watermarks()
            found = [
                RawRecord(
                    int(m.partition() or 0), int(m.offset() or 0), _bytes(m.key()), _bytes(m.value()), _headers(m)
                )
                for batch in log.records(low, high)
                for m in batch
            ]
        finally:
            log.close()
        return sorted(found, key=lambda r: (r.partition, r.offset))

    def ends(self) -> dict[int, int]:
        """Return the next offset of each partition."""
        log = TopicLog(self.bootstrap, self.topic)
        try:
            return log.watermarks()[1]
        finally:
            log.close()

    def write(self, key: bytes | None, value: bytes | None, partition: int, headers: Headers | None = None) -> int:
        """Write a record and return its offset. Raises TransientError when the broker does not take it."""
        written: list[int] = []
        problems: list[Any] = []

        def delivered(error: Any, message: Any) -> None:
            problems.append(error) if error is not None else written.append(int(message.offset()))

        with kafka.translated(f"writing to topic {self.topic}"):
            producer = kafka.producer(self.bootstrap)
            producer.produce(
                self.topic,
                key=key,
                value=value,
                partition=partition,
                headers=headers or [],
                on_delivery=delivered,
            )
            producer.flush(_FLUSH_SECONDS)
        if problems:
            raise kafka.translate(f"writing to topic {self.topic}", problems[0])
        if not written:
            raise TransientError(
                f"writing to topic {self.topic}: the broker has not confirmed the record.",
                next_step="See that the brokers run.",
            )
        return written[0]

    def write_all(self, records: Sequence[RawRecord]) -> None:
        """Write records to their partitions, in this order; their offsets are new ones.

        Raises TransientError when the broker does not take all of them.
        """
        problems: list[Any] = []

        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                problems.append(error)

        with kafka.translated(f"writing to topic {self.topic}"):
            producer = kafka.producer(self.bootstrap)
            for r in records:
                producer.produce(
                    self.topic,
                    key=r.key,
                    value=r.value,
                    partition=r.partition,
                    headers=r.headers,
                    on_delivery=delivered,
                )
                producer.poll(0)
            left = producer.flush(_FLUSH_SECONDS)
        if problems:
            raise kafka.translate(f"writing to topic {self.topic}", problems[0])
        if left:
            raise TransientError(
                f"writing to topic {self.topic}: the broker has not confirmed {left} records.",
                next_step="See that the brokers run.",
            )

    def expire(self, before: Mapping[int, int]) -> None:
        """Remove the records before an offset of each partition, as retention does."""
        from confluent_kafka import TopicPartition

        with kafka.translated(f"removing records of topic {self.topic}"):
            admin = kafka.admin(self.bootstrap)
            asked = admin.delete_records([TopicPartition(self.topic, p, o) for p, o in before.items()])
            for future in asked.values():
                future.result(timeout=kafka.REQUEST_TIMEOUT_SECONDS)


def newest_by_key(records: Iterable[RawRecord]) -> dict[bytes, RawRecord]:
    """Return the last record with a value of each key whose row still is there."""
    found: dict[bytes, RawRecord] = {}
    for record in records:
        if record.key is None or not record.payload:
            continue
        if record.payload.get("op") == "d":
            found.pop(record.key, None)
        elif record.payload.get("op") in ("c", "u", "r"):
            found[record.key] = record
    return found


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _headers(message: Any) -> Headers:
    return [(name, _bytes(value)) for name, value in message.headers() or ()]
