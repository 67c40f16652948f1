"""Avro in Confluent's wire format: every value exact, and what does not fit malformed with its place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.events import APPEND_TIME, COMMIT_TIME, OFFSET, OP, PARTITION
from pipeline_checks.stages.avro_records import AvroRecords
from pipeline_checks.stages.avro_schema import fields_of, reported_schema
from pipeline_checks.stages.event_batch import EventTable
from pipeline_checks_tests.unit.stages.avro_trades import (
    AT,
    COLUMNS,
    CONTRACT,
    SCHEMA,
    Registry,
    decoder,
    encoded,
    trade,
)


def read(values: list[bytes | None], records: AvroRecords | None = None) -> EventTable:
    found = records or decoder()
    for offset, value in enumerate(values):
        found.add_record(0, offset, value, 1000)
    return found.table(COLUMNS, CONTRACT.key)


def test_every_value_is_read_exactly() -> None:
    table = read([encoded(trade(7))]).table
    (row,) = table.to_pylist()
    assert {name: row[name] for name in COLUMNS} == {
        "symbol": "BTCUSDT",
        "number": 7,
        "price": Decimal("97250.00000001"),
        "at": AT,
        "side": "BUY",
        "conditions": "[]",
        "extra": '{"m":"true","base":"BTC"}',
    }
    assert (row[PARTITION], row[OFFSET], row[OP], row[COMMIT_TIME]) == (0, 0, "c", AT)
    assert row[APPEND_TIME].timestamp() == 1.0


prices = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: Decimal(n).scaleb(-8))
texts = st.text(max_size=6)
rows = st.builds(
    trade,
    number=st.integers(-(2**63), 2**63 - 1),
    symbol=texts,
    price=prices,
    side=st.sampled_from(["BUY", "SELL"]),
    conditions=st.lists(texts, max_size=2),
    extra=st.none() | st.dictionaries(texts, texts, max_size=3),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12))
def test_what_was_written_is_read_whatever_it_is(written: list[dict[str, Any]]) -> None:
    found = read([encoded(row) for row in written])
    assert found.malformed == [] and found.unconvertible == {}
    for row, seen in zip(written, found.table.to_pylist(), strict=True):
        assert [seen[n] for n in ("symbol", "number", "price", "at", "side")] == [
            row[n] for n in ("symbol", "number", "price", "at", "side")
        ]
        assert json.loads(seen["conditions"]) == row["conditions"]
        assert (None if seen["extra"] is None else json.loads(seen["extra"])) == row["extra"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "the value is not a byte 0"),
        (b"\0\0\0", "the value is not a byte 0"),
        (b'{"symbol": "BTCUSDT"}', "the value is not a byte 0"),
        (encoded(trade())[:-3], "the bytes are no record of the schema"),
        (encoded(trade()) + b"x", "1 bytes are left behind the record"),
        (b"\0\0\0\0\x09" + encoded(trade())[5:], "the registry has no schema 9"),
        (encoded(trade(None)), "a column of the key is missing"),
        (encoded(trade())[:5] + b"\x06\xff\xfe\xfd" + encoded(trade())[13:], "the bytes are no record of the schema"),
    ],
)
def test_what_is_no_such_record_is_malformed_with_its_place(value: bytes, why: str) -> None:
    found = read([encoded(trade(1)), value, encoded(trade(2))])
    (malformed,) = found.malformed
    assert (malformed.partition, malformed.offset) == (0, 1)
    assert why in malformed.error
    assert found.table.column(OP).to_pylist() == ["c", "malformed", "c"]
    assert found.table.column("number").to_pylist() == [1, None, 2]


def test_a_record_without_a_value_is_a_tombstone() -> None:
    assert read([None]).table.column(OP).to_pylist() == ["tombstone"]


def test_a_schema_is_asked_for_once_and_older_rows_lack_what_came_later() -> None:
    later = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "note", "type": ["null", "string"], "default": None}]}
    registry = Registry({1: SCHEMA, 2: later})
    contract = Contract.model_validate({**CONTRACT.model_dump(), "columns": {**CONTRACT.columns, "note": "string"}})
    records = decoder(registry, contract)
    for offset in range(4):
        value = encoded(trade(offset)) if offset % 2 else encoded({**trade(offset), "note": "n"}, later, 2)
        records.add_record(0, offset, value, 0)
    found = records.table({n: c.type for n, c in contract.columns.items()}, contract.key)
    assert found.table.column("note").to_pylist() == ["n", None, "n", None]
    assert sorted(registry.asked) == [1, 2]


def test_a_schema_that_cannot_be_used_makes_its_records_malformed() -> None:
    found = read([encoded(trade())], decoder(Registry({1: {"type": "string"}})))
    assert "schema 1 cannot be used" in found.malformed[0].error


def test_nothing_is_read_twice_and_nothing_from_nothing() -> None:
    records = decoder()
    records.add_record(0, 0, encoded(trade()), 0)
    assert records.table(COLUMNS, CONTRACT.key).table.num_rows == 1
    assert records.table(COLUMNS, CONTRACT.key).table.num_rows == 0


def test_the_schema_of_the_subject_is_the_topics() -> None:
    schema = decoder().schema()
    assert schema is not None and schema.enforces_nullability
    assert {f.name: (str(f.type), f.nullable) for f in schema.fields} == {
        "symbol": ("string", False),
        "number": ("int64", True),
        "price": ("decimal(18,8)", False),
        "at": ("timestamptz", False),
        "side": ("string", False),
        "conditions": ("json", False),
        "extra": ("json", True),
    }
    assert decoder(Registry({0: SCHEMA})).columns()["price"].scale == 8
    empty = Registry()
    empty.schemas = {}
    assert decoder(empty).schema() is None and decoder(empty).columns() == {}


def test_named_types_and_other_logical_types_are_understood() -> None:
    fixed = {"type": "fixed", "name": "Sum", "size": 8, "logicalType": "decimal", "precision": 12, "scale": 2}
    types: list[Any] = [fixed, "Sum", {"type": "int", "logicalType": "date"}, {"type": "string", "logicalType": "uuid"}]
    types += ["int", "double", ["null", "int", "string"], {"type": "long", "logicalType": "local-timestamp-millis"}]
    schema = {"type": "record", "name": "R", "fields": [{"name": f"f{i}", "type": t} for i, t in enumerate(types)]}
    found = [str(f.type) for f in reported_schema(schema, Contract()).fields]
    expected = ["decimal(12,2)", "decimal(12,2)", "date", "uuid", "int32", "float64", "json", "timestamp(3)"]
    assert found == expected
    with pytest.raises(ValueError, match="not that of a record"):
        fields_of("string")
