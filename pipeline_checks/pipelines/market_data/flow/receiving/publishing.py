"""From frames to records in Kafka: each one is either a trade in the topic or a dead letter."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.pipelines.market_data.flow.avro import Encoder
from pipeline_checks.pipelines.market_data.flow.kafka import Headers, Publisher
from pipeline_checks.pipelines.market_data.flow.receiving.normalise import Normaliser, Rejected
from pipeline_checks.pipelines.market_data.flow.sequence import Gap, SequenceFile, SequenceTracker

if TYPE_CHECKING:
    from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
    from pipeline_checks.pipelines.market_data.flow.settings import KafkaSettings

_REPAIRED: Final = ("repaired", b"true")


class TradePublisher:
    """Publishes trades in the order they come in, and knows up to which one of each symbol Kafka has taken them.

    Parameters
    ----------
    state:
        Keeps the last acknowledged ids.
    """

    def __init__(
        self, settings: KafkaSettings, encoder: Encoder, normaliser: Normaliser, state: SequenceFile, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._encoder = encoder
        self._normaliser = normaliser
        self._state = state
        self._metrics = metrics
        self._waiting: dict[bytes, deque[tuple[int, int]]] = {}
        self._lock = threading.Lock()
        self._mended: dict[str, set[int]] = {}
        self.tracker = SequenceTracker(state.load())
        self._publisher = Publisher(settings, self._delivered, self._refused)
        self.published = self.rejected = self.repaired = 0

    @property
    def failure(self) -> Exception | None:
        """Why a record was not taken, None while all were."""
        return self._publisher.failure

    @property
    def waiting(self) -> int:
        """How many records Kafka has not taken yet."""
        return self._publisher.waiting

    def gap_before(self, payload: dict[str, Any]) -> Gap | None:
        """Return the gap that a payload would show, without taking it."""
        symbol, trade = payload.get("s"), payload.get("t")
        if not isinstance(symbol, str) or type(trade) is not int:
            return None
        last = self.tracker.last(symbol)
        if last is None or trade <= last + 1:
            return None
        return Gap(symbol, last + 1, trade - 1, [])

    def trade(self, payload: Any, raw: bytes, received: int, repaired: bool = False) -> bool:
        """Publish a payload, as a dead letter when it is no trade; whether it was one."""
        try:
            record = self._normaliser.trade(payload, received, repaired)
        except Rejected as rejected:
            self.reject(rejected.reason, rejected.detail, raw)
            return False
        symbol, number, at = record["symbol"], record["source_sequence"], record["timestamp"]
        mended = self._mended.setdefault(symbol, set())
        if repaired:
            mended.add(number)
        elif number in mended:
            mended.discard(number)  # read from the history a moment before the stream brought it
            return True
        self._follow(symbol, number, at)
        key = symbol.encode()
        with self._lock:
            self._waiting.setdefault(key, deque()).append((number, at))
        headers: Headers | None = [_REPAIRED] if repaired else None
        self._publisher.publish(self._settings.trades_topic, key, self._encoder.encode(record), headers)
        self.published += 1
        self.repaired += repaired
        return True

    def reject(self, reason: str, detail: str, raw: bytes) -> None:
        """Send a frame that is no trade to the dead letters, as it came."""
        headers: Headers = [
            ("reason", reason.encode()),
            ("stage", b"client"),
            ("detail", detail.encode("utf-8", "replace")),
        ]
        headers.append(("received_at", str(time.time_ns() // 1000).encode()))
        self._publisher.publish(self._settings.dead_letters, None, raw, headers)
        self.rejected += 1
        self._metrics.counter("binance_message_errors", reason, labels=("error_type",)).inc()

    def flush(self, seconds: float) -> None:
        """Wait until Kafka has taken everything; raises TerminalError when it has not in time."""
        self._publisher.flush(seconds)

    def close(self, seconds: float) -> None:
        """Flush, publish no more, and save the sequence."""
        try:
            self._publisher.close(seconds)
        finally:
            self.save()

    def save(self) -> None:
        """Save the last acknowledged ids."""
        with self._lock:
            self._state.save()

    def _follow(self, symbol: str, number: int, at: int) -> None:
        event, gap = self.tracker.see(symbol, number, at)
        if event == "OK":
            return
        if event == "GAP" and gap is not None:
            self._metrics.counter("sequence_gaps_detected", symbol, gap.severity, labels=("symbol", "severity")).inc()
        elif event == "OUT_OF_ORDER":
            self._metrics.counter("out_of_order_messages", symbol, labels=("symbol",)).inc()
        elif event == "DUPLICATE":
            self._metrics.counter("duplicate_messages_detected", symbol, labels=("symbol",)).inc()

    def _refused(self, topic: str) -> None:
        self._metrics.counter("kafka_produce_errors", topic, labels=("topic",)).inc()

    def _delivered(self, topic: str, key: bytes | None, seconds: float) -> None:
        self._metrics.counter("kafka_messages_produced", topic, labels=("topic",)).inc()
        self._metrics.histogram("kafka_produce_duration_seconds").observe(seconds)
        if topic != self._settings.trades_topic or key is None:
            return
        with self._lock:
            number, at = self._waiting[key].popleft()
            self._state.acknowledged(key.decode(), number, at)
