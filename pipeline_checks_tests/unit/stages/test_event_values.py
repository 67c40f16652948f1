"""Values of Connect's encodings as Arrow columns."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.stages.connect_schema import Encoding, as_schema, read_fields
from pipeline_checks.stages.event_values import convert


@pytest.mark.parametrize(
    ("values", "type_", "encoding", "expected"),
    [
        ([1, None], "int32", Encoding.PLAIN, [1, None]),
        ([True], "bool", None, [True]),
        (["NaN", 1.5, "-Infinity"], "float64", None, [math.nan, 1.5, -math.inf]),
        (["1.1000", None], "decimal(10,4)", Encoding.PLAIN, [Decimal("1.1000"), None]),
        (["1.1000"], "decimal(10,2)", Encoding.PLAIN, [Decimal("1.10")]),
        ([10.25, 3], "decimal(10,2)", None, [Decimal("10.25"), Decimal("3.00")]),
        (["BNI="], "decimal(10,2)", Encoding.UNSCALED, [Decimal("12.34")]),
        (["/w=="], "decimal(10,2)", Encoding.UNSCALED, [Decimal("-0.01")]),
        ([{"scale": 1, "value": "ew=="}], "decimal(10,2)", Encoding.SCALED_STRUCT, [Decimal("12.30")]),
        ([1_000_001], "timestamp", Encoding.MICROSECONDS, [datetime(1970, 1, 1, 0, 0, 1, 1)]),
        ([1_001], "timestamp", Encoding.MILLISECONDS, [datetime(1970, 1, 1, 0, 0, 1, 1000)]),
        ([1_000_001_000], "timestamp", Encoding.NANOSECONDS, [datetime(1970, 1, 1, 0, 0, 1, 1)]),
        ([1_001], "timestamp(3)", None, [datetime(1970, 1, 1, 0, 0, 1, 1000)]),
        (["2026-01-01T12:00:00.5Z"], "timestamptz", Encoding.TEXT, [datetime(2026, 1, 1, 12, 0, 0, 500000, UTC)]),
        (["2026-01-01T12:00:00+02:00"], "timestamptz", None, [datetime(2026, 1, 1, 10, tzinfo=UTC)]),
        ([20454], "date", Encoding.DAYS, [date(2026, 1, 1)]),
        (["2026-01-01"], "date", Encoding.TEXT, [date(2026, 1, 1)]),
        ([3_600_000_001], "time", Encoding.MICROSECONDS, [time(1, 0, 0, 1)]),
        ([3_600_001], "time(3)", Encoding.MILLISECONDS, [time(1, 0, 0, 1000)]),
        (["AP8="], "bytes", Encoding.BASE64, [b"\x00\xff"]),
        ([{"a": 1}, '{"a":1}'], "json", Encoding.PLAIN, ['{"a":1}', '{"a":1}']),
        ([[1, 2]], "array", Encoding.PLAIN, ["[1,2]"]),
    ],
)
def test_a_value_stands_for_what_its_encoding_says(values: Any, type_: str, encoding: Any, expected: Any) -> None:
    converted = convert(values, LogicalType.parse(type_), encoding, scale=2)
    found = converted.array.to_pylist()
    assert repr(found).replace("zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc") == repr(expected)
    assert converted.unconvertible == ()


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("x", "int64"),
        (2**40, "int32"),
        (1.5, "int64"),
        ("1.001", "decimal(10,2)"),
        ("NAN", "decimal(10,2)"),
        (True, "decimal(10,2)"),
        ("infinity", "timestamptz"),
        (5, "string"),
        ("yes", "bool"),
        ("?", "bytes"),
        (True, "timestamp"),
        ("soon", "date"),
    ],
)
def test_a_value_without_a_place_in_its_type_is_null_and_named_and_spares_the_others(value: Any, type_: str) -> None:
    converted = convert([None, value, None], LogicalType.parse(type_), None)
    assert converted.array.to_pylist() == [None, None, None]
    assert converted.unconvertible == (1,)


@pytest.mark.parametrize(
    ("field", "promised", "reported"),
    [
        ({"type": "int32"}, "int64", "int32"),
        ({"type": "string"}, "decimal(10,2)", "decimal(10,2)"),
        ({"type": "string"}, "int64", "string"),
        ({"type": "double"}, "decimal(10,2)", "float64"),
        ({"type": "int64", "name": "io.debezium.time.MicroTimestamp"}, "timestamp", "timestamp"),
        ({"type": "int64", "name": "io.debezium.time.MicroTimestamp"}, "timestamptz", "timestamp"),
        ({"type": "int64", "name": "io.debezium.time.Timestamp"}, "timestamp", "timestamp(3)"),
        ({"type": "string", "name": "io.debezium.time.ZonedTimestamp"}, "timestamptz(3)", "timestamptz(3)"),
        ({"type": "int32", "name": "io.debezium.time.Date"}, "date", "date"),
        ({"type": "string", "name": "io.debezium.data.Uuid"}, "uuid", "uuid"),
        ({"type": "string", "name": "io.debezium.data.Json"}, "json", "json"),
        (
            {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}},
            "decimal(10,2)",
            "decimal(10,2)",
        ),
        ({"type": "bytes"}, "bytes", "bytes"),
    ],
)
def test_the_promised_type_is_reported_where_it_is_held_faithfully(field: Any, promised: str, reported: str) -> None:
    contract = Contract(columns={"c": promised})  # type: ignore[arg-type]
    schema = as_schema(read_fields({"type": "struct", "fields": [{"field": "c", "optional": True, **field}]}), contract)
    assert [(f.name, str(f.type), f.nullable) for f in schema.fields] == [("c", reported, True)]
    assert schema.enforces_nullability is False
