"""Reads the topic in batches and has them written; the table's snapshots say where to go on."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from pyiceberg.exceptions import CommitFailedException

from pipeline_checks.clients.kafka import consumer, translate
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.pipelines.market_data.flow.table.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
    from pipeline_checks.pipelines.market_data.flow.settings import ConsumerSettings, KafkaSettings
    from pipeline_checks.pipelines.market_data.flow.table.sink import TradesSink

_log = logging.getLogger(__name__)
_POLL: Final = 0.1
_MOST: Final = 20_000
"""Records of one batch at most: what has come while the last one was written joins it."""
_PATIENCE: Final = 120.0
"""Seconds for which catalogue or store may be away before the process gives up and is started anew."""
_PASSING: Final = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT)


class TopicWriter:
    """Brings the topic into the table until stopped.

    Parameters
    ----------
    most:
        How many records to write at most; None is without an end.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: ConsumerSettings,
        sink: TradesSink,
        metrics: Metrics,
        most: int | None = None,
    ) -> None:
        self._topic = kafka.trades_topic
        self._settings = settings
        self._sink = sink
        self._metrics = metrics
        self._most = most
        self._batch = Batch()
        self._stop = threading.Event()
        self._written_at = 0.0
        self._ready = False
        self.records = self.rows = self.duplicates = self.dead_letters = 0
        self._consumer: Consumer = consumer(
            kafka.bootstrap_servers,
            group_id=settings.group,
            auto_offset_reset="error",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=min(3000, settings.session_timeout_ms // 3),
            max_poll_interval_ms=settings.max_poll_interval_ms,
            queued_max_messages_kbytes=65_536,
        )

    @property
    def ready(self) -> bool:
        """Whether it has partitions."""
        return self._ready

    def stop(self) -> None:
        """Write what has been read, and return from ``run``."""
        self._stop.set()

    def run(self) -> None:
        """Write until stopped. Raises an error of the project when it cannot go on."""
        self._persistently(self._sink.open)
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked)
        try:
            while not self._stop.is_set():
                self._read()
                if self._is_due():
                    self._write()
                    done = self._sink.maintain()
                    if done:
                        _log.info("maintenance: %s", done)
                if self._most is not None and self.records >= self._most:
                    break
            if self._batch:
                self._write()
        finally:
            self._consumer.close()

    def _read(self) -> None:
        room = min(_MOST - len(self._batch), 5000)
        for message in self._consumer.consume(max(1, room), _POLL if not self._batch else 0.02):
            error = message.error()
            if error is None:
                self._batch.add([message])
            elif error.code() in _PASSING:
                _log.warning("kafka: %s", error.str())
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise TerminalError(
                    f"the topic {self._topic} no longer has the records behind those that the table covers"
                    f" ({error.str()}).",
                    next_step="They are lost, or the topic was made anew: use a new table.",
                )
            else:
                raise translate(f"reading {self._topic}", error)

    def _is_due(self) -> bool:
        if not self._batch:
            return False
        if len(self._batch) >= _MOST:
            return True
        if time.monotonic() - self._written_at < self._settings.commit_seconds:
            return False
        return len(self._batch) >= self._settings.batch_size or self._batch.age() >= self._settings.batch_seconds

    def _write(self) -> None:
        done = self._persistently(lambda: self._sink.write(self._batch))
        if done is None:
            return  # stopped before it could be written: nothing is covered, nothing is lost
        self.records += len(self._batch)
        self._batch = Batch()
        self._written_at = time.monotonic()
        self.rows += done.rows
        self.duplicates += done.duplicates
        self.dead_letters += done.dead_letters
        self._commit()
        self._measure()

    def _commit(self) -> None:
        """Tell the group what the table covers, no more."""
        held = {p.partition for p in self._consumer.assignment()}
        offsets = [TopicPartition(self._topic, p, o) for p, o in self._sink.covers.items() if p in held]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as problem:
            _log.warning("the group does not take the offsets: %s", problem.args[0].str())  # the table has them

    def _persistently(self, action: Callable[[], Any]) -> Any:
        """Return what ``action`` returns, tried again while something outside is away; None once stopped.

        Partitions are paused meanwhile, and the group hears that the process is alive.
        """
        began, pause, paused = time.monotonic(), 0.1, False
        while True:
            try:
                result = action()
                break
            except CommitFailedException as problem:
                _log.info("somebody else has written the table: %s", problem)
            except (TransientError, OSError) as problem:
                _log.warning("the table cannot be written: %s", problem)
            except Exception as problem:
                if not _is_passing(problem):
                    raise
                _log.warning("the table cannot be written: %s", problem)
            if time.monotonic() - began > _PATIENCE:
                raise TransientError("the table could not be written for a long time.", next_step="See its log.")
            if self._stop.is_set() and time.monotonic() - began > 2.0:
                return None
            paused = self._hold(paused, pause)
            pause = min(pause * 2, 2.0)
            self._reopen()
        if paused:
            self._consumer.resume(self._consumer.assignment())
        return result

    def _reopen(self) -> None:
        try:
            self._sink.open()
        except Exception as problem:  # the next attempt tells
            _log.warning("the table cannot be opened: %s", problem)

    def _hold(self, paused: bool, seconds: float) -> bool:
        """Wait, with all partitions paused, so that the group keeps them with us; returns that they are."""
        assignment = self._consumer.assignment()
        if assignment and not paused:
            self._consumer.pause(assignment)
        message: Message | None = self._consumer.poll(seconds)
        if message is not None and message.error() is None:
            self._batch.add([message])  # was on its way when the partitions were paused
        if not assignment:
            self._stop.wait(seconds)
        return bool(assignment)

    def _assigned(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin where the table's newest snapshot ends, whatever the group remembers."""
        self._batch = Batch()
        self._persistently_opened()
        covers = self._sink.covers
        self._sink.partitions |= {p.partition for p in partitions}
        for partition in partitions:
            partition.offset = covers.get(partition.partition) or OFFSET_BEGINNING
        client.assign(partitions)
        self._ready = True
        _log.info("assigned: %s", ", ".join(f"{p.partition} from {p.offset}" for p in partitions) or "nothing")
        self._commit()

    def _persistently_opened(self) -> None:
        began = time.monotonic()
        while True:
            try:
                self._sink.open()
                return
            except Exception as problem:
                if time.monotonic() - began > _PATIENCE or self._stop.is_set():
                    raise
                _log.warning("the table cannot be opened: %s", problem)
                self._stop.wait(0.5)

    def _revoked(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget what is not written: who gets the partitions begins where the table ends."""
        self._batch = Batch()
        self._ready = False

    def _measure(self) -> None:
        for partition in self._consumer.assignment():
            number = str(partition.partition)
            try:
                _, end = self._consumer.get_watermark_offsets(partition, cached=True)
            except KafkaException:
                continue
            covered = self._sink.covers.get(partition.partition, 0)
            self._metrics.gauge("kafka_consumer_offset", number, labels=("partition",)).set(covered)
            if end >= 0:
                lag = max(0, end - covered)
                self._metrics.gauge("kafka_consumer_lag_messages", number, labels=("partition",)).set(lag)

    def health(self) -> dict[str, Any]:
        """Return whether it has partitions, and what it has done."""
        return {
            "ready": self._ready,
            "message": "" if self._ready else "no partitions are assigned",
            "records": self.records,
            "rows": self.rows,
            "duplicates": self.duplicates,
            "dead_letters": self.dead_letters,
            "waiting": len(self._batch),
            "covers": {str(p): o for p, o in self._sink.covers.items()},
        }


def _is_passing(problem: Exception) -> bool:
    """Whether an error comes from a service that is away."""
    from sqlalchemy.exc import DBAPIError

    return isinstance(problem, DBAPIError)
