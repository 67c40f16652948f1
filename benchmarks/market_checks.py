"""All checks of the market data pipeline after many trades, against one consumption of its topics.

One consumption reads every record of both topics with the client that the checks use, and decodes its Avro as any
consumer does. The API is left out of the figure: its rows come through its own JSON, page by page.
"""

from __future__ import annotations

import sys

import httpx

from benchmarks.figures import Figure, paired, seconds_of
from benchmarks.own_stack import own_stack
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data.flow.avro import Decoder, registry, schema_by_id
from pipeline_checks.pipelines.market_data.services import SYMBOLS, TOPIC, services
from pipeline_checks.stages.topic_log import TopicLog
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import Options, run_checks

LIMIT = 1.5
STAGES = ("exchange_feed", "trades_topic", "trades_dead_letters", "trades_writer", "trades_table")
API = "trades_api"
_PATIENCE = 900.0
_BAD = {"FAIL", "ERROR"}


def measure_market_checks(rows: int = 1_000_000) -> list[Figure]:
    """Return the ratio of all checks but the API's, after ``rows`` trades, to one consumption of the topics."""
    pipeline = load_pipeline("market_data")
    size = f"{rows:,} trades"
    with own_stack() as provider:
        provider.up(services(), lambda progress: None)
        _trade(rows)

        def check(*stages: str) -> None:
            _refuse_failures(run_checks(pipeline, stages, options=Options(deadline=120)))

        seconds, floor, ratio = paired(lambda: check(*STAGES), consume, runs=3)
        with_api = seconds_of(lambda: check(*STAGES, API))
    return [
        Figure(
            f"checks of the market data pipeline after {size}",
            ratio,
            "x one consumption",
            LIMIT,
            detail=f"all checks of ledger, topics, group and table: {seconds:.2f} s; {size} read and decoded once:"
            f" {floor:.2f} s; with the API, {with_api:.2f} s",
        )
    ]


def consume() -> int:
    """Read and decode every record of the topics once; return how many there are."""
    decoder = Decoder(schema_by_id(registry(setting("MARKET_SCHEMA_REGISTRY_URL"))))
    found = 0
    for topic in (TOPIC, f"{TOPIC}.dlq"):
        log = TopicLog(setting("KAFKA_BOOTSTRAP_SERVERS"), topic)
        low, high = log.watermarks()
        for batch in log.records(low, high):
            for message in batch:
                value = message.value()
                if topic == TOPIC and value is not None:
                    decoder.decode(value)
            found += len(batch)
        log.close()
    return found


def _trade(rows: int) -> None:
    """Have the exchange make trades as fast as they are taken, and wait until the table holds them."""
    with httpx.Client(base_url=setting("MARKET_EXCHANGE_URL"), timeout=60) as exchange:
        exchange.post("/feed", json={"count": -(-rows // len(SYMBOLS)), "rate": 0}).raise_for_status()
        idle = lambda: exchange.get("/feed").json()["idle"]  # noqa: E731 - asked again and again
        if not Deadline(_PATIENCE).wait_until(idle, every=0.5):
            raise SystemExit(f"the exchange did not make {rows:,} trades in {_PATIENCE:g} s")
        made = int(exchange.get("/ledger").json()["position"])
    with httpx.Client(base_url=setting("MARKET_WRITER_METRICS_URL"), timeout=60) as writer:
        held = lambda: int(writer.get("/health").json()["rows"]) >= made  # noqa: E731
        if not Deadline(_PATIENCE).wait_until(held, every=0.5):
            raise SystemExit(f"the table did not get {made:,} trades in {_PATIENCE:g} s")


def _refuse_failures(result: object) -> None:
    wrong = [c for c in result.checks if str(c.verdict) in _BAD]  # type: ignore[attr-defined]
    if wrong:
        told = "; ".join(f"{c.stage}.{c.check}: {c.judgement.message[:200]}" for c in wrong)
        raise SystemExit(f"the checks of a clean pipeline found something: {told}")


if __name__ == "__main__":
    for figure in measure_market_checks(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        print(*figure.cells(), sep=" | ")
