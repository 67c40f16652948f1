"""Publishing outcomes and the offsets they stand for: in one transaction, or one behind the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipeline_checks.clients.kafka import producer
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.churn.flow.stopping import STOPPING_SECONDS, Stop

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

_log = logging.getLogger(__name__)

_STEP_SECONDS: Final = 0.5
_ABORT_SECONDS: Final = 5.0
_HANGING_SECONDS: Final = 10.0
"""How long a call that should have ended may take before the program gives up."""
_METADATA_MS: Final = 5000
"""How long a topic may be unknown before writing to it fails."""


@dataclass(frozen=True)
class Record:
    """A record to be written."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class PublicationError(Exception):
    """A batch is not published, and no offset of it committed, as far as is known; ``error`` is the client's."""

    def __init__(self, what: str, error: KafkaError | None = None) -> None:
        super().__init__(what)
        self.error = error


class Publisher(Protocol):
    """Writes records and commits the offsets of the messages that they come from."""

    def publish(self, records: Sequence[Record], offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        """Return when both are done; raises PublicationError when they are not.

        Raises TerminalError when only a new process can go on.
        """
        ...

    def recover(self) -> None:
        """Make ready for another attempt; raises PublicationError while that cannot be."""
        ...

    def close(self) -> None:
        """Leave without waiting for anything that is not acknowledged."""
        ...


class TransactionalPublisher:
    """Records and offsets in one transaction: readers of committed records see all of a batch or nothing.

    Parameters
    ----------
    transactional_id:
        A producer with the same id that still lives is shut out, and its open transaction ends.
    timeout_ms:
        How long a transaction may stay open; one that a killed process left holds readers up for so long.
    """

    def __init__(self, bootstrap: str, transactional_id: str, timeout_ms: int, stop: Stop) -> None:
        self._bootstrap = bootstrap
        self._id = transactional_id
        self._timeout_ms = timeout_ms
        self._stop = stop
        self._producer: Producer | None = None
        self._open = False
        self._committing = False
        self._failures: list[str] = []

    def recover(self) -> None:
        """End what is open, a commit that was begun as a commit; begin with a new producer when this one is shut out.

        A producer that may still send is never replaced: what it sends late could meet what its successor does.
        """
        if self._producer is not None and not self._open:
            return
        if self._producer is not None:
            try:
                self._end(self._producer, _ABORT_SECONDS)
                return
            except PublicationError as problem:
                if problem.error is None or not problem.error.fatal():
                    raise
                _log.warning("%s; a new producer takes over", problem)
                self._drop()
        made = producer(
            self._bootstrap,
            transactional_id=self._id,
            transaction_timeout_ms=self._timeout_ms,
            message_timeout_ms=self._timeout_ms,
            topic_metadata_propagation_max_ms=_METADATA_MS,
            delivery_report_only_error=True,
            linger_ms=5,
            compression_type="lz4",
            on_delivery=self._undelivered,
        )
        self._persist("starting transactions", made.init_transactions, self._timeout_ms / 1000)
        self._producer, self._open, self._committing = made, False, False

    def _end(self, made: Producer, seconds: float) -> None:
        if self._committing:
            try:
                self._persist("the commit", made.commit_transaction, seconds)
                self._open = self._committing = False
                return
            except PublicationError as problem:
                if problem.error is None or not problem.error.txn_requires_abort():
                    raise
                self._committing = False
        self._persist("ending the transaction", made.abort_transaction, seconds)
        self._open = False

    def publish(self, records: Sequence[Record], offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        """Write the records and commit the offsets, or neither."""
        from confluent_kafka import KafkaException

        made, self._failures = self._producer, []
        assert made is not None, "recover() comes first"
        try:
            made.begin_transaction()
            self._open = True
            for r in records:
                made.produce(r.topic, value=r.value, key=r.key, headers=list(r.headers))
            made.poll(0)
        except (KafkaException, BufferError) as problem:
            raise PublicationError(f"writing: {problem}") from None
        group, seconds = consumer.consumer_group_metadata(), self._timeout_ms / 1000
        self._persist("the offsets", lambda s: self._send_offsets(made, list(offsets), group, s), seconds)
        self._committing = True
        self._persist("the commit", made.commit_transaction, seconds)
        self._open = self._committing = False

    def _send_offsets(self, made: Producer, offsets: list[TopicPartition], group: Any, seconds: float) -> None:
        """Add the offsets to the transaction, from a thread that is left behind when the call does not come back.

        It takes no notice of its timeout, and hangs for ever when the coordinator of the group was away for a moment
        (librdkafka from 2.10 on, its issues 5456 and 5511). What hangs may yet be sent, so only the end of this
        process ends it; the next one with the same transactional id has its transaction aborted.
        """
        from confluent_kafka import KafkaException

        problems: list[KafkaException] = []

        def send() -> None:
            try:
                made.send_offsets_to_transaction(offsets, group, seconds)
            except KafkaException as problem:
                problems.append(problem)

        sending = threading.Thread(target=send, name="offsets", daemon=True)
        sending.start()
        begun = monotonic()
        while sending.is_alive() and self._stop.patience(begun + _HANGING_SECONDS - monotonic(), STOPPING_SECONDS) > 0:
            sending.join(_STEP_SECONDS / 10)
        if sending.is_alive():
            self._producer = None
            raise TerminalError(
                "the client does not find the coordinator of its group again, so offsets cannot be committed.",
                next_step="Start the program again: nothing of the batch is committed.",
            )
        if problems:
            raise problems[0]

    def _persist(self, what: str, step: Callable[[float], Any], seconds: float) -> None:
        """Repeat a step while its failure may pass and there is time."""
        from confluent_kafka import KafkaException

        begun = monotonic()
        while True:
            try:
                step(_STEP_SECONDS)
                return
            except KafkaException as problem:
                error: KafkaError = problem.args[0]
                left = self._stop.patience(begun + seconds - monotonic(), STOPPING_SECONDS)
                if not error.retriable() or left <= 0:
                    told = "; ".join(dict.fromkeys(self._failures))
                    raise PublicationError(f"{what}: {error.str()}{f' ({told})' if told else ''}", error) from None

    def _undelivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and len(self._failures) < 100:
            self._failures.append(f"{message.topic()}: {error.str()}")

    def _drop(self) -> None:
        if self._producer is not None:
            self._producer.purge(blocking=False)
            self._producer = None

    def close(self) -> None:
        """End an open transaction, which would hold up its readers, unless that takes long."""
        if self._producer is not None and self._open:
            try:
                self._end(self._producer, _STEP_SECONDS)
            except PublicationError as problem:
                _log.warning("%s; it ends with its time", problem)
        self._drop()


class AtLeastOncePublisher:
    """Records first, and when all are acknowledged the offsets. What lies between a crash and a commit comes again."""

    def __init__(self, bootstrap: str, timeout_ms: int, stop: Stop) -> None:
        self._stop = stop
        self._seconds = timeout_ms / 1000
        self._failures: list[str] = []
        self._producer = producer(
            bootstrap,
            message_timeout_ms=timeout_ms,
            topic_metadata_propagation_max_ms=_METADATA_MS,
            delivery_report_only_error=True,
            linger_ms=5,
            compression_type="lz4",
            on_delivery=self._undelivered,
        )

    def recover(self) -> None:
        """Nothing is left behind by a failure."""

    def publish(self, records: Sequence[Record], offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        """Write the records, wait for all of them, commit the offsets."""
        from confluent_kafka import KafkaException

        self._failures = []
        try:
            for r in records:
                self._producer.produce(r.topic, value=r.value, key=r.key, headers=list(r.headers))
        except (KafkaException, BufferError) as problem:
            raise PublicationError(f"writing: {problem}") from None
        begun = monotonic()
        while self._producer.flush(_STEP_SECONDS):
            if self._stop.patience(begun + self._seconds + 1 - monotonic(), STOPPING_SECONDS) <= 0:
                self._producer.purge(blocking=False)
                raise PublicationError("not acknowledged in time")
        if self._failures:
            raise PublicationError("; ".join(dict.fromkeys(self._failures)))
        try:
            consumer.commit(offsets=list(offsets), asynchronous=False)
        except KafkaException as problem:
            raise PublicationError(f"the offsets: {problem.args[0].str()}") from None

    def _undelivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(f"{message.topic()}: {error.str()}")

    def close(self) -> None:
        """Drop what is not acknowledged."""
        self._producer.purge(blocking=False)
