"""Sending customers: each becomes a message, is judged, and is followed until it is acknowledged."""

from __future__ import annotations

import logging
import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline_checks.clients.kafka import producer
from pipeline_checks.pipelines.churn.flow.instants import utc_text
from pipeline_checks.pipelines.churn.flow.names import PRODUCER, RUN_ID, SOURCE_PASS, SOURCE_ROW, SOURCE_TOPIC
from pipeline_checks.pipelines.churn.flow.outcomes import Failure, dead_letter
from pipeline_checks.pipelines.churn.flow.stopping import Stop

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

    from pipeline_checks.pipelines.churn.flow.validation import SchemaValidator

_log = logging.getLogger(__name__)

DAY_SECONDS: Final = 86_400
_STEP_SECONDS: Final = 0.2
_STOPPING_SECONDS: Final = 3.5


@dataclass(frozen=True)
class Destination:
    """Where messages go.

    Parameters
    ----------
    dead_letters:
        The topic of invalid rows; None leaves them out.
    source_pass, run_id:
        Headers of every record.
    """

    bootstrap: str
    topic: str
    dead_letters: str | None
    source_pass: str
    run_id: str
    delivery_timeout_ms: int


@dataclass
class Sent:
    """What became of rows; ``ends`` are the offsets behind acknowledged records, by topic and partition."""

    counts: Counter[str] = field(default_factory=Counter)
    pending: Counter[int] = field(default_factory=Counter)
    ends: dict[str, dict[str, int]] = field(default_factory=dict)


class Sender:
    """Sends customers and knows of each row whether it has arrived.

    Parameters
    ----------
    validator:
        None sends rows unjudged.
    lateness:
        Draws how long ago the event was, up to a day; None says that it is now.
    dry:
        Judge only.
    kill_at:
        A row behind which the process kills itself, to try that out.
    """

    def __init__(
        self,
        destination: Destination,
        validator: SchemaValidator | None,
        lateness: Random | None,
        stop: Stop,
        *,
        dry: bool = False,
        kill_at: int | None = None,
    ) -> None:
        self._to = destination
        self._validator = validator
        self._lateness = lateness
        self._stop = stop
        self._dry = dry
        self._kill_at = kill_at
        self.sent = Sent()
        self._producer: Producer | None = None
        if not dry:
            self._producer = producer(
                destination.bootstrap,
                acks="all",
                compression_type="gzip",
                linger_ms=10,
                max_in_flight_requests_per_connection=5,
                message_timeout_ms=destination.delivery_timeout_ms,
            )

    def send(self, row: int, customer: Mapping[str, Any]) -> None:
        """Send a row, or tell why it is not sent; whether it arrives is known behind ``settle``."""
        at = datetime.now(UTC)
        if self._lateness is not None:
            at -= timedelta(seconds=self._lateness.uniform(0, DAY_SECONDS))
        message = {**customer, "event_ts": utc_text(at)}
        ok, errors = (True, []) if self._validator is None else self._validator.validate(message)
        if ok:
            self._publish(row, self._to.topic, message, orjson.dumps(message), "sent")
        else:
            self._refuse(row, message, errors)
        if row == self._kill_at:
            self.settle()
            os.kill(os.getpid(), signal.SIGKILL)

    def settle(self) -> bool:
        """Wait until every row is acknowledged or has failed; return whether all have arrived.

        Returns early, with rows pending, some seconds after the program was told to stop.
        """
        begun, limit = monotonic(), self._to.delivery_timeout_ms / 1000 + 1
        while self._producer is not None and self._producer.flush(_STEP_SECONDS):
            if self._stop.patience(begun + limit - monotonic(), _STOPPING_SECONDS) <= 0:
                break
        return not self.sent.pending

    def close(self) -> None:
        """Give up what is not acknowledged; some of it may still arrive."""
        if self._producer is not None:
            self._producer.purge(blocking=False)

    def _refuse(self, row: int, message: Mapping[str, Any], errors: list[str]) -> None:
        self.sent.counts["invalid"] += 1
        extra = {"event_type": "validation_failure", "message_id": message.get("customerID")}
        _log.warning("row %d is invalid and not sent: %s", row, "; ".join(errors), extra=extra)
        if self._to.dead_letters is not None:
            failure = Failure("validation_error", "Input message failed schema validation", message, errors)
            self._publish(row, self._to.dead_letters, message, dead_letter(failure, PRODUCER, None), "dead_lettered")

    def _publish(self, row: int, topic: str, message: Mapping[str, Any], body: bytes, outcome: str) -> None:
        if self._producer is None:
            self.sent.counts[outcome] += 1
            return
        self.sent.pending[row] += 1  # in streaming mode a row may be on its way twice
        headers: list[tuple[str, str | bytes | None]] = [
            (SOURCE_ROW, str(row)),
            (SOURCE_PASS, self._to.source_pass),
            (RUN_ID, self._to.run_id),
        ]
        if topic != self._to.topic:
            headers.append((SOURCE_TOPIC, PRODUCER))
        key = message.get("customerID")

        def done(error: KafkaError | None, record: Message) -> None:
            self._delivered(error, record, row, outcome)

        while True:
            try:
                self._producer.produce(
                    topic, value=body, key=key if isinstance(key, str) else None, headers=headers, on_delivery=done
                )
                break
            except BufferError:  # the queue is full: room comes with acknowledgements
                self._producer.poll(_STEP_SECONDS)
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, record: Message, row: int, outcome: str) -> None:
        topic, partition, offset = record.topic() or "", record.partition(), record.offset()
        place = {"topic": topic, "partition": partition, "offset": offset}
        if error is not None:
            self.sent.counts["failed"] += 1
            extra = {**place, "event_type": "publish_failure"}
            _log.error("row %d is not published: %s", row, error.str(), extra=extra)
            return
        self.sent.counts[outcome] += 1
        self.sent.pending[row] -= 1
        if not self.sent.pending[row]:
            del self.sent.pending[row]
        if partition is not None and offset is not None:
            self.sent.ends.setdefault(topic, {})[str(partition)] = offset + 1
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("row %d is published", row, extra={**place, "event_type": "message_published"})
