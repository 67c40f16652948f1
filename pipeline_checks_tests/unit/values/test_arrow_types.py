"""Logical types have one Arrow form each, and come back from it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.arrow_types import from_arrow, to_arrow


@pytest.mark.parametrize(
    "text",
    [
        *("bool", "int8", "int16", "int32", "int64", "float32", "float64", "string", "bytes", "date"),
        *("decimal(10,2)", "decimal(38,0)", "decimal(76,10)"),
        *(
            "timestamp(0)",
            "timestamp(3)",
            "timestamp",
            "timestamp(9)",
            "timestamptz(3)",
            "timestamptz",
            "time(3)",
            "time",
        ),
    ],
)
def test_a_type_that_arrow_has_comes_back_as_it_was(text: str) -> None:
    type_ = LogicalType.parse(text)
    assert from_arrow(to_arrow(type_)) == type_


@pytest.mark.parametrize("text", ["uuid", "json", "interval", "array", "struct", "map"])
def test_a_type_that_arrow_has_not_is_text(text: str) -> None:
    assert to_arrow(LogicalType.parse(text)) == pa.string()


def test_a_precision_between_two_units_takes_the_finer_one() -> None:
    assert to_arrow(LogicalType.parse("timestamp(4)")) == pa.timestamp("us")


@pytest.mark.parametrize(
    ("arrow", "text"),
    [
        (pa.uint8(), "int16"),
        (pa.uint32(), "int64"),
        (pa.uint64(), "decimal(20,0)"),
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.binary_view(), "bytes"),
        (pa.binary(16), "bytes"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.list_(pa.int8()), "array"),
        (pa.struct([("a", pa.int8())]), "struct"),
        (pa.map_(pa.string(), pa.int8()), "map"),
        (pa.timestamp("us", tz="Europe/Berlin"), "timestamptz"),
        (pa.duration("s"), "interval"),
        (pa.uuid(), "uuid"),
    ],
)
def test_further_arrow_types_have_a_logical_type_that_holds_them(arrow: pa.DataType, text: str) -> None:
    assert str(from_arrow(arrow)) == text
