"""The API: who may ask, how often, what; and that its answers are what was sent."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import polars as pl
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data.flow.api import create_app, serve_from
from pipeline_checks.pipelines.market_data.flow.settings import ApiSettings, KafkaSettings, ObservabilitySettings
from pipeline_checks_tests.market_data.flow import Flow
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS, exchange

KEY = "a-key-of-the-tests"
SENT = 600


@contextmanager
def served(flow: Flow, kafka: KafkaSettings | None = None, **given: Any) -> Iterator[TestClient]:
    """Serve a flow's table and topic within the test."""
    api = ApiSettings(**{"key": KEY, "rate_limit": 100_000, "health_rate_limit": 100_000, **given})
    app = create_app(api, flow.iceberg, serve_from(kafka or flow.kafka, flow.iceberg, ObservabilitySettings()))
    with TestClient(app, headers={"X-API-Key": KEY}, raise_server_exceptions=False) as client:
        Deadline(10).wait_until(lambda: client.get("/health").status_code == 200 or kafka is not None)
        yield client


class Filled:
    """A flow through which trades went, and what the exchange says of them."""

    def __init__(self, flow: Flow, entries: list[dict[str, Any]]) -> None:
        self.flow = flow
        self.entries = entries


@pytest.fixture(scope="module")
def filled(market_base: Any) -> Iterator[Filled]:
    """A table with 600 trades."""
    warehouse = (market_base.home / "lake" / "market").as_uri()
    flow = Flow.make({"MARKET_ICEBERG_WAREHOUSE": warehouse, **market_base.settings})
    with exchange() as local, flow.client(local) as client, flow.writer():
        local.feed(count=SENT // 3)
        client.has_published(SENT)
        flow.has_rows(SENT)
        entries = [orjson.loads(line) for line in local.lines("/ledger/trades")]
    yield Filled(flow, entries)
    flow.remove()


@pytest.fixture(scope="module")
def api(filled: Filled) -> Iterator[TestClient]:
    """The API over 600 trades."""
    with served(filled.flow) as client:
        yield client


def identities(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return symbol and sequence of rows."""
    return [(r["symbol"], r["source_sequence"]) for r in rows]


def in_order(entries: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return what the ledger says in the API's order, oldest first."""
    return [(e["s"], e["t"]) for e in sorted(entries, key=lambda e: (e["T"], e["t"], e["s"]))]


def assert_refused(answer: Any, status: int, code: str) -> None:
    """The answer is a refusal of the one shape."""
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (status, code), body
    assert set(body) == {"success", "error", "meta"} and set(body["error"]) == {"code", "message", "details"}
    assert body["success"] is False and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Correlation-ID"] == body["meta"]["correlation_id"]


def test_only_who_has_the_key_is_answered(api: TestClient) -> None:
    bare = TestClient(api.app)
    assert_refused(bare.get("/v1/symbols"), 401, "UNAUTHORIZED")
    assert_refused(bare.get("/v1/symbols", headers={"X-API-Key": KEY[:-1]}), 403, "FORBIDDEN")
    assert_refused(bare.post("/v1/trades/query", content="{"), 401, "UNAUTHORIZED")
    assert api.get("/v1/symbols").json()["data"] == sorted(SYMBOLS)
    assert {bare.get(p).status_code for p in ("/", "/health", "/metrics", "/openapi.json")} == {200}
    assert KEY not in bare.get("/metrics").text


def test_the_correlation_id_is_echoed_or_made(api: TestClient) -> None:
    echoed = api.get("/v1/stats", headers={"X-Correlation-ID": "mine-1"})
    assert echoed.headers["X-Correlation-ID"] == echoed.json()["meta"]["correlation_id"] == "mine-1"
    made = api.get("/v1/stats").headers["X-Correlation-ID"]
    assert len(made) == 8
    assert api.get("/v1/stats", headers={"X-Correlation-ID": "x" * 500}).headers["X-Correlation-ID"] != "x" * 500


def test_call_101_in_a_minute_is_refused(filled: Filled) -> None:
    with served(filled.flow, rate_limit=100, health_rate_limit=60) as client:
        answers = [client.get("/v1/stats") for _ in range(101)]
        assert {a.status_code for a in answers[:100]} == {200}
        assert [int(a.headers["X-RateLimit-Remaining"]) for a in answers] == [*range(99, -1, -1), 0]
        assert_refused(answers[100], 429, "RATE_LIMITED")
        assert answers[100].headers["X-RateLimit-Limit"] == "100"
        assert 0 < int(answers[100].headers["Retry-After"]) <= 61
        assert int(answers[100].headers["X-RateLimit-Reset"]) > time.time()
        health = [client.get("/health").status_code for _ in range(61)]
        assert health[-1] == 429


def test_a_body_that_is_too_large_is_refused_with_and_without_its_length(api: TestClient) -> None:
    large = b" " * (10 * 2**20 + 1)
    assert_refused(api.post("/v1/trades/query", content=large), 413, "PAYLOAD_TOO_LARGE")
    chunks = (large[i : i + 2**20] for i in range(0, len(large), 2**20))
    assert_refused(api.post("/v1/trades/query", content=chunks), 413, "PAYLOAD_TOO_LARGE")
    wrong = api.post("/v1/trades/query", content=b"{}", headers={"Content-Length": "many"})
    assert_refused(wrong, 400, "INVALID_CONTENT_LENGTH")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/trades?order_by=price", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/trades?table_type=trades", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/trades?limit=0", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/trades?start_time=yesterday", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/trades?symbol=%27%20OR%201=1", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/trades/recent?symbol=BTCUSDT", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/trades/recent?symbol=BTCUSDT&exchange=BINANCE&window_minutes=61", None, 422, "VALIDATION_ERROR"),
        ("GET", "/v1/snapshots?table=other", None, 400, "INVALID_TABLE"),
        ("GET", "/v1/summary/BTCUSDT/2001-01-01", None, 404, "NOT_FOUND"),
        ("GET", "/v1/nothing", None, 404, "NOT_FOUND"),
        ("DELETE", "/v1/trades", None, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/trades/query", {"fields": ["password"]}, 422, "VALIDATION_ERROR"),
        ("POST", "/v1/trades/query", {"min_price": "1e5"}, 422, "VALIDATION_ERROR"),
        ("POST", "/v1/snapshots/1/query", {}, 404, "SNAPSHOT_NOT_FOUND"),
        (
            "POST",
            "/v1/replay",
            {"start_time": "2026-01-01T00:00:00Z", "end_time": "2027-01-01T00:00:00Z", "cursor": "WzFd"},
            400,
            "INVALID_CURSOR",
        ),
    ],
)
def test_a_refusal_has_one_shape_and_its_code(
    api: TestClient, method: str, path: str, body: Any, status: int, code: str
) -> None:
    assert_refused(
        api.request(method, path, json=body) if body is not None else api.request(method, path), status, code
    )


def test_trades_are_listed_newest_first_in_exact_decimals(api: TestClient, filled: Filled) -> None:
    answer = api.get("/v1/trades", params={"limit": 10_000, "exchange": "binance"})
    body = answer.json()
    assert identities(body["data"]) == in_order(filled.entries)[::-1]
    assert body["pagination"] == {"limit": 10_000, "offset": 0, "total": None, "has_more": False}
    assert answer.headers["Cache-Control"] == "private, max-age=5"
    by_key = {(e["s"], e["t"]): e for e in filled.entries}
    for row in body["data"]:
        entry = by_key[(row["symbol"], row["source_sequence"])]
        assert (row["price"], row["quantity"]) == (entry["p"], entry["q"])
        assert row["timestamp"].endswith("Z") and row["side"] == ("SELL" if entry["m"] else "BUY")
    one = api.get("/v1/trades", params={"symbol": "ethusdt", "limit": 200}).json()
    assert len(one["data"]) == 200 and not one["pagination"]["has_more"]
    assert api.get("/v1/trades", params={"symbol": "ethusdt", "limit": 199}).json()["pagination"]["has_more"]
    times = sorted(r["timestamp"] for r in one["data"])
    span = {"symbol": "ETHUSDT", "start_time": times[50], "end_time": times[99], "limit": 1000}
    expected = [t for t in times if times[50] <= t <= times[99]]
    assert sorted(r["timestamp"] for r in api.get("/v1/trades", params=span).json()["data"]) == expected


def test_paging_visits_each_trade_once(api: TestClient, filled: Filled) -> None:
    found: list[tuple[str, int]] = []
    for offset in range(0, SENT, 70):
        page = api.post("/v1/trades/query", json={"limit": 70, "offset": offset}).json()
        found += identities(page["data"])
        assert page["pagination"]["has_more"] == (offset + 70 < SENT)
    assert found == in_order(filled.entries)[::-1]


def test_a_replay_visits_each_trade_of_its_snapshot_once_while_others_come(filled: Filled) -> None:
    flow = filled.flow
    span = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z", "batch_size": 100}
    with exchange(symbols=("LTCUSDT",)) as local, served(flow) as api:
        first = api.post("/v1/replay", json=span).json()
        with flow.client(local, symbols=["LTCUSDT"]) as client, flow.writer():
            local.feed(count=50)
            client.has_published(50)
            flow.has_rows(SENT + 50)
        newest = lambda: "LTCUSDT" in api.get("/v1/symbols").json()["data"]  # noqa: E731
        assert Deadline(5).wait_until(newest)
        found, batches, body = identities(first["data"]), 1, first
        while body["cursor"]:
            body = api.post("/v1/replay", json={**span, "cursor": body["cursor"]}).json()
            assert body["batch_info"]["total_records"] == SENT
            found, batches = found + identities(body["data"]), batches + 1
        assert found == in_order(filled.entries) and batches == 6 and body["batch_info"]["progress_percent"] == 100
        assert body["meta"]["snapshot_id"] == first["meta"]["snapshot_id"]
        pinned = first["meta"]["snapshot_id"]
        at = api.post(f"/v1/snapshots/{pinned}/query", json={"limit": 10_000}).json()
        assert identities(at["data"]) == in_order(filled.entries) and at["snapshot_id"] == pinned
        assert len(api.post("/v1/trades/query", json={"limit": 10_000}).json()["data"]) == SENT + 50


def test_recent_trades_are_there_within_a_second_of_being_sent_and_each_once(flow: Flow) -> None:
    with ExitStack() as stack:
        local = stack.enter_context(exchange(rate=200))
        client = stack.enter_context(flow.client(local))
        api = stack.enter_context(served(flow))
        asked = {"symbol": "BTCUSDT", "exchange": "binance", "limit": 1000}
        assert api.get("/v1/trades/recent", params=asked).json()["data"] == []
        local.feed(count=1)
        entry = local.finished() and orjson.loads(local.lines("/ledger/trades")[0])
        shown = lambda: bool(api.get("/v1/trades/recent", params=asked).json()["data"])  # noqa: E731
        seen = Deadline(5).wait_until(shown, every=0.01)
        assert seen and time.time() - entry["sent_at"] / 1e6 < 1.0
        stack.enter_context(flow.writer())
        local.feed(count=199)
        highest = 0
        while not (done := local.ledger()["idle"]) or highest < 200:
            rows = api.get("/v1/trades/recent", params=asked).json()["data"]
            ids = [r["source_sequence"] for r in rows]
            assert ids == list(range(len(ids), 0, -1)), "a hole or a trade twice between table and topic"
            assert len(ids) >= highest
            highest = len(ids)
        assert done and client.problem is None


def test_a_summary_and_buckets_are_computed_in_decimals(api: TestClient, filled: Filled) -> None:
    mine = sorted((e for e in filled.entries if e["s"] == "BNBUSDT"), key=lambda e: (e["T"], e["t"]))
    prices, quantities = [Decimal(e["p"]) for e in mine], [Decimal(e["q"]) for e in mine]
    turnover = sum(p * q for p, q in zip(prices, quantities, strict=True))
    vwap = (turnover / sum(quantities)).quantize(Decimal("1e-8"))
    days = {datetime.fromtimestamp(e["T"] / 1000, UTC).date().isoformat() for e in mine}
    if len(days) == 1:
        found = api.get(f"/v1/summary/bnbusdt/{days.pop()}", params={"exchange": "binance"}).json()["data"]
        assert found["open_price"] == mine[0]["p"] and found["close_price"] == mine[-1]["p"]
        assert Decimal(found["high_price"]) == max(prices) and Decimal(found["low_price"]) == min(prices)
        assert Decimal(found["volume"]) == sum(quantities) and found["trade_count"] == 200
        assert Decimal(found["vwap"]) == vwap
    now = datetime.now(UTC)
    question = {
        "symbols": ["BNBUSDT"],
        "metrics": ["vwap", "twap", "ohlcv", "volume_profile", "trade_count"],
        "interval": "1day",
        "start_time": (now - timedelta(days=1)).isoformat(),
        "end_time": (now + timedelta(minutes=1)).isoformat(),
    }
    buckets = api.post("/v1/aggregations", json=question).json()["data"]
    assert sum(b["trade_count"] for b in buckets) == 200
    assert sum(Decimal(b["volume"]) for b in buckets) == sum(quantities)
    for bucket in buckets:
        assert sum(Decimal(level["volume"]) for level in bucket["volume_profile"]) == Decimal(bucket["volume"])
        assert Decimal(bucket["low_price"]) <= Decimal(bucket["twap"]) <= Decimal(bucket["high_price"])
    summary = api.post("/v1/aggregations", json=question).json()["request_summary"]
    assert summary["buckets"] == len(buckets) and summary["symbols"] == ["BNBUSDT"]


def test_a_query_is_answered_as_a_file_when_asked_for(api: TestClient, filled: Filled) -> None:
    question = {"symbols": ["BTCUSDT"], "fields": ["source_sequence", "price"], "limit": 10_000}
    for form, read in (("csv", _csv), ("parquet", pl.read_parquet)):
        answer = api.post("/v1/trades/query", json={**question, "format": form})
        assert answer.headers["X-Record-Count"] == "200"
        assert f'filename="trades.{form}"' in answer.headers["Content-Disposition"]
        rows = read(io.BytesIO(answer.content)).with_columns(pl.col("price").cast(pl.String))
        assert dict(rows.rows()) == {e["t"]: e["p"] for e in filled.entries if e["s"] == "BTCUSDT"}


def _csv(content: io.BytesIO) -> pl.DataFrame:
    return pl.read_csv(content, schema_overrides={"price": pl.String})


def test_what_is_away_is_said_and_not_passed_over(filled: Filled) -> None:
    away = filled.flow.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    with served(filled.flow, away) as client:
        assert Deadline(10).wait_until(lambda: client.get("/v1/stats").status_code == 200)
        asked = {"symbol": "BTCUSDT", "exchange": "BINANCE"}
        refused = client.get("/v1/trades/recent", params=asked)
        assert_refused(refused, 503, "SERVICE_UNAVAILABLE")
        assert int(refused.headers["Retry-After"]) > 0
        expected = {
            "duckdb": "healthy",
            "iceberg": "healthy",
            "kafka": "unhealthy",
            "schema_registry": "healthy",
        }
        assert Deadline(5).wait_until(lambda: _states(client) == expected, every=0.2)
        health = client.get("/health")
        assert health.status_code == 503 and health.json()["status"] == "unhealthy"


def _states(client: TestClient) -> dict[str, str]:
    return {d["name"]: d["status"] for d in client.get("/health").json()["dependencies"]}


def test_hostile_parameters_never_break_it(api: TestClient) -> None:
    described = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    asked = set()
    for found in described.get_all_operations():
        operation = found.ok()
        asked.add(operation.path)

        @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(operation.as_strategy())
        def never_breaks(case: Any) -> None:
            answer = case.call(headers={"X-API-Key": KEY})
            assert answer.status_code < 500, (case.method, case.path, answer.status_code)

        never_breaks()
    assert len(asked) == 15


def test_the_metrics_of_requests_name_the_route_not_the_path(api: TestClient) -> None:
    api.get("/v1/summary/BTCUSDT/2001-01-01")
    text = api.get("/metrics").text
    assert 'path="/v1/summary/{symbol}/{date}"' in text and "2001-01-01" not in text
    assert "k2_http_request_duration_seconds_bucket" in text
