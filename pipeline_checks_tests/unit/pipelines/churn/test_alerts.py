"""Each alert fires on its fault, behind its time, and none on a clean run; Prometheus is told the same rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from pipeline_checks.pipelines.churn import services
from pipeline_checks.pipelines.churn.flow.alerts import RULES, AlertBook, Sample, sample_of
from pipeline_checks.pipelines.churn.flow.metrics import ConsumerMetrics
from pipeline_checks.pipelines.churn.flow.outcomes import Failure, Input, Outcome

STEP, MINUTES = 15, 25
ALERTS = Path(services.__file__).with_name("alerts.yaml")


def clean(at: float) -> Sample:
    """Twenty messages a second, one in a hundred a dead letter, a small lag, all within 50 ms."""
    done = at * 20
    return Sample(at, done, done / 100, 40, True, True, ((0.05, done), (1.0, done), (2.5, done), (float("inf"), done)))


def slow(sample: Sample) -> Sample:
    done = sample.processed
    return replace(sample, latency=((0.05, done * 0.9), (1.0, done * 0.9), (2.5, done), (float("inf"), done)))


FAULTS: dict[str, Callable[[Sample], Sample]] = {
    "HighErrorRate": lambda s: replace(s, failed=s.processed * 0.06),
    "ConsumerDisconnected": lambda s: replace(s, connected=False),
    "ModelNotLoaded": lambda s: replace(s, loaded=False),
    "HighProcessingLatency": slow,
    "ConsumerLagIncreasing": lambda s: replace(s, lag=1001 + s.at),
    "LowThroughput": lambda s: replace(s, processed=s.at * 0.5, failed=0.0, latency=()),
}


def fired(fault: Callable[[Sample], Sample]) -> dict[str, float]:
    """Return when each alert fired first."""
    book, first = AlertBook(), {}
    for at in range(0, MINUTES * 60, STEP):
        for name in book.observe(fault(clean(at))):
            first.setdefault(name, float(at))
    return first


def test_nothing_fires_on_a_clean_run() -> None:
    assert fired(lambda s: s) == {}


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fires_on_its_fault_alone_and_not_before_its_time(name: str) -> None:
    first = fired(FAULTS[name])
    rule = next(rule for rule in RULES if rule.name == name)
    assert set(first) == {name}
    assert rule.seconds <= first[name] <= rule.seconds + 2 * STEP


def test_a_fault_that_goes_away_starts_anew() -> None:
    book = AlertBook()
    for at in range(0, 600, STEP):
        gone = at % 60 == 45
        assert book.observe(replace(clean(at), connected=gone)) == []


def test_a_lag_that_is_large_and_shrinks_is_no_alert() -> None:
    assert fired(lambda s: replace(s, lag=5000 - s.at)) == {}


def test_a_scrape_of_the_consumer_is_a_sample() -> None:
    metrics = ConsumerMetrics("raw", {"version": "1", "mode": "batch"})
    source = Input("raw", 0, 0, None, None)
    good = Outcome(source, {"churn_probability": 0.1}, None, 0.004, {"inference": 0.001})
    bad = Outcome(source, None, Failure("unknown_error", "x", {}), 2.0, {})
    metrics.count([good, good, bad])
    metrics.set_lag({0: 3, 1: 4})
    metrics.set_model_loaded(True)
    metrics.set_broker_connected(False)
    sample = sample_of(metrics.text().decode(), 7.0)
    assert (sample.at, sample.processed, sample.failed, sample.lag) == (7.0, 3, 1, 7)
    assert (sample.connected, sample.loaded) == (False, True)
    assert dict(sample.latency)[0.005] == 2 and dict(sample.latency)[float("inf")] == 3
    assert metrics.health()["checks"] == {"broker_connection": "fail", "model_loaded": "pass"}


def test_a_partition_that_was_given_away_has_no_lag_any_more() -> None:
    metrics = ConsumerMetrics("raw", {"version": "1"})
    metrics.set_lag({0: 3, 1: 4})
    metrics.set_lag({1: 5})
    assert sample_of(metrics.text().decode(), 0).lag == 5
    assert metrics.health()["checks"] == {"broker_connection": "unknown", "model_loaded": "not_initialized"}


def test_prometheus_is_told_the_same_rules_over_metrics_that_there_are() -> None:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    told = {rule["alert"]: (rule["labels"]["severity"], rule["for"]) for rule in group["rules"]}
    assert told == {rule.name: (rule.severity, f"{rule.seconds / 60:.0f}m") for rule in RULES}
    names = {s.name for f in ConsumerMetrics("raw", {"version": "1"}).registry.collect() for s in f.samples}
    names |= {"kafka_consumer_lag", "kafka_processing_latency_seconds_bucket"}
    for rule in group["rules"]:
        used = {word for word in names if word in rule["expr"]}
        assert used, rule["alert"]


def test_metrics_that_are_not_ours_are_passed_over() -> None:
    registry = CollectorRegistry()
    Gauge("other", "another", registry=registry).set(3)
    Histogram("kafka_other_seconds", "another", registry=registry).observe(1)
    assert sample_of(generate_latest(registry).decode(), 1.0) == Sample(1.0, 0, 0, 0, False, False)
