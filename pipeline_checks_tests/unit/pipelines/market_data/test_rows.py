"""From a decoded record to a row of the table, and what does not fit it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pipeline_checks.pipelines.market_data.flow import avro
from pipeline_checks.pipelines.market_data.flow.avro import Decoder, Encoder, Undecodable
from pipeline_checks.pipelines.market_data.flow.receiving.normalise import Normaliser, packed
from pipeline_checks.pipelines.market_data.flow.settings import QUOTES
from pipeline_checks.pipelines.market_data.flow.table import rows

FRAME = {
    "e": "trade",
    "E": 1,
    "s": "BTCUSDT",
    "t": 42,
    "p": "9999999999.99999999",
    "q": "0.00000001",
    "T": 2,
    "m": True,
}


def record(**changes: Any) -> dict[str, Any]:
    """Return a trade as it comes out of the topic, with changes."""
    made = Normaliser(QUOTES).trade(FRAME, 3)
    schema = avro.shipped_schema()
    decoded = Decoder(lambda _: schema).decode(Encoder(schema, 7).encode(made))
    assert decoded[0] == 7
    return {**decoded[1], **changes}


def test_a_trade_comes_through_avro_and_arrow_exactly() -> None:
    table = rows.arrow_rows([rows.row(record())], {})
    row = table.to_pylist()[0]
    assert (row["price"], row["quantity"]) == (Decimal("9999999999.99999999"), Decimal("0.00000001"))
    assert row["timestamp"].timestamp() == 0.002 and row["trade_conditions"] is None
    assert row["vendor_data"].startswith('{"base_asset":"BTC"') and row["platform_sequence"] is None
    assert table.column_names[0] == "message_id" and len(table.column_names) == 15


def test_no_rows_are_a_table_of_the_same_columns() -> None:
    assert rows.arrow_rows([], {"venue": pa.string()}).schema.names[-1] == "venue"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": packed(10**18)}, "does_not_fit"),
        ({"price": packed(0)}, "not_positive"),
        ({"quantity": packed(-5)}, "not_positive"),
        ({"price": "5"}, "wrong_type"),
        ({"symbol": None}, "missing_field"),
        ({"symbol": 5}, "wrong_type"),
        ({"source_sequence": None}, "missing_field"),
        ({"timestamp": -1}, "out_of_range"),
    ],
)
def test_a_record_that_does_not_fit_has_its_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        rows.row(record(**changes))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_value"),
        (b"", "not_wire_format"),
        (b"\x01\x00\x00\x00\x07abc", "not_wire_format"),
        (b"\x00\x00\x00\x00\x07\xff", "undecodable"),
        (b"\x00\x00\x00\x00\x09abc", "unknown_schema"),
    ],
)
def test_a_value_that_is_no_trade_has_its_reason(value: bytes | None, reason: str) -> None:
    def schema_of(schema_id: int) -> str:
        return avro.shipped_schema() if schema_id == 7 else '"string"'

    with pytest.raises(Undecodable) as refused:
        Decoder(schema_of).decode(value)
    assert refused.value.reason == reason


def test_fields_that_the_table_lacks_become_columns_of_their_kind() -> None:
    fields = [
        {"name": "symbol", "type": "string"},
        {"name": "venue", "type": ["null", "string"]},
        {"name": "depth", "type": "long"},
        {"name": "notes", "type": {"type": "map", "values": "string"}},
    ]
    assert rows.further_columns({"fields": fields}) == {
        "venue": pa.string(),
        "depth": pa.int64(),
        "notes": pa.string(),
    }
    assert rows.plain_value({"a": 1}, pa.string()) == '{"a":1}' and rows.plain_value(5, pa.int64()) == 5
