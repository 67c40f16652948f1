"""The order of change events: by key, within a transaction, of transactions; replays and snapshots have none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline_checks.model import events
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.event_batch import event_schema
from pipeline_checks.stages.topic_order import order_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(
    offset: int,
    id_: int | None,
    tx: int | None,
    lsn: int | None,
    *,
    op: str = "u",
    partition: int = 0,
    snapshot: bool = False,
    second: float | None = None,
) -> dict[str, Any]:
    """Return an event committed at a second that is its transaction's number, unless told otherwise."""
    at = second if second is not None else float(tx or 0)
    return {
        events.PARTITION: partition,
        events.OFFSET: offset,
        events.OP: op,
        events.TX_ID: tx,
        events.LSN: lsn,
        events.SNAPSHOT: snapshot,
        events.COMMIT_TIME: NOON + timedelta(seconds=at),
        "id": id_,
    }


def order(*rows: dict[str, Any]) -> dict[str, Any]:
    return order_of(pa.Table.from_pylist(list(rows), schema=event_schema({"id": LogicalType("int64")})), ("id",))


def totals(found: dict[str, Any]) -> tuple[int, int, int]:
    return found["keys_total"], found["transactions_total"], found["commits_total"]


def test_events_in_the_order_of_the_log_have_nothing_to_tell() -> None:
    found = order(event(0, 1, 5, 10), event(1, 2, 5, 11), event(3, 1, 6, 20), event(0, 3, 7, 5, partition=1))
    assert totals(found) == (0, 0, 0)
    assert (found["events"], found["without_lsn"], found["snapshot_events"]) == (4, 0, 0)


def test_a_tombstone_behind_a_delete_is_as_it_should_be() -> None:
    found = order(
        event(0, 1, 5, 10, op="c"), event(1, 1, 6, 20, op="d"), event(2, 1, None, None, op="tombstone"),
        event(3, 2, None, None, op="tombstone"), event(4, 1, 7, 30, op="c", partition=1),
    )  # fmt: skip
    assert (found["tombstones_total"], found["tombstones"]) == (0, [])


def test_a_tombstone_of_a_row_that_lives_is_told_with_the_event_before_it() -> None:
    found = order(
        event(0, 1, 5, 10, op="r", snapshot=True),
        event(1, 2, 6, 20),
        event(2, 1, None, None, op="tombstone"),
        event(3, 2, None, None, op="tombstone"),
        event(4, 2, None, None, op="tombstone"),
    )
    assert [(t["key"], t["offset"], t["before_offset"]) for t in found["tombstones"]] == [
        ({"id": 1}, 2, 0),
        ({"id": 2}, 3, 1),
    ]
    assert totals(found) == (0, 0, 0)


def test_no_events_have_no_order() -> None:
    assert totals(order()) == (0, 0, 0)
    assert order()["events"] == 0


def test_an_event_whose_lsn_is_less_than_that_before_it_is_told_with_both_places() -> None:
    found = order(event(0, 1, 5, 10), event(1, 1, 7, 30), event(2, 1, 6, 20, second=7.0), event(3, 2, 8, 1))
    assert totals(found) == (1, 0, 0)
    (told,) = found["keys"]
    assert told["key"] == {"id": 1}
    assert (told["partition"], told["offset"], told["lsn"]) == (0, 2, 20)
    assert (told["before_offset"], told["before_lsn"]) == (1, 30)


def test_keys_of_several_partitions_and_equal_lsns_are_in_order() -> None:
    rows = [event(0, 1, 5, 30), event(0, 1, 6, 20, partition=1), event(2, 1, 7, 30), event(3, 2, 7, 30)]
    assert totals(order(*rows)) == (0, 0, 0)


def test_a_replay_is_not_out_of_order() -> None:
    first = [event(0, 1, 5, 10), event(1, 1, 6, 20), event(2, 2, 6, 21)]
    again = [{**row, events.OFFSET: row[events.OFFSET] + 4} for row in first]
    assert totals(order(*first, *again, event(9, 1, 7, 30))) == (0, 0, 0)


def test_what_a_snapshot_has_read_bears_its_own_lsn_and_is_left_out() -> None:
    rows = [event(0, 1, 5, 100, op="r", snapshot=True), event(1, 1, 6, 20)]
    found = order(*rows)
    assert totals(found) == (0, 0, 0)
    assert (found["events"], found["snapshot_events"]) == (1, 1)


def test_a_transaction_in_two_parts_is_told_at_the_second() -> None:
    found = order(event(0, 1, 5, 10), event(1, 2, 6, 20, second=5.0), event(2, 3, 5, 12))
    assert totals(found) == (0, 1, 0)
    (told,) = found["transactions"]
    assert (told["key"], told["offset"], told["tx_id"], told["before_offset"]) == ({"id": 3}, 2, 5, 1)


def test_a_transaction_committed_well_before_the_one_it_stands_behind_is_told() -> None:
    found = order(event(0, 1, 5, 10, second=0), event(1, 2, 6, 20, second=9), event(2, 3, 7, 15, second=2))
    assert totals(found) == (0, 0, 1)
    (told,) = found["commits"]
    assert (told["offset"], told["before_offset"]) == (2, 1)


def test_concurrent_transactions_may_note_their_times_the_other_way() -> None:
    assert totals(order(event(0, 1, 5, 20, second=9.4), event(1, 2, 6, 10, second=9.0))) == (0, 0, 0)


def test_events_without_lsn_or_transaction_are_counted() -> None:
    found = order(event(0, 1, None, 10), event(1, 1, 5, None), event(2, None, 5, 3, op="tombstone"))
    assert (found["events"], found["without_lsn"]) == (0, 2)
