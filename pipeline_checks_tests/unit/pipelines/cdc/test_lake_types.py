"""Types of the lakes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.pipelines.cdc.flow.lake_types import arrow_type, convert, field_type
from pipeline_checks.pipelines.cdc.flow.tables import TABLES


@pytest.mark.parametrize(
    ("field", "lake"),
    [
        ({"type": "int16"}, "int64"),
        ({"type": "int64"}, "int64"),
        ({"type": "double"}, "float64"),
        ({"type": "boolean"}, "bool"),
        ({"type": "string"}, "string"),
        ({"type": "string", "name": "io.debezium.data.Json"}, "string"),
        ({"type": "string", "name": "io.debezium.data.Uuid"}, "string"),
        ({"type": "bytes"}, "bytes"),
        ({"type": "int32", "name": "io.debezium.time.Date"}, "date"),
        ({"type": "int64", "name": "io.debezium.time.Timestamp"}, "timestamp"),
        ({"type": "int64", "name": "io.debezium.time.MicroTimestamp"}, "timestamp"),
        ({"type": "string", "name": "io.debezium.time.ZonedTimestamp"}, "timestamptz"),
        ({"type": "int64", "name": "io.debezium.time.MicroTime"}, "string"),
        ({"type": "array"}, "string"),
    ],
)
def test_each_kind_of_field_has_its_lake_type(field: dict[str, Any], lake: str) -> None:
    assert field_type(field)[0] == arrow_type(lake)


def test_times_of_other_precisions_become_microseconds() -> None:
    _, normalise = field_type({"type": "int64", "name": "io.debezium.time.Timestamp"})
    assert normalise is not None and normalise(5) == 5000
    _, normalise = field_type({"type": "int64", "name": "io.debezium.time.MicroTime"})
    assert normalise is not None and normalise(3_600_000_001) == "01:00:00.000001"


@pytest.mark.parametrize(
    ("values", "lake", "expected"),
    [
        ([1, None], "int64", [1, None]),
        (["1.50", None, "-0.01"], "decimal(10,2)", [Decimal("1.50"), None, Decimal("-0.01")]),
        (["7"], "decimal(10,2)", [Decimal("7.00")]),
        ([0, None, 1], "timestamp", [datetime(1970, 1, 1), None, datetime(1970, 1, 1, 0, 0, 0, 1)]),
        (["2024-02-29T06:30:00.123456Z"], "timestamptz", [datetime(2024, 2, 29, 6, 30, 0, 123456, UTC)]),
        ([19_000], "date", [date(2022, 1, 8)]),
        (["AAE="], "bytes", [b"\x00\x01"]),
        ([{"a": 1}, "x", 3], "string", ['{"a":1}', "x", "3"]),
    ],
)
def test_values_become_what_their_type_holds(values: list[Any], lake: str, expected: list[Any]) -> None:
    array, refused = convert(values, arrow_type(lake))
    assert (array.to_pylist(), refused) == (expected, {})
    assert array.type == arrow_type(lake)


@pytest.mark.parametrize(
    ("wrong", "lake"),
    [
        ("NAN", "decimal(10,2)"),
        ("1.001", "decimal(10,2)"),
        (True, "int64"),
        (1.5, "int64"),
        ("infinity", "timestamptz"),
        ("?", "bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_index(wrong: Any, lake: str) -> None:
    array, refused = convert([None, wrong], arrow_type(lake))
    assert list(refused) == [1]
    assert array.to_pylist() == [None, None]


def test_every_source_column_has_a_lake_type() -> None:
    for table in TABLES:
        for name, lake in table.lake_columns.items():
            assert arrow_type(lake) is not None, name
