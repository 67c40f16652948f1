"""The topics of the pipeline, and the producer that both programs write with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.kafka import producer
from pipeline_checks.clients.kafka_topics import DeclaredTopic
from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from pipeline_checks.pipelines.market_data.flow.settings import KafkaSettings

_log = logging.getLogger(__name__)
WEEK_MS: Final = 604_800_000
_CONFIG: Final = {
    "cleanup.policy": "delete",
    "compression.type": "lz4",
    "retention.ms": str(WEEK_MS),
    "min.insync.replicas": "1",
    # The time of the append: when the broker had the trade, whatever the producer's clock says.
    "message.timestamp.type": "LogAppendTime",
}
Headers = list[tuple[str, str | bytes | None]]


def declared_topics(settings: KafkaSettings) -> list[DeclaredTopic]:
    """Return the trades topic and its dead letters as they must be."""
    wanted = {settings.trades_topic: settings.partitions, settings.dead_letters: 1}
    return [DeclaredTopic(name, partitions, _CONFIG) for name, partitions in wanted.items()]


class Publisher:
    """Writes records and learns of each whether it was taken. May be used from any thread.

    Parameters
    ----------
    delivered:
        Called from another thread with the topic and the key of each record that Kafka has taken, in the order of
        its partition, and with the seconds that it took.
    refused:
        Called from another thread with the topic of each record that Kafka has not taken.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        delivered: Callable[[str, bytes | None, float], None],
        refused: Callable[[str], None] = lambda topic: None,
    ) -> None:
        self._delivered = delivered
        self._refused = refused
        self._producer = producer(
            settings.bootstrap_servers,
            acks="all",
            compression_type=settings.compression,
            linger_ms=settings.linger_ms,
            batch_size=settings.batch_bytes,
            request_timeout_ms=settings.request_timeout_ms,
            delivery_timeout_ms=settings.delivery_timeout_ms,
            max_in_flight_requests_per_connection=5,
            queue_buffering_max_messages=200_000,
        )
        self.failure: TerminalError | None = None
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="deliveries", daemon=True)
        self._poller.start()

    @property
    def waiting(self) -> int:
        """How many records Kafka has not taken yet."""
        return len(self._producer)

    def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers | None = None) -> None:
        """Give a record to Kafka; blocks while too many wait. Raises TerminalError once a delivery has failed."""
        while True:
            if self.failure is not None:
                raise self.failure
            try:
                self._producer.produce(topic, value, key, headers=headers or [], on_delivery=self._report)
                return
            except BufferError:
                self._producer.poll(0.1)  # full: until Kafka has taken some

    def flush(self, seconds: float) -> None:
        """Wait until Kafka has taken everything. Raises TerminalError when it has not in time, or refused a record."""
        left = self._producer.flush(seconds)
        if self.failure is None and left:
            self.failure = TerminalError(f"{left} records were not taken by Kafka within {seconds:g} s.")
        if self.failure is not None:
            raise self.failure

    def close(self, seconds: float) -> None:
        """Flush, and write no more."""
        try:
            self.flush(seconds)
        finally:
            self._stop.set()
            self._poller.join(2.0)

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(0.1)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused(message.topic() or "")
            if self.failure is None:
                self.failure = TerminalError(
                    f"a record for {message.topic()} was not taken: {error.str()}.",
                    next_step="See that the brokers run and the topic is there.",
                )
                _log.error("%s", self.failure)
            return
        key: Any = message.key()
        self._delivered(message.topic() or "", key, message.latency() or 0.0)
