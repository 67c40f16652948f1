"""The pipeline end to end: what the exchange sent is what the API says, at every stage between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import orjson
import pytest

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.pipelines.market_data import services as declared
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.market_data.live import LivePipeline
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS


@pytest.fixture(scope="module")
def live(market_stack: RunningStack) -> Iterator[LivePipeline]:
    """The running pipeline with a hundred trades of each symbol more than before, all of them at the API."""
    pipeline = LivePipeline(market_stack.settings)
    before = pipeline.send(100, 300)
    pipeline.watch(before, SYMBOLS, 30)
    pipeline.settled()
    yield pipeline


def test_binance_to_api_pipeline(live: LivePipeline, market_stack: RunningStack) -> None:
    states = {s.name: s.state for s in market_stack.provider.status()}
    assert {states[s.name] for s in declared.services() if not s.once} == {"ready"}
    health = live.api.get("/health")
    assert health.status_code == 200 and health.json()["status"] in ("healthy", "degraded")
    before = live.send(10, 100)
    live.watch(before, SYMBOLS, 30)
    sent = {(e["s"], e["t"]): (e["p"], e["q"]) for e in live.entries(before)}
    assert len(sent) == 30
    rows = [row for symbol in SYMBOLS for row in live.recent(symbol)]
    found = {(r["symbol"], r["source_sequence"]): (r["price"], r["quantity"]) for r in rows}
    assert {key: found[key] for key in sent} == sent


def test_pipeline_data_consistency(live: LivePipeline) -> None:
    writer, ledger = live.settled(), live.ledger()
    catalog = iceberg_catalog(
        declared.CATALOG, live.settings["MARKET_ICEBERG_CATALOG_URL"], live.settings["MARKET_ICEBERG_WAREHOUSE"]
    )
    table = catalog.load_table(declared.TABLE)
    records, rows = live.topic_end(), table.scan().count()
    question = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z", "batch_size": 100}
    at_api = live.api.post("/v1/replay", json=question).json()["batch_info"]["total_records"]
    never_sent = sum(len(ids) for ids in ledger["not_sent"].values())
    assert rows == at_api == ledger["position"] - never_sent > 0
    assert records == ledger["position"] - never_sent + ledger["resent"]
    snapshots = [dict(s.summary.additional_properties) for s in table.metadata.snapshots if s.summary]
    written = [s for s in snapshots if "record_count" in s]
    if len(snapshots) == len(table.history()):
        totals = {k: sum(int(s[k]) for s in written) for k in ("record_count", "duplicates_skipped", "dead_lettered")}
        assert totals["record_count"] == rows + totals["duplicates_skipped"] + totals["dead_lettered"]
    assert sum(writer["covers"].values()) == records


def test_pipeline_schema_compliance(live: LivePipeline) -> None:
    registry = httpx.get(
        f"{live.settings['MARKET_SCHEMA_REGISTRY_URL']}/subjects/market.crypto.trades-value/versions/1"
    )
    registered = [f["name"] for f in orjson.loads(registry.json()["schema"])["fields"]]
    catalog = iceberg_catalog(
        declared.CATALOG, live.settings["MARKET_ICEBERG_CATALOG_URL"], live.settings["MARKET_ICEBERG_WAREHOUSE"]
    )
    columns = [f.name for f in catalog.load_table(declared.TABLE).schema().fields]
    assert registered == columns == list(live.recent(SYMBOLS[0], 1)[0])
    assert len(columns) == 15


def test_pipeline_error_handling(live: LivePipeline) -> None:
    url = live.settings["MARKET_API_URL"]
    assert live.api.get("/v1/nothing").status_code == 404
    assert live.api.get("/v1/snapshots", params={"table": "invalid"}).status_code == 400
    assert live.api.get("/v1/trades", params={"table_type": "invalid"}).status_code == 422
    assert httpx.get(f"{url}/v1/trades").status_code == 401
    assert httpx.get(f"{url}/v1/trades", headers={"X-API-Key": "wrong"}).status_code == 403


def test_pipeline_performance_under_load(live: LivePipeline) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: live.api.get("/v1/trades", params={"limit": 100}), range(10)))
    assert [a.status_code for a in answers] == [200] * 10
    assert {len(a.json()["data"]) for a in answers} == {100}
    assert 10 / (time.monotonic() - began) >= 1


def test_pipeline_data_quality(live: LivePipeline) -> None:
    rows = live.api.get("/v1/trades", params={"limit": 1000}).json()["data"]
    assert len(rows) >= 300
    for row in rows:
        assert {"message_id", "trade_id", "symbol", "exchange", "timestamp", "side"} <= set(row)
        assert Decimal(row["price"]) > 0 and Decimal(row["quantity"]) > 0
        vendor = orjson.loads(row["vendor_data"])
        assert row["symbol"] == vendor["base_asset"] + row["currency"]
        assert row["side"] == {"true": "SELL", "false": "BUY"}[vendor["is_buyer_maker"]]
        assert row["timestamp"] <= row["ingestion_timestamp"]
