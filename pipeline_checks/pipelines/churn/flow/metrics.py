"""What the consumer tells of itself: Prometheus metrics and health."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pipeline_checks.pipelines.churn.flow.instants import utc_text
from pipeline_checks.pipelines.churn.flow.outcomes import ERROR_TYPES, Outcome

OPERATIONS: Final = ("validation", "transformation", "inference", "total")
_BUCKETS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class ConsumerMetrics:
    """The metrics of one consumer, each set as what it counts is committed.

    Parameters
    ----------
    info:
        Version, mode, broker, consumer_group, model_backend.
    """

    def __init__(self, topic: str, info: Mapping[str, str]) -> None:
        self.registry = registry = CollectorRegistry()
        self._topic = topic
        self._processed = Counter(
            "kafka_messages_processed_total", "Messages that have an outcome", ["status", "topic"], registry=registry
        )
        self._failed = Counter(
            "kafka_messages_failed_total", "Dead letters", ["error_type", "topic"], registry=registry
        )
        self._latency = Histogram(
            "kafka_processing_latency_seconds",
            "Seconds of an operation for a message",
            ["operation"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._lag = Gauge(
            "kafka_consumer_lag", "Offsets between commit and end", ["topic", "partition"], registry=registry
        )
        self._model = Gauge("kafka_consumer_model_loaded", "1 when the model is loaded", registry=registry)
        self._broker = Gauge("kafka_consumer_broker_connected", "1 when a broker is connected", registry=registry)
        Gauge("kafka_consumer_info", "What this consumer is", list(info), registry=registry).labels(**info).set(1)
        for status in ("success", "failed"):
            self._processed.labels(status, topic)
        for error_type in ERROR_TYPES:
            self._failed.labels(error_type, topic)
        self._operations = {name: self._latency.labels(name) for name in OPERATIONS}
        self._lagging: set[str] = set()
        self.model_loaded: bool | None = None
        self.broker_connected: bool | None = None

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count the outcomes of a batch that is committed."""
        failures = Tally(o.failure.error_type for o in outcomes if o.failure is not None)
        failed = sum(failures.values())
        self._processed.labels("failed", self._topic).inc(failed)
        self._processed.labels("success", self._topic).inc(len(outcomes) - failed)
        for error_type, times in failures.items():
            self._failed.labels(error_type, self._topic).inc(times)
        for outcome in outcomes:
            for operation, seconds in outcome.parts.items():
                self._operations[operation].observe(seconds)
            self._operations["total"].observe(outcome.seconds)

    def set_lag(self, lags: Mapping[int, int]) -> None:
        """Set the lag of the partitions that are ours, and forget the others."""
        named = {str(partition): lag for partition, lag in lags.items()}
        for gone in self._lagging - set(named):
            self._lag.remove(self._topic, gone)
        self._lagging = set(named)
        for partition, lag in named.items():
            self._lag.labels(self._topic, partition).set(lag)

    def set_model_loaded(self, loaded: bool) -> None:
        """Tell whether the model is loaded."""
        self.model_loaded = loaded
        self._model.set(loaded)

    def set_broker_connected(self, connected: bool) -> None:
        """Tell whether a broker is connected."""
        self.broker_connected = connected
        self._broker.set(connected)

    def health(self) -> dict[str, Any]:
        """Return what the health endpoint answers; ``status`` is healthy when every check passes."""
        checks = {
            "broker_connection": _word(self.broker_connected, "unknown"),
            "model_loaded": _word(self.model_loaded, "not_initialized"),
        }
        ready = all(word == "pass" for word in checks.values())
        return {
            "status": "healthy" if ready else "unhealthy",
            "ready": ready,
            "timestamp": utc_text(),
            "checks": checks,
            "message": ", ".join(f"{name}: {word}" for name, word in checks.items() if word != "pass"),
        }

    def text(self) -> bytes:
        """Return the metrics in the text format."""
        return generate_latest(self.registry)


def _word(state: bool | None, unknown: str) -> str:
    return unknown if state is None else "pass" if state else "fail"
