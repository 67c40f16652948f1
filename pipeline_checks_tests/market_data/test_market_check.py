"""The whole pipeline, verified: what the exchange has sent is what the API serves, in numbers, and with its faults."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.topic_records import TopicRecords
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.pipelines.market_data.scenarios import at_rest
from pipeline_checks.pipelines.market_data.scenarios.exchange import ExchangeFault, ledger, trade
from pipeline_checks.pipelines.market_data.scenarios.feeds import BAD, BAD_FRAMES, CLOSED, GAP_OF_5, RESENT, SWAPPED_TWO
from pipeline_checks.pipelines.market_data.scenarios.fresh import begin_anew
from pipeline_checks.pipelines.market_data.services import services
from pipeline_checks.scenarios.runner import unclean
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import run_checks
from pipeline_checks.verification.session import VerificationSession

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PIPELINE: Pipeline = load_pipeline("market_data")
ROWS = 3000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")


@pytest.fixture(scope="module", autouse=True)
def seeded(market_stack: object) -> Iterator[None]:
    """The exchange has made a thousand trades of each symbol, and nothing was there before."""
    begin_anew(services(), ROWS)
    yield
    begin_anew(services(), 0)


def of(result: RunResult, stage: str, check: str) -> CheckResult:
    return next(c for c in result.checks if (c.stage, c.check) == (stage, check))


def measures(result: RunResult, stage: str, check: str) -> dict[str, Any]:
    return dict(of(result, stage, check).judgement.measures)


def served() -> list[dict[str, Any]]:
    """Return every trade as the API serves it at the snapshot that is checked."""
    with VerificationSession(PIPELINE) as session:
        session.settle("trades_api")
        pinned = session._pinner.settled(PIPELINE.stage("trades_api")).readable()
        rows: list[dict[str, Any]] = pinned.rows().to_pylist()  # type: ignore[union-attr]
        return rows


def test_the_number_at_the_api_is_the_number_that_the_exchange_sent() -> None:
    result = run_checks(PIPELINE)
    assert unclean(result, at_rest()) == []
    assert [(s.name, s.rows.value) for s in result.stages if s.rows is not None] == [
        ("exchange_feed", ROWS),
        ("trades_topic", ROWS),
        ("trades_dead_letters", 0),
        ("trades_table", ROWS),
        ("trades_api", ROWS),
    ]
    assert measures(result, "trades_topic", "balance") == {
        "given_trades": ROWS,
        "given_resends": 0,
        "given_repaired": 0,
        "given_bad_frames": 0,
        "made_records": ROWS,
        "made_dead_letters": 0,
        "made_missing": 0,
    }
    table = measures(result, "trades_table", "balance")
    assert (table["given_records"], table["made_rows"], table["claimed_records"]) == (ROWS, ROWS, ROWS)
    assert measures(result, "trades_table", "sequence")["ranges"] == {s: [1, 1000] for s in SYMBOLS}
    latency = measures(result, "trades_table", "latency")
    assert list(latency["hops"]) == ["commit_to_connector", "commit_to_topic", "commit_to_table"]
    assert 0 <= latency["p50_seconds"] <= latency["p95_seconds"] <= latency["max_seconds"] < 30


def test_sums_and_digests_are_those_of_the_ledger() -> None:
    rows, told = served(), ledger()["symbols"]
    assert len({r["trade_id"] for r in rows}) == 1000
    assert len({(r["exchange"], r["symbol"], r["source_sequence"]) for r in rows}) == ROWS
    for symbol in SYMBOLS:
        own = sorted((r for r in rows if r["symbol"] == symbol), key=lambda r: r["source_sequence"])
        assert sum(r["price"] for r in own) == Decimal(told[symbol]["price_sum"])
        assert sum(r["quantity"] for r in own) == Decimal(told[symbol]["quantity_sum"])
        assert digest(own) == told[symbol]["digest"]


def digest(rows: list[dict[str, Any]]) -> str:
    """Return the digest of trades as the ledger makes it."""
    made = hashlib.sha256()
    for r in rows:
        at = round(r["timestamp"].timestamp() * 1000)
        maker = "true" if r["side"] == "SELL" else "false"
        made.update(f"{r['symbol']}|{r['source_sequence']}|{r['price']:f}|{r['quantity']:f}|{at}|{maker}\n".encode())
    return made.hexdigest()


def done(fault: ExchangeFault) -> Injury:
    """Let the exchange do what the plan says; nothing is undone, so that the numbers add up from test to test."""
    target = Target(PIPELINE, "exchange_feed", tuple(services()))
    return replace(fault, count=60).act(target, fault.plan(target))


def test_twenty_frames_that_are_sent_twice_are_twenty_duplicates_and_one_row_each() -> None:
    done(RESENT)
    result = run_checks(PIPELINE)
    assert unclean(result, at_rest()) == []
    topic = measures(result, "trades_topic", "duplicates")
    assert (topic["exchange_resend"], topic["producer_retry"], topic["duplicate_keys"]) == (20, 0, 0)
    table = measures(result, "trades_table", "balance")
    assert (table["given_records"], table["made_rows"], table["made_duplicates"]) == (ROWS + 200, ROWS + 180, 20)
    assert table["claimed_duplicates"] == 20
    assert measures(result, "trades_topic", "sequence")["duplicates"] == 20


def test_seven_bad_frames_are_seven_dead_letters_with_their_reasons() -> None:
    done(BAD)
    result = run_checks(PIPELINE)
    assert unclean(result, at_rest()) == []
    rejected = measures(result, "trades_dead_letters", "rejected")
    assert (rejected["frames"], rejected["letters"], rejected["without_reason"]) == (7, 7, 0)
    assert len(BAD_FRAMES) == 7 and sum(rejected["reasons"].values()) == 7
    balance = measures(result, "trades_topic", "balance")
    assert (balance["given_bad_frames"], balance["made_dead_letters"]) == (7, 7)


def test_trades_that_were_never_sent_or_in_the_wrong_order_are_named_at_each_stage() -> None:
    ids = 0
    for fault in (GAP_OF_5, CLOSED, SWAPPED_TWO):
        injury = done(fault)
        ids += sum(map(len, injury.facts["not_sent"].values()))
    assert ids == 35
    result = run_checks(PIPELINE)
    for stage in ("exchange_feed", "trades_topic", "trades_table", "trades_api"):
        told = of(result, stage, "sequence").judgement
        gaps = [f for f in told.findings if f.kind == "gap"]
        assert told.measures["missing"] == 35 and len(gaps) == 4
        assert {f.stage for f in gaps} == {"exchange_feed"}
        assert sum(len(f.extra["numbers"]) for f in gaps) == 35
        if stage in ("exchange_feed", "trades_topic"):
            assert told.measures["out_of_order"] == 1
    others = [(c.stage, c.check) for c in result.checks if c.judgement.findings and c.check != "sequence"]
    assert others == []


def test_checks_while_it_trades_on_are_exact() -> None:
    trade(200)
    result = run_checks(PIPELINE, checks=("counts", "reconcile", "duplicates", "balance", "freshness", "commits"))
    assert {c.verdict for c in result.checks} <= {Verdict.PASS, Verdict.WARN}, unclean(result)
    assert [c for c in result.checks if c.judgement.findings] == []


def test_records_that_have_expired_make_no_one_wrong() -> None:
    records = TopicRecords(PIPELINE.stage("trades_topic"))
    records.expire({partition: end // 2 for partition, end in records.ends().items()})
    result = run_checks(PIPELINE)
    named = {(c.stage, f.kind) for c in result.checks for f in c.judgement.findings if c.check != "sequence"}
    assert named == set(), unclean(result)
    counts = {s: of(result, s, "counts") for s in ("trades_topic", "trades_table")}
    assert {c.verdict for c in counts.values()} == {Verdict.WARN}
    assert "whose events the topic no longer has" in counts["trades_table"].judgement.message
    assert of(result, "trades_table", "balance").verdict is Verdict.WARN
    for stage in ("trades_table", "trades_api"):
        assert {f.stage for f in of(result, stage, "sequence").judgement.findings} == {"exchange_feed"}
