"""What the exchange does by plan: trades twice, never, in the wrong order, while nobody is there, and bad frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline_checks.faults.expectation import Expectation, ExpectedFinding, finding
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.market_data.scenarios.exchange import ExchangeFault, Ledger
from pipeline_checks.pipelines.market_data.scenarios.words import FEED, SEQUENCED, STAGES, TOPIC, gaps

SKIPPED, SWAPPED = "BTCUSDT", "ETHUSDT"
BAD_FRAMES = (
    *("not_json", "no_price", "wrong_event", "zero_quantity", "nine_decimals", "eleven_digits"),
    "unknown_quote",
)
AWAY = 30
"""Trades that are made while the client is away."""


def _last(ledger: Ledger, symbol: str) -> int:
    return int(ledger["symbols"][symbol]["last_id"])


def _skipped(number: int) -> Callable[[Ledger], list[dict[str, Any]]]:
    def plan(ledger: Ledger) -> list[dict[str, Any]]:
        first = _last(ledger, SKIPPED) + 10
        return [{"kind": "skip", "symbol": SKIPPED, "ids": list(range(first, first + number))}]

    return plan


def _sent_again(ledger: Ledger) -> list[dict[str, Any]]:
    at = int(ledger["position"])
    return [
        {"kind": "resend", "count": 10, "after": at + 60},
        {"kind": "resend", "count": 10, "when": "reconnect", "after": at + 120},
        {"kind": "close", "after": at + 150},
    ]


def _swapped(ledger: Ledger) -> list[dict[str, Any]]:
    return [{"kind": "swap", "symbol": SWAPPED, "id": _last(ledger, SWAPPED) + 20}]


RESENT = ExchangeFault("sent_again", "20 trades are sent twice, 10 at once and 10 after a reconnect", _sent_again)
GAP_OF_5 = ExchangeFault("never_sent_5", "5 trades of a symbol are never sent", _skipped(5))
GAP_OF_25 = ExchangeFault("never_sent_25", "25 trades of a symbol are never sent", _skipped(25))
BAD = ExchangeFault(
    "bad_frames",
    "7 frames that are no trades are sent besides them",
    lambda ledger: [{"kind": "bad_frames", "frames": list(BAD_FRAMES), "after": int(ledger["position"]) + 60}],
)
CLOSED = ExchangeFault(
    "traded_while_away",
    f"The exchange closes the connection and makes {AWAY} trades before the client is back",
    lambda ledger: [{"kind": "close", "away": AWAY, "after": int(ledger["position"]) + 60}],
)
SWAPPED_TWO = ExchangeFault("swapped", "Two trades of a symbol are sent in the wrong order", _swapped)


def feeds() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _of_feed(RESENT, lambda i: ())
    yield _of_feed(BAD, lambda i: ())
    for fault in (GAP_OF_5, GAP_OF_25, CLOSED):
        yield _of_feed(fault, lambda i: gaps(SEQUENCED, i.facts["not_sent"], FEED))
    yield _of_feed(SWAPPED_TWO, _disorder)


def _disorder(injury: Injury) -> Iterator[ExpectedFinding]:
    number = injury.facts["faults"][0]["id"]
    for stage, column in ((FEED, "trade"), (TOPIC, "source_sequence")):
        key = {"symbol": SWAPPED, column: number}
        yield finding(stage, "sequence", "out_of_order", blamed=FEED, detail="sequence", key=key)


def _of_feed(fault: ExchangeFault, findings: Callable[[Injury], Iterable[ExpectedFinding]]) -> Scenario:
    return Scenario(
        name=fault.name,
        description=fault.description,
        fault=fault,
        target=FEED,
        area=STAGES,
        expects=lambda injury: Expectation(tuple(findings(injury))),
        alone=True,
    )
