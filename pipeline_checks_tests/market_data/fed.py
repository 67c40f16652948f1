"""A topic of trades and the ledger of the feed that fills it, both written by a test."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pipeline_checks.clients.http import client
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.result import RunResult
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.stack.topics import brokers, produce, topic
from pipeline_checks_tests.unit.stages.avro_trades import SCHEMA, encoded
from pipeline_checks_tests.unit.stages.test_http_api import serving

SYMBOLS = ("BTCUSDT", "ETHUSDT")
KEYS = {"key": ["symbol", "number"], "event_time": "at"}
COLUMNS = {"symbol": "string", "number": "int64", "price": "decimal(18,8)", "at": "timestamptz", "side": "string"}


@dataclass
class Fed:
    """What the feed says that it has sent, and what stands in the topic.

    ``sent_ago`` is how many seconds ago the entries were sent. Without ``has_ledger`` the feed answers 404.
    """

    topic: str
    subject: str
    schema: int
    entries: list[dict[str, Any]] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    sent_ago: float = 5.0
    has_ledger: bool = True
    idle: bool = True

    def sends(self, count: int) -> list[dict[str, Any]]:
        """Have the feed send trades, of the symbols in turn; returns them."""
        start = len(self.entries)
        at = datetime.now(UTC) - timedelta(seconds=self.sent_ago)
        for place in range(start, start + count):
            made = at + timedelta(milliseconds=place)
            row = {"symbol": SYMBOLS[place % 2], "number": place // 2 + 1, "price": f"{100 + place}.00000001"}
            sent = int(made.timestamp() * 1_000_000)
            self.entries.append({**row, "entry": place, "at": sent, "sent_at": sent, "times_sent": 1, "maker": True})
        return self.entries[start:]

    def records(self, rows: Sequence[Mapping[str, Any]], received: float = 0.0) -> None:
        """Write trades into the topic, one partition a symbol, received some seconds after they were made."""
        self.raw([(SYMBOLS.index(row["symbol"]), self.value(row, received)) for row in rows])

    def raw(self, values: Sequence[tuple[int, bytes]]) -> None:
        """Write bytes into partitions of the topic."""
        produce(self.topic, [(partition, None, value) for partition, value in values])

    def value(self, row: Mapping[str, Any], received: float = 0.0) -> bytes:
        """Return a trade as a record."""
        at = datetime.fromtimestamp(row["at"] / 1_000_000, UTC)
        told = {"symbol": row["symbol"], "number": row["number"], "price": Decimal(row["price"]), "at": at}
        extra = {"received": f"{received:.3f}"}
        return encoded({**told, "side": "SELL", "conditions": [], "extra": extra}, number=self.schema)

    def checked(self, deadline: float = 1.0, **stage: Any) -> RunResult:
        """Check ledger and topic."""
        with serving(self._answer) as url:
            return run_checks(self.pipeline(url, **stage), options=Options(deadline=deadline))

    def pipeline(self, url: str, **stage: Any) -> Any:
        """Return the pipeline of the two."""
        own = {"entry": "int64", "maker": "bool"}
        feed = {
            "name": "feed",
            "kind": "feed_ledger",
            "url": url,
            "contract": {
                **KEYS,
                "sequence": {"number": "number", "by": ["symbol"]},
                "columns": {**{k: v for k, v in COLUMNS.items() if k != "side"}, **own},
            },
        }
        records = {
            "name": "trades",
            "kind": "kafka_topic",
            "from": "feed",
            "brokers": brokers(),
            "topic": self.topic,
            "value_format": "avro",
            "registry": setting("MARKET_SCHEMA_REGISTRY_URL"),
            "subject": self.subject,
            "wins": "first",
            "columns": {"side": "CASE WHEN maker THEN 'SELL' ELSE 'BUY' END"},
            "ignore": ["conditions", "extra"],
            "contract": {
                **KEYS,
                "sequence": {"number": "number", "by": ["symbol"]},
                "balance": {},
                "columns": {**COLUMNS, "conditions": "json", "extra": "json"},
            },
            **stage,
        }
        return build_pipeline({"name": "fed", "stages": [feed, records]})

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if not self.has_ledger:
            return 404, {}
        if path == "/ledger":
            return 200, {"position": len(self.entries), "idle": self.idle}
        lines: Sequence[Any] = [
            {"raw_base64": base64.b64encode(raw).decode(), "reason": "not_json", "sent_at": 1} for raw in self.bad
        ]
        if path == "/ledger/trades":
            start, limit = int(query["start"]), int(query["limit"])
            lines = self.entries[start : start + limit]
        return 200, "".join(json.dumps(line) + "\n" for line in lines).encode()


@contextmanager
def fed() -> Iterator[Fed]:
    """Yield a topic of its own, with a subject of its own in the registry."""
    subject = f"fed-{uuid.uuid4().hex[:8]}-value"
    with client(setting("MARKET_SCHEMA_REGISTRY_URL")) as session:
        answer = session.post(f"/subjects/{subject}/versions", json={"schema": json.dumps(SCHEMA)})
        assert answer.is_success, answer.text
        with topic(2) as name:
            yield Fed(name, subject, int(answer.json()["id"]))
