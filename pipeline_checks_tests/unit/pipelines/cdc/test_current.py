"""Collapsing a batch, what must not come back, and values carried over."""

from typing import Any

import pyarrow as pa

from pipeline_checks.pipelines.cdc.flow.current import Guard, carried_over, collapse
from pipeline_checks.pipelines.cdc.flow.decode import Decoder, Record, TableBatch
from pipeline_checks_tests.unit.pipelines.cdc.envelopes import UNAVAILABLE, record, value

COLUMNS = {"customer_id": pa.int64(), "first_name": pa.string(), "address": pa.string()}


def decoded(*records: Record) -> TableBatch:
    return Decoder("customer_id", COLUMNS).decode(records)


def row(key: int, name: str = "a", address: str = "home") -> dict[str, Any]:
    return {"customer_id": key, "first_name": name, "address": address}


def every(batch: TableBatch) -> range:
    return range(len(batch.events))


def ops(batch: TableBatch, indexes: tuple[int, ...]) -> list[tuple[str, int | None, int]]:
    return [(batch.events[i].op, batch.events[i].key, batch.events[i].lsn) for i in indexes]


def test_the_newest_event_of_each_key_is_left() -> None:
    batch = decoded(
        record(0, value("c", row(1), 10)),
        record(1, value("u", row(1), 11)),
        record(2, value("c", row(2), 12)),
        record(3, value("d", row(2), 13)),
        record(4, value("d", row(3), 14)),
        record(5, value("c", row(3), 15)),
    )
    change = collapse(batch.events, every(batch), Guard())
    assert ops(batch, change.upserts) == [("u", 1, 11), ("c", 3, 15)]
    assert ops(batch, change.deletes) == [("d", 2, 13)]


def test_a_record_produced_again_behind_newer_ones_changes_nothing() -> None:
    batch = decoded(
        record(0, value("c", row(1), 10)), record(1, value("u", row(1, "new"), 11)), record(2, value("c", row(1), 10))
    )
    change = collapse(batch.events, every(batch), Guard())
    assert ops(batch, change.upserts) == [("u", 1, 11)]


def test_a_deleted_key_is_not_brought_back_by_an_older_record() -> None:
    batch = decoded(record(5, value("c", row(1), 10)), record(6, value("u", row(1), 12)))
    guard = Guard()
    guard.note(1, "d", 12)
    assert ops(batch, collapse(batch.events, [0], guard).upserts) == []
    guard.note(1, "d", 11)
    assert guard.deleted == {1: 12}


def test_a_key_created_again_after_its_delete_is_there() -> None:
    batch = decoded(record(5, value("c", row(1), 20)))
    guard = Guard()
    guard.note(1, "d", 12)
    assert ops(batch, collapse(batch.events, every(batch), guard).upserts) == [("c", 1, 20)]


def test_a_truncate_takes_what_lies_before_it_whatever_the_partition() -> None:
    batch = decoded(
        record(0, value("c", row(1), 10)),
        record(0, value("t", None, 12), partition=1),
        record(1, value("c", row(2), 13)),
    )
    change = collapse(batch.events, every(batch), Guard())
    assert (ops(batch, change.upserts), change.truncated) == ([("c", 2, 13)], 12)


def test_an_event_before_a_truncate_that_comes_late_from_another_partition_is_dropped() -> None:
    batch = decoded(record(0, value("c", row(1), 10)))
    guard = Guard()
    guard.note(None, "t", 12)
    assert collapse(batch.events, every(batch), guard).upserts == ()


def known(**values: str) -> Any:
    def lookup(wanted: list[tuple[int, int]], names: list[str]) -> dict[tuple[int, int], dict[str, Any]]:
        return {w: {"address": values[f"k{w[0]}"]} for w in wanted if f"k{w[0]}" in values}

    return lookup


def addresses(batch: TableBatch, **values: str) -> list[str | None]:
    found: list[str | None] = carried_over(batch, every(batch), known(**values)).column("address").to_pylist()
    return found


def test_an_unavailable_value_is_the_one_the_key_has_in_the_lake() -> None:
    assert addresses(decoded(record(0, value("u", row(1, address=UNAVAILABLE), 5))), k1="long") == ["long"]


def test_within_a_batch_the_newest_value_before_the_event_counts() -> None:
    batch = decoded(
        record(0, value("u", row(1, address=UNAVAILABLE), 5)),
        record(1, value("u", row(1, address="other"), 6)),
        record(2, value("u", row(1, address=UNAVAILABLE), 7)),
    )
    assert addresses(batch, k1="long") == ["long", "other", "other"]


def test_a_changed_key_takes_the_value_of_the_old_one() -> None:
    batch = decoded(
        record(0, value("d", row(1), 5)), record(3, value("c", row(2, address=UNAVAILABLE), 5), partition=1, old_key=1)
    )
    assert addresses(batch, k1="long")[1] == "long"


def test_a_key_changed_twice_within_a_batch_keeps_its_value() -> None:
    batch = decoded(
        record(0, value("c", row(1, address="long"), 4)),
        record(1, value("d", row(1), 5)),
        record(0, value("c", row(2, address=UNAVAILABLE), 5), partition=1, old_key=1),
        record(1, value("d", row(2), 6), partition=1),
        record(0, value("c", row(3, address=UNAVAILABLE), 6), partition=2, old_key=2),
    )
    rows = carried_over(batch, every(batch), known()).to_pylist()
    assert [r["address"] for r in rows if r["customer_id"] in (2, 3) and r["address"]] == ["long", "long"]


def test_the_old_key_taken_by_another_row_does_not_lend_its_value() -> None:
    batch = decoded(
        record(0, value("c", row(1, address="long"), 4)),
        record(0, value("c", row(2, address=UNAVAILABLE), 5), partition=1, old_key=1),
        record(1, value("d", row(1), 5)),
        record(2, value("c", row(1, address="stranger"), 6)),
    )
    rows = {
        (e.op, e.key): r["address"]
        for e, r in zip(batch.events, carried_over(batch, every(batch), known()).to_pylist(), strict=True)
    }
    assert rows["c", 2] == "long"


def test_a_value_nobody_knows_is_null() -> None:
    assert addresses(decoded(record(0, value("u", row(1, address=UNAVAILABLE), 5)))) == [None]


def test_without_unavailable_values_nothing_is_looked_up() -> None:
    batch = decoded(record(0, value("u", row(1), 5)))

    def refuse(*_: Any) -> Any:
        raise AssertionError("looked up")

    assert carried_over(batch, every(batch), refuse) is batch.rows
