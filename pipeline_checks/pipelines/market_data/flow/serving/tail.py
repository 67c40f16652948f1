"""The records of the topic that the table does not cover yet, kept in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.kafka import consumer
from pipeline_checks.model.errors import TransientError
from pipeline_checks.pipelines.market_data.flow.avro import Decoder, Undecodable
from pipeline_checks.pipelines.market_data.flow.serving.errors import unavailable
from pipeline_checks.pipelines.market_data.flow.table.rows import row

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from pipeline_checks.pipelines.market_data.flow.serving.views import View, Views
    from pipeline_checks.pipelines.market_data.flow.settings import KafkaSettings
    from pipeline_checks.pipelines.market_data.flow.table.covers import Covers

_log = logging.getLogger(__name__)
_MOST: Final = 2_000_000
"""Records that may wait in memory for the table."""
_ASK_EVERY: Final = 1.0


class Tail:
    """Reads the topic from where the table's newest snapshot ends. May be asked from any thread."""

    def __init__(self, settings: KafkaSettings, views: Views, decoder: Decoder) -> None:
        self._settings = settings
        self._views = views
        self._decoder = decoder
        self._records: dict[int, deque[tuple[int, dict[str, Any]]]] = {}
        self._view: View | None = None
        self._problem: str | None = "the topic has not been read yet"
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._run, name="tail", daemon=True).start()

    def stop(self) -> None:
        """Read no longer."""
        self._stop.set()

    @property
    def problem(self) -> str | None:
        """Why the topic cannot be read, None while it can."""
        return self._problem

    def since(self, symbol: str, exchange: str, start: int) -> tuple[View, list[dict[str, Any]]]:
        """Return a view of the table and the rows behind it of a symbol, newer than ``start`` in microseconds.

        Together they are everything: what the view covers is in the table. Raises ApiError when either is away.
        """
        self._views.newest()
        with self._lock:
            view = self._view
            if view is None or self._problem is not None:
                raise unavailable("the topic")
            found = [
                row
                for records in self._records.values()
                for _, row in records
                if row["symbol"] == symbol and row["timestamp"] >= start and row["exchange"].upper() == exchange
            ]
        return view, found

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except Exception as problem:  # whatever it was, it is begun anew
                self._fail(str(problem))
                _log.warning("the topic cannot be read: %s", problem)
                self._stop.wait(1.0)

    def _fail(self, problem: str) -> None:
        with self._lock:
            self._problem = problem

    def _follow(self) -> None:
        view = self._views.newest()
        self._consumer = consumer(self._settings.bootstrap_servers, fetch_min_bytes=1)
        try:
            self._assign(view)
            asked = 0.0
            while not self._stop.is_set():
                messages = self._consumer.consume(2000, 0.05)
                self._take(messages)
                newest = self._views.newest()
                if newest is not self._view:
                    self._drop(newest)
                if time.monotonic() - asked > _ASK_EVERY:
                    self._ask()
                    asked = time.monotonic()
        finally:
            self._consumer.close()

    def _assign(self, view: View) -> None:
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        assert self._consumer is not None
        topic = self._settings.trades_topic
        found = self._consumer.list_topics(topic, timeout=5).topics[topic]
        if found.error is not None or not found.partitions:
            raise TransientError(f"there is no topic {topic}.")
        with self._lock:
            self._records = {p: deque() for p in found.partitions}
            self._view = view
        starts = [(p, view.covers.get(p) or OFFSET_BEGINNING) for p in found.partitions]
        self._consumer.assign([TopicPartition(topic, p, o) for p, o in starts])

    def _take(self, messages: list[Message]) -> None:
        new: list[tuple[int, int, dict[str, Any]]] = []
        for message in messages:
            error = message.error()
            if error is not None:
                raise TransientError(f"reading the topic: {error.str()}.")
            value: Any = message.value()
            try:
                found = row(self._decoder.decode(value)[1])
            except Undecodable:
                continue  # the writer sets it aside
            new.append((message.partition() or 0, message.offset() or 0, found))
        if new:
            with self._lock:
                covers = self._view.covers if self._view else {}
                for partition, offset, found in new:
                    if offset >= covers.get(partition, 0):
                        self._records[partition].append((offset, found))
            if sum(len(r) for r in self._records.values()) > _MOST:
                raise TransientError("the table is too far behind the topic.")

    def _drop(self, view: View) -> None:
        """Forget what a newer snapshot covers, and answer together with that one from now on."""
        with self._lock:
            _forget(self._records, view.covers)
            self._view = view

    def _ask(self) -> None:
        """Ask the brokers for the topic: a consumer alone tells neither that they are gone nor of new partitions."""
        from confluent_kafka import KafkaException

        assert self._consumer is not None
        topic = self._settings.trades_topic
        try:
            found = self._consumer.list_topics(topic, timeout=2.0).topics[topic]
        except KafkaException as problem:
            self._fail(problem.args[0].str())
            return
        if found.error is None and set(found.partitions) != set(self._records):
            raise TransientError("the topic has other partitions than before.")
        with self._lock:
            self._problem = None


def _forget(records: dict[int, deque[tuple[int, dict[str, Any]]]], covers: Covers) -> None:
    for partition, waiting in records.items():
        covered = covers.get(partition, 0)
        while waiting and waiting[0][0] < covered:
            waiting.popleft()
