"""Transactions counted in a topic, against what the connector told of them."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.model.cut import Cut
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.transactions import TornTransaction, TransactionDifference
from pipeline_checks.verification.transactions import compare_transactions
from pipeline_checks_tests.unit.verification.events import TOPIC, cut_before, event, history

TABLE = "public.customers"
END_TOPIC = "debezium.transaction"


def ends(*told: tuple[int, str | None, int], lsn: dict[int, int] | None = None, malformed: int = 0) -> dict[str, Any]:
    """The ENDs of transactions, each (id, table, events), at the offset of its place and committed at 100 x id + 99."""
    return {
        "topic": END_TOPIC,
        "expired": False,
        "malformed": malformed,
        "tx_id": [t for t, _, _ in told],
        "commit_lsn": [(lsn or {}).get(t, t * 100 + 99) for t, _, _ in told],
        "table": [name for _, name, _ in told],
        "events": [n for _, _, n in told],
        "partition": [0 for _ in told],
        "offset": list(range(len(told))),
    }


def compared(
    told: dict[str, Any], *rows: dict[str, Any], cut: Cut | None = None, **fields: Any
) -> TransactionDifference:
    topic = history(rows, cut=cut or cut_before(1000), **fields)
    return compare_transactions(told, [(topic, TABLE)], topic._cut)


WHOLE = (event(0, 0, "c", 1, 5), event(0, 1, "c", 2, 5), event(0, 3, "u", 1, 6))


def test_whole_transactions_have_nothing_to_tell() -> None:
    found = compared(ends((5, TABLE, 2), (6, TABLE, 1), (6, "public.other", 9)), *WHOLE)
    assert found == TransactionDifference(2, 3, 0, against=("topic_customers",))


def test_an_event_that_is_not_there_is_told_with_the_place_of_the_end() -> None:
    found = compared(ends((5, TABLE, 2), (6, TABLE, 2)), *WHOLE)
    assert found.torn_total == 1
    place = OffsetsPosition.of({END_TOPIC: {0: 1}})
    assert found.torn == (TornTransaction(6, TABLE, "topic_customers", 2, 1, place),)


def test_a_transaction_none_of_whose_events_arrived_is_torn() -> None:
    found = compared(ends((5, TABLE, 2), (6, TABLE, 1), (7, TABLE, 4)), *WHOLE)
    assert [(t.tx_id, t.expected, t.seen) for t in found.torn] == [(7, 4, 0)]


def test_an_event_too_many_is_told() -> None:
    found = compared(ends((5, TABLE, 1), (6, TABLE, 1)), *WHOLE)
    assert [(t.tx_id, t.expected, t.seen) for t in found.torn] == [(5, 1, 2)]


def test_a_transaction_without_end_is_told_at_its_first_event() -> None:
    found = compared(ends((5, TABLE, 2)), *WHOLE)
    place = OffsetsPosition.of({TOPIC: {0: 3}})
    assert found.torn == (TornTransaction(6, TABLE, "topic_customers", None, 1, place),)


def test_replays_count_once_and_what_a_snapshot_read_belongs_to_no_transaction() -> None:
    again = event(0, 7, "u", 1, 6, lsn=603)
    assert compared(ends((5, TABLE, 2), (6, TABLE, 1)), event(0, 9, "r", 8, 6), *WHOLE, again).torn == ()


def test_a_transaction_that_was_told_twice_counts_as_it_was_told_last() -> None:
    assert compared(ends((5, TABLE, 1), (5, TABLE, 2), (6, TABLE, 1)), *WHOLE).torn == ()


def test_transactions_outside_of_the_cut_are_left_out() -> None:
    found = compared(ends((5, TABLE, 2), (6, TABLE, 7)), *WHOLE, cut=cut_before(6))
    assert found == TransactionDifference(1, 2, 0, against=("topic_customers",))


@pytest.mark.parametrize("told", [ends(), ends((6, TABLE, 1))])
def test_of_transactions_from_before_the_first_end_nothing_is_known(told: dict[str, Any]) -> None:
    found = compared(told, *WHOLE)
    assert (found.torn, found.unknown) == ((), 2 - len(told["tx_id"]))


def test_of_transactions_that_may_have_lost_events_to_retention_nothing_is_said() -> None:
    rows = [event(0, 11, "c", 2, 5), event(0, 13, "u", 1, 6)]
    found = compared(ends((4, TABLE, 3), (5, TABLE, 2), (6, TABLE, 2)), *rows, begin={0: 11})
    assert [(t.tx_id, t.seen) for t in found.torn] == [(6, 1)]
    assert found.unknown == 2


def test_of_a_topic_that_has_expired_as_a_whole_nothing_is_said() -> None:
    found = compared(ends((4, TABLE, 3), (5, TABLE, 2)), end={0: 11}, begin={0: 11})
    assert (found.torn, found.unknown) == ((), 2)


def test_records_that_could_not_be_understood_are_handed_on() -> None:
    assert compared(ends((5, TABLE, 2), (6, TABLE, 1), malformed=3), *WHOLE).malformed == 3
