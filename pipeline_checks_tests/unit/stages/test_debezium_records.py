"""Change events from the bytes of their records: every operation, every form, and what cannot be understood."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.model import events
from pipeline_checks.model.contract import Contract
from pipeline_checks.stages.event_batch import PLACEHOLDER
from pipeline_checks_tests.unit.stages.debezium_bytes import COMMITTED_US, FIELDS, decode, envelope, key

ROW = {
    "id": 7,
    "name": "Ä",
    "amount": "1.10",
    "created_at": 1_767_268_800_000_001,
    "seen_at": "2026-01-01T12:00:00.000001Z",
    "day": 20454,
}
COMMITTED = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=COMMITTED_US)


def rows(*records: tuple[bytes | None, bytes | None]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = decode(*records)[0].table.to_pylist()
    return found


@pytest.mark.parametrize("fields", [FIELDS, None], ids=["with schema", "without schema"])
def test_a_created_row_stands_with_its_types_and_coordinates(fields: Any) -> None:
    (row,) = rows((key(id=7), envelope("c", after=dict(ROW, seen_at=ROW["seen_at"]), fields=fields)))
    assert row == {
        events.PARTITION: 0,
        events.OFFSET: 0,
        events.OP: "c",
        events.TX_ID: 700,
        events.LSN: 1000,
        events.SNAPSHOT: False,
        events.COMMIT_TIME: COMMITTED,
        events.CONNECTOR_TIME: COMMITTED + timedelta(milliseconds=5),
        events.APPEND_TIME: datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "id": 7,
        "name": "Ä",
        "amount": Decimal("1.10"),
        "created_at": datetime(2026, 1, 1, 12, 0, 0, 1),
        "seen_at": datetime(2026, 1, 1, 12, 0, 0, 1, UTC),
        "day": date(2026, 1, 1),
    }


def test_a_delete_has_its_key_and_nothing_else_and_a_tombstone_too() -> None:
    full = dict(ROW)
    delete, tombstone = rows((key(id=7), envelope("d", before=full, tx=701)), (key(id=7), None))
    assert (delete[events.OP], delete["id"], delete["name"], delete[events.TX_ID]) == ("d", 7, None, 701)
    assert (tombstone[events.OP], tombstone["id"], tombstone[events.TX_ID]) == ("tombstone", 7, None)


def test_a_truncate_has_no_key_but_a_place_in_the_log() -> None:
    (row,) = rows((None, envelope("t", lsn=5)))
    assert (row[events.OP], row["id"], row[events.LSN], row[events.TX_ID]) == ("t", None, 5, 700)


@pytest.mark.parametrize(
    ("said", "is_snapshot"), [("first", True), ("last", True), ("true", True), ("false", False), (None, False)]
)
def test_rows_of_a_snapshot_are_told_from_those_of_the_log(said: Any, is_snapshot: bool) -> None:
    assert rows((key(id=7), envelope("r", after=ROW, snapshot=said)))[0][events.SNAPSHOT] is is_snapshot


def test_a_commit_time_in_milliseconds_is_taken_where_there_is_no_finer_one() -> None:
    (row,) = rows((key(id=7), envelope("c", after=ROW, ts_us=None, ts_ms=1_767_268_800_123)))
    assert row[events.COMMIT_TIME] == datetime(2026, 1, 1, 12, 0, 0, 123000, UTC)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "JSON"),
        (b"not json", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"id": 7}', "neither"),
        (envelope("x", after=ROW), "operation 'x'"),
        (envelope("c"), "without the row"),
        (envelope("c", after={"name": "no key"}), "key column 'id'"),
        (envelope("c", after=dict(ROW, id="seven")), "not of type int64"),
        (envelope("c", after=ROW, lsn="high"), "lsn"),
        (envelope("c", after=ROW, lsn=None), "LSN is missing"),
        (envelope("c", after=ROW, tx=2**64), "txId"),
        (envelope("c", after=ROW) + b"}", "JSON"),
        (b'{"schema":{},"payload":5}', "not a JSON object"),
    ],
)
def test_what_cannot_be_understood_is_malformed_with_its_place_and_reason(value: bytes, why: str) -> None:
    unknown_key = None if b"name" in value and b'"id"' not in value else key()
    table, _ = decode((key(id=1), envelope("c", after=dict(ROW, id=1))), (unknown_key, value))
    assert table.table.column(events.OP).to_pylist() == ["c", events.MALFORMED]
    bad = table.table.to_pylist()[1]
    assert {n: v for n, v in bad.items() if v is not None} == {
        events.PARTITION: 0,
        events.OFFSET: 1,
        events.OP: events.MALFORMED,
        events.SNAPSHOT: False,
        events.APPEND_TIME: datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    }
    (told,) = table.malformed
    assert (told.partition, told.offset) == (0, 1)
    assert why in told.error


def test_a_key_that_is_no_json_makes_the_record_malformed() -> None:
    table, _ = decode((b"\x00\x01", envelope("c", after=ROW)))
    assert table.table.column(events.OP).to_pylist() == [events.MALFORMED]
    assert table.malformed[0].bytes == len(envelope("c", after=ROW))


def test_flattened_records_are_read_as_far_as_they_tell() -> None:
    flat = {"id": 7, "name": "a", "amount": "1.10", "__op": "u", "__lsn": 9, "__ts_ms": 2000, "__deleted": "false"}
    gone = {"id": 7, "name": None, "__op": "d", "__lsn": 10, "__ts_ms": 3000, "__deleted": "true"}
    updated, deleted = rows((key(id=7), json.dumps(flat).encode()), (key(id=7), json.dumps(gone).encode()))
    assert (updated[events.OP], updated["name"], updated[events.LSN], updated[events.TX_ID]) == ("u", "a", 9, None)
    assert updated[events.COMMIT_TIME] is None
    assert updated[events.CONNECTOR_TIME] == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert (deleted[events.OP], deleted["id"], deleted["amount"]) == ("d", 7, None)


def test_the_schema_may_change_between_records_and_rows_stay_in_order() -> None:
    wider = [*FIELDS, {"type": "int32", "optional": True, "field": "extra"}]
    narrow, wide = envelope("c", after=ROW), envelope("c", after=dict(ROW, extra=5), fields=wider)
    contract = Contract(key=("id",), columns={"id": "int64", "extra": "int32"})  # type: ignore[arg-type]
    table, decoder = decode((key(id=7), narrow), (key(id=7), wide), (key(id=7), narrow), contract=contract)
    assert table.table.column(events.OFFSET).to_pylist() == [0, 1, 2]
    assert table.table.column("extra").to_pylist() == [None, 5, None]
    assert [f.name for f in decoder.newest] == [f["field"] for f in FIELDS]


def test_the_newest_schema_is_that_of_the_highest_lsn_wherever_it_lies() -> None:
    wider = [*FIELDS, {"type": "int32", "optional": True, "field": "extra"}]
    _, decoder = decode(
        (key(id=7), envelope("c", after=dict(ROW, extra=5), fields=wider, lsn=2000)),
        (key(id=7), envelope("c", after=ROW, lsn=1000)),
    )
    assert decoder.newest[-1].name == "extra"


def test_a_value_that_its_column_cannot_hold_is_null_and_counted() -> None:
    table, _ = decode(
        (key(id=1), envelope("c", after=dict(ROW, id=1, amount="NAN"))),
        (key(id=2), envelope("c", after=dict(ROW, id=2, amount="2.00"))),
        (key(id=3), envelope("c", after=dict(ROW, id=3, amount="2.001"))),
    )
    assert table.table.column("amount").to_pylist() == [None, Decimal("2.00"), None]
    assert table.table.column(events.OP).to_pylist() == ["c", "c", "c"]
    assert {c: len(places) for c, places in table.unconvertible.items()} == {"amount": 2}


@pytest.mark.parametrize("placeholder", [PLACEHOLDER, [PLACEHOLDER], "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="])
def test_a_value_that_debezium_could_not_tell_is_null_and_named(placeholder: Any) -> None:
    table, _ = decode((key(id=7), envelope("u", after=dict(ROW, name=placeholder))))
    assert table.table.column("name").to_pylist() == [None]
    assert table.unavailable == {"name": [(0, 0)]}


def test_no_record_at_all_gives_an_empty_table_with_all_columns() -> None:
    table, _ = decode()
    assert table.table.num_rows == 0
    assert table.table.column_names == [*events.EVENT_COLUMNS, "id", "name", "amount", "created_at", "seen_at", "day"]
