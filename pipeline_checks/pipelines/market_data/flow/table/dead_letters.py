"""Records that could not be used, kept as they came with the reason; each once, whatever happens to the writer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.kafka import consumer, translated
from pipeline_checks.pipelines.market_data.flow.kafka import Headers, Publisher

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from pipeline_checks.pipelines.market_data.flow.settings import KafkaSettings

_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 60.0


class DeadLetters:
    """The dead letters of the writer."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._publisher = Publisher(settings, lambda topic, key, seconds: None)
        self._reader: Consumer | None = None
        self._written: set[tuple[int, int]] = set()

    def recall(self, start: int) -> None:
        """Look from offset ``start`` on which records were set aside already, though no snapshot says so."""
        from confluent_kafka import TopicPartition

        self._publisher.flush(FLUSH_SECONDS)  # what is on its way is to be found as well
        self._written.clear()
        end = self.end()
        if start >= end:
            return
        reader = self._opened()
        reader.assign([TopicPartition(self._settings.dead_letters, 0, start)])
        position = start
        while position < end:
            with translated("reading the dead letters"):
                messages = reader.consume(1000, 1.0)
            for message in messages:
                if message.error() is None:
                    position = (message.offset() or 0) + 1
                    self._note(message)
            held = reader.position([TopicPartition(self._settings.dead_letters, 0)])[0].offset
            position = max(position, held)
        reader.unassign()

    def put(self, message: Message, reason: str, detail: str) -> None:
        """Set a record aside, unless that was done before."""
        place = (message.partition() or 0, message.offset() or 0)
        if place in self._written:
            return
        headers: Headers = [
            ("reason", reason.encode()),
            ("stage", b"consumer"),
            ("detail", detail.encode("utf-8", "replace")),
            ("source_topic", (message.topic() or "").encode()),
            ("source_partition", str(place[0]).encode()),
            ("source_offset", str(place[1]).encode()),
        ]
        key: Any = message.key()
        value: Any = message.value()
        self._publisher.publish(self._settings.dead_letters, key, value, headers)
        self._written.add(place)

    def acknowledged(self) -> None:
        """Wait until Kafka has taken all of them; raises TerminalError when it does not."""
        self._publisher.flush(FLUSH_SECONDS)

    def end(self) -> int:
        """Return the offset behind the last dead letter."""
        from confluent_kafka import TopicPartition

        with translated("asking for the end of the dead letters"):
            _, end = self._opened().get_watermark_offsets(
                TopicPartition(self._settings.dead_letters, 0), timeout=_SECONDS
            )
        return int(end)

    def close(self) -> None:
        """Close the connections."""
        self._publisher.close(1.0)
        if self._reader is not None:
            self._reader.close()

    def _opened(self) -> Consumer:
        if self._reader is None:
            self._reader = consumer(self._settings.bootstrap_servers, enable_partition_eof=False)
        return self._reader

    def _note(self, message: Message) -> None:
        headers = dict(message.headers() or [])
        if headers.get("stage") == b"consumer" and headers.get("source_topic") == self._settings.trades_topic.encode():
            partition, offset = headers.get("source_partition"), headers.get("source_offset")
            if isinstance(partition, bytes) and isinstance(offset, bytes):
                self._written.add((int(partition), int(offset)))
