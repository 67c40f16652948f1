"""Values that Debezium could not tell are taken from the row's earlier events, also under its former key."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipeline_checks.model import events
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.event_batch import event_schema
from pipeline_checks.stages.unavailable import fill_unavailable

COLUMNS = {"id": LogicalType("int64"), "big": LogicalType("string")}


def event(partition: int, offset: int, op: str, id_: int, tx: int, lsn: int, big: str | None = None) -> dict[str, Any]:
    return {
        events.PARTITION: partition,
        events.OFFSET: offset,
        events.OP: op,
        events.TX_ID: tx,
        events.LSN: lsn,
        "id": id_,
        "big": big,
    }


def filled(
    rows: list[dict[str, Any]], *unknown: tuple[int, int], old_keys: Any = None
) -> tuple[list[Any], dict[str, int]]:
    table = pa.Table.from_pylist(rows, schema=event_schema(COLUMNS))
    done, missing = fill_unavailable(table, {"big": list(unknown)} if unknown else {}, ("id",), old_keys or {})
    return done.column("big").to_pylist(), missing


def test_an_update_takes_the_value_of_the_event_before_it_through_several_updates() -> None:
    rows = [event(0, 0, "c", 1, 1, 10, "x"), event(0, 2, "u", 1, 2, 20), event(0, 4, "u", 1, 3, 30)]
    assert filled(rows, (0, 2), (0, 4)) == (["x", "x", "x"], {})


def test_a_real_null_is_taken_over_as_null() -> None:
    rows = [event(0, 0, "c", 1, 1, 10, None), event(0, 2, "u", 1, 2, 20)]
    assert filled(rows, (0, 2)) == ([None, None], {})


def test_a_value_whose_event_is_gone_stays_null_and_is_counted() -> None:
    assert filled([event(0, 2, "u", 1, 2, 20)], (0, 2)) == ([None], {"big": [(0, 2)]})


def test_a_row_under_a_new_key_takes_the_value_from_its_former_key_by_the_delete_of_the_same_change() -> None:
    rows = [
        event(0, 0, "c", 1, 1, 10, "x"),
        event(0, 2, "d", 1, 2, 20),
        event(1, 0, "c", 2, 2, 20),
        event(1, 2, "u", 2, 3, 30),
    ]
    assert filled(rows, (1, 0), (1, 2)) == (["x", None, "x", "x"], {})


def test_a_row_under_a_new_key_takes_the_value_from_the_key_that_a_header_names() -> None:
    rows = [event(0, 0, "c", 1, 1, 10, "x"), event(1, 0, "c", 2, 2, 20)]
    assert filled(rows, (1, 0), old_keys={(1, 0): {"id": 1}}) == (["x", "x"], {})


def test_a_new_key_never_takes_the_value_of_another_row_that_had_it_before() -> None:
    rows = [event(1, 0, "c", 2, 1, 5, "foreign"), event(1, 1, "d", 2, 2, 6), event(1, 3, "c", 2, 3, 20)]
    assert filled(rows, (1, 3)) == (["foreign", None, None], {"big": [(1, 3)]})


def test_without_unknown_values_nothing_is_touched() -> None:
    assert filled([event(0, 0, "c", 1, 1, 10, "x")]) == (["x"], {})
