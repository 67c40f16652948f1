"""Metrics: made once, whichever thread comes first, with the labels that all have."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from prometheus_client import generate_latest

from pipeline_checks.pipelines.market_data.flow.metrics import Metrics


def test_metrics_are_made_once_from_many_threads() -> None:
    metrics = Metrics("api", "test", "query")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: metrics.counter("calls", f"{n % 3}", labels=("kind",)).inc(), range(300)))
    metrics.gauge("level").set(2)
    metrics.histogram("seconds").observe(0.2)
    text = generate_latest(metrics.registry).decode()
    for kind in range(3):
        labels = f'component="query",environment="test",kind="{kind}",service="api"'
        assert f"k2_calls_total{{{labels}}} 100.0" in text
    assert "k2_level" in text and "k2_seconds_bucket" in text
