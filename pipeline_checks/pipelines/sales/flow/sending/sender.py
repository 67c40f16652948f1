"""Sends messages and follows each until it is acknowledged."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final

import orjson

from pipeline_checks.clients.kafka import producer
from pipeline_checks.pipelines.sales.flow.sending.messages import (
    PRODUCER_ID,
    RUN_ID,
    SOURCE_FILE,
    SOURCE_NUMBER,
    Outgoing,
)

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

_log = logging.getLogger(__name__)
_STEP_SECONDS: Final = 0.2
_STOPPING_SECONDS: Final = 3.0


@dataclass(frozen=True)
class Destination:
    """Where messages go, and the headers that all of them carry; times in seconds."""

    bootstrap: str
    topic: str
    run_id: str
    source_file: str
    producer_id: str
    patience: float = 120.0


@dataclass
class Sent:
    """What became of messages; ``ends`` are the offsets behind those acknowledged, by partition."""

    acknowledged: int = 0
    failed: int = 0
    pending: set[int] = field(default_factory=set)
    ends: dict[str, int] = field(default_factory=dict)
    by_partition: dict[str, int] = field(default_factory=dict)


class Sender:
    """Sends messages idempotently: none is lost, doubled or out of the order of its key while the process lives."""

    def __init__(self, destination: Destination, stop: threading.Event) -> None:
        self._to = destination
        self._stop = stop
        self.sent = Sent()
        self._producer = producer(
            destination.bootstrap,
            acks="all",
            compression_type="gzip",
            linger_ms=10,
            batch_size=131_072,
            queue_buffering_max_kbytes=32_768,
            max_in_flight_requests_per_connection=5,
            retry_backoff_ms=100,
            message_timeout_ms=int(destination.patience * 1000),
        )

    def send(self, message: Outgoing) -> None:
        """Send one; whether it arrives is known behind ``settle``."""
        to, number = self._to, message.number
        self.sent.pending.add(number)
        headers: list[tuple[str, str | bytes | None]] = [
            (RUN_ID, to.run_id),
            (SOURCE_FILE, to.source_file),
            (SOURCE_NUMBER, str(number)),
            (PRODUCER_ID, to.producer_id),
        ]

        def done(error: KafkaError | None, record: Message) -> None:
            self._delivered(error, record, number)

        body = orjson.dumps(message.body)
        while True:
            try:
                self._producer.produce(to.topic, value=body, key=message.key, headers=headers, on_delivery=done)
                break
            except BufferError:  # the queue is full: room comes with acknowledgements
                self._producer.poll(_STEP_SECONDS)
        self._producer.poll(0)

    def settle(self) -> bool:
        """Wait until every message is acknowledged or has failed; return whether all have arrived.

        Returns early, with messages pending, some seconds after the program was told to stop.
        """
        begun, asked_at = monotonic(), None
        while self._producer.flush(_STEP_SECONDS):
            if self._stop.is_set():
                asked_at = asked_at or monotonic()
                if monotonic() - asked_at > _STOPPING_SECONDS:
                    break
            if monotonic() - begun > self._to.patience + 1:
                break
        return not self.sent.pending

    def close(self) -> None:
        """Give up what is not acknowledged; some of it may still arrive."""
        self._producer.purge(blocking=False)

    def _delivered(self, error: KafkaError | None, record: Message, number: int) -> None:
        if error is not None:
            self.sent.failed += 1
            _log.error("record %d is not published: %s", number, error.str())
            return
        self.sent.pending.discard(number)
        self.sent.acknowledged += 1
        partition, offset = str(record.partition()), record.offset()
        assert offset is not None
        self.sent.ends[partition] = offset + 1
        self.sent.by_partition[partition] = self.sent.by_partition.get(partition, 0) + 1
