"""The loop of the consumer: read, score, publish with the offsets, count."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

import orjson

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.churn.flow.metrics import ConsumerMetrics
from pipeline_checks.pipelines.churn.flow.outcomes import Outcome, dead_letter
from pipeline_checks.pipelines.churn.flow.publishing import PublicationError, Publisher, Record
from pipeline_checks.pipelines.churn.flow.reading import Reader
from pipeline_checks.pipelines.churn.flow.scoring import Scorer
from pipeline_checks.pipelines.churn.flow.stopping import Stop
from pipeline_checks.pipelines.churn.flow.totals import Totals

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.2
_GAUGES_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.2
_EVENTS: Final = {
    "validation_error": "validation_failure",
    "processing_error": "transformation_failure",
    "inference_error": "inference_failure",
    "unknown_error": "processing_exception",
}


@dataclass(frozen=True)
class Limits:
    """How much is done at once, and when the loop ends by itself.

    Parameters
    ----------
    idle_seconds:
        End after so long without a message; None goes on.
    messages:
        End after exactly so many; None goes on.
    retries:
        How often the publication of a batch may fail in a row and be tried again.
    """

    batch: int = 2000
    idle_seconds: float | None = None
    messages: int | None = None
    retries: int = 5
    report_every: int = 100


@dataclass(frozen=True)
class Places:
    """Where outcomes go, and under which names."""

    predictions: str
    dead_letters: str
    group: str
    run_id: str


class ConsumerLoop:
    """Gives every message of the topic its outcome until told to stop."""

    def __init__(
        self,
        reader: Reader,
        scorer: Scorer,
        publisher: Publisher,
        places: Places,
        metrics: ConsumerMetrics,
        stop: Stop,
        limits: Limits,
    ) -> None:
        self._reader = reader
        self._scorer = scorer
        self._publisher = publisher
        self._places = places
        self._metrics = metrics
        self._stop = stop
        self._limits = limits
        self._failures = 0
        self._gauges_at = 0.0
        self._reported = 0
        self._first_read: float | None = None
        self._last_commit = 0.0
        self.totals = Totals()

    @property
    def seconds(self) -> float:
        """Seconds from reading the first message to the last commit."""
        return 0.0 if self._first_read is None else max(0.0, self._last_commit - self._first_read)

    def run(self) -> None:
        """Return when there is nothing more to do; what was read and not committed is left to the next run.

        Raises an error of this project when a batch cannot be published, without having committed its offsets.
        """
        self._recover()
        while not self._done():
            batch = self._reader.read(self._batch_size(), _POLL_SECONDS)
            self._set_gauges()
            if not batch:
                continue
            if self._first_read is None:
                self._first_read = monotonic()
            outcomes = self._scorer.score(batch)
            behind = self._reader.behind(batch)
            try:
                self._publisher.publish(self._records(outcomes), self._reader.offsets(behind), self._reader.consumer)
            except PublicationError as problem:
                self._failed(problem)
                self._recover()
                continue
            self._failures = 0
            self._reader.advance(behind)
            self._last_commit = monotonic()
            self._count(outcomes)
        self._set_gauges(now=True)

    def _done(self) -> bool:
        limits, idle = self._limits, self._reader.idle_seconds()
        if self._stop.asked:
            return True
        if limits.messages is not None and self.totals.processed >= limits.messages:
            return True
        return limits.idle_seconds is not None and idle is not None and idle >= limits.idle_seconds

    def _batch_size(self) -> int:
        if self._limits.messages is None:
            return self._limits.batch
        return min(self._limits.batch, self._limits.messages - self.totals.processed)

    def _records(self, outcomes: Sequence[Outcome]) -> list[Record]:
        places, records = self._places, []
        for outcome in outcomes:
            headers = outcome.headers(places.run_id)
            if outcome.failure is None:
                body, topic = orjson.dumps(outcome.prediction), places.predictions
            else:
                body = dead_letter(outcome.failure, outcome.source.topic, places.group, self._failures)
                topic = places.dead_letters
            records.append(Record(topic, outcome.key, body, headers))
        return records

    def _recover(self) -> None:
        """Make the publisher ready and read again what is not committed, as often as may be tried.

        Raises an error of this project when the committed offsets cannot be read, which a new process may get over.
        """
        while not self._stop.asked:
            try:
                self._publisher.recover()
            except PublicationError as problem:
                self._failed(problem)
            else:
                self._reader.rewind(self._stop)
                return

    def _failed(self, problem: PublicationError) -> None:
        self._failures += 1
        _log.error("not published, attempt %d: %s", self._failures, problem, extra={"event_type": "publish_failure"})
        if self._stop.asked:
            return
        if self._failures > self._limits.retries:
            raise TerminalError(
                f"a batch could not be published in {self._failures} attempts: {problem}.",
                next_step="Nothing of it is committed: see that the topics can be written, then start again.",
            )
        self._stop.wait(_PAUSE_SECONDS * 2 ** min(self._failures, 4))

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        self.totals.add(outcomes)
        self._metrics.count(outcomes)
        for outcome in outcomes:
            _tell(outcome)
        if self.totals.processed // self._limits.report_every > self._reported // self._limits.report_every:
            _log.info("%s", self.totals.log_line())
        self._reported = self.totals.processed

    def _set_gauges(self, *, now: bool = False) -> None:
        if not now and monotonic() < self._gauges_at:
            return
        self._gauges_at = monotonic() + _GAUGES_SECONDS
        self._metrics.set_lag(self._reader.lag())


def _tell(outcome: Outcome) -> None:
    failed = outcome.failure is not None
    if not failed and not _log.isEnabledFor(logging.DEBUG):
        return
    source, body = outcome.source, outcome.prediction or {}
    extra = {
        "topic": source.topic,
        "partition": source.partition,
        "offset": source.offset,
        "latency_ms": round(outcome.seconds * 1000, 3),
    }
    if outcome.failure is None:
        extra |= {"event_type": "message_processed", "message_id": body["customerID"]}
        extra |= {name: body[name] for name in ("prediction", "churn_probability")}
        _log.debug("processed", extra=extra)
        return
    event = _EVENTS[outcome.failure.error_type]
    if outcome.failure.error_message.startswith("Output"):
        event = "output_validation_failure"
    extra |= {"event_type": event, "error_type": outcome.failure.error_type}
    extra["message_id"] = outcome.failure.message.get("customerID")
    _log.warning("%s", outcome.failure.error_message, extra=extra)
