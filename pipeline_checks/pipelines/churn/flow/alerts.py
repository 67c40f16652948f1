"""When the metrics call for somebody: six rules, judged over samples; ``alerts.yaml`` tells them to Prometheus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client.parser import text_string_to_metric_families

WINDOW_SECONDS: Final = 300.0
"""Over which rates are taken."""


@dataclass(frozen=True)
class Sample:
    """The metrics at one moment; ``latency`` are the buckets of the whole processing, by their upper bound."""

    at: float
    processed: float
    failed: float
    lag: float
    connected: bool
    loaded: bool
    latency: tuple[tuple[float, float], ...] = ()


Samples = Sequence[Sample]


@dataclass(frozen=True)
class Rule:
    """An alert: ``condition`` over the samples of the window must hold for ``seconds``."""

    name: str
    severity: Literal["warning", "critical"]
    seconds: float
    condition: Callable[[Samples], bool]


def sample_of(text: str, at: float) -> Sample:
    """Return the sample that a scrape holds, taken at ``at`` (seconds)."""
    sums = {"processed": 0.0, "failed": 0.0, "lag": 0.0, "connected": 0.0, "loaded": 0.0}
    buckets = []
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            match one.name:
                case "kafka_messages_processed_total":
                    sums["processed"] += one.value
                    sums["failed"] += one.value if one.labels["status"] == "failed" else 0
                case "kafka_consumer_lag":
                    sums["lag"] += one.value
                case "kafka_consumer_broker_connected":
                    sums["connected"] = one.value
                case "kafka_consumer_model_loaded":
                    sums["loaded"] = one.value
                case "kafka_processing_latency_seconds_bucket" if one.labels["operation"] == "total":
                    buckets.append((float(one.labels["le"]), one.value))
    return Sample(
        at,
        sums["processed"],
        sums["failed"],
        sums["lag"],
        bool(sums["connected"]),
        bool(sums["loaded"]),
        tuple(sorted(buckets)),
    )


def _increase(samples: Samples) -> tuple[float, float, float]:
    """Return how many were processed and failed over the window, and its seconds."""
    first, last = samples[0], samples[-1]
    return last.processed - first.processed, last.failed - first.failed, last.at - first.at


def _errors(samples: Samples) -> bool:
    processed, failed, _ = _increase(samples)
    return processed > 0 and failed / processed > 0.05


def _slow(samples: Samples) -> bool:
    return latency_quantile(samples, 0.95) > 1.0


def latency_quantile(samples: Samples, share: float) -> float:
    """Return the seconds that a share of the messages of the window did not exceed, as far as the buckets tell it."""
    before = dict(samples[0].latency)
    counts = [(bound, count - before.get(bound, 0.0)) for bound, count in samples[-1].latency]
    if not counts or counts[-1][1] <= 0:
        return 0.0
    wanted = share * counts[-1][1]
    return next(bound for bound, count in counts if count >= wanted)


def _lagging(samples: Samples) -> bool:
    return samples[-1].lag > 1000 and samples[-1].lag > samples[0].lag


def _idle(samples: Samples) -> bool:
    processed, _, seconds = _increase(samples)
    return seconds > 0 and processed / seconds < 1.0


RULES: Final = (
    Rule("HighErrorRate", "warning", 300, _errors),
    Rule("ConsumerDisconnected", "critical", 60, lambda samples: not samples[-1].connected),
    Rule("ModelNotLoaded", "critical", 60, lambda samples: not samples[-1].loaded),
    Rule("HighProcessingLatency", "warning", 300, _slow),
    Rule("ConsumerLagIncreasing", "warning", 600, _lagging),
    Rule("LowThroughput", "warning", 600, _idle),
)


class AlertBook:
    """Which alerts fire, told from one sample to the next."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = rules
        self._window: deque[Sample] = deque()
        self._since: dict[str, float] = {}

    def observe(self, sample: Sample) -> list[str]:
        """Take a sample, later than those before, and return the names of the alerts that fire now."""
        self._window.append(sample)
        while sample.at - self._window[0].at > WINDOW_SECONDS:
            self._window.popleft()
        firing = []
        for rule in self._rules:
            if not rule.condition(self._window):
                self._since.pop(rule.name, None)
            elif sample.at - self._since.setdefault(rule.name, sample.at) >= rule.seconds:
                firing.append(rule.name)
        return firing
