"""A topic against the ledger of its feed: what is missing, doubled, changed, late, and what cannot be known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.market_data.fed import Fed, fed

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("market_base")]


@pytest.fixture
def feed() -> Iterator[Fed]:
    """A feed that has sent ten trades, none of which is in the topic yet."""
    with fed() as made:
        made.sends(10)
        yield made


def of(result: RunResult, check: str, stage: str = "trades") -> CheckResult:
    return next(c for c in result.checks if (c.stage, c.check) == (stage, check))


def findings(result: RunResult) -> set[tuple[str, str, str | None, str, str]]:
    """Return check, kind, detail, key and blamed stage of every finding about the topic."""
    return {
        (c.check, f.kind, f.detail, repr(f.key), f.stage)
        for c in result.checks
        if c.stage == "trades"
        for f in c.judgement.findings
    }


def key(symbol: str, number: int) -> str:
    return repr({"symbol": symbol, "number": number})


def gap(symbol: str, first: int, last: int) -> str:
    return repr({"symbol": symbol, "first": first, "last": last})


def test_a_topic_that_holds_what_was_sent_passes(feed: Fed) -> None:
    feed.records(feed.entries)
    result = feed.checked()
    assert {str(c.verdict) for c in result.checks} == {"PASS"}, [c.judgement.message for c in result.checks]
    counts = of(result, "counts").judgement
    assert (counts.measures["rows"], counts.measures["expected_rows"], counts.measures["against"]) == (10, 10, ["feed"])
    assert of(result, "balance").judgement.message == (
        "it adds up: 10 trades + 0 resends + 0 repaired = 10 records + 0 missing"
    )
    assert "10 rows of 5 columns compared with feed" in of(result, "reconcile").judgement.message


def test_a_trade_that_others_have_overtaken_is_lost(feed: Fed) -> None:
    feed.records([e for e in feed.entries if e["entry"] != 4])
    result = feed.checked()
    assert findings(result) == {
        ("counts", "missing", None, key("BTCUSDT", 3), "trades"),
        ("sequence", "gap", "small", gap("BTCUSDT", 3, 3), "trades"),
    }
    assert of(result, "balance").verdict is Verdict.PASS
    assert of(result, "balance").judgement.measures["made_missing"] == 1


def test_trades_that_may_still_come_leave_the_topic_unsettled(feed: Fed) -> None:
    feed.records(feed.entries[:8])
    result = feed.checked()
    assert findings(result) == set()
    counts = of(result, "counts")
    assert counts.verdict is Verdict.UNSETTLED
    assert "2 of 10 entries that feed has sent are not there" in counts.judgement.message
    assert {of(result, c).verdict for c in ("reconcile", "freshness", "duplicates")} == {Verdict.UNSETTLED}


def test_trades_that_do_not_come_are_missing_and_the_topic_has_stalled(feed: Fed) -> None:
    feed.records(feed.entries[:8])
    result = feed.checked(lag_limit=2.0)
    assert findings(result) == {
        ("counts", "missing", None, key("BTCUSDT", 5), "trades"),
        ("counts", "missing", None, key("ETHUSDT", 5), "trades"),
        ("freshness", "stalled", "behind", "None", "trades"),
    }
    (late,) = of(result, "freshness").judgement.findings
    assert 5.0 <= late.seen < 60.0


def test_a_changed_price_is_found_with_its_offset(feed: Fed) -> None:
    rows = [{**e, "price": "1.00000000"} if e["entry"] == 4 else e for e in feed.entries]
    feed.records(rows)
    result = feed.checked()
    assert findings(result) == {("reconcile", "changed", None, key("BTCUSDT", 3), "trades")}
    (changed,) = of(result, "reconcile").judgement.findings
    assert (changed.expected, changed.seen) == ({"price": "104.00000001"}, {"price": "1.00000000"})
    assert changed.position == OffsetsPosition.of({feed.topic: {0: 2}})


def test_a_trade_that_was_never_made_is_unexpected(feed: Fed) -> None:
    feed.records([*feed.entries, {**feed.entries[8], "number": 6}])
    result = feed.checked()
    assert findings(result) == {
        ("counts", "unexpected", None, key("BTCUSDT", 6), "trades"),
        ("balance", "unexpected", "balance", "None", "trades"),
    }


def test_what_the_exchange_sends_again_is_counted_and_what_a_producer_writes_again_is_found(feed: Fed) -> None:
    feed.entries[4]["times_sent"] = 2
    feed.records([*feed.entries, feed.entries[4]], received=0.1)
    result = feed.checked()
    assert findings(result) == set()
    duplicates = of(result, "duplicates").judgement
    assert duplicates.verdict is Verdict.PASS
    assert (duplicates.measures["exchange_resend"], duplicates.measures["producer_retry"]) == (1, 0)
    assert of(result, "balance").judgement.measures["given_resends"] == 1
    assert of(result, "sequence").judgement.measures["duplicates"] == 1

    feed.records([feed.entries[6]])
    result = feed.checked()
    assert findings(result) == {
        ("duplicates", "duplicate", "replayed", key("BTCUSDT", 4), "trades"),
        ("balance", "unexpected", "balance", "None", "trades"),
    }
    assert of(result, "duplicates").judgement.measures["producer_retry"] == 1


def test_a_resend_that_did_not_arrive_is_no_missing_trade(feed: Fed) -> None:
    feed.entries[4]["times_sent"] = 2
    feed.records(feed.entries)
    result = feed.checked()
    assert findings(result) == set()
    assert of(result, "balance").judgement.measures["made_missing"] == 1


def never_sent(feed: Fed, *entries: int) -> None:
    for entry in entries:
        feed.entries[entry] |= {"sent_at": None, "times_sent": 0}


def test_a_trade_that_was_never_sent_is_a_gap_of_the_feed(feed: Fed) -> None:
    never_sent(feed, 4)
    feed.records([e for e in feed.entries if e["entry"] != 4])
    result = feed.checked()
    assert findings(result) == {("sequence", "gap", "small", gap("BTCUSDT", 3, 3), "feed")}
    assert of(result, "counts").judgement.measures["expected_rows"] == 9
    (told,) = of(result, "sequence", "feed").judgement.findings
    assert (told.stage, told.extra["numbers"]) == ("feed", [3])


def test_a_gap_that_was_repaired_is_none_behind_the_feed(feed: Fed) -> None:
    never_sent(feed, 4)
    feed.records(feed.entries)
    result = feed.checked()
    assert findings(result) == set()
    assert of(result, "balance").judgement.measures["given_repaired"] == 1


def test_a_long_gap_is_critical_and_both_stages_take_their_part(feed: Fed) -> None:
    feed.sends(40)
    never_sent(feed, *range(10, 34, 2))  # numbers 6 to 17 of the first symbol
    feed.records([e for e in feed.entries if e["times_sent"] and e["entry"] not in (34, 36)])
    result = feed.checked()
    gaps = {found[3:] for found in findings(result) if found[0] == "sequence"}
    assert gaps == {(gap("BTCUSDT", 6, 17), "feed"), (gap("BTCUSDT", 18, 19), "trades")}
    critical = [f for f in of(result, "sequence").judgement.findings if f.extra["severity"] == "critical"]
    assert [f.key for f in critical] == [{"symbol": "BTCUSDT", "first": 6, "last": 17}]


def test_two_records_in_the_wrong_order_are_found_with_their_offset(feed: Fed) -> None:
    rows = list(feed.entries)
    rows[4], rows[6] = rows[6], rows[4]
    feed.records(rows)
    result = feed.checked()
    assert findings(result) == {("sequence", "out_of_order", "sequence", key("BTCUSDT", 3), "trades")}
    (told,) = of(result, "sequence").judgement.findings
    assert told.position == OffsetsPosition.of({feed.topic: {0: 3}})


def test_an_order_that_the_feed_has_wrong_is_blamed_on_it(feed: Fed) -> None:
    feed.entries[4]["sent_at"], feed.entries[6]["sent_at"] = feed.entries[6]["sent_at"], feed.entries[4]["sent_at"]
    rows = list(feed.entries)
    rows[4], rows[6] = rows[6], rows[4]
    feed.records(rows)
    assert findings(feed.checked()) == {("sequence", "out_of_order", "sequence", key("BTCUSDT", 3), "feed")}


def test_a_record_that_no_one_can_read_is_accounted_for_and_no_trade(feed: Fed) -> None:
    feed.records(feed.entries)
    feed.raw([(0, b"no trade"), (1, b"\0\0\0\x27\x0f\x00")])
    result = feed.checked()
    assert findings(result) == set()
    accounting = of(result, "accounting").judgement
    assert (accounting.measures["records"], accounting.measures["malformed"]) == (10, 2)


def test_without_a_ledger_nothing_that_needs_one_is_proved_and_gaps_are_warnings(feed: Fed) -> None:
    feed.has_ledger = False
    feed.records([e for e in feed.entries if e["entry"] != 4])
    result = feed.checked()
    assert findings(result) == set()
    assert {c.verdict for c in result.checks if c.stage == "feed"} == {Verdict.UNSETTLED}
    unproved = {c.check for c in result.checks if c.stage == "trades" and c.verdict is Verdict.UNSETTLED}
    assert unproved == {"counts", "reconcile", "freshness", "balance"}
    sequence = of(result, "sequence")
    assert sequence.verdict is Verdict.WARN
    assert sequence.judgement.measures["unpromised_gaps"] == [{"symbol": "BTCUSDT", "first": 3, "last": 3}]


def test_without_a_ledger_a_trade_received_twice_is_told_from_one_written_twice(feed: Fed) -> None:
    feed.has_ledger = False
    feed.records(feed.entries)
    feed.records([feed.entries[2]], received=0.5)
    assert findings(feed.checked()) == set()
    feed.records([feed.entries[3]])
    result = feed.checked()
    assert findings(result) == {("duplicates", "duplicate", "replayed", key("ETHUSDT", 2), "trades")}
    assert of(result, "duplicates").judgement.measures["received_again"] == 1


@pytest.mark.parametrize("changes", [{"registry": "http://127.0.0.1:9"}, {"brokers": "127.0.0.1:9"}])
def test_what_cannot_be_reached_is_an_error_and_never_a_pass(feed: Fed, changes: dict[str, Any]) -> None:
    feed.records(feed.entries)
    result = feed.checked(**changes)
    assert {c.verdict for c in result.checks if c.stage == "trades"} == {Verdict.ERROR}


def test_nothing_sent_and_nothing_there_proves_nothing() -> None:
    with fed() as empty:
        result = empty.checked()
        proved = {(c.stage, c.check) for c in result.checks if c.verdict is not Verdict.UNSETTLED}
        assert proved == {("trades", "schema")}  # by the registry
