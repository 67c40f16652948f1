"""Envelopes into events."""

from datetime import datetime
from decimal import Decimal

import orjson
import pyarrow as pa
import pytest

from pipeline_checks.pipelines.cdc.flow.decode import Decoder
from pipeline_checks_tests.unit.pipelines.cdc.envelopes import FIELDS, UNAVAILABLE, record, value

COLUMNS = {"customer_id": pa.int64(), "first_name": pa.string(), "address": pa.string()}
ROW = {
    "customer_id": 1,
    "first_name": "Ann",
    "last_name": "Lee",
    "address": "x",
    "created_at": 1_500_000,
    "balance": "1.50",
}


def decoder() -> Decoder:
    return Decoder("customer_id", COLUMNS)


def test_an_event_keeps_its_position_and_its_row_has_the_types_of_its_schema() -> None:
    batch = decoder().decode([record(7, value("c", ROW, 90, tx=5), partition=2)])
    (event,) = batch.events
    assert (event.op, event.key, event.lsn, event.tx_id, event.partition, event.offset) == ("c", 1, 90, 5, 2, 7)
    assert (event.commit_us, event.handled_ms, event.snapshot) == (90_000, 95, False)
    assert batch.rows.to_pylist() == [
        {**ROW, "created_at": datetime(1970, 1, 1, 0, 0, 1, 500_000), "balance": Decimal("1.50")}
    ]
    assert batch.rows.schema.field("balance").type == pa.decimal128(10, 2)
    assert batch.next_offsets == {2: 8}


def test_a_column_added_in_mid_stream_brings_its_type_and_is_null_before() -> None:
    points = {**FIELDS, "points": {"type": "int32", "optional": True}}
    batch = decoder().decode(
        [record(0, value("c", ROW, 1)), record(1, value("u", {**ROW, "points": 7}, 2, fields=points))]
    )
    assert batch.rows.column("points").to_pylist() == [None, 7]
    assert batch.rows.schema.field("points").type == pa.int64()


def test_a_column_added_while_every_value_of_it_is_null_is_known_by_its_schema() -> None:
    points = {**FIELDS, "at": {"type": "string", "optional": True, "name": "io.debezium.time.ZonedTimestamp"}}
    batch = decoder().decode([record(0, value("u", {**ROW, "at": None}, 2, fields=points))])
    assert batch.rows.schema.field("at").type == pa.timestamp("us", tz="UTC")


def test_a_dropped_column_is_null() -> None:
    fewer = {k: v for k, v in FIELDS.items() if k != "address"}
    batch = decoder().decode([record(0, value("u", {k: v for k, v in ROW.items() if k != "address"}, 1, fields=fewer))])
    assert batch.rows.column("address").to_pylist() == [None]


def test_a_delete_holds_its_key_alone_and_a_tombstone_is_counted() -> None:
    gone = {"customer_id": 1, "first_name": "", "address": "left over"}
    batch = decoder().decode([record(3, value("d", gone, 9)), record(4, None)])
    assert [e.op for e in batch.events] == ["d"]
    assert batch.rows.to_pylist() == [{"customer_id": 1, "first_name": None, "address": None}]
    assert (batch.tombstones, batch.next_offsets) == (1, {0: 5})


def test_a_truncate_has_neither_key_nor_row() -> None:
    batch = decoder().decode([record(0, value("t", None, 9))])
    assert [(e.op, e.key) for e in batch.events] == [("t", None)]
    assert batch.rows.num_rows == 1


def test_a_snapshot_row_stands_before_the_streamed_event_of_the_same_lsn() -> None:
    batch = decoder().decode([record(8, value("u", ROW, 5)), record(2, value("r", ROW, 5, snapshot="last"))])
    assert [e.op for e in batch.events] == ["r", "u"]


def test_an_unavailable_value_is_named_and_null() -> None:
    batch = decoder().decode([record(0, value("u", {**ROW, "address": UNAVAILABLE}, 5))])
    assert batch.events[0].unavailable == ("address",)
    assert batch.rows.column("address").to_pylist() == [None]


def test_the_key_before_a_change_of_key_is_read_from_the_header() -> None:
    batch = decoder().decode([record(0, value("c", ROW, 5), old_key=44), record(1, value("c", ROW, 6))])
    assert [e.old_key for e in batch.events] == [44, None]


def test_an_envelope_without_schema_is_understood() -> None:
    batch = decoder().decode([record(0, value("c", {**ROW, "points": 3, "ok": True}, 5, schemas=False))])
    assert batch.rows.schema.field("points").type == pa.int64()
    assert batch.rows.schema.field("ok").type == pa.bool_()


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[1]",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b'{"schema":null,"payload":null}',
        b'{"op":"x","source":{"lsn":1}}',
        b'{"op":"c","after":{"customer_id":1},"source":{}}',
        b'{"op":"c","after":null,"source":{"lsn":1}}',
        b'{"op":"c","after":{"first_name":"a"},"source":{"lsn":1}}',
        b'{"op":"c","after":{"customer_id":"1"},"source":{"lsn":1}}',
        b'{"op":"c","after":{"customer_id":true},"source":{"lsn":1}}',
        b'{"schema":{"fields":[]},"payload":{"op":"c","after":{"customer_id":1},"source":{"lsn":1}}}',
        value("c", ROW, 1)[:-1],
        value("c", ROW, 1) + b"x",
    ],
)
def test_what_cannot_be_understood_is_set_aside_and_the_rest_goes_on(content: bytes) -> None:
    made = decoder()
    batch = made.decode([record(0, value("c", ROW, 1)), record(1, content), record(2, value("u", ROW, 2))])
    assert [e.offset for e in batch.events] == [0, 2]
    assert [m.record.offset for m in batch.malformed] == [1]
    assert batch.malformed[0].record.value == content
    assert batch.malformed[0].reason
    assert batch.next_offsets == {0: 3}


@pytest.mark.parametrize(
    ("column", "wrong"),
    [("balance", "NAN"), ("balance", "12345678901.00"), ("created_at", "infinity"), ("balance", "1.005")],
)
def test_a_value_that_its_column_cannot_hold_sets_the_record_aside_with_the_reason(column: str, wrong: str) -> None:
    batch = decoder().decode([record(0, value("c", ROW, 1)), record(1, value("c", {**ROW, column: wrong}, 2))])
    assert [e.offset for e in batch.events] == [0]
    assert batch.rows.num_rows == 1
    assert column in batch.malformed[0].reason


def test_a_column_that_became_a_number_stays_text_in_the_lakes() -> None:
    number = {**FIELDS, "first_name": {"type": "int64", "optional": True}}
    batch = decoder().decode([record(0, value("c", {**ROW, "first_name": 12}, 1, fields=number))])
    assert batch.rows.column("first_name").to_pylist() == ["12"]


def test_a_wider_integer_type_is_no_change() -> None:
    wide = {**FIELDS, "customer_id": {"type": "int64", "optional": False}}
    batch = decoder().decode([record(0, value("c", {**ROW, "customer_id": 2**40}, 1, fields=wide))])
    assert batch.rows.column("customer_id").to_pylist() == [2**40]


def test_a_field_behind_the_payload_does_not_break_the_short_cut() -> None:
    made, plain = decoder(), value("c", ROW, 1)
    made.decode([record(0, plain)])
    extended = orjson.dumps({**orjson.loads(plain), "more": 1})
    assert [e.offset for e in made.decode([record(1, extended)]).events] == [1]
