"""How fresh, how fast and how steady: the promises of the pipeline, each measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.market_data.live import LivePipeline
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS

FRESH_SECONDS = 30.0
P95_SECONDS, MEAN_SECONDS = 1.0, 0.5


@pytest.fixture(scope="module")
def live(market_stack: RunningStack) -> Iterator[LivePipeline]:
    """The running pipeline, with trades at the API."""
    pipeline = LivePipeline(market_stack.settings)
    before = pipeline.send(50, 300)
    pipeline.watch(before, SYMBOLS, 30)
    yield pipeline


def response_times(live: LivePipeline, calls: int, limit: int = 100) -> list[float]:
    """Return how long each call took; each must be answered with as many trades as were asked for."""
    found = []
    for _ in range(calls):
        began = time.perf_counter()
        answer = live.api.get("/v1/trades", params={"limit": limit})
        found.append(time.perf_counter() - began)
        assert answer.status_code == 200 and len(answer.json()["data"]) == limit
    return found


def percentile_95(values: list[float]) -> float:
    """Return the value that 95 of a hundred do not exceed."""
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def latencies(live: LivePipeline, count: int, rate: float) -> list[float]:
    """Send trades and return how long each took from the exchange to the API."""
    before = live.send(count, rate)
    return [s.seconds for s in live.watch(before, SYMBOLS, 60)]


def requests_per_second(live: LivePipeline, requests: int) -> tuple[float, float]:
    """Ask, five at a time; returns requests a second and the share that was answered."""
    began = time.monotonic()
    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(lambda _: live.api.get("/v1/trades", params={"limit": 10}).status_code, range(requests)))
    return requests / (time.monotonic() - began), codes.count(200) / requests


def test_core_services_health(live: LivePipeline) -> None:
    answer = live.api.get("/health")
    assert answer.status_code == 200
    states = {d["name"]: d["status"] for d in answer.json()["dependencies"]}
    assert states == dict.fromkeys(("duckdb", "iceberg", "kafka", "schema_registry"), "healthy")


def test_data_freshness_window(live: LivePipeline) -> None:
    live.watch(live.send(4, 30), SYMBOLS, 30)
    rows = [row for symbol in SYMBOLS for row in live.recent(symbol, 4)]
    ages = [(datetime.now(UTC) - datetime.fromisoformat(r["timestamp"])).total_seconds() for r in rows]
    assert len(ages) == 12
    assert all(0 <= age <= FRESH_SECONDS for age in ages), ages


def test_end_to_end_latency(live: LivePipeline) -> None:
    found = latencies(live, 20, 30)
    assert len(found) == 60
    assert statistics.mean(found) <= 5.0 and max(found) <= 10.0


def test_throughput_validation(live: LivePipeline) -> None:
    rate, answered = requests_per_second(live, 100)
    assert rate >= 10 and answered >= 0.95


def test_api_response_times(live: LivePipeline) -> None:
    found = response_times(live, 20)
    assert percentile_95(found) <= P95_SECONDS and statistics.mean(found) <= MEAN_SECONDS


def test_data_rate_monitoring(live: LivePipeline) -> None:
    before = live.send(10, 15)
    live.watch(before, SYMBOLS, 30)
    rows = [row for symbol in SYMBOLS for row in live.recent(symbol, 10)]
    times = sorted(datetime.fromisoformat(r["timestamp"]) for r in rows)
    seconds = (times[-1] - times[0]).total_seconds()
    assert len(times) == 30 and seconds > 0
    assert len(times) / seconds >= 1.0


def test_sla_compliance_summary(live: LivePipeline) -> None:
    found = latencies(live, 10, 50)
    times = response_times(live, 10)
    rate, answered = requests_per_second(live, 30)
    kept = {
        "freshness": max(found) <= FRESH_SECONDS,
        "latency": statistics.mean(found) <= 5.0 and max(found) <= 10.0,
        "throughput": rate >= 10 and answered >= 0.95,
        "api": percentile_95(times) <= P95_SECONDS and statistics.mean(times) <= MEAN_SECONDS,
    }
    assert all(kept.values()), kept


def test_performance_degradation_detection(live: LivePipeline) -> None:
    response_times(live, 3)
    base = statistics.mean(response_times(live, 5))
    larger = statistics.mean(response_times(live, 10, limit=150))
    assert larger <= 3 * max(base, 0.02), (base, larger)


def test_rate_limiting_behavior(live: LivePipeline) -> None:
    answers = [live.api.get("/v1/stats") for _ in range(20)]
    assert [a.status_code for a in answers] == [200] * 20
    limit = int(answers[0].headers["X-RateLimit-Limit"])
    left = [int(a.headers["X-RateLimit-Remaining"]) for a in answers]
    assert all(0 <= n < limit for n in left) and left[-1] < left[0]
