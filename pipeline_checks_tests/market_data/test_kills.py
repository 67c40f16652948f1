"""Any service may be killed at any time: it comes back, and no trade is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import polars as pl
import pytest

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data import services as declared
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.market_data.live import LivePipeline

pytestmark = pytest.mark.soak
KILLED = tuple(s.name for s in declared.services() if not s.once)


@pytest.fixture
def own_stack(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStack]:
    """The whole pipeline in a home of the test's own, with gaps repaired."""
    monkeypatch.setenv(HOME_VARIABLE, str(own_home))
    monkeypatch.setenv("MARKET_GAP_REPAIR", "true")
    running = RunningStack(own_home, EmbeddedProvider(own_home))
    running.up(declared.services())
    yield running


def test_killing_any_service_loses_no_trade(own_stack: RunningStack) -> None:
    live = LivePipeline(own_stack.settings)
    assert set(KILLED) == {
        *("postgres", "kafka", "market_registry", "market_exchange"),
        *("market_stream", "market_writer", "market_api"),
    }
    live.exchange.post("/feed", json={"count": 100_000, "rate": 300}).raise_for_status()
    for name in KILLED:
        before = live.ledger()["position"]
        pid = own_stack.state(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert Deadline(60).wait_until(partial(_is_back, own_stack, name, pid), every=0.2), f"{name} is not back"
        goes_on = Deadline(60).wait_until(partial(_has_passed, live, before + 300), every=0.2)
        assert goes_on, f"nothing is traded after {name} was killed"
    live.exchange.post("/feed", json={"stop": True}).raise_for_status()
    live.settled(60)
    sent = {(e["s"], e["t"]): e["p"] for e in live.entries()}
    catalog = iceberg_catalog(
        declared.CATALOG,
        own_stack.settings["MARKET_ICEBERG_CATALOG_URL"],
        own_stack.settings["MARKET_ICEBERG_WAREHOUSE"],
    )
    rows = pl.from_arrow(catalog.load_table(declared.TABLE).scan().to_arrow())
    assert isinstance(rows, pl.DataFrame)
    shown = rows.select("symbol", "source_sequence", pl.col("price").cast(pl.String)).rows()
    found = {row[:2]: row[2] for row in shown}
    assert len(shown) == len(found) == len(sent) and found == sent


def _is_back(stack: RunningStack, name: str, killed: int) -> bool:
    state = stack.state(name)
    return state.ready and state.pid not in (None, killed)


def _has_passed(live: LivePipeline, position: int) -> bool:
    try:
        return int(live.ledger()["position"]) > position
    except httpx.HTTPError:
        return False  # the exchange is the one that was killed
