"""The pipeline as its services run it: asked over the network only, as a user does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from pipeline_checks.model.clock import Deadline


@dataclass(frozen=True)
class Seen:
    """A trade at the API: when it was sent, and when it was first seen there."""

    symbol: str
    trade: int
    seconds: float


class LivePipeline:
    """The running pipeline."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self.api = httpx.Client(
            base_url=settings["MARKET_API_URL"], headers={"X-API-Key": settings["MARKET_API_KEY"]}, timeout=10
        )
        self.exchange = httpx.Client(base_url=settings["MARKET_EXCHANGE_URL"], timeout=10)
        self.writer = httpx.Client(base_url=settings["MARKET_WRITER_METRICS_URL"], timeout=10)

    def ledger(self) -> Any:
        """Return the exchange's ledger."""
        return self.exchange.get("/ledger").json()

    def entries(self, start: int = 0) -> list[dict[str, Any]]:
        """Return the ledger's entries from one on."""
        lines = self.exchange.get("/ledger/trades", params={"start": start}).text.splitlines()
        return [orjson.loads(line) for line in lines]

    def send(self, count: int, rate: float) -> int:
        """Have so many trades of each symbol made; returns how many entries there were before."""
        before = int(self.ledger()["position"])
        self.exchange.post("/feed", json={"count": count, "rate": rate}).raise_for_status()
        return before

    def recent(self, symbol: str, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the newest trades of a symbol."""
        asked = {"symbol": symbol, "exchange": "BINANCE", "limit": limit, "window_minutes": 60}
        answer = self.api.get("/v1/trades/recent", params=asked)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def watch(self, start: int, symbols: Sequence[str], seconds: float) -> list[Seen]:
        """Ask until all entries from ``start`` on are at the API; returns when each was first seen there."""
        sent: dict[tuple[str, int], float] = {}
        seen: dict[tuple[str, int], Seen] = {}
        deadline = Deadline(seconds)

        def look() -> bool:
            done = bool(self.ledger()["idle"])
            for entry in self.entries(start):
                if entry["sent_at"] is not None:
                    sent[(entry["s"], entry["t"])] = entry["sent_at"] / 1e6
            for symbol in symbols:
                rows, now = self.recent(symbol), time.time()
                for row in rows:
                    key = (symbol, row["source_sequence"])
                    if key in sent and key not in seen:
                        seen[key] = Seen(*key, now - sent[key])
            return done and len(seen) == len(sent)

        assert deadline.wait_until(look, every=0.02), f"{len(sent) - len(seen)} trades are not at the API"
        return list(seen.values())

    def settled(self, seconds: float = 20.0) -> dict[str, Any]:
        """Wait until the writer has written all that the topic holds; returns the writer's state."""

        def done() -> dict[str, Any] | None:
            health: dict[str, Any] = self.writer.get("/health").json()
            sent = self.ledger()
            return health if sent["idle"] and sum(health["covers"].values()) >= self.topic_end() else None

        found = Deadline(seconds).wait_until(done, every=0.1)
        assert found, "the writer has not written everything"
        return found

    def topic_end(self, topic: str = "market.crypto.trades.binance") -> int:
        """Return how many records a topic has."""
        from confluent_kafka import TopicPartition

        from pipeline_checks.clients.kafka import consumer

        reader = consumer(self.settings["KAFKA_BOOTSTRAP_SERVERS"])
        partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
        return sum(reader.get_watermark_offsets(TopicPartition(topic, p), timeout=5)[1] for p in partitions)
