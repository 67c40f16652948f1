"""An exchange in a thread of the test, on a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data.flow.simulator.connection import Limits
from pipeline_checks.pipelines.market_data.flow.simulator.feed import Course, Feed
from pipeline_checks.pipelines.market_data.flow.simulator.ledger import Ledger
from pipeline_checks.pipelines.market_data.flow.simulator.plan import Plan
from pipeline_checks.pipelines.market_data.flow.simulator.server import Exchange

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")


class LocalExchange:
    """A running exchange; everything is asked of it over HTTP, as a scenario does it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ws = f"ws://127.0.0.1:{port}"
        self.http = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.http, timeout=10)

    def get(self, path: str) -> Any:
        """GET a path and return its JSON."""
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    def lines(self, path: str) -> list[str]:
        """GET a path and return its lines."""
        return self._client.get(path).text.splitlines()

    def plan(self, *faults: dict[str, Any]) -> None:
        """Add faults to the plan."""
        self._client.post("/plan", json={"faults": list(faults)}).raise_for_status()

    def feed(self, **course: Any) -> None:
        """Change the course of the feed."""
        self._client.post("/feed", json=course).raise_for_status()

    def ledger(self) -> Any:
        """Return the ledger."""
        return self.get("/ledger")

    def finished(self, seconds: float = 30.0) -> Any:
        """Wait until all trades were made, and return the ledger."""
        found = Deadline(seconds).wait_until(lambda: (ledger := self.ledger())["idle"] and ledger, every=0.02)
        assert found, f"the exchange has not made all its trades: {self.get('/feed')}"
        return found

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


@contextmanager
def exchange(
    *,
    limits: Limits | None = None,
    ledger: Path | None = None,
    symbols: tuple[str, ...] = SYMBOLS,
    seed: int = 42,
    rate: float = 0.0,
    when_away: Any = "hold",
) -> Iterator[LocalExchange]:
    """Run an exchange, one that makes no trades until it is told how many."""
    started: dict[str, Any] = {}
    ready = threading.Event()

    async def run() -> None:
        kept = Ledger(ledger)
        remaining = 0 if kept.target is None else kept.target - kept.position
        feed = Feed(seed, symbols, kept, Plan(), Course(rate, remaining, when_away))
        served = Exchange(feed, limits or Limits(messages=50))
        started.update(port=await served.start("127.0.0.1", 0), feed=feed, loop=asyncio.get_running_loop())
        ready.set()
        await feed.run()
        await served.stop()
        kept.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    running = LocalExchange(started["port"])
    try:
        yield running
    finally:
        running.close()
        started["loop"].call_soon_threadsafe(started["feed"].stop)
        thread.join(10)
