"""The market data pipeline: what it takes without falling behind, how late a trade is, how fast the API answers."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from benchmarks.figures import Figure, percentile
from benchmarks.own_stack import own_stack
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data.services import SYMBOLS, services

RATE = 3000
SECONDS = 60
CALM = 50
CALLS = 20
"""Requests a second to the API."""


def measure_market_data() -> list[Figure]:
    """Return the figures of a pipeline in a home of its own."""
    with own_stack() as provider:
        _say("starting the pipeline")
        provider.up(services())
        with _clients() as (exchange, writer, api):
            figures = [*_latency(exchange, api), _answers(exchange, api)]
            figures += _throughput(exchange, writer)
    return figures


@contextmanager
def _clients() -> Iterator[tuple[httpx.Client, httpx.Client, httpx.Client]]:
    key = {"X-API-Key": setting("MARKET_API_KEY")}
    with (
        httpx.Client(base_url=setting("MARKET_EXCHANGE_URL"), timeout=30) as exchange,
        httpx.Client(base_url=setting("MARKET_WRITER_METRICS_URL"), timeout=30) as writer,
        httpx.Client(base_url=setting("MARKET_API_URL"), headers=key, timeout=30) as api,
    ):
        yield exchange, writer, api


def _throughput(exchange: httpx.Client, writer: httpx.Client) -> list[Figure]:
    """Feed at a high rate and follow how many trades are made and not yet in the table."""
    _say(f"throughput: {RATE} trades/s for {SECONDS} s")
    _written(exchange, writer)
    rows = int(writer.get("/health").json()["rows"])
    total = _feed(exchange, RATE, SECONDS)
    began = time.monotonic()
    lags: list[float] = []
    made = 0
    while time.monotonic() - began < SECONDS * 3:
        course: dict[str, Any] = exchange.get("/feed").json()
        made = total - int(course["remaining"])
        lags.append(made - (int(writer.get("/health").json()["rows"]) - rows))
        if course["idle"]:
            break
        _pause(1.0)
    fed = time.monotonic() - began
    behind = _written(exchange, writer)
    half = len(lags) // 2
    # What waits in a batch is there from the first second on: a lag that grows is larger in the later half.
    growth = (statistics.median(lags[half:]) - statistics.median(lags[1:half])) / RATE
    how = f"{made} trades in {fed:.1f} s ({made / fed:.0f}/s); median lag {statistics.median(lags) / RATE:.2f} s,"
    how += f" most {max(lags) / RATE:.2f} s; all in the table {behind:.1f} s behind the last"
    return [
        Figure(f"growth of the table's lag at {RATE} trades/s", growth, "s", 1.0, detail=how),
        Figure("trades a second that the exchange could send", made / fed, "/s", RATE * 0.98, True),
    ]


def _latency(exchange: httpx.Client, api: httpx.Client) -> list[Figure]:
    """Feed at a low rate and note when each trade is first seen at the API."""
    _say(f"latency: {CALM} trades/s for {SECONDS // 2} s")
    start = int(exchange.get("/ledger").json()["position"])
    total = _feed(exchange, CALM, SECONDS // 2)
    seen: dict[tuple[str, int], float] = {}
    deadline = Deadline(SECONDS * 2)
    while len(seen) < total and not deadline.passed:
        for symbol in SYMBOLS:
            for row in _recent(api, symbol, 100):
                seen.setdefault((symbol, row["source_sequence"]), time.time())
        _pause(0.05)
    lines = exchange.get("/ledger/trades", params={"start": start}).text.splitlines()
    times = []
    for entry in map(orjson.loads, lines):
        times.append(seen[(entry["s"], entry["t"])] - entry["sent_at"] / 1e6)
    how = f"p50 {percentile(times, 0.5):.2f} s, max {max(times):.2f} s, {len(times)} trades"
    return [Figure(f"feed to API at {CALM} trades/s, p95", percentile(times, 0.95), "s", 3.0, detail=how)]


def _answers(exchange: httpx.Client, api: httpx.Client) -> Figure:
    """Ask for recent trades at a steady rate while trades come in."""
    _say(f"API: {CALLS} requests/s for {SECONDS // 2} s")
    _feed(exchange, CALM, SECONDS // 2)
    times: list[float] = []
    began = time.monotonic()
    while (due := len(times) / CALLS) < SECONDS // 2:
        _pause(max(0.0, began + due - time.monotonic()))
        asked = time.perf_counter()
        _recent(api, SYMBOLS[len(times) % len(SYMBOLS)], 1000)
        times.append((time.perf_counter() - asked) * 1000)
    how = f"p50 {percentile(times, 0.5):.0f} ms, max {max(times):.0f} ms, {len(times)} requests, {CALM} trades/s beside"
    return Figure("/v1/trades/recent, p95", percentile(times, 0.95), "ms", 60.0, detail=how)


def _recent(api: httpx.Client, symbol: str, limit: int) -> list[dict[str, Any]]:
    asked = {"symbol": symbol, "exchange": "BINANCE", "limit": limit}
    answer = api.get("/v1/trades/recent", params=asked)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def _feed(exchange: httpx.Client, rate: int, seconds: int) -> int:
    """Start the feed; returns how many trades it will make."""
    count = rate * seconds // len(SYMBOLS)
    exchange.post("/feed", json={"count": count, "rate": rate}).raise_for_status()
    return count * len(SYMBOLS)


def _written(exchange: httpx.Client, writer: httpx.Client) -> float:
    """Wait until the table holds all trades; returns how many seconds that took."""
    began = time.monotonic()

    def done() -> bool:
        ledger = exchange.get("/ledger").json()
        return bool(ledger["idle"] and writer.get("/health").json()["rows"] >= ledger["position"])

    if not Deadline(120).wait_until(done, every=0.1):
        raise RuntimeError("the table does not come to hold all trades")
    return time.monotonic() - began


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # the pace of a load, not a wait for something


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)
