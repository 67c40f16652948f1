"""transactions: whole ones pass; a torn one is told with table and both numbers."""

from __future__ import annotations

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import Coverage
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.transactions import TornTransaction, TransactionComparison, TransactionDifference
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import BEHIND, connector, judge, topic

COMPARED = TransactionComparison()
TELLING = connector(transactions={"brokers": "b:1", "topic": "shop.transaction"})
PLACE = OffsetsPosition.of({"shop.transaction": {0: 6}})
TORN = TornTransaction(70, "public.orders", "topic_orders", 4, 3, PLACE)
AGAINST = ("topic_orders", "topic_items")


def test_it_applies_to_connectors_that_tell_of_transactions() -> None:
    found = check("transactions")
    assert [found.applies_to(s) for s in (TELLING, connector(), topic())] == [True, False, False]


def test_whole_transactions_pass() -> None:
    judgement = judge("transactions", TELLING)
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"transactions": 3, "events": 10}
    assert judgement.message == "3 transactions with 10 events in 1 topic, each is whole"


def test_a_torn_transaction_is_told_with_table_and_numbers_at_its_topic() -> None:
    judgement = judge("transactions", TELLING, {COMPARED: TransactionDifference(3, 9, 1, (TORN,), against=AGAINST)})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.stage, finding.detail) == ("torn_transaction", "topic_orders", "event_count")
    assert (finding.expected, finding.seen, finding.position) == (4, 3, PLACE)
    assert (finding.extra["tx_id"], finding.extra["table"]) == (70, "public.orders")


def test_a_transaction_without_end_is_told_as_such() -> None:
    torn = TornTransaction(70, "public.orders", "topic_orders", None, 3)
    (finding,) = judge("transactions", TELLING, {COMPARED: TransactionDifference(1, 3, 1, (torn,))}).findings
    assert finding.detail == "no_end"


def test_all_are_counted_where_a_sample_is_told() -> None:
    assert judge("transactions", TELLING, {COMPARED: TransactionDifference(900, 900, 700, (TORN,))}).total == 700


def test_a_connector_behind_the_cut_is_not_judged() -> None:
    values = {COMPARED: TransactionDifference(3, 9, 1, (TORN,), against=AGAINST), Coverage(): BEHIND}
    assert judge("transactions", TELLING, values).verdict is Verdict.UNSETTLED


def test_what_has_expired_or_cannot_be_understood_leaves_a_doubt() -> None:
    for lost in ({"unknown": 2}, {"malformed": 1}, {"against": ()}):
        fields = {"against": AGAINST, **lost}
        found = TransactionDifference(3, 9, 0, **fields)  # type: ignore[arg-type]
        assert judge("transactions", TELLING, {COMPARED: found}).verdict is Verdict.WARN


def test_topics_that_only_a_snapshot_has_written_pass_and_no_topics_do_not() -> None:
    quiet = judge("transactions", TELLING, {COMPARED: TransactionDifference(0, 0, 0, against=AGAINST)})
    assert quiet.verdict is Verdict.PASS
    assert quiet.looked_at["topics"] == 2
    nothing = judge("transactions", TELLING, {COMPARED: TransactionDifference(0, 0, 0)})
    assert nothing.verdict is Verdict.UNSETTLED
